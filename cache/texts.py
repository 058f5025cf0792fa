"""Where long texts lie in a terminal's database: clear in one column, or packed in the one beside it (ADR 0178).

    journal      body     packed      of facts about a visit (KINDS); every other body is clear
    redemptions  answer   shown
    requests              answer      alone

Rules of this file:

- a text lies clear, or its clear column is '' and the packed one has it. Rows from before stay as they are, for ever;
- whoever reads one asks for BODY or ANSWER, and hands what he gets to `clear`;
- a statement that looks into a body (`json_extract`) looks only for kinds that are never packed.
"""

from typing import Final

from credit.codec.packed import is_packed, pack, unpack

KINDS: Final = frozenset({"granted", "opened", "not_granted"})
BODY: Final = "iif(body = '', CAST(packed AS BLOB), CAST(body AS BLOB))"
OF_STEPS: Final = "kind NOT IN ('granted', 'opened')"  # what the index of facts by redemption holds
ANSWER: Final = "iif(answer = '', shown, CAST(answer AS BLOB))"


def columns(kind: str, body: bytes) -> tuple[str, bytes | None]:
    """Return what stands in `body` and `packed` of a fact.

    >>> columns("note", b'{"said":"good morning"}')
    ('{"said":"good morning"}', None)
    >>> body, packed = columns("granted", b'{"lane":"A"}')
    >>> body, clear(packed)
    ('', b'{"lane":"A"}')
    """
    return ("", pack(body)) if kind in KINDS else (body.decode(), None)


def clear(lying: bytes) -> bytes:
    """Return a text as it was written, from how it lies; raise ValueError where a packed one is damaged.

    >>> clear(b'{"lane":"A"}')
    b'{"lane":"A"}'
    """
    return unpack(lying) if is_packed(lying) else lying
