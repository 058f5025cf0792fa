"""What a stored fact says, for whoever reads single facts: one that was damaged on the disk says nothing.

Damage is found and told where the chain is compared (`cache.journal.batches`, `verify`). Until then, and for what the
platform has signed for already, such a row stands in the journal: it must end nobody who only wants to look.
"""

import json
from typing import Any

from cache.texts import clear


def said_in(body: object) -> dict[str, Any]:
    """Return what a body says, as it lies in the journal (`cache.texts.BODY`); nothing if it is none.

    >>> said_in(b'{"lane":"A"}'), said_in(b'{"lane":"A'), said_in(bytes([34, 255, 34])), said_in(b"[]"), said_in(None)
    ({'lane': 'A'}, {}, {}, {}, {})
    """
    try:
        said = json.loads(clear(body)) if isinstance(body, bytes) else None
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
