"""Where long texts lie in a terminal's database: clear in one column, or packed in the one beside it (ADR 0178).

    journal      body     packed      of facts about a visit (KINDS); every other body is clear
    redemptions  answer   shown
    requests              answer      alone

Rules of this file:

- a text lies clear, or its clear column is '' and the packed one has it. Rows from before stay as they are, for ever;
- whoever reads one asks for BODY or ANSWER, and hands what he gets to `clear`, or an answer to `told`;
- a statement that looks into a body (`json_extract`) looks only for kinds that are never packed.
"""

import json
import sqlite3
from typing import Any, Final

from credit.codec.packed import is_packed, pack, unpack

KINDS: Final = frozenset({"granted", "opened", "not_granted"})
BODY: Final = "iif(body = '', CAST(packed AS BLOB), CAST(body AS BLOB))"
OF_STEPS: Final = "kind NOT IN ('granted', 'opened')"  # what the index of facts by redemption holds
ANSWER: Final = "iif(answer = '', CAST(shown AS BLOB), CAST(answer AS BLOB))"


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


def told(lying: bytes | None) -> dict[str, Any]:
    """Return what an answer says, from how it lies.

    Raises sqlite3.DatabaseError where the disk made something else of it: that is an ill store, whoever asked for it,
    so nobody is let in on it and nobody is kept in for it.

    >>> told(b'{"outcome":"GRANT"}')
    {'outcome': 'GRANT'}
    """
    try:
        said = json.loads(str(clear(lying or b""), "utf-8"))
    except (ValueError, RecursionError) as error:
        raise sqlite3.DatabaseError(f"an answer is damaged: {error}") from error
    if not isinstance(said, dict):
        raise sqlite3.DatabaseError("an answer is damaged: no object")
    return said


def from_before(conn: sqlite3.Connection) -> sqlite3.Connection:
    """Let statements of today read the journal of a file that an earlier program left: nothing in it lies packed.

    A copy, a rescued card, a file that was set aside: none of them was brought up to this program's schema, and the
    file itself is not changed. On a file of today nothing is done.
    """
    if not any(row[1] == "packed" for row in conn.execute("PRAGMA main.table_info(journal)")):
        only = conn.execute("PRAGMA query_only").fetchone()[0]
        conn.execute("PRAGMA query_only = OFF")
        conn.execute("CREATE TEMP VIEW journal AS SELECT *, NULL AS packed FROM main.journal")
        conn.execute(f"PRAGMA query_only = {only}")
    return conn
