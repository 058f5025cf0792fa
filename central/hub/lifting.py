"""A person's word about a terminal that is silent or lost, so that nobody waits for it any longer (claims.md 3 and 9).

    lift        its lapsed claims are in doubt no more
    write off   that, and its leases end: what of them was not used is room again, under the next number

Rules of this file:

- only what a terminal may have given and nobody knows of is given up; what its facts say stands, and when later facts
  show that a bound was overrun it is a conflict like any other;
- a site's hub counts for its site, so it is told by an order of the same number (`central.site.lifted`);
- on SQLite the claims are in the memory of the process that serves: it heeds what was decided since it began, with the
  next ask, and a command that runs beside it cannot do that for it.
"""

from typing import Final, Literal, NamedTuple

from central.books import pledges
from central.hub.leases import WRITTEN_OFF
from central.register.sites import hub_of
from central.register.standing import next_number, order
from storage.jobs import Tx
from sync.wire.hubs import MAX_LAPSED, LapsedClaim
from sync.wire.messages import WireError

Action = Literal["lift", "write_off"]
LAPSED: Final = "SELECT redemption FROM claims WHERE terminal = $1 AND state = 'lapsed' ORDER BY redemption"
FORGET: Final = "DELETE FROM lapsed WHERE authority = '' AND terminal = $1"
END_LEASES: Final = (
    "UPDATE leases SET number = number + 1, total = (SELECT CAST(coalesce(sum(u.n - u.back), 0) AS BIGINT) FROM uses u"
    " WHERE u.key = leases.quota AND u.terminal = leases.terminal) WHERE terminal = $1"
)
NOT_WAITED_FOR: Final = "INSERT INTO marks (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING"
KEEP: Final = "INSERT INTO lifted (number, terminal, action, why, at_ms) VALUES ($1, $2, $3, $4, $5)"
SITE: Final = "SELECT site FROM terminals WHERE terminal = $1"
NEWEST: Final = "SELECT coalesce(max(number), 0) FROM lifted"
SINCE: Final = "SELECT number, terminal FROM lifted WHERE number > $1 ORDER BY number"
DROP_TOLD: Final = "DELETE FROM lapsed WHERE authority = $1"
TELL: Final = (
    "INSERT INTO lapsed (authority, redemption, key, n, terminal, run, since_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT DO NOTHING"
)
OWN: Final = (
    "SELECT redemption, terminal, run, since_ms, key, n FROM lapsed WHERE authority = ''"
    " ORDER BY since_ms, redemption, key"
)
DOUBTS: Final = (
    "SELECT authority, terminal, redemption, key, n, since_ms FROM lapsed WHERE $1 = '' OR terminal = $1"
    " ORDER BY terminal, since_ms, redemption, authority, key"
)


class Decided(NamedTuple):
    """What was decided: under which number, and which hub is told."""

    number: int
    hub: str | None


async def decide(tx: Tx, terminal: str, action: Action, *, why: str, now_ms: int) -> Decided:
    """Lift or write off a terminal, here and at its site's hub; raise WireError for one that is not registered."""
    row = await tx.row(SITE, terminal)
    if row is None:
        raise WireError("not_found", f"no terminal {terminal!r} is registered here")
    hub = await hub_of(tx, row[0])
    if hub is None:
        number = await next_number(tx, now_ms=now_ms)
    else:
        number = await order(tx, hub.terminal, action, reason=why, now_ms=now_ms)
    await tx.execute(KEEP, number, terminal, action, why, now_ms)
    await apply(tx, terminal, action, now_ms=now_ms)
    return Decided(number, None if hub is None else hub.terminal)


async def apply(tx: Tx, terminal: str, action: Action, *, now_ms: int) -> None:
    """Give up what a terminal may have given and nobody knows of."""
    await _lift(tx, terminal, now_ms=now_ms)
    await tx.execute(FORGET, terminal)
    if action == "write_off":
        await tx.execute(END_LEASES, terminal)
        await tx.execute(NOT_WAITED_FOR, WRITTEN_OFF + terminal, str(now_ms))


async def _lift(tx: Tx, terminal: str, *, now_ms: int) -> None:
    for (redemption,) in await tx.rows(LAPSED, terminal):
        await pledges.free(tx, redemption, now_ms=now_ms)


class Heeding:
    """What this process has heeded of what people decided; `begin` before the first ask."""

    def __init__(self) -> None:
        self._through = 0

    async def begin(self, tx: Tx) -> int:
        """Return the newest number there is: nothing of what it was about is in memory yet."""
        return int((await tx.rows(NEWEST))[0][0])

    async def heed(self, tx: Tx, *, now_ms: int) -> int:
        """Lift what was decided since; return the number to note once that is committed."""
        through = self._through
        for number, terminal in await tx.rows(SINCE, through):
            await _lift(tx, terminal, now_ms=now_ms)
            through = number
        return through

    def note(self, through: int) -> None:
        """Note that everything through a number was heeded."""
        self._through = max(self._through, through)


async def own_doubts(tx: Tx) -> list[LapsedClaim]:
    """Return the lapsed claims that this authority knows of, the oldest first, as many as one list names."""
    found: dict[str, LapsedClaim] = {}
    for redemption, terminal, run, since_ms, key, n in await tx.rows(OWN):
        one = found.get(redemption)
        keys = {**(one.keys if one else {}), key: n}
        found[redemption] = LapsedClaim(redemption=redemption, terminal=terminal, run=run, since_ms=since_ms, keys=keys)
    return list(found.values())[:MAX_LAPSED]


async def hear_doubts(tx: Tx, hub: str, told: list[LapsedClaim], served: set[str]) -> int:
    """Take the place of what a hub has told of lapsed claims; of terminals that it serves alone. Return how many."""
    await tx.execute(DROP_TOLD, hub)
    kept = [one for one in told if one.terminal in served]
    rows = [
        (hub, one.redemption, key, n, one.terminal, one.run, one.since_ms)
        for one in kept
        for key, n in one.keys.items()
    ]
    await tx.execute_many(TELL, rows)
    return len(kept)
