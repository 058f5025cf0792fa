"""The facts behind a reason in plain words, for a help desk that reads no JSON.

Rules of this file:

- every fact a decision gives has a label in both languages here (a test plays all vectors); a new one is a new row;
- money is told in yuan, spans in hours or minutes, days of the week by name, times without seconds or offset.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

ZH, EN = 0, 1
Words = tuple[str, str]

LABELS: Final[Mapping[str, Words]] = {
    "used": ("已用", "used"),
    "max": ("上限", "at most"),
    "at": ("时间", "when"),
    "where": ("地点", "where"),
    "asset": ("物品", "item"),
    "due": ("应还时间", "due"),
    "measure": ("措施代码", "measure"),
    "title": ("名称", "title"),
    "issuer": ("发码城市", "issuer"),
    "authority": ("认定机关", "authority"),
    "basis": ("依据", "basis"),
    "remedy": ("修复办法", "remedy"),
    "hint": ("到期提醒", "soon over"),
    "state": ("状态", "state"),
    "min_spend_fen": ("最低消费", "minimum spend"),
    "calendar": ("日历", "calendar"),
    "day": ("营业日", "business day"),
    "from": ("自", "from"),
    "until": ("至", "until"),
    "weekdays": ("限于", "only on"),
    "daily": ("每日", "each day"),
    "only": ("限于日历", "only in the calendar"),
    "part": ("不符的是", "what does not fit"),
    "site": ("场所", "site"),
    "scene": ("场景", "scene"),
    "intent": ("事项", "asked for"),
    "age_s": ("名单距今", "the list is this old"),
    "max_s": ("最长", "may be this old"),
    "max_fen": ("此时最多", "up to, at this age"),
    "check": ("核验项目", "check"),
    "result": ("结果", "result"),
    "slot": ("预约时段", "booked time"),
    "reentry_min": ("可再入场", "re-entry within"),
    "judged": ("若不论时钟", "but for the clock"),
    "missing": ("要求", "asked for"),
    "groups_any": ("属于以下任一信用组", "one of the groups"),
    "groups_all": ("属于以下全部信用组", "all of the groups"),
    "min_tier": ("信用等级不低于", "a tier of at least"),
    "subject": ("持码对象", "a holder that is a"),
    "residents_of": ("居住地区", "a resident of"),
    "grant": ("获批的优惠", "an approved grant"),
    "merchant_min_tier": ("商户等级不低于", "a merchant's tier of at least"),
    "tier": ("等级列于", "a tier named in"),
    "second_check": ("另一个码有效", "a good second code"),
}
VALUES: Final[Mapping[str, Words]] = {
    "missing": ("未出示", "not shown"),
    "dates": ("日期", "the date"),
    "weekday": ("星期", "the day of the week"),
    "weekdays": ("星期", "the day of the week"),
    "daily": ("时刻", "the time of day"),
    "only": ("日历", "the calendar"),
    "active": ("有效", "active"),
    "disputed": ("异议处理中", "disputed"),
    "person": ("个人", "person"),
    "group": ("集体", "group"),
    "enterprise": ("企业", "enterprise"),
    "limits": ("次数表", "the table of limits"),
    "table": ("数额表", "the table of the offer"),
}
DAYS: Final = (
    ("周一", "Monday"),
    ("周二", "Tuesday"),
    ("周三", "Wednesday"),
    ("周四", "Thursday"),
    ("周五", "Friday"),
    ("周六", "Saturday"),
    ("周日", "Sunday"),
)
UNTOLD: Final = frozenset({"known"})  # which text is chosen says it
BETWEEN: Final = ("、", ", ")
TO: Final = (" 至 ", " to ")
SECONDS_A_MINUTE, SECONDS_AN_HOUR = 60, 3600


def told(facts: Mapping[str, Any], lang: int) -> str:
    """Return facts as words, "" for none; `lang` is ZH or EN."""
    parts = [
        f"{LABELS.get(name, (name, name))[lang]} {_value(name, value, lang)}"
        for name, value in facts.items()
        if value is not None and name not in UNTOLD
    ]
    return BETWEEN[lang].join(parts)


def _value(name: str, value: object, lang: int) -> str:
    if name in SHAPES:
        return SHAPES[name](value, lang)
    if isinstance(value, Mapping):
        words = [value.get("zh"), value.get("en")]
        return str(words[lang] or words[1 - lang]) if any(words) else told(value, lang)
    if isinstance(value, (list, tuple)):
        return BETWEEN[lang].join(str(one) for one in value)
    text = str(value)
    return VALUES[text][lang] if text in VALUES else _time(text)


def _time(text: str) -> str:
    """Return an ISO time as people write it; any other text as it is."""
    day, separator, clock = text.partition("T")
    return f"{day} {clock[:5]}" if separator and len(day) == len("2026-05-01") and clock[2:3] == ":" else text


def _yuan(fen: Any, lang: int) -> str:
    return f"{fen // 100}.{fen % 100:02} {('元', 'yuan')[lang]}"


def _span(seconds: Any, lang: int) -> str:
    if seconds < SECONDS_AN_HOUR:
        return f"{seconds // SECONDS_A_MINUTE} {('分钟', 'min')[lang]}"
    return f"{round(seconds / SECONDS_AN_HOUR, 1):g} {('小时', 'h')[lang]}"


def _slot(slot: Any, lang: int) -> str:
    return TO[lang].join(_time(str(one)) for one in slot)


def _hours(windows: Any, lang: int) -> str:
    return BETWEEN[lang].join(f"{start}–{end}" for start, end in windows)


SHAPES: Final[Mapping[str, Callable[[Any, int], str]]] = {
    "min_spend_fen": _yuan,
    "age_s": _span,
    "max_s": _span,
    "max_fen": _yuan,
    "reentry_min": lambda minutes, lang: _span(minutes * SECONDS_A_MINUTE, lang),
    "slot": _slot,
    "daily": _hours,
    "weekdays": lambda days, lang: BETWEEN[lang].join(DAYS[day - 1][lang] for day in days),
}
