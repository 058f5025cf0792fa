"""Many measures from one file as one draft: checked row by row, approved as a whole, undone as a whole."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from central.lists.cities import publish
from central.office import changing, entries
from central.office.drafts.keeping import Draft, Proposal, Words, by_both, by_both_undone
from central.office.refusals import RefusedError

MAX_ROWS: Final = 5_000
TOLD: Final = 20


def propose(state: Path, city: str, rows: list[dict[str, Any]], *, now_ms: int) -> Proposal:
    """Return the draft of many measures; raise RefusedError naming every row that cannot be."""
    if len(rows) > MAX_ROWS:
        raise RefusedError(f"一次最多 {MAX_ROWS} 项 · at most {MAX_ROWS} measures at once")
    found, wrong = [], []
    seen: set[tuple[str, int, str]] = set()
    for number, row in enumerate(rows, 2):
        try:
            one = entries.check(state, city, entries.Wished(**row), now_ms=now_ms)
        except RefusedError as error:
            wrong.append(f"第 {number} 行 row {number}: {error}")
            continue
        key = (one.subject, one.code.code, one.authority)
        if key in seen:
            wrong.append(f"第 {number} 行：与前面重复 · row {number}: stands in this file already")
        seen.add(key)
        found.append(one)
    if wrong:
        raise RefusedError("未起草任何一项 · nothing was drafted:\n" + "\n".join(wrong[:100]))
    authorities = {one.authority for one in found}
    if len(authorities) != 1:
        raise RefusedError("一个文件只能是一个机关的措施 · one file, one authority")
    told = "、".join(f"{one.shown} {one.code.code} 至 {one.until}" for one in found[:TOLD])
    more = f"……共 {len(found)} 项" if len(found) > TOLD else ""
    words = Words(zh=f"{len(found)} 项措施：{told}{more}", en=f"{len(found)} measures: {told}{more}")
    return Proposal(
        city=city,
        kind="measures",
        authority=authorities.pop(),
        subject=f"{len(found)} 项",
        content={"rows": [one.content() for one in found]},
        words=(words,),
    )


def take(state: Path, draft: Draft, now_ms: int) -> tuple[Any, dict[str, Any]]:
    """Take every measure of the draft and publish once; raise RefusedError when one cannot be taken any more."""
    checked, warrant = [], by_both(draft)
    for row in () if changing.taken(state, draft.city, warrant) else draft.content["rows"]:
        wished = entries.Wished(
            subject=row["subject"],
            code=row["code"],
            until=date.fromisoformat(row["until_day"]),
            from_day=date.fromisoformat(row["from_day"]),
            authority=row["authority"],
            basis=row["basis"],
        )
        wished = entries.begun(wished, state, draft.city, now_ms)
        checked.append(entries.check(state, draft.city, replace(wished), now_ms=now_ms).content())
    numbers, published = changing.record_all(state, draft.city, checked, warrant=warrant, now_ms=now_ms)
    return None, {"entries": numbers, "published": published.version, "changed": list(published.changed)}


def lift(state: Path, draft: Draft, now_ms: int) -> dict[str, Any]:
    """Lift every measure that the draft became and that still stands; publish once."""
    lifted = changing.lift_all(state, draft.city, draft.result["entries"], warrant=by_both_undone(draft), now_ms=now_ms)
    published = publish(state, now_ms=now_ms, cities=(draft.city,))
    return {"lifted": lifted, "published": published.version, "changed": list(published.changed)}
