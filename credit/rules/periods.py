"""When the period that a key bears in its last part is over, wherever it is counted: for whoever forgets counts.

A key reads `letter|what[@where]|whose|period`. Days, weeks, months and years are of the zone and the day's beginning
that a benefit names, which a key does not; so a period counts as over when it is over everywhere, and a day later. What
has no end (`ever`, `once`, `window:…`, a stock, an entry of a pass) is never over.

    >>> from datetime import UTC, datetime
    >>> noon = int(datetime(2026, 9, 23, 12, tzinfo=UTC).timestamp())
    >>> is_over("u|w/first|subject:w:01|2026-09-20", noon), is_over("u|w/first|subject:w:01|2026-09-21", noon)
    (True, False)
    >>> is_over("u|w/boat|day:2026-09-20", noon), is_over("u|w/first|subject:w:01|2026-09", noon)
    (True, False)
    >>> is_over("u|w/first|subject:w:01|2026-W37", noon), is_over("u|w/first|subject:w:01|ever", noon)
    (True, False)
"""

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

EVERYWHERE_S: Final = 2 * 86_400  # of a day's end: the last zone is 12 h behind, and a day may begin late
MAX_PERIOD: Final = 64
DAY: Final = re.compile(r"(?:day:|slot:)?(\d{4})-(\d\d)-(\d\d)(?::[0-9a-z]{1,4})?")
WEEK: Final = re.compile(r"(\d{4})-W(\d\d)")
MONTH: Final = re.compile(r"(\d{4})-(\d\d)")
YEAR: Final = re.compile(r"\d{4}")
DATED: Final = re.compile(r"\d{4}-\d\d-\d\d")
WINDOW: Final = "|window:"
SLOT: Final = re.compile(r"slot:\d{1,12}-(\d{1,12})")


def undated(key: str) -> str:
    """Return a key as it is counted now: windows were once labelled by their first day, and old facts still are.

    >>> [undated(f"u|w/first|subject:w:01|window:{label}") for label in ("2026-01-01", "autumn", "")]
    ['u|w/first|subject:w:01|window:', 'u|w/first|subject:w:01|window:autumn', 'u|w/first|subject:w:01|window:']
    """
    if WINDOW not in key:
        return key
    front, sign, label = key.rpartition(WINDOW)
    return front + sign if DATED.fullmatch(label) else key


def is_over(key: str, now_s: int) -> bool:
    """Return whether the period of `key` is over everywhere at `now_s`; what has no period never is."""
    period = key.rpartition("|")[2]
    slot = SLOT.fullmatch(period)
    end_s = int(slot[1]) if slot else _end_s(period)
    return end_s is not None and now_s >= end_s + (0 if slot else EVERYWHERE_S)


def _end_s(period: str) -> int | None:
    """Return when the day after a period begins, in UTC; None for what names no day."""
    try:
        after = None if len(period) > MAX_PERIOD else _day_after(period)
    except (ValueError, OverflowError):
        return None
    return None if after is None else int(datetime(after.year, after.month, after.day, tzinfo=UTC).timestamp())


def _day_after(period: str) -> date | None:
    if found := DAY.fullmatch(period):
        return date(int(found[1]), int(found[2]), int(found[3])) + timedelta(days=1)
    if found := WEEK.fullmatch(period):
        return date.fromisocalendar(int(found[1]), int(found[2]), 7) + timedelta(days=1)
    if found := MONTH.fullmatch(period):
        year, month = int(found[1]), int(found[2])
        return date(year + month // 12, month % 12 + 1, 1)
    if YEAR.fullmatch(period):
        return date(int(period) + 1, 1, 1)
    return None
