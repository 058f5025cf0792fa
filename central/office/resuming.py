"""What a power cut left between `begun` and `done`: finished where it can be, and said so where it cannot.

Rules of this file:

- each act that changes more than the books stands in the journal as begun; one that never ended is taken up at the next
  start, by the name of whoever did it, and ends there as `done` or `failed` like any other;
- finishing is doing it again: what bears a source (a draft, a case) is changed once, however often it is asked for, and
  killing a key or withdrawing a grant twice is the same as once;
- a credential whose text was lost is not made up: its act fails, and says how to see what is in the register;
- a case says by itself how its measure has to stand, so a cut before anything was begun heals as well;
- what a command left open stays open: its process may still be at it. It shows on the work list (`emergencies`).
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from central.lists.cities import publish
from central.lists.measure_calls import kill_key
from central.office import cases, changing, entries
from central.office.approving import grants
from central.office.desk import Desk
from central.office.drafts import deciding, keeping, kinds
from central.office.drafts.states import NotNowError, State
from central.office.importing import residents
from central.office.persons import forgetting
from central.office.refusals import OfficeError, RefusedError
from central.register.accounts import acts
from central.register.accounts.acts import Act, Written, append
from central.register.accounts.duties import Person

log = logging.getLogger("central.office")

LATELY_MS: Final = 30 * 86_400_000
BEGUN: Final = (
    f"SELECT {acts.COLUMNS} FROM acts a WHERE outcome = 'begun' AND via <> 'command' AND at_ms < $1"  # noqa: S608
    " AND NOT EXISTS (SELECT 1 FROM acts e WHERE e.of_number = a.number) ORDER BY number"
)
CASES: Final = (
    "SELECT number FROM cases c WHERE (state = 'open' OR settled_ms > $1)"
    " AND NOT EXISTS (SELECT 1 FROM cases n WHERE n.city = c.city AND n.entry = c.entry AND n.number > c.number)"
    " ORDER BY number"
)
Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Open:
    """An act that never ended, and what its row says."""

    act: Written
    before: Any


async def _applied(desk: Desk, one: _Open) -> Told:
    draft = await desk.books.read(lambda tx: keeping.get(tx, one.before["draft"]))
    if draft.state is State.IN_FORCE:
        return dict(draft.result or {})
    kind = kinds.KINDS[draft.kind]
    if draft.state is not State.APPROVED or await desk.run(lambda: kind.stale(desk.folder, draft)):
        raise RefusedError("草稿已不能生效 · the draft cannot be put in force any more")
    done = await desk.run(lambda: kind.apply(desk.folder, draft, desk.now_ms()))
    now_ms = desk.now_ms()
    await desk.books.write(lambda tx: deciding.in_force(tx, draft.number, done, now_ms=now_ms))
    return done.result


async def _rolled_back(desk: Desk, one: _Open) -> Told:
    draft = await desk.books.read(lambda tx: keeping.get(tx, one.before["draft"]))
    done = await desk.run(lambda: kinds.KINDS[draft.kind].undo(desk.folder, draft, desk.now_ms()))
    await desk.books.write(lambda tx: deciding.rolled_back(tx, draft.number))
    return done


async def _case(desk: Desk, one: _Open) -> Told:
    if not isinstance(one.before, dict):  # from before acts named their case: `settle_cases` finds it
        return {}
    case = await desk.books.read(lambda tx: cases.get(tx, one.before["case"]))
    return {"changed": await _stand_as(desk, case)}


async def _killed(desk: Desk, one: _Open) -> Told:
    kid = bytes.fromhex(one.act.subject)
    return dict((await desk.run(lambda: kill_key(desk.folder, one.act.city, kid=kid, now_ms=desk.now_ms()))).told())


async def _withdrawn(desk: Desk, one: _Open) -> Told:
    return await grants.finish(desk, one.before["grant_id"], one.act.why)


async def _imported(desk: Desk, one: _Open) -> Told:
    made, undone = await residents.came_in(desk, one.act.city, one.act.subject)
    if not (undone if one.act.act == "register.undo" else made):
        raise RefusedError("断电前未导入任何一行 · the power went before anything was changed")
    published = await desk.run(lambda: publish(desk.folder, now_ms=desk.now_ms(), cities=(one.act.city,)))
    return kinds.told(published)


async def _forgotten(desk: Desk, one: _Open) -> Told:
    return await forgetting.finish(desk, one.act.city, one.act.subject)


async def _again(_desk: Desk, _one: _Open) -> Told:
    return {}  # the next round of `central.office.overdue` does it, and finds what was done


async def _lost(_desk: Desk, one: _Open) -> Told:
    raise RefusedError(
        f"断电中断，结果未交付；请在登记册核对 {one.act.subject[:8]} 后重办 ·"
        " cut off before anybody got it: look into the register, revoke what nobody holds, and do it again"
    )


FINISH: Final[Mapping[str, Callable[[Desk, _Open], Awaitable[Told]]]] = {
    "draft.apply": _applied,
    "draft.roll_back": _rolled_back,
    "dispute.mark": _case,
    "dispute.lift": _case,
    "dispute.unmark": _case,
    "key.kill": _killed,
    "grant.withdraw": _withdrawn,
    "register.import": _imported,
    "register.undo": _imported,
    "credential.issue": _lost,
    "person.forget": _forgotten,
    "overdue.block": _again,
    "overdue.lift": _again,
}
"""How each act of `Desk.effect` is finished; a test finds every one of them here."""


async def resume(desk: Desk, *, begun_before_ms: int) -> list[int]:
    """Finish every act that began before and never ended; return their numbers.

    What cannot be finished ends as failed, with its reason.
    """
    finished = []
    for row in await desk.books.read(lambda tx: tx.rows(BEGUN, begun_before_ms)):
        one = Written(*row)
        ending = Act(act=one.act, city=one.city, subject=one.subject, why=one.why, approver=one.approver, of=one.number)
        who = Person(operator=one.operator, title="", duties=(), via="resumed")
        try:
            told = await FINISH.get(one.act, _lost)(desk, _Open(one, json.loads(one.before)))
        except (OfficeError, NotNowError) as error:
            log.warning("act %s (%s) was cut off and cannot be finished: %s", one.number, one.act, error)
            ended = replace(ending, outcome="failed", after={"error": str(error)[:500]})
        else:
            ended = replace(ending, outcome="done", after={**told, "resumed": True})
            finished.append(one.number)
        await desk.books.write(partial(append, person=who, act=ended, now_ms=desk.now_ms()))
    return finished


async def settle_cases(desk: Desk) -> int:
    """Let each measure stand as its newest case says; return how many had to be changed. What cannot be is logged."""
    changed = 0
    for (number,) in await desk.books.read(lambda tx: tx.rows(CASES, desk.now_ms() - LATELY_MS)):
        case = await desk.books.read(partial(cases.get, number=number))
        try:
            changed += await _stand_as(desk, case)
        except OfficeError:
            log.exception("the measure of case %s does not stand as the case says", number)
    return changed


async def _stand_as(desk: Desk, case: cases.Case) -> bool:
    """Let a case's measure stand as the case says; return whether anything had to be changed."""

    def work() -> bool:
        one, now_ms = entries.get(desk.folder, case.city, case.entry), desk.now_ms()
        if one.lifted_ms is not None:
            return False
        if case.state == "open":
            if one.state == "disputed":
                return False
            changing.rest(desk.folder, case.city, case.entry, now_ms=now_ms)
            return True
        warrant = cases.word_of(case, case.settled_by)
        if case.state == "upheld":
            changing.lift(desk.folder, case.city, case.entry, warrant=warrant, now_ms=now_ms)
            return True
        if one.state != "disputed":
            return False
        changing.wake(desk.folder, case.city, case.entry, warrant=warrant, now_ms=now_ms)
        return True

    return await desk.run(work)
