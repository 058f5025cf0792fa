"""Writing verdicts down, and what follows for the figures that are paid by.

Rules of this file:

1. A grant settles when its verdict is good, it does not stand apart, nothing undid it, no other grant was proved by the
   same presentation, and all bounded keys that it used have room for it beside what settles already.
2. So of a bound that was overrun only as much settles as the bound says, whoever did it: the first to be proved. What
   stands beyond is a finding, until a person decides or facts explain it away (central.books.conflicts).
3. A grant that names no use of a limit which its benefit has is unproved: whoever reports no uses overruns no bound.
4. Rows are touched in the order of the books: redemptions, totals, doubts. A grant that changed meanwhile is judged
   again in the next round.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Final

from central.books.booking import FINDING
from central.books.bounds import Bounds
from central.books.conflicts import KINDS
from central.books.counts import WHOLE, window
from central.books.planned import UNBOUNDED
from central.books.settling.accounts import Steps, unpacked
from central.books.settling.verdicts import verdict_change
from central.books.totals import Sheet, judged
from central.proofs.judging import Judged, Verdict
from central.proofs.opening import DOUBT
from central.proving.cases import Doubt, Place
from storage.jobs import Tx

STANDING: Final = (
    "SELECT account, verdict, settles, apart FROM redemptions WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
)
WRITE: Final = (
    "UPDATE redemptions SET verdict = $4, why = $5, settles = $6, due_ms = NULL"
    " WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
    " AND coalesce(account, '') = $7 AND verdict = $8 AND settles = $9"
)
JUDGED: Final = "UPDATE proofs SET judged_ms = $3 WHERE redemption = $1 AND terminal = $2"
PRESENT: Final = (
    "INSERT INTO presented (shown, redemption, terminal, epoch) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
PRESENTED: Final = (
    "SELECT p.redemption, p.terminal, p.epoch, r.state FROM presented p LEFT JOIN redemptions r"
    " ON r.redemption = p.redemption AND r.terminal = p.terminal AND r.epoch = p.epoch WHERE p.shown = $1"
)
PASS_ON: Final = "UPDATE presented SET redemption = $2, terminal = $3, epoch = $4 WHERE shown = $1"
KEYS: Final = "SELECT keys FROM redemptions WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
TALLY: Final = "SELECT spent, bound FROM tallies WHERE key = $1"
OWN: Final = "SELECT n - back FROM uses WHERE key = $1 AND terminal = $2 AND epoch = $3 AND redemption = $4"
SETTLED: Final = (
    "SELECT CAST(coalesce(sum(u.n - u.back), 0) AS BIGINT) FROM uses u JOIN redemptions r"
    " ON r.redemption = u.redemption AND r.terminal = u.terminal AND r.epoch = u.epoch"
    " WHERE u.key = $1 AND u.at_ms > $2 AND u.at_ms < $3 AND r.settles = 1"
)
ALWAYS: Final = (-(2**62), 2**62)


async def settle(tx: Tx, found: Sequence[tuple[Doubt, Judged]], bounds: Bounds, *, now_ms: int) -> None:
    """Write the verdicts of one round."""
    sheet, doubts = Sheet(), Counter[tuple[str, str]]()
    for doubt, verdict in sorted(found, key=lambda one: one[0].place):
        await _settle(tx, sheet, doubts, (doubt, await _alone(tx, doubt.place, verdict)), bounds, now_ms=now_ms)
    await sheet.write(tx)
    for terminal in sorted({one[0] for one in doubts}):
        figures = [doubts[terminal, name] for name in ("unproved", "disproved", "apart", "excess")]
        await tx.execute(DOUBT, terminal, *figures)


async def _settle(
    tx: Tx,
    sheet: Sheet,
    doubts: Counter[tuple[str, str]],
    found: tuple[Doubt, Judged],
    bounds: Bounds,
    *,
    now_ms: int,
) -> None:
    doubt, verdict = found
    place, body = doubt.place, doubt.case.body
    row = await tx.row(STANDING, *place[:3])
    if row is None:
        return
    account, before, settled, apart = row
    steps = Steps() if account is None else unpacked(json.loads(account))
    if verdict.verdict.good and bounds.untold(body):
        verdict = Judged(Verdict.UNPROVED, "uses_missing")
    stands = verdict.verdict.good and not apart and steps.stands
    excess = stands and not settled and await _beyond(tx, place, doubt.case.at_ms, bounds)
    settles = int(stands and not excess)
    why = "over_bound" if excess else verdict.why
    if not await tx.execute(WRITE, *place[:3], verdict.verdict.value, why, settles, account or "", before, settled):
        return
    await tx.execute(JUDGED, place.redemption, place.terminal, now_ms)
    change = verdict_change(before, verdict.verdict.value)
    await judged(tx, sheet, place[:3], steps, change, settles - settled)
    for name in ("unproved", "disproved"):
        doubts[place.terminal, name] += (verdict.verdict.value == name) - (before == name)
    if excess:
        doubts[place.terminal, "excess"] += 1
        await _find(tx, place, "over_bound", why, now_ms=now_ms)
    elif verdict.verdict is Verdict.DISPROVED:
        await _find(tx, place, "disproved", why, now_ms=now_ms)
    if doubt.foreign:
        await _find(tx, place, "foreign_proof", "bytes that its fact does not bear", now_ms=now_ms)


async def _find(tx: Tx, place: Place, kind: str, why: str, *, now_ms: int) -> None:
    detail = f"{why}: redemption {place.redemption}"
    await tx.execute(FINDING, place.terminal, place.epoch, place.seq, kind, detail, now_ms)


async def _alone(tx: Tx, place: Place, found: Judged) -> Judged:
    """Return the verdict, unless what was shown has proved another grant that stands."""
    if found.presentation is None or found.verdict is not Verdict.PROVED:
        return found
    await tx.execute(PRESENT, found.presentation, *place[:3])
    holder = await tx.row(PRESENTED, found.presentation)
    if holder is None or tuple(holder[:3]) == place[:3]:
        return found
    if holder[3] in WHOLE:
        await tx.execute(PASS_ON, found.presentation, *place[:3])
        return found
    return Judged(Verdict.DISPROVED, "shown_for_another")


async def _beyond(tx: Tx, place: Place, at_ms: int, bounds: Bounds) -> bool:
    """Return whether some key that a grant used has no room for it beside what settles already."""
    row = await tx.row(KEYS, *place[:3])
    for key in sorted(json.loads(row[0])) if row else ():
        if key[0] not in KINDS:  # of who is inside nobody makes a conflict
            continue
        tally = await tx.row(TALLY, key)
        signed = bounds.of(key)
        spent, bound = (0, UNBOUNDED) if tally is None else tally
        bound = bound if signed is None else signed
        if bound == UNBOUNDED or spent <= bound:
            continue
        own = await tx.row(OWN, key, place.terminal, place.epoch, place.redemption)
        settled = (await tx.rows(SETTLED, key, *(window(key, at_ms) or ALWAYS)))[0][0]
        if settled + (own[0] if own else 0) > bound:
            return True
    return False
