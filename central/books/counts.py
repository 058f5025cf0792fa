"""What grants used up and gave back, as their facts tell it, to find out what terminals together gave away too often.

A terminal's fact lists `uses: [{key, n, max}]` (cache.ledger.settle). The key names everything the count depends on,
so equal keys of two terminals mean one and the same bound. Keys start with what they count (credit.weighing.demands):
"u" uses, "p" entries of a pass, "o" open things; "i" (heads inside) rises and falls at different gates and is no
business of ours. A code drawn by the platform ("minted") is good for one grant anywhere: it counts under a key of its
own, "n".
"""

import re
from typing import Any, NamedTuple

from credit.records import Record
from storage.jobs import Tx

COUNTED = frozenset({"u", "p", "o"})
ROLLING = re.compile(r"\|([0-9]{1,5})h\Z")  # the period of a key that counts over the last n hours
HOUR_MS = 3_600_000

TAKE = (
    "INSERT INTO uses (key, terminal, redemption, seq, at_ms, n, bound) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT DO NOTHING"
)
SPENT = "SELECT coalesce(sum(n - back), 0) FROM uses WHERE key = $1 AND at_ms > $2 AND at_ms < $3"
NEWEST_OTHER = (
    "SELECT terminal, seq, at_ms, redemption FROM uses"
    " WHERE key = $1 AND terminal <> $2 AND n > back AND at_ms > $3 AND at_ms < $4"
    " ORDER BY at_ms DESC, seq DESC LIMIT 1"
)
BACK = (
    "UPDATE uses SET back = CASE WHEN back + $1 < n THEN back + $1 ELSE n END"
    " WHERE redemption = $2 AND terminal = $3 AND substr(key, 1, length($4)) = $4"
)
ALL = 1_000_000  # heads; the CASE makes it "whatever is left"


class Use(NamedTuple):
    """`n` uses under `key`; together all terminals have at most `bound` (None: counted, not bounded)."""

    key: str
    n: int
    bound: int | None


class Side(NamedTuple):
    """A fact of one terminal that used something."""

    terminal: str
    seq: int
    at_ms: int
    redemption: str


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def uses_of(record: Record) -> list[Use]:
    """Return the uses a granting fact tells of; what is not of that form is no use."""
    found = []
    listed = record.body.get("uses")
    for entry in listed if isinstance(listed, list) else ():
        key, n = (entry.get("key"), _count(entry.get("n"))) if isinstance(entry, dict) else (None, None)
        if isinstance(key, str) and key.partition("|")[0] in COUNTED and n:
            found.append(Use(key, n, _count(entry.get("max"))))
    if record.body.get("class") == "minted" and isinstance(record.body.get("token"), str):
        found.append(Use(f"n|{record.body.get('issuer')}:{record.body['token']}", 1, 1))
    return found


def _window(use: Use, at_ms: int) -> tuple[int, int]:
    """Return the open interval of times whose uses count together with one at `at_ms`."""
    rolling = ROLLING.search(use.key)
    if rolling is None:
        return -(2**62), 2**62
    hours_ms = int(rolling[1]) * HOUR_MS
    return at_ms - hours_ms, at_ms + hours_ms


async def take(tx: Tx, use: Use, side: Side) -> Side | None:
    """Write a use down; when it is more than the bound, return the newest other use of another terminal."""
    await tx.execute(TAKE, use.key, side.terminal, side.redemption, side.seq, side.at_ms, use.n, use.bound)
    if use.bound is None:
        return None
    window = _window(use, side.at_ms)
    spent = await tx.row(SPENT, use.key, *window)
    if spent is None or spent[0] <= use.bound:
        return None
    row = await tx.row(NEWEST_OTHER, use.key, side.terminal, *window)
    return None if row is None else Side(*row)


async def give_back(tx: Tx, terminal: str, record: Record) -> None:
    """Give back what a step of a redemption gives back: the whole, the open things, or some heads."""
    if record.kind == "annulled" or (record.kind == "reversed" and record.body.get("whole", True)):
        await tx.execute(BACK, ALL, record.redemption, terminal, "")
    elif record.kind == "reversed":
        await tx.execute(BACK, _count(record.body.get("heads")) or 0, record.redemption, terminal, "")
    elif record.kind == "closed":
        await tx.execute(BACK, ALL, record.redemption, terminal, "o|")
