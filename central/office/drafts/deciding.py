"""Making, checking, applying and rolling back drafts. Two people; see `states` for what follows what."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import msgspec

from central.books.reports import sites_and_scenes
from central.office import entries
from central.office.desk import Desk
from central.office.drafts import bulk, keeping, kinds, members, rulebooks
from central.office.drafts.keeping import Draft, Proposal, Verdict
from central.office.drafts.states import Move, State, after
from central.office.persons.written import prose
from central.office.refusals import NotThereError, OfficeError, OvertakenError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.members import Standing
from storage.jobs import Tx

log = logging.getLogger("central.office")

MAX_WHY: Final = 500
MAX_AHEAD_MS: Final = 400 * 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What comes with every wish: why, from when (0: at once), whether in spite of doubts, and the form's mark."""

    why: str
    from_ms: int = 0
    force: bool = False
    once: str | None = None

    def checked(self, now_ms: int) -> "Asked":
        """Return it with its reason said; raise RefusedError."""
        why = self.why.strip()
        if not 2 <= len(why) <= MAX_WHY:  # noqa: PLR2004 - one character is no reason
            raise RefusedError(f"请写理由（2 至 {MAX_WHY} 字）· give a reason, 2 to {MAX_WHY} characters")
        try:
            prose(why)
        except ValueError as error:
            raise RefusedError(f"理由 reason: {str(error).replace('|', ' · ')}") from error
        if self.from_ms > now_ms + MAX_AHEAD_MS:
            raise RefusedError("生效时间太远 · it cannot come into force so far ahead")
        return replace(self, why=why)


async def propose_measure(desk: Desk, who: Person, city: str, wished: entries.Wished, asked: Asked) -> Draft:
    """Draft a measure; raise RefusedError, ForbiddenError."""
    if not who.authorities("measure.propose", city):
        who.check("measure.propose", city, wished.authority)
    proposal = await desk.run(lambda: kinds.measure(desk.folder, city, wished, now_ms=desk.now_ms()))
    return await _propose(desk, who, proposal, asked)


async def propose_measures(desk: Desk, who: Person, city: str, rows: list[dict[str, Any]], asked: Asked) -> Draft:
    """Draft many measures of one authority, from a file; raise RefusedError, ForbiddenError."""
    if not who.authorities("measure.propose", city):
        who.check("measure.propose", city)
    proposal = await desk.run(lambda: bulk.propose(desk.folder, city, rows, now_ms=desk.now_ms()))
    return await _propose(desk, who, proposal, asked)


async def propose_members(
    desk: Desk, who: Person, city: str, wished: Mapping[bytes, Standing], asked: Asked, *, wish: str
) -> Draft | None:
    """Draft who shall have which tier and groups; None where nothing changes, and the draft that wishes it already.

    Raises RefusedError, ForbiddenError.
    """
    who.check("member.propose", city)
    asked.checked(desk.now_ms())  # before anything is noted down of whom it is about
    changes = await desk.run(lambda: members.differing(desk.folder, city, wished))
    if not changes:
        return None
    for draft in await desk.books.read(lambda tx: keeping.listed(tx, city, state=State.OPEN)):
        if draft.kind == "members" and await desk.run(partial(members.wished, desk.folder, draft)) == changes:
            return draft
    proposal = await desk.run(lambda: members.propose(desk.folder, city, wish, changes))
    return await _propose(desk, who, proposal, asked)


async def propose_repair(desk: Desk, who: Person, city: str, number: int, asked: Asked) -> Draft:
    """Draft the repair of one entry; raise RefusedError, ForbiddenError."""
    if not who.authorities("repair.propose", city):
        who.check("repair.propose", city)
    proposal = await desk.run(lambda: kinds.repair(desk.folder, city, number))
    return await _propose(desk, who, proposal, asked)


async def propose_rules(
    desk: Desk, who: Person, city: str, files: dict[str, str], asked: Asked, *, kind: str = "rules"
) -> Draft:
    """Draft a change of rule files; with doubts only if the maker forces it. Raises RefusedError, ForbiddenError."""
    who.check(kinds.KINDS[kind].propose, city)
    if kind == "sites" and set(files) != {"sites.json"}:
        raise RefusedError("商户管理只修改 sites.json · the merchant office edits sites.json alone")
    there = await desk.books.read(sites_and_scenes)
    known = rulebooks.Known(sites=there[0], scenes=there[1])
    proposal = await desk.run(
        lambda: rulebooks.propose(desk.folder, city, files, kind=kind, now_ms=desk.now_ms(), known=known)
    )
    if proposal.doubts and not asked.force:
        told = "\n".join(f"{one.zh} · {one.en}" for one in proposal.doubts)
        raise RefusedError(f"有疑点，两人都确认才能发布 · doubts; only two people can force it:\n{told}")
    return await _propose(desk, who, proposal, asked)


async def _propose(desk: Desk, who: Person, proposal: Proposal, asked: Asked) -> Draft:
    kind = kinds.KINDS[proposal.kind]
    who.check(kind.propose, proposal.city, proposal.authority)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    act = Act(
        act=kind.propose,
        city=proposal.city,
        subject=proposal.subject,
        why=asked.why,
        after=[one.zh for one in proposal.words],
        once=asked.once,
    )

    async def job(tx: Tx) -> Draft:
        number = await keeping.put(
            tx, proposal, maker=who.operator, why=asked.why, from_ms=max(asked.from_ms, now_ms), now_ms=now_ms
        )
        return await keeping.get(tx, number)

    return await desk.write(who, act, job)


async def seen(desk: Desk, who: Person, number: int) -> Draft:
    """Return a draft that somebody may see; raise NotThereError, also for another city's."""
    draft = await desk.books.read(lambda tx: keeping.get(tx, number))
    if not who.may("read", draft.city):
        raise NotThereError(f"没有第 {number} 号草稿 · there is no draft {number}")
    return draft


async def approve(desk: Desk, who: Person, number: int, asked: Asked) -> Draft:
    """Approve a draft, and put it in force when its time has come; raise RefusedError, NotNowError, OvertakenError."""
    draft = await seen(desk, who, number)
    kind = kinds.KINDS[draft.kind]
    who.check(kind.approve, draft.city, draft.authority)
    asked = asked.checked(desk.now_ms())
    after(draft.state, Move.APPROVE)
    if draft.doubts:
        if not asked.force:
            told = "\n".join(f"{one.zh} · {one.en}" for one in draft.doubts)
            raise RefusedError(f"草稿有疑点，请确认后强制发布 · there are doubts; force it if it is meant:\n{told}")
        who.check("rules.force", draft.city)
    if await desk.run(lambda: kind.stale(desk.folder, draft)):
        await _moved(desk, who, draft, Move.GROW_STALE, asked)
        raise OvertakenError("草稿所依据的内容已被他人修改，请重新起草 · overtaken: what it rests on has changed")
    verdict = Verdict(approver=who.operator, why=asked.why, forced=bool(draft.doubts))
    await _decided(desk, who, draft, (Move.APPROVE, verdict), asked)
    approved = await desk.books.read(lambda tx: keeping.get(tx, number))
    return await put_in_force(desk, who, approved) if approved.from_ms <= desk.now_ms() else approved


async def reject(desk: Desk, who: Person, number: int, asked: Asked) -> Draft:
    """Send a draft back with a reason; raise RefusedError, NotNowError."""
    draft = await seen(desk, who, number)
    who.check(kinds.KINDS[draft.kind].approve, draft.city, draft.authority)
    asked = asked.checked(desk.now_ms())
    await _decided(desk, who, draft, (Move.REJECT, Verdict(approver=who.operator, why=asked.why)), asked)
    return await desk.books.read(lambda tx: keeping.get(tx, number))


async def withdraw(desk: Desk, who: Person, number: int, asked: Asked) -> Draft:
    """Take a draft back before it is in force: its maker, or whoever may approve it."""
    draft = await seen(desk, who, number)
    kind = kinds.KINDS[draft.kind]
    if who.operator != draft.maker:
        who.check(kind.approve, draft.city, draft.authority)
    else:
        who.check(kind.propose, draft.city, draft.authority)
    return await _moved(desk, who, draft, Move.WITHDRAW, asked.checked(desk.now_ms()))


async def roll_back(desk: Desk, who: Person, number: int, asked: Asked) -> Draft:
    """Undo what a draft did, by one act of one person; raise RefusedError, NotNowError, OvertakenError."""
    draft = await seen(desk, who, number)
    kind = kinds.KINDS[draft.kind]
    who.check(kind.roll_back, draft.city, draft.authority)
    asked = asked.checked(desk.now_ms())
    after(draft.state, Move.ROLL_BACK)
    act = _act("draft.roll_back", draft, asked)
    await desk.effect(
        who,
        act,
        lambda: kind.undo(desk.folder, draft, desk.now_ms()),
        lambda one: one,
        lambda tx, _done: rolled_back(tx, number),
    )
    return await desk.books.read(lambda tx: keeping.get(tx, number))


async def rolled_back(tx: Tx, number: int) -> None:
    """Note that a draft was undone; done twice, it is done once."""
    draft = await keeping.get(tx, number)
    if draft.state is not State.ROLLED_BACK:
        await keeping.move(tx, draft, Move.ROLL_BACK)


async def put_in_force(desk: Desk, who: Person, draft: Draft) -> Draft:
    """Apply an approved draft; one that cannot be applied is marked, with its reason in the journal.

    Whoever comes second, of the page that approved it and the schedule, finds it done.
    """
    async with desk.applying:
        now = await desk.books.read(lambda tx: keeping.get(tx, draft.number))
        return await _applied(desk, who, now) if now.state is State.APPROVED else now


async def _applied(desk: Desk, who: Person, draft: Draft) -> Draft:
    kind = kinds.KINDS[draft.kind]
    act = _act("draft.apply", draft, Asked(why=draft.why))
    if await desk.run(lambda: kind.stale(desk.folder, draft)):
        return await _moved(desk, who, draft, Move.GROW_STALE, Asked(why="overtaken before its time"))
    if draft.before is None and (before := await desk.run(lambda: kind.before(desk.folder, draft))) is not None:
        await desk.books.write(lambda tx: keeping.keep_before(tx, draft, before))
    try:
        await desk.effect(
            who,
            act,
            lambda: kind.apply(desk.folder, draft, desk.now_ms()),
            lambda one: one.result,
            lambda tx, one: in_force(tx, draft.number, one, now_ms=desk.now_ms()),
        )
    except OfficeError:
        await desk.books.write(lambda tx: keeping.move(tx, draft, Move.FAIL))
        raise
    return await desk.books.read(lambda tx: keeping.get(tx, draft.number))


async def in_force(tx: Tx, number: int, done: kinds.Applied, *, now_ms: int) -> None:
    """Note that a draft is in force; done twice, by a schedule and a page or after a cut, it is done once."""
    draft = await keeping.get(tx, number)
    if draft.state is not State.IN_FORCE:
        await keeping.applied(tx, draft, before=done.before, result=done.result, now_ms=now_ms)


async def apply_due(desk: Desk) -> list[int]:
    """Put in force every approved draft whose time has come; return their numbers. What fails is logged and marked."""
    done = []
    for draft in await desk.books.read(lambda tx: keeping.due(tx, now_ms=desk.now_ms())):
        approver = Person(operator=draft.approver or "", title="", duties=(), via="schedule")
        try:
            applied = await put_in_force(desk, approver, draft)
        except OfficeError:
            log.exception("draft %s could not be put in force", draft.number)
        else:
            done += [draft.number] if applied.state is State.IN_FORCE else []
    return done


def _act(name: str, draft: Draft, asked: Asked) -> Act:
    return Act(
        act=name,
        city=draft.city,
        subject=draft.subject,
        why=asked.why,
        before={"draft": draft.number, "kind": draft.kind, "maker": draft.maker},
        approver=draft.approver or "",
        once=asked.once,
    )


async def _decided(desk: Desk, who: Person, draft: Draft, what: tuple[Move, Verdict], asked: Asked) -> None:
    move, verdict = what
    name = kinds.KINDS[draft.kind].approve if move is Move.APPROVE else "draft.reject"
    act = replace(_act(name, draft, asked), approver=who.operator, after={"forced": verdict.forced})

    async def job(tx: Tx) -> None:
        await keeping.decide(tx, await keeping.get(tx, draft.number), move, verdict, now_ms=desk.now_ms())

    await desk.write(who, act, job)


async def _moved(desk: Desk, who: Person, draft: Draft, move: Move, asked: Asked) -> Draft:
    async def job(tx: Tx) -> Draft:
        await keeping.move(tx, await keeping.get(tx, draft.number), move)
        return await keeping.get(tx, draft.number)

    return await desk.write(who, _act(f"draft.{move.value}", draft, asked), job)


def as_files(given: str) -> dict[str, str]:
    """Return rule files from one JSON object {name: document}; raise RefusedError."""
    try:
        read = msgspec.json.decode(given.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, ValueError) as error:
        raise RefusedError(f"不是 JSON · not JSON: {error}") from error
    if not isinstance(read, dict):
        raise RefusedError("应为 {文件名: 内容} · write {name: document}")
    return {str(name): msgspec.json.encode(one).decode() for name, one in read.items()}
