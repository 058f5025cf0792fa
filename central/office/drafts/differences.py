"""What a draft changes, in words: for people who approve it, who read no JSON. Pure.

Rules of this file:

- what is identified (benefits, calendars, measure codes, sites) is compared by its id, whatever its place in the file;
- a member that people know has a title in both languages and its unit; every other change is told with its path, so
  that nothing that changes is left out;
- money is told in yuan, lists as lists; a long value is cut, never hidden.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from central.office.drafts.keeping import Words

MAX_VALUE: Final = 160
MAX_WORDS: Final = 200
NOTHING: Final = ("无", "nothing")
MEMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("名称", "title"),
    "title.zh": ("名称", "title (zh)"),
    "title.en": ("英文名称", "title (en)"),
    "offer.kind": ("优惠方式", "kind of offer"),
    "offer.percent_off": ("减免百分比", "percent off"),
    "offer.off_fen": ("减免金额", "taken off"),
    "offer.price_fen": ("一口价", "fixed price"),
    "offer.cap_fen": ("封顶", "cap"),
    "offer.min_spend_fen": ("最低消费", "minimum spend"),
    "offer.stock": ("库存", "stock"),
    "when.from": ("起始日", "first day"),
    "when.until": ("截止日", "last day"),
    "when.except": ("除外日历", "except on"),
    "when.only": ("仅限日历", "only on"),
    "when.daily": ("每日时段", "daily hours"),
    "when.weekdays": ("星期", "weekdays"),
    "when.window": ("活动期名", "name of the window"),
    "where.sites": ("场所", "sites"),
    "where.site_sets": ("场所组", "sets of sites"),
    "where.scenes": ("场景", "scenes"),
    "who.groups_any": ("人群", "groups"),
    "who.min_tier": ("最低等级", "least tier"),
    "limits": ("次数限制", "limits"),
    "capacity": ("承载量", "capacity"),
    "version": ("版本", "version"),
    "until": ("截止日", "last day"),
    "covers_until": ("日历到", "covers until"),
    "dates": ("日期", "dates"),
    "effect": ("效果", "effect"),
    "authority": ("机关", "authority"),
    "basis": ("依据", "basis"),
    "grade": ("信用等级", "grade"),
}
KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "benefits": ("优惠", "benefit"),
    "calendars": ("日历", "calendar"),
    "codes": ("措施代码", "measure code"),
    "sites": ("场所", "site"),
    "site_sets": ("场所组", "set of sites"),
    "mapping": ("互认对照", "mapping"),
    "ages": ("名单时效（小时）", "age of lists (hours)"),
}
FILES: Final[Mapping[str, str]] = {
    "benefits.json": "benefits",
    "calendars.json": "calendars",
    "measure-codes.json": "codes",
    "sites.json": "sites",
    "mapping.json": "mapping",
    "list-ages.json": "ages",
}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Words, ...]:
    """Return what changes between the documents `before` and `after` (name → JSON value), in words."""
    found: list[Words] = []
    for name in sorted(after):
        kinds = ("sites", "site_sets") if name == "sites.json" else (FILES.get(name, name),)
        for kind in kinds:
            found += _named(kind, _by_id(before.get(name), kind), _by_id(after[name], kind))
    if len(found) > MAX_WORDS:
        more = len(found) - MAX_WORDS
        found = [*found[:MAX_WORDS], Words(zh=f"……另有 {more} 处", en=f"… and {more} more changes")]
    return tuple(found)


def _by_id(document: Any, kind: str) -> dict[str, Any]:
    listed = document.get(kind) if isinstance(document, dict) else None
    if isinstance(listed, dict):
        return dict(listed)
    if isinstance(listed, list):
        return {str(one.get("id")): one for one in listed if isinstance(one, dict)}
    return {}


def _named(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Words]:
    zh, en = KINDS.get(kind, (kind, kind))
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        who_zh, who_en = _title(name, new if new is not None else old)
        if old is None:
            told_zh, told_en = _summary(new)
            yield Words(zh=f"新增{zh} {who_zh}：{told_zh}", en=f"new {en} {who_en}: {told_en}")
        elif new is None:
            yield Words(zh=f"删除{zh} {who_zh}", en=f"{en} {who_en} is removed")
        elif old != new:
            for path, was, now in _changes(old, new):
                label_zh, label_en = MEMBERS.get(path, (path or zh, path or en))
                yield Words(
                    zh=f"{zh} {who_zh}：{label_zh} {_shown(path, was)[0]} → {_shown(path, now)[0]}",
                    en=f"{en} {who_en}: {label_en} {_shown(path, was)[1]} → {_shown(path, now)[1]}",
                )


def _title(name: str, value: Any) -> tuple[str, str]:
    title = value.get("title") if isinstance(value, dict) else None
    if isinstance(title, str):
        return f"{title}（{name}）", name
    if isinstance(title, dict):
        zh = str(title.get("zh", name))
        return f"{zh}（{name}）", f"{title.get('en', zh)} ({name})"
    return name, name


def _summary(value: Any) -> tuple[str, str]:
    """Return a new thing in one sentence: every member that people know."""
    if not isinstance(value, dict):
        return _shown("", value)
    flat = dict(_leaves(value))
    told = [(path, flat[path]) for path in MEMBERS if path in flat and not path.startswith("title")]
    zh = "，".join(f"{MEMBERS[path][0]} {_shown(path, one)[0]}" for path, one in told)
    en = ", ".join(f"{MEMBERS[path][1]} {_shown(path, one)[1]}" for path, one in told)
    return zh or NOTHING[0], en or NOTHING[1]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}" if path else name)
    else:
        yield path, value


def _changes(before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    old, new = dict(_leaves(before)), dict(_leaves(after))
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) != new.get(path):
            yield path, old.get(path), new.get(path)


def _shown(path: str, value: Any) -> tuple[str, str]:
    if value is None:
        return NOTHING
    if path.endswith("_fen") and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d} 元", f"¥{value // 100}.{value % 100:02d}"
    if path.endswith("percent_off"):
        return f"{value} %", f"{value} %"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text if len(text) <= MAX_VALUE else f"{text[: MAX_VALUE - 1]}…"
    return text, text
