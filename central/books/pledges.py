"""Provisional claims as the books see them: places taken by who is being decided, until a fact or a release.

What becomes of a claim stands in MOVES: a fact leaves no claim, for the fact counts now; `gone` is remembered for
GONE_MS, and a claim never revives it, a fact may. The model of claims.md (`tests/town/model`) moves by the same table.

Rules of this file:

- rows of `pledges` are touched in sorted order of their keys, and before those of `tallies`;
- a fact ends the claim of its id, whatever keys the claim named: the fact says what was taken; one that gives it back
  ends the claim too, also before the grant is known (claims.md 6);
- a lapsed claim is written down until its fact, its release, a later start or a person's word ends it: also past a
  restart of the authority that is the list of what a lost box may have given (claims.md 3);
- `started` of a later run ends what earlier runs of that terminal claimed, after the facts before it were booked;
- a claim's places move with its state, and only for whoever moved the state: of two that read the same at one moment
  (another connection, READ COMMITTED) one waits for the other's row and then finds nothing to do.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from storage.jobs import Tx

LAPSE_MS: Final = 60_000  # of the authority's running time
GONE_MS: Final = 600_000

NONE: Final = ""  # nothing was ever heard of it, or its fact has come
MOVES: Final = {
    (NONE, "granted"): "held",
    (NONE, "forbidden"): "gone",  # refused, or released before it was asked for
    ("held", "minute"): "lapsed",  # LAPSE_MS without a fact or a release
    ("held", "told"): NONE,  # its fact has come
    ("lapsed", "told"): NONE,
    ("held", "ended"): "gone",  # released, given back, of an earlier run, lifted by a person
    ("lapsed", "ended"): "gone",
    ("gone", "forgotten"): NONE,
}
STANDING: Final = tuple(state for state, word in MOVES if word == "ended")  # in the order in which they follow

PLEDGE: Final = (
    "INSERT INTO pledges (key, held, lapsed) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET"
    " held = pledges.held + excluded.held, lapsed = pledges.lapsed + excluded.lapsed RETURNING key, held, lapsed"
)
CLAIM: Final = "INSERT INTO claims (redemption, terminal, run, state, since_ms) VALUES ($1, $2, $3, $4, $5)"
CLAIMED: Final = "INSERT INTO claimed (redemption, key, n) VALUES ($1, $2, $3)"
STATE: Final = "SELECT state, terminal FROM claims WHERE redemption = $1"
STANDING_OF: Final = (  # a terminal's claims, and the doubts about it, at one stroke
    "SELECT redemption, 0 FROM claims WHERE terminal = $1 AND state <> 'gone' UNION ALL"
    " SELECT redemption, 1 FROM lapsed WHERE authority = '' AND terminal = $1"
)
KEYS: Final = "SELECT key, n FROM claimed WHERE redemption = $1 ORDER BY key"
MOVE: Final = "UPDATE claims SET state = $3, since_ms = $4 WHERE redemption = $1 AND state = $2"
DROP: Final = "DELETE FROM claims WHERE redemption = $1"
DROP_KEYS: Final = "DELETE FROM claimed WHERE redemption = $1"
OLD: Final = "SELECT redemption FROM claims WHERE state = 'held' AND since_ms <= $1 ORDER BY redemption"
FORGOTTEN: Final = "DELETE FROM claims WHERE state = 'gone' AND since_ms <= $1"
EARLIER: Final = (
    "SELECT c.redemption FROM claims c JOIN runs r ON r.terminal = c.terminal AND r.run = c.run"
    " WHERE c.terminal = $1 AND r.over = 1 AND c.state <> 'gone' ORDER BY c.redemption"
)
BEGUN: Final = "INSERT INTO runs (terminal, run, at_ms, over) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING"
DOUBT: Final = (
    "INSERT INTO lapsed (authority, redemption, key, n, terminal, run, since_ms)"
    " SELECT '', redemption, $2, $3, terminal, run, since_ms FROM claims WHERE redemption = $1 ON CONFLICT DO NOTHING"
)
DOUBT_OVER: Final = "DELETE FROM lapsed WHERE authority = '' AND redemption = $1"
DOUBTS_OVER: Final = "DELETE FROM lapsed WHERE authority = '' AND terminal = $1 AND run <> $2"
OVER: Final = "UPDATE runs SET over = 1 WHERE terminal = $1 AND run <> $2 AND over = 0"


class Claim(NamedTuple):
    """Whose claim it is: an id, the terminal that asked, and its run."""

    redemption: str
    terminal: str
    run: str


async def hold(tx: Tx, claim: Claim, keys: Sequence[tuple[str, int]], *, now_ms: int) -> bool:
    """Take the places, whoever calls has seen that there is room; return False for an id that was just released."""
    if not await tx.execute(f"{CLAIM} ON CONFLICT DO NOTHING", *claim, MOVES[NONE, "granted"], now_ms):
        return False
    await tx.execute_many(CLAIMED, [(claim.redemption, key, n) for key, n in sorted(keys)])
    await tx.rows_many(PLEDGE, [(key, n, 0) for key, n in sorted(keys)])
    return True


async def forbid(tx: Tx, claim: Claim, *, now_ms: int) -> bool:
    """Remember an id that was refused or released before it was claimed; return False where a claim was faster."""
    return await tx.execute(f"{CLAIM} ON CONFLICT DO NOTHING", *claim, MOVES[NONE, "forbidden"], now_ms) > 0


async def standing(tx: Tx, redemption: str) -> tuple[str, str] | None:
    """Return (state, terminal) of a claim, None when there is none."""
    row = await tx.row(STATE, redemption)
    return None if row is None else (row[0], row[1])


async def free(tx: Tx, redemption: str, *, now_ms: int) -> None:
    """Void a claim that is held or lapsed; anything else stays as it is."""
    await _end(tx, redemption, now_ms=now_ms)


async def confirm(tx: Tx, terminal: str, redemptions: Iterable[str]) -> None:
    """End the claims of `terminal` whose facts have come."""
    await confirm_all(tx, {terminal: redemptions})


async def confirm_all(tx: Tx, told: Mapping[str, Iterable[str]]) -> None:
    """End the claims whose facts have come, by terminal."""
    claimed, doubted = set[str](), set[str]()
    for said, rows in zip(
        map(frozenset, told.values()),
        await tx.rows_each(STANDING_OF, [(terminal,) for terminal in told]),
        strict=True,
    ):
        for redemption, doubt in rows:
            if redemption in said:
                (doubted if doubt else claimed).add(redemption)
    for redemption in sorted(claimed):
        if await _end(tx, redemption, now_ms=0):
            await tx.execute(DROP, redemption)
    for redemption in sorted(doubted):
        await tx.execute(DOUBT_OVER, redemption)


async def _end(tx: Tx, redemption: str, *, now_ms: int) -> bool:
    """Give the places of a claim back; return whether it was us who did."""
    for state in STANDING:
        if await tx.execute(MOVE, redemption, state, MOVES[state, "ended"], now_ms):
            held = state == "held"
            keys = await tx.rows(KEYS, redemption)
            await tx.rows_many(PLEDGE, [(key, -n if held else 0, 0 if held else -n) for key, n in keys])
            await tx.execute(DROP_KEYS, redemption)
            if not held:
                await tx.execute(DOUBT_OVER, redemption)
            return True
    return False


async def lapse(tx: Tx, *, now_ms: int) -> None:
    """Let claims lapse that nobody has spoken of, and forget old names."""
    for (redemption,) in await tx.rows(OLD, now_ms - LAPSE_MS):
        if await tx.execute(MOVE, redemption, "held", MOVES["held", "minute"], now_ms):
            keys = await tx.rows(KEYS, redemption)
            await tx.rows_many(PLEDGE, [(key, -n, n) for key, n in keys])
            await tx.execute_many(DOUBT, [(redemption, key, n) for key, n in keys])
    await tx.execute(FORGOTTEN, now_ms - GONE_MS)


async def begin_run(tx: Tx, terminal: str, run: str, *, now_ms: int) -> None:
    """Void what earlier runs of this terminal claimed and did not commit: it has started anew."""
    await tx.execute(BEGUN, terminal, run, now_ms)
    await tx.execute(OVER, terminal, run)
    await tx.execute(DOUBTS_OVER, terminal, run)
    for (redemption,) in await tx.rows(EARLIER, terminal):
        await free(tx, redemption, now_ms=now_ms)
