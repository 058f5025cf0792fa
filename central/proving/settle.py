"""Writing verdicts down, and what follows for the figures that are paid by.

Rules of this file:

1. A grant settles when its verdict is good, it does not stand apart, nothing undid it, no other grant was proved by the
   same presentation, and all bounded keys that it used have room for it beside what settles already.
2. So of a bound that was overrun only as much settles as the bound says, whoever did it: the first to be proved. What
   stands beyond is a finding, until a person decides or facts explain it away (central.books.conflicts).
3. A grant that names no use of a limit which its benefit has is unproved: whoever reports no uses overruns no bound.
4. Rows are touched in the order of the books: redemptions, totals, doubts. A grant that changed since it was read is
   judged again in the next round: it is written only where it still stands as it did.
5. Of a grant nothing is asked that was read with it, and what a round adds up to is written at its end: intake waits
   for each statement of it.
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
from central.books.settling.accounts import Steps, grant_of, unpacked
from central.books.settling.verdicts import verdict_change
from central.books.totals import Sheet, judged
from central.proofs.judging import Judged, Verdict
from central.proofs.opening import DOUBT
from central.proving.cases import Doubt, Place
from storage.jobs import Tx

WRITE: Final = (
    "UPDATE redemptions SET verdict = $4, why = $5, settles = $6, due_ms = NULL"
    " WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
    " AND coalesce(account, '') = $7 AND verdict = $8 AND settles = $9 AND apart = $10"
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
TALLY: Final = "SELECT spent, bound FROM tallies WHERE key = $1"
OWN: Final = "SELECT n - back FROM uses WHERE key = $1 AND terminal = $2 AND epoch = $3 AND redemption = $4"
SETTLED: Final = (
    "SELECT CAST(coalesce(sum(u.n - u.back), 0) AS BIGINT) FROM uses u JOIN redemptions r"
    " ON r.redemption = u.redemption AND r.terminal = u.terminal AND r.epoch = u.epoch"
    " WHERE u.key = $1 AND u.at_ms > $2 AND u.at_ms < $3 AND r.settles = 1"
)
ALWAYS: Final = (-(2**62), 2**62)


class Round:
    """What a round adds up to, written at its end: totals, doubts by terminal, findings, whose proofs were judged."""

    def __init__(self, now_ms: int) -> None:
        self.sheet, self.doubts = Sheet(), Counter[tuple[str, str]]()
        self._now_ms = now_ms
        self._findings: list[tuple[str, str, int, str, str, int]] = []
        self._judged: list[tuple[str, str, int]] = []

    def judged(self, place: Place) -> None:
        """Note that a grant's proof was judged."""
        self._judged.append((place.redemption, place.terminal, self._now_ms))

    def find(self, place: Place, kind: str, why: str) -> None:
        """Note a finding for people."""
        detail = f"{why}: redemption {place.redemption}"
        self._findings.append((place.terminal, place.epoch, place.seq, kind, detail, self._now_ms))

    async def write(self, tx: Tx) -> None:
        """Write all of it, in the order of the books."""
        await tx.execute_many(JUDGED, self._judged)
        await self.sheet.write(tx)
        for terminal in sorted({one[0] for one in self.doubts}):
            figures = [self.doubts[terminal, name] for name in ("unproved", "disproved", "apart", "excess")]
            await tx.execute(DOUBT, terminal, *figures)
        await tx.execute_many(FINDING, self._findings)


async def settle(tx: Tx, found: Sequence[tuple[Doubt, Judged]], bounds: Bounds, *, now_ms: int) -> None:
    """Write the verdicts of one round."""
    adds = Round(now_ms)
    for doubt, verdict in sorted(found, key=lambda one: one[0].place):
        await _settle(tx, adds, (doubt, await _alone(tx, doubt.place, verdict)), bounds)
    await adds.write(tx)


async def _settle(tx: Tx, adds: Round, found: tuple[Doubt, Judged], bounds: Bounds) -> None:
    doubt, verdict = found
    place, case, (account, before, settled, apart) = doubt.place, doubt.case, doubt.before
    steps = Steps() if account is None else unpacked(json.loads(account))
    if verdict.verdict.good and bounds.untold(case.body):
        verdict = Judged(Verdict.UNPROVED, "uses_missing")
    stands = verdict.verdict.good and not apart and steps.stands
    excess = stands and not settled and await _beyond(tx, doubt, bounds)
    settles = int(stands and not excess)
    why, said = "over_bound" if excess else verdict.why, verdict.verdict.value
    if not await tx.execute(WRITE, *place[:3], said, why, settles, account or "", before, settled, apart):
        return
    adds.judged(place)
    grant, change = grant_of(case.body, site=case.site), verdict_change(before, said)
    judged(adds.sheet, grant, case.at_ms, steps, change, settled=settles - settled)
    for name in ("unproved", "disproved"):
        adds.doubts[place.terminal, name] += (said == name) - (before == name)
    if excess:
        adds.doubts[place.terminal, "excess"] += 1
        adds.find(place, "over_bound", why)
    elif verdict.verdict is Verdict.DISPROVED:
        adds.find(place, "disproved", why)
    if doubt.foreign:
        adds.find(place, "foreign_proof", "bytes that its fact does not bear")


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


async def _beyond(tx: Tx, doubt: Doubt, bounds: Bounds) -> bool:
    """Return whether some key that a grant used has no room for it beside what settles already."""
    place, at_ms = doubt.place, doubt.case.at_ms
    for key in sorted(doubt.keys):
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
