"""Leases: totals that a terminal may give out of a quota without asking (claims.md 9).

A lease says everything ever granted under its number; the terminal's room is that less its own uses. So an answer that
comes twice, late or never adds nothing: the total is the same. Time frees nothing here; only the terminal's word does.

    number = mine, total wanted   total grows, as far as the quota has room; it never shrinks; what the terminal says it
                                  holds beyond it we have granted, and forgotten when we were restored
    number < mine                 an old message: ignored, what stands is told
    number > mine, used           given back: total = used under the new number
    number > mine, total          new here, or we were restored: what the terminal says it holds is what it holds

An authority that has just started may have been restored from an older copy, and cannot know it. It leases nothing more
before every lessee has said what it holds: whoever is in reach does within HEARD_MS (sync.beyond.leases.RENEW_S, and a
second), and each one that our books name is waited for until it speaks, its period is over, or a person writes it off.
"""

from typing import Final, NamedTuple

from central.books.bounds import Bounds
from central.books.pledges import PLEDGE
from central.hub.claims import SPENT_AND_LEASED
from central.hub.learning import REACH_MS, Learning
from storage.jobs import Tx
from sync.wire.claims import LeaseAnswer, LeaseRequest
from sync.wire.messages import WireError

WRITTEN_OFF: Final = "written_off:"  # a mark: nobody waits for what this terminal says of its leases
FOR_MS: Final = 600_000
HEARD_MS: Final = 21_000
MINE: Final = "SELECT number, total FROM leases WHERE quota = $1 AND terminal = $2"
USED: Final = "SELECT CAST(coalesce(sum(n - back), 0) AS BIGINT) FROM uses WHERE key = $1 AND terminal = $2"
LESSEES: Final = (  # `seen_ms`: another process of this platform may be the one that hears it
    "SELECT l.terminal, t.seen_ms FROM leases l LEFT JOIN terminals t ON t.terminal = l.terminal"
    " WHERE l.quota = $1 AND l.terminal <> $2 AND l.number >= 0"
    " AND NOT EXISTS (SELECT 1 FROM marks m WHERE m.name = $3 || l.terminal) ORDER BY l.terminal"
)
BACK_AGAIN: Final = "DELETE FROM marks WHERE name = $1"
PUT: Final = (
    "INSERT INTO leases (quota, terminal, number, total) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (quota, terminal) DO UPDATE SET number = excluded.number, total = excluded.total"
)


class Stands(NamedTuple):
    """What a terminal was ever granted of a quota, and under which number."""

    number: int
    total: int


NOTHING: Final = Stands(-1, 0)


async def answer_lease(tx: Tx, terminal: str, ask: LeaseRequest, bounds: Bounds, *, young: bool = False) -> LeaseAnswer:
    """Grant, repeat or take back; raise WireError for a quota that no catalogue bounds. `young`: grant nothing more."""
    bound = bounds.of(ask.quota)
    if bound is None:
        raise WireError("unknown_bound", f"no catalogue here bounds {ask.quota!r}")
    _key, held, _lapsed = (await tx.rows_many(PLEDGE, [(ask.quota, 0, 0)]))[0]
    used = int((await tx.rows(USED, ask.quota, terminal))[0][0])
    row = await tx.row(MINE, ask.quota, terminal)
    stands = taken_in(Stands(*row) if row is not None else NOTHING, ask, used)
    await tx.execute(PUT, ask.quota, terminal, *stands)
    await tx.execute(BACK_AGAIN, WRITTEN_OFF + terminal)
    spent, leased = (await tx.rows(SPENT_AND_LEASED, ask.quota))[0]
    proved = int(spent or 0)
    live = proved + held + int(leased)
    stands = stands if young else grown(stands, ask, used, bound - live)
    await tx.execute(PUT, ask.quota, terminal, *stands)
    return LeaseAnswer(
        number=stands.number, total=stands.total, for_ms=FOR_MS, call_back=live > bound, full=proved >= bound
    )


async def is_young(tx: Tx, terminal: str, quota: str, learning: Learning, *, now_ms: int) -> bool:
    """Return whether somebody may hold more of a quota than we know, when `terminal` asks for some of it."""
    learning.hear_lessee(terminal, quota)
    if learning.age_ms(now_ms) < HEARD_MS:
        return True
    since_ms = learning.started_ms + REACH_MS
    lessees = await tx.rows(LESSEES, quota, terminal, WRITTEN_OFF)
    return any(
        not learning.knows_lessee(lessee, quota) and (seen_ms is None or seen_ms < since_ms)
        for lessee, seen_ms in lessees
    )


def taken_in(stands: Stands, ask: LeaseRequest, used: int) -> Stands:
    """Return what stands after a terminal's word about it; `used`: what its facts say it used of the quota."""
    if ask.number > stands.number:
        return Stands(ask.number, _word(ask, used))
    if ask.number == stands.number and ask.held is not None and ask.held > stands.total:
        return Stands(stands.number, ask.held)  # our copy is older than its answer
    return stands


def grown(stands: Stands, ask: LeaseRequest, used: int, free: int) -> Stands:
    """Return what stands after a wish, of which `free` is there for anybody."""
    if ask.total is None or ask.number != stands.number:
        return stands
    beyond = max(0, min(ask.total - max(stands.total, used), free))
    return Stands(stands.number, max(stands.total, used) + beyond) if beyond else stands


def _word(ask: LeaseRequest, used: int) -> int:
    """Return the total under a number that is new here: what was used of it, or what the terminal says it holds."""
    if ask.used is not None:
        return ask.used
    return used if ask.held is None else ask.held
