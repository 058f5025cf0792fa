"""What each kind of draft means: who may make and approve it, what it does, and how it is undone. One table.

`apply` and `undo` sign and write files: they run in a thread, outside any job of the books.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from central.lists.publishing import Published
from central.office import changing, entries
from central.office.drafts import bulk, members, rulebooks
from central.office.drafts.keeping import Draft, Proposal, Words, by_both, by_both_undone
from central.office.refusals import RefusedError


class Applied(NamedTuple):
    """What was there before, and what the draft became."""

    before: Any
    result: dict[str, Any]


class Kind(NamedTuple):
    """One kind of draft.

    `stale` says whether what it rests on has changed since it was made; `before` gives what it will replace and what is
    not to be seen any more afterwards.
    """

    propose: str
    approve: str
    roll_back: str
    apply: Callable[[Path, Draft, int], Applied]
    undo: Callable[[Path, Draft, int], dict[str, Any]]
    stale: Callable[[Path, Draft], bool]
    before: Callable[[Path, Draft], Any]


def told(published: Published) -> dict[str, Any]:
    """Return a publication as JSON values."""
    return {"published": published.version, "changed": list(published.changed)}


def measure(state: Path, city: str, wished: entries.Wished, *, now_ms: int) -> Proposal:
    """Return the draft of a measure, with its effect in words; raise RefusedError."""
    one = entries.check(state, city, wished, now_ms=now_ms)
    title = one.code.title.get("zh", str(one.code.code)), one.code.title.get("en", str(one.code.code))
    where = "、".join(sorted(one.code.scenes)) if one.code.scenes else None
    bars = {"restrict": ("不得使用", "is refused at"), "withhold": ("不享受信用优惠于", "gets no credit benefit at")}
    zh, en = bars[one.code.effect.value]
    words = Words(
        zh=f"{one.shown} 自 {one.from_day} 至 {one.until}（含）{zh}：{where or '所有场景'}。"
        f"{one.code.code} {title[0]}，{one.authority}，依据 {one.basis}",
        en=f"{one.shown} {en} {where or 'every scene'} from {one.from_day} to {one.until}, both days included:"
        f" {one.code.code} {title[1]}, decided by {one.authority} on {one.basis}",
    )
    return Proposal(
        city=city, kind="measure", authority=one.authority, subject=one.subject, content=one.content(), words=(words,)
    )


def repair(state: Path, city: str, number: int) -> Proposal:
    """Return the draft of a repair of one entry; raise NotThereError, RefusedError."""
    one = entries.get(state, city, number)
    if one.lifted_ms is not None:
        raise RefusedError(f"第 {number} 号措施已解除 · measure {number} is lifted already")
    words = Words(
        zh=f"解除第 {number} 号措施：{one.code}，{one.authority}，原定至 {one.until_day}；两秒内各终端恢复服务",
        en=f"lifts measure {number}: {one.code}, decided by {one.authority}, until {one.until_day};"
        " terminals serve the person again within two seconds",
    )
    content = {"entry": number, "state": one.state}
    return Proposal(
        city=city, kind="repair", authority=one.authority, subject=one.subject, content=content, words=(words,)
    )


def _take(state: Path, draft: Draft, now_ms: int) -> Applied:
    content, warrant = draft.content, by_both(draft)
    if changing.taken(state, draft.city, warrant):  # before a power cut
        number, published = changing.record(state, draft.city, content, warrant=warrant, now_ms=now_ms)
        return Applied(None, {"entry": number, **told(published)})
    wished = entries.Wished(
        subject=content["subject"],
        code=content["code"],
        until=date.fromisoformat(content["until_day"]),
        from_day=date.fromisoformat(content["from_day"]),
        authority=content["authority"],
        basis=content["basis"],
    )
    again = entries.check(state, draft.city, entries.begun(wished, state, draft.city, now_ms), now_ms=now_ms)
    number, published = changing.record(state, draft.city, again.content(), warrant=warrant, now_ms=now_ms)
    return Applied(None, {"entry": number, **told(published)})


def _untake(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    return told(changing.lift(state, draft.city, draft.result["entry"], warrant=by_both_undone(draft), now_ms=now_ms))


def _take_all(state: Path, draft: Draft, now_ms: int) -> Applied:
    return Applied(*bulk.take(state, draft, now_ms))


def _list(state: Path, draft: Draft, now_ms: int) -> Applied:
    return Applied(None, members.take(state, draft, now_ms))


def _lift(state: Path, draft: Draft, now_ms: int) -> Applied:
    before = entries.get(state, draft.city, draft.content["entry"]).to_json()
    return Applied(
        before, told(changing.lift(state, draft.city, draft.content["entry"], warrant=by_both(draft), now_ms=now_ms))
    )


def _unlift(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    return told(
        changing.put_back(state, draft.city, draft.content["entry"], warrant=by_both_undone(draft), now_ms=now_ms)
    )


def _replace(state: Path, draft: Draft, now_ms: int) -> Applied:
    before, published = rulebooks.put_in_force(state, draft.city, draft.content, warrant=by_both(draft), now_ms=now_ms)
    return Applied(before if draft.before is None else draft.before, told(published))


def _go_back(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    held, warrant = rulebooks.held_files(state, draft.city), by_both_undone(draft)
    resumed = changing.ruled(state, draft.city, warrant)
    if not resumed and any(
        json.loads(held.get(name, b"null")) != json.loads(text) for name, text in draft.content.items()
    ):
        raise RefusedError("之后又有修改，请先回退较新的一次 · changed again since; roll that back first")
    return told(rulebooks.go_back(state, draft.city, draft.before, warrant=warrant, now_ms=now_ms))


def _files_changed(state: Path, draft: Draft) -> bool:
    if draft.approver is not None and changing.ruled(state, draft.city, by_both(draft)):
        return False  # by this very draft, before a power cut
    return rulebooks.base_of(rulebooks.held_files(state, draft.city), draft.content) != draft.base


def _files(state: Path, draft: Draft) -> Any:
    held = rulebooks.held_files(state, draft.city)
    return {name: held[name].decode() for name in draft.content if name in held}


def _nothing(_state: Path, _draft: Draft) -> Any:
    return None


def _never(_state: Path, _draft: Draft) -> bool:
    return False


KINDS: Final[Mapping[str, Kind]] = {
    "measure": Kind("measure.propose", "measure.approve", "measure.undo", _take, _untake, _never, _nothing),
    "measures": Kind("measure.propose", "measure.approve", "measure.undo", _take_all, bulk.lift, _never, _nothing),
    "members": Kind(
        "member.propose", "member.approve", "member.undo", _list, members.undo, members.overtaken, _nothing
    ),
    "repair": Kind("repair.propose", "repair.approve", "measure.undo", _lift, _unlift, _never, _nothing),
    "rules": Kind("rules.propose", "rules.approve", "rules.rollback", _replace, _go_back, _files_changed, _files),
    "sites": Kind("sites.propose", "sites.approve", "rules.rollback", _replace, _go_back, _files_changed, _files),
}
