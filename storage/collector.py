"""How often Python looks for cycles where books are served, and at a gate.

By itself it looks whenever 700 more containers were made than given up. A batch of 500 facts is ten thousand of them,
which live together and go together, each by its own count: the collector walked through one batch a dozen times, and
through all that the process holds now and then, and found nothing: a tenth of what taking a journal in cost.

At a gate it found nothing either, and held one visitor of some thousands up for as long as it takes to walk through the
lists, the rules and all else that stays.

What is in cycles is still found; up to FRESH containers may wait for that.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FRESH: Final = 20_000  # containers; a full batch and what its booking makes of it


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Look for cycles only when FRESH containers are new; afterwards as often as before."""
    before = gc.get_threshold()
    if before[0]:  # none at all: somebody wants no collector
        gc.set_threshold(max(FRESH, before[0]), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
