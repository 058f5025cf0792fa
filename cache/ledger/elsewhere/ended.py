"""What of this terminal's own was ended at another gate, whose fact says so; and what it ended itself of others'.

The hard idea: a redemption lives in the ledger of the gate that gave it. Another gate of the site may take it back, and
its fact is what counts; this ledger hears of it with the answer to the next ask, key by key: an exit elsewhere frees
the room inside and no use, a check-out frees what was open and no use, a reversal frees all. What is not freed here
would stand in its holder's way as the second lock.

Rules of this file:

- functions run inside their caller's transaction; what is free already stays so;
- what this terminal itself took back of another's stands in its journal before anybody else has heard of it: it is not
  taken back twice, and no more of it than is left.
"""

import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from cache.journal.bodies import said_in
from cache.texts import BODY, OF_STEPS
from credit.facts import Bought, Facts, PassState

ENDED: Final = (
    "UPDATE redemptions SET state = CASE WHEN state IN ('open', 'overdue') THEN 'closed' ELSE 'reversed' END,"
    " ended_ms = ?, grace_until_ms = 0 WHERE id = ? AND ended_ms IS NULL"
)
LEFT: Final = "UPDATE redemptions SET left_ms = ? WHERE id = ? AND left_ms IS NULL"
KEYS: Final = "SELECT DISTINCT key FROM uses WHERE redemption = ?1 UNION SELECT key FROM sums WHERE redemption = ?1"
GIVEN_BACK: Final = (
    "UPDATE uses SET given_back_by = 'elsewhere' WHERE redemption = ? AND key = ? AND given_back_by IS NULL"
)
SUMS_GIVEN_BACK: Final = "UPDATE sums SET given_back_fen = fen WHERE redemption = ? AND key = ?"
OWN_WORD: Final = (
    f"SELECT kind, {BODY}, seq > (SELECT sent_through FROM cursor) FROM journal"  # noqa: S608 - constant columns
    f" WHERE redemption = ? AND {OF_STEPS} AND kind IN ('closed', 'reversed')"
)
STANDS: Final = (
    "SELECT (SELECT count(*) FROM uses WHERE redemption = ?1 AND key = ?2 AND given_back_by IS NULL)"
    " + (SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE redemption = ?1 AND key = ?2)"
)
STATE: Final = "SELECT state FROM redemptions WHERE id = ?"
INSIDE: Final = "i|"


def end_elsewhere(conn: sqlite3.Connection, ended: Mapping[str, Collection[str]], at_ms: int) -> None:
    """Free what each redemption took here under the keys named: it was brought back, or left, at another gate."""
    for redemption, keys in ended.items():
        if all(key.startswith(INSIDE) for key in keys):
            conn.execute(LEFT, (at_ms, redemption))
        else:
            conn.execute(ENDED, (at_ms, redemption))
        for key in keys:
            conn.execute(GIVEN_BACK, (redemption, key))
            conn.execute(SUMS_GIVEN_BACK, (redemption, key))


def end_whole(conn: sqlite3.Connection, redemption: str, at_ms: int) -> None:
    """Free everything that a redemption took here: it was reversed or annulled elsewhere."""
    keys = [row[0] for row in conn.execute(KEYS, (redemption,))]
    end_elsewhere(conn, {redemption: keys or ("",)}, at_ms)


def less_ended(conn: sqlite3.Connection, own: Facts, ended: Mapping[str, Collection[str]]) -> Facts:
    """Return own facts as they will be once `end_elsewhere` has written these: for whoever may not write."""
    if not ended:
        return own
    used = dict(own.used)
    for redemption, keys in ended.items():
        for key in keys:
            if key in used:
                n = conn.execute(STANDS, (redemption, key)).fetchone()[0]
                used[key] = replace(used[key], n=max(0, used[key].n - n))
    over = {one for one, keys in ended.items() if not all(key.startswith(INSIDE) for key in keys)}
    still_open = tuple([one for one in own.open if one.redemption not in over])
    return replace(own, used=used, open=still_open)


def as_seen_here(conn: sqlite3.Connection, known: Facts, own: Facts, elsewhere: Collection[str]) -> Facts:
    """Return what is known less what this terminal knows better: its own redemptions, and what it took back itself.

    Whoever counts beyond this terminal hears of it a moment later. `elsewhere` are passes that went on at other gates.
    """
    if known.open == own.open and known.bought == own.bought and known.passes == own.passes:
        return known
    still_open = [one for one in known.open if not _here(conn, one.redemption) and not _closed(conn, one.redemption)]
    bought = [_returned(conn, one) for one in known.bought if not _here(conn, one.redemption)]
    merged = {one.redemption: one for one in known.bought}
    return replace(
        known,
        open=(*own.open, *still_open),
        bought=(*[merged[one.redemption] for one in own.bought], *[one for one in bought if one is not None]),
        passes=_passes(conn, known, own, elsewhere),
    )


def _passes(conn: sqlite3.Connection, known: Facts, own: Facts, elsewhere: Collection[str]) -> dict[str, PassState]:
    found = dict(own.passes)
    for benefit, told in known.passes.items():
        here, state = own.passes.get(benefit), _here(conn, told.root)
        if state is None:
            found[benefit] = told  # another gate's
        elif here is not None and here.root == told.root and told.root in elsewhere:
            last_ms = max(here.last_ms, told.last_ms)
            entries = max(here.entries, told.entries)
            found[benefit] = PassState(root=told.root, entries=entries, last_ms=last_ms)
    return found


def _here(conn: sqlite3.Connection, redemption: str) -> str | None:
    """Return the state of a redemption of this terminal, None for another's."""
    row = conn.execute(STATE, (redemption,)).fetchone()
    return None if row is None else str(row[0])


def _closed(conn: sqlite3.Connection, redemption: str) -> bool:
    return conn.execute(OWN_WORD, (redemption,)).fetchone() is not None


def _returned(conn: sqlite3.Connection, one: Bought) -> Bought | None:
    fen = heads = 0
    for body, waits in _bodies(conn.execute(OWN_WORD, (one.redemption,)).fetchall()):
        if body.get("whole", True):
            return None
        if waits:
            fen, heads = fen + (body.get("fen") or 0), heads + (body.get("heads") or 0)
    return replace(one, returned_fen=one.returned_fen + fen, returned_heads=one.returned_heads + heads)


def _bodies(rows: Iterable[tuple[str, bytes, int]]) -> Iterable[tuple[dict[str, Any], bool]]:
    for _kind, body, waits in rows:
        yield said_in(body), bool(waits)
