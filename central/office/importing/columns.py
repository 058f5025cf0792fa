"""What the columns of a register's file mean, and what is wrong with a row. Pure.

Rules of this file:

- heads are known in Chinese and English; a column that nobody knows is an error, for a misspelt head would mean "left
  out";
- each error names row (as a spreadsheet counts), column and mend; all of them are told, up to a hundred;
- no ID numbers come in here: a cell with the eighteen characters of one, checked by its own check digit, or the fifteen
  of an old one, refuses its row, in whatever column.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, NamedTuple

from central.office.importing.reading import Table
from central.office.persons.written import has_id_number, name, prose
from central.office.refusals import RefusedError
from central.register.members import MAX_GROUP, MAX_GROUPS
from credit.rules.terms import MAX_TIER

MAX_ERRORS: Final = 100
SITE: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Wrong(NamedTuple):
    """What is wrong with a cell: row and column as a spreadsheet names them."""

    row: int
    column: str
    zh: str
    en: str


class Column(NamedTuple):
    """A column: its field, the heads it is known by, how a cell is read, and whether it must be there."""

    field: str
    heads: tuple[str, ...]
    read: Callable[[str], Any]
    needed: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A file, read: rows by field, and everything that is wrong."""

    rows: list[dict[str, Any]]
    wrong: list[Wrong]


def tier(text: str) -> int:
    """Return a tier; raise ValueError."""
    return _whole(text or "0", 0, MAX_TIER)


def groups(text: str) -> tuple[int, ...]:
    """Return group codes, separated by commas, semicolons or spaces; raise ValueError."""
    found = tuple(_whole(one, 1, MAX_GROUP) for one in re.split(r"[,;，；、\s]+", text) if one)
    if len(found) > MAX_GROUPS:
        raise ValueError(f"最多 {MAX_GROUPS} 个人群|at most {MAX_GROUPS} groups")
    return found


def code(text: str) -> int:
    """Return a measure code; raise ValueError."""
    return _whole(text, 0, 65_535)


def day(text: str) -> date | None:
    """Return a date, None for nothing; raise ValueError."""
    if not text:
        return None
    plain = re.sub(r"[年月/.]", "-", text).rstrip("日").strip()
    parts = plain.split("-")
    if len(parts) != 3 or not all(one.isascii() and one.isdigit() for one in parts):  # noqa: PLR2004 - year, month, day
        raise ValueError("日期写作 2026-12-31|write a date as 2026-12-31")
    try:
        return date(*map(int, parts))
    except ValueError:
        raise ValueError("没有这一天|there is no such day") from None


def some_day(text: str) -> date:
    """Return a date that must be there; raise ValueError."""
    found = day(text)
    if found is None:
        raise ValueError("缺日期|the date is missing")
    return found


def site(text: str) -> str:
    """Return the id of a site; raise ValueError."""
    if not SITE.fullmatch(text):
        raise ValueError("场所编号为小写字母、数字、连字符|a site's id has small letters, digits and hyphens")
    return text


def said(text: str) -> str:
    """Return a name or a grade, or nothing; raise ValueError."""
    return name(text) if text else ""


def words(text: str) -> str:
    """Return somebody's own words, or nothing; raise ValueError."""
    return prose(text) if text else ""


def merchant_tier(text: str) -> int | None:
    """Return a merchant's tier, None for nothing; raise ValueError."""
    return _whole(text, 0, MAX_TIER) if text else None


def sort_of_day(text: str) -> str:
    """Return whether a day is off (休) or worked to make up for one (班); raise ValueError."""
    if text not in ("", "休", "班", "off", "work"):
        raise ValueError("写“休”或“班”|write off or work")
    return "班" if text in ("班", "work") else "休"


def last_day(text: str) -> date:
    """Return a date that must be there; raise ValueError."""
    found = day(text)
    if found is None:
        raise ValueError("缺截止日|the last day is missing")
    return found


def _whole(text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= most):  # noqa: PLR2004
        raise ValueError(f"应为 {least} 至 {most} 的整数|a whole number from {least} to {most}")
    return int(text)


RESIDENTS: Final = (
    Column("name", ("姓名", "编号", "name"), name),
    Column("tier", ("等级", "信用等级", "tier"), tier, needed=False),
    Column("groups", ("人群", "人群代码", "groups"), groups, needed=False),
)
MEASURES: Final = (
    Column("subject", ("姓名", "编号", "假名", "name", "subject"), name),
    Column("code", ("措施代码", "代码", "code"), code),
    Column("until", ("截止日", "有效期至", "until"), last_day),
    Column("from_day", ("起始日", "from"), day, needed=False),
    Column("authority", ("机关", "认定机关", "authority"), said, needed=False),
    Column("basis", ("依据", "basis"), words, needed=False),
)
SITES: Final = (
    Column("site", ("场所", "场所编号", "site"), site),
    Column("zh", ("名称", "中文名称", "name"), said, needed=False),
    Column("en", ("英文名称", "english"), said, needed=False),
    Column("grade", ("信用等级", "grade"), said, needed=False),
    Column("merchant_tier", ("商户等级", "tier"), merchant_tier, needed=False),
    Column("region", ("地区", "region"), said, needed=False),
)
CALENDARS: Final = (
    Column("calendar", ("日历", "calendar"), name),
    Column("day", ("日期", "day"), some_day),
    Column("until", ("到", "until"), day, needed=False),
    Column("sort", ("休班", "类别", "sort"), sort_of_day, needed=False),
    Column("covers", ("覆盖至", "covers"), day, needed=False),
)
KINDS: Final[Mapping[str, tuple[Column, ...]]] = {
    "residents": RESIDENTS,
    "measures": MEASURES,
    "sites": SITES,
    "calendars": CALENDARS,
}


def read_rows(table: Table, columns: tuple[Column, ...]) -> Read:
    """Return the rows by field with everything that is wrong; raise RefusedError for heads that are not understood."""
    order = _order(table[0], columns)
    rows, wrong = [], []
    for number, cells in enumerate(table[1:], 2):
        row, faults = _row(number, cells, order)
        rows.append(row)
        wrong += faults
        if len(wrong) >= MAX_ERRORS:
            break
    return Read(rows=rows, wrong=wrong[:MAX_ERRORS])


def _order(heads: list[str], columns: tuple[Column, ...]) -> list[Column | None]:
    known = {head.lower(): column for column in columns for head in column.heads}
    found = [known.get(head.strip().lower()) if head else None for head in heads]
    stray = [head for head, column in zip(heads, found, strict=True) if head and column is None]
    listed = "、".join(column.heads[0] for column in columns)
    if stray:
        raise RefusedError(f"不认识的列：{'、'.join(stray)[:200]}；可用 {listed} · unknown columns; known are {listed}")
    fields = [column.field for column in found if column is not None]
    missing = [column.heads[0] for column in columns if column.needed and column.field not in fields]
    if missing:
        raise RefusedError(f"缺少列：{'、'.join(missing)} · columns are missing: {', '.join(missing)}")
    if len(fields) != len(set(fields)):
        raise RefusedError("有两列同名 · two columns mean the same")
    return found


def _row(number: int, cells: list[str], order: list[Column | None]) -> tuple[dict[str, Any], list[Wrong]]:
    row: dict[str, Any] = {}
    wrong: list[Wrong] = []
    for column, text in _pairs(cells, order):
        head = column.heads[0]
        if has_id_number(text):
            wrong.append(Wrong(number, head, "不得出现身份证号", "no ID numbers here"))
            continue
        try:
            row[column.field] = column.read(text)
        except ValueError as error:
            zh, _, en = str(error).partition("|")
            wrong.append(Wrong(number, head, zh, en))
    return row, wrong


def _pairs(cells: list[str], order: list[Column | None]) -> Iterator[tuple[Column, str]]:
    for at, column in enumerate(order):
        if column is not None:
            yield column, cells[at] if at < len(cells) else ""
