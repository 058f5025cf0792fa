"""Bounds that were overrun: found from facts alone, kept, told to everybody who held, and taken back when facts say so.

Rules of this file:

- who used a key is (terminal, epoch, redemption): two grants of one terminal are a conflict like those of two;
- the bound is the signed catalogue's. Where a token bears it, the widest bound that any holder reports counts, so that
  nobody is accused with a figure of somebody else's making;
- an overrun is noticed when living uses exceed the bound; the fact that did it is told, with the newest other holder,
  and each other terminal once, about its newest use;
- `dissolved` when the times of all uses and give-backs show that the bound was never overrun (facts may come in any
  order: granted, granted, annulled reads as an overrun until the annulment of the first is heard);
- a redemption id granted at two places is the conflict `redemption`;
- what each terminal is told of them, and what it says that it heard: central.books.arriving.told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from central.books.bounds import Bounds
from central.books.counts import window
from central.books.planned import UNBOUNDED, Booking, Side, Tally
from central.books.tallies import spent_within
from storage.jobs import Row, Tx

KINDS: Final = {
    "u": "limit",
    "a": "limit",
    "p": "limit",
    "o": "open",
    "n": "replay",
}  # by what the key counts (central.books.counts)
MAX_SIDES: Final = 100  # terminals that are told of one overrun
MAX_EVENTS: Final = 10_000  # uses of one key that are looked at to dissolve

HOLDERS: Final = (
    "SELECT terminal, epoch, seq, at_ms, redemption FROM uses WHERE key = $1 AND n > back AND at_ms > $2 AND at_ms < $3"
    " ORDER BY at_ms DESC, seq DESC LIMIT 1000"
)
EVENTS: Final = "SELECT at_ms, n, back, back_ms FROM uses WHERE key = $1 ORDER BY at_ms LIMIT $2"
OVERRUN: Final = (
    "INSERT INTO overruns (key, kind, bound, noticed_ms) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (key) DO UPDATE SET bound = excluded.bound, dissolved_ms = NULL"
)
STANDING: Final = "SELECT bound FROM overruns WHERE key = $1 AND dissolved_ms IS NULL"
DISSOLVE: Final = "UPDATE overruns SET dissolved_ms = $2 WHERE key = $1"
SAID: Final = "said"  # no conflict: the word of a terminal that cannot be weighed yet (central.books.arriving.told)
STANDS: Final = f"kind NOT IN ('dissolved', '{SAID}')"
OF_BOUNDS: Final = "kind IN ('" + "', '".join(sorted(set(KINDS.values()))) + "')"
# What is said of a bound that is explained away; an id that was granted twice stays so, also one that reads like a key.
FORGET_UNHEARD: Final = f"DELETE FROM conflicts WHERE key = $1 AND heard = 0 AND {OF_BOUNDS}"  # noqa: S608 - as below
TAKEN_BEFORE: Final = (
    "DELETE FROM conflicts WHERE key = $1 AND kind = 'dissolved' AND EXISTS (SELECT 1 FROM conflicts s"  # noqa: S608
    " WHERE s.terminal = conflicts.terminal AND s.epoch = conflicts.epoch AND s.seq = conflicts.seq AND s.key = $1"
    f" AND s.{OF_BOUNDS})"
)
TAKE_BACK: Final = (
    "UPDATE conflicts SET kind = 'dissolved', heard = 0,"  # noqa: S608
    f" number = (SELECT max(number) + 1 FROM conflicts) WHERE key = $1 AND {OF_BOUNDS}"
)
# Grants that clash no more with this key: of each nothing else stands.
CLEARED: Final = (
    f"SELECT c.redemption, c.terminal, c.epoch FROM conflicts c WHERE c.key = $1 AND c.kind <> '{SAID}'"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM conflicts s WHERE s.terminal = c.terminal AND s.epoch = c.epoch AND s.seq = c.seq"
    f" AND s.redemption = c.redemption AND s.{STANDS} AND NOT (s.key = $1 AND s.{OF_BOUNDS}))"
)
NOTE: Final = (
    "INSERT INTO conflicts (terminal, epoch, seq, kind, key, redemption,"
    " other_terminal, other_seq, other_at_ms, other_id, noticed_ms, number)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, (SELECT coalesce(max(number), 0) + 1 FROM conflicts))"
    " ON CONFLICT DO NOTHING"
)
ALWAYS: Final = (-(2**62), 2**62)
NO_BOUND: Final = 2**62  # beyond each that a fact can say
# As a terminal is told: a bound that was overrun, or a code that was used twice.
TOLD: Final[Mapping[str, Literal["limit", "nonce", "dissolved"]]] = {
    "limit": "limit",
    "open": "limit",
    "redemption": "nonce",
    "replay": "nonce",
    "dissolved": "dissolved",
}


class MixedError(Exception):
    """Batches that were booked together overran a bound, also on the way, or explain it away: their order tells who."""


class Noticed:
    """What facts brought to light: places (redemption, terminal, epoch) that clash now, and that no longer do.

    `several`: they are of several batches, which cannot tell whose fact it was.
    """

    def __init__(self, *, several: bool = False) -> None:
        self.several = several
        self.clashing: set[tuple[str, str, str]] = set()
        self.cleared: set[tuple[str, str, str]] = set()


async def notice(tx: Tx, booking: Booking, spent: dict[str, Tally], bounds: Bounds, *, now_ms: int) -> Noticed:
    """Note every overrun that a booking brought to light, and take back those that it explains away.

    Raises MixedError where there are any, of several batches: each is to be booked by itself.
    """
    noticed = Noticed(several=len(booking.whence) > 1)
    if noticed.several:
        _between(booking, spent, bounds)
    for here, there in booking.doubles:
        await _note_both(tx, noticed, ("redemption", here.redemption), here, there, now_ms=now_ms)
    over = {
        key
        for key, tally in spent.items()
        if tally.spent > 1 and key[0] in KINDS and UNBOUNDED < _bound(key, tally, bounds) < tally.spent
    }  # an overrun has two sides: of one use alone the bound is not looked for
    taken = [(one.use.key, one.side) for one in booking.takings if one.use.n > one.back] if over else []
    taken += [(one.key, one.side) for one in booking.backs if one.change < 0]  # passed after its own annulment
    for key, side in sorted(one for one in taken if one[0] in over):
        await _overrun(tx, noticed, (key, side), spent[key], bounds, now_ms=now_ms)  # of who is inside none is made
    for key in sorted({one.key for one in booking.backs if one.change > 0}):
        await _dissolve(tx, noticed, key, now_ms=now_ms)
    return noticed


def _between(booking: Booking, spent: Mapping[str, Tally], bounds: Bounds) -> None:
    """Raise MixedError where a bound may have been overrun between batches, though after all of them it is not.

    One gives back what another overran, or reports a wider bound.
    """
    freed = Counter[str]()
    for back in booking.backs:
        if back.change > 0:
            freed[back.key] += back.change
    least = dict[str, int]()
    for (key, _n, said), _side, _back, _ms in booking.takings:
        if said is not None and said < least.get(key, NO_BOUND):
            least[key] = said
    for key, tally in spent.items():
        if key not in freed and least.get(key, NO_BOUND) >= tally.bound:
            continue  # as nearly all: nothing was given back, and nobody said less than the widest bound
        bound = _bound(key, tally, bounds)
        lowest = bound if bounds.of(key) is not None else min(bound, least.get(key, bound))
        between = key[0] in KINDS and (freed[key] > 0 or lowest < bound)
        if between and UNBOUNDED < lowest < tally.spent + freed[key]:
            raise MixedError(key)


def _bound(key: str, tally: Tally, bounds: Bounds) -> int:
    signed = bounds.of(key)
    return tally.bound if signed is None else signed


async def _overrun(
    tx: Tx, noticed: Noticed, taken: tuple[str, Side], tally: Tally, bounds: Bounds, *, now_ms: int
) -> None:
    key, side = taken
    bound = _bound(key, tally, bounds)
    within = window(key, side.at_ms)
    if within is not None and await spent_within(tx, key, within) <= bound:
        return
    if noticed.several:
        raise MixedError(key)
    holders = [Side(*row) for row in await tx.rows(HOLDERS, key, *(within or ALWAYS))]
    others = [one for one in holders if one.whose != side.whose]
    if not others:
        return
    await tx.execute(OVERRUN, key, KINDS[key[0]], bound, now_ms)
    await _note(tx, noticed, (KINDS[key[0]], key), side, others[0], now_ms=now_ms)
    for other in _newest_of_each(others):
        await _note(tx, noticed, (KINDS[key[0]], key), other, side, now_ms=now_ms)


def _newest_of_each(others: Sequence[Side]) -> list[Side]:
    """Return the newest use of each other terminal; of the same terminal the newest other one."""
    found: dict[tuple[str, str], Side] = {}
    for other in others:
        found.setdefault((other.terminal, other.epoch), other)
    return list(found.values())[:MAX_SIDES]


async def _note_both(tx: Tx, noticed: Noticed, what: tuple[str, str], here: Side, there: Side, *, now_ms: int) -> None:
    await _note(tx, noticed, what, here, there, now_ms=now_ms)
    await _note(tx, noticed, what, there, here, now_ms=now_ms)


async def _note(tx: Tx, noticed: Noticed, what: tuple[str, str], one: Side, other: Side, *, now_ms: int) -> None:
    other_side = (other.terminal, other.seq, other.at_ms, other.redemption)
    await tx.execute(NOTE, one.terminal, one.epoch, one.seq, *what, one.redemption, *other_side, now_ms)
    noticed.clashing.add((one.redemption, one.terminal, one.epoch))


async def _dissolve(tx: Tx, noticed: Noticed, key: str, *, now_ms: int) -> None:
    row = await tx.row(STANDING, key)
    if row is None or window(key, 0) is not None:
        return
    if noticed.several:
        raise MixedError(key)
    events = await tx.rows(EVENTS, key, MAX_EVENTS)
    if len(events) == MAX_EVENTS or most_at_once(events) > row[0]:
        return
    noticed.cleared |= {(str(r), str(t), str(e)) for r, t, e in await tx.rows(CLEARED, key)}
    await tx.execute(FORGET_UNHEARD, key)  # whoever was told all the same says so, and is answered then
    await tx.execute(TAKEN_BEFORE, key)  # what was taken back before, and stood again
    await tx.execute(TAKE_BACK, key)
    await tx.execute(DISSOLVE, key, now_ms)


def most_at_once(events: Sequence[Row]) -> int:
    """Return the most that stood at one time, of rows (at_ms, n, back, back_ms)."""
    steps = []
    for at_ms, n, back, back_ms in events:
        steps.append((at_ms, 1, n))
        if back:
            later = back_ms is not None and back_ms > at_ms
            steps.append((back_ms, 0, -back) if later else (at_ms, 2, -back))  # never before what it gives back
    now, most = 0, 0
    for _at_ms, _order, change in sorted(steps):
        now += change
        most = max(most, now)
    return most
