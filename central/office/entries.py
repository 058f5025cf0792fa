"""Measures in the register, one entry at a time: what stands, what may be taken (lists.md).

Rules of this file:

- whom a measure is about must be known here: a name or pseudonym that nobody has is refused, never entered (a typo
  must bar nobody, and make nobody up);
- code, authority and basis come from the signed catalogue of the city; what the catalogue names cannot be something
  else, and what it leaves open must be said;
- a measure begins today or later, ends by itself, and lasts no longer than its code allows (`x-max_days` in the
  catalogue, else three years); the same measure twice at a time is refused;
- taking and lifting are `central.office.changing`'s affair.
"""

import json
import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from central.lists.cities import CITIES
from central.office.persons.written import prose
from central.office.refusals import NotThereError, RefusedError
from central.register.registry import register, zone_of
from credit.rules.documents import parse_entry, parse_measure_codes
from credit.rules.listing import MEASURE_CODES
from credit.rules.measures import MeasureCode
from credit.rules.reading import CatalogueError, Node

MAX_ROWS_PER_KEY: Final = 8
MAX_DAYS: Final = 3 * 366
MAX_AHEAD_DAYS: Final = 366
MAX_NAME: Final = 100
PSEUDONYM_HEX: Final = 32
MAX_DAYS_MEMBER: Final = "x-max_days"

BY_NAME: Final = "SELECT pseudonym FROM subject WHERE city = ? AND name = ?"
BY_PSEUDONYM: Final = (
    "SELECT 1 FROM subject WHERE city = ?1 AND pseudonym = ?2 UNION ALL"
    " SELECT 1 FROM credential WHERE city = ?1 AND subject = ?2 LIMIT 1"
)
NAME_OF: Final = "SELECT name FROM subject WHERE city = ? AND pseudonym = ?"
COLUMNS: Final = "number, city, subject, code, from_day, until_day, authority, basis, state, recorded_ms, lifted_ms"
ONE: Final = f"SELECT {COLUMNS} FROM entry WHERE city = ? AND number = ?"  # noqa: S608 - columns of our own
OF_SUBJECT: Final = f"SELECT {COLUMNS} FROM entry WHERE city = ? AND subject = ? ORDER BY number DESC"  # noqa: S608
STANDING: Final = f"SELECT {COLUMNS} FROM entry WHERE city = ? AND lifted_ms IS NULL AND until_day >= ? ORDER BY number"  # noqa: S608
NEWEST: Final = f"SELECT {COLUMNS} FROM entry WHERE city = ? ORDER BY number DESC LIMIT ?"  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A measure that was taken. `subject` is the pseudonym in hex; days are civil days, both included."""

    number: int
    city: str
    subject: str
    code: int
    from_day: str
    until_day: str
    authority: str
    basis: str
    state: str
    recorded_ms: int
    lifted_ms: int | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wished:
    """A measure that somebody wants taken, as it was asked for: a name or 32 hex digits, and days as dates."""

    subject: str
    code: int
    until: date
    from_day: date | None = None
    authority: str = ""
    basis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A measure that may be taken: everything known, everything said."""

    subject: str
    shown: str
    code: MeasureCode
    from_day: date
    until: date
    authority: str
    basis: str

    def content(self) -> dict[str, Any]:
        """Return what a draft keeps of it."""
        return {
            "subject": self.subject,
            "code": self.code.code,
            "from_day": self.from_day.isoformat(),
            "until_day": self.until.isoformat(),
            "authority": self.authority,
            "basis": self.basis,
        }


def _entry(row: sqlite3.Row | tuple[Any, ...]) -> Entry:
    number, city, subject, code, from_day, until_day, authority, basis, state, recorded_ms, lifted_ms = row
    return Entry(
        number=number,
        city=city,
        subject=bytes(subject).hex(),
        code=code,
        from_day=from_day,
        until_day=until_day,
        authority=authority,
        basis=basis or "",
        state=state,
        recorded_ms=recorded_ms,
        lifted_ms=lifted_ms,
    )


def masked(name: str) -> str:
    """Return a name as far as a screen needs it: 张*."""
    return f"{name[:1]}*" if name else "*"


def known_subject(conn: sqlite3.Connection, city: str, given: str) -> tuple[bytes, str]:
    """Return pseudonym and masked name of somebody this city knows; raise RefusedError."""
    given = given.strip()
    if not given or len(given) > MAX_NAME:
        raise RefusedError("请写姓名或 32 位假名 · name a person of the register, or the pseudonym's 32 hex digits")
    row = conn.execute(BY_NAME, (city, given)).fetchone()
    if row is not None:
        return bytes(row[0]), masked(given)
    if len(given) == PSEUDONYM_HEX and all(one in "0123456789abcdef" for one in given.lower()):
        key = bytes.fromhex(given)
        if conn.execute(BY_PSEUDONYM, (city, key)).fetchone() is not None:
            named = conn.execute(NAME_OF, (city, key)).fetchone()
            return key, masked(named[0]) if named else given[:6]
    zone_of(conn, city)  # a city that is not here is what is wrong, not the name
    raise RefusedError(
        f"{city} 登记册中没有此人，请核对姓名；未登记者不能被限制 ·"
        f" nobody of that name is in {city}'s register; check the spelling, a typo must bar nobody"
    )


def catalogue(state: Path, city: str) -> tuple[dict[int, MeasureCode], dict[int, int]]:
    """Return the city's measure codes and the longest duration of each in days; raise RefusedError."""
    path = state / CITIES / city / MEASURE_CODES
    try:
        document = json.loads(path.read_bytes())
        codes = {code: one for (_issuer, code), one in parse_measure_codes(document).items()}
    except (OSError, ValueError, CatalogueError) as error:
        raise RefusedError(f"{city}: 没有可用的措施目录 · no measure catalogue can be read ({error})") from error
    said = document.get("codes", document) if isinstance(document, dict) else {}
    longest = {int(name): one.get(MAX_DAYS_MEMBER) for name, one in said.items() if isinstance(one, dict)}
    return codes, {code: days if isinstance(days, int) and days > 0 else MAX_DAYS for code, days in longest.items()}


def check(state: Path, city: str, wished: Wished, *, now_ms: int) -> Checked:
    """Return the measure if it may be taken; raise RefusedError with the words that help."""
    codes, longest = catalogue(state, city)
    code = codes.get(wished.code)
    if code is None:
        known = "、".join(f"{one.code} {one.title.get('zh', '')}" for one in codes.values())
        raise RefusedError(f"措施目录中没有 {wished.code} · no such code; the catalogue has: {known}")
    authority, basis = _said("机关 authority", wished.authority, code.authority), wished.basis.strip() or code.basis
    if not basis:
        raise RefusedError("缺少依据 · no basis: write the law or decision that it rests on")
    for what, text in (("机关 authority", authority), ("依据 basis", basis)):
        try:
            prose(text)  # terminals show it
        except ValueError as error:
            raise RefusedError(f"{what}: {str(error).replace('|', ' · ')}") from error
    with register(state) as conn:
        key, shown = known_subject(conn, city, wished.subject)
        today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone_of(conn, city)).date()
        first = wished.from_day or today
        _check_days(first, wished.until, today=today, longest=longest.get(code.code, MAX_DAYS))
        standing = [_entry(row) for row in conn.execute(OF_SUBJECT, (city, key))]
    _check_standing(standing, code.code, authority, first, wished.until)
    checked = Checked(
        subject=key.hex(), shown=shown, code=code, from_day=first, until=wished.until, authority=authority, basis=basis
    )
    _check_wire(city, checked)
    return checked


def _said(what: str, given: str, listed: str | None) -> str:
    given = given.strip()
    if listed and given and given != listed:
        raise RefusedError(f"{what}: 目录规定为 {listed} · the catalogue says {listed}, not {given}")
    if not (given or listed):
        raise RefusedError(f"{what}: 不能为空 · must be named")
    return given or str(listed)


def _check_days(first: date, last: date, *, today: date, longest: int) -> None:
    if first < today:
        raise RefusedError(f"起始日 {first} 已过；措施不溯及既往 · it cannot begin before today ({today})")
    if first > today + timedelta(days=MAX_AHEAD_DAYS):
        raise RefusedError(f"起始日 {first} 太远 · it cannot begin more than a year ahead")
    if last < first:
        raise RefusedError(f"截止日 {last} 早于起始日 {first} · its last day is before its first")
    if (last - first).days >= longest:
        most = first + timedelta(days=longest - 1)
        raise RefusedError(f"最长 {longest} 天，最晚到 {most} · at most {longest} days: until {most}")


def _check_standing(standing: list[Entry], code: int, authority: str, first: date, last: date) -> None:
    living = [one for one in standing if one.lifted_ms is None and one.until_day >= first.isoformat()]
    for one in living:
        if one.code == code and one.authority == authority and one.from_day <= last.isoformat():
            raise RefusedError(
                f"重复：第 {one.number} 号 {one.from_day} 至 {one.until_day} 仍有效 ·"
                f" duplicate: entry {one.number} stands until {one.until_day}"
            )
    if len(living) >= MAX_ROWS_PER_KEY:
        raise RefusedError(f"已有 {MAX_ROWS_PER_KEY} 项，先解除一项 · lift one first")


def _check_wire(city: str, checked: Checked) -> None:
    """Refuse, in the terminal's own words, what no terminal could read."""
    days = {"from": checked.from_day.isoformat(), "until": checked.until.isoformat()}
    said = {"key": checked.subject, "code": checked.code.code, "authority": checked.authority, "basis": checked.basis}
    try:
        parse_entry(Node(said | days), issuer=city)
    except CatalogueError as error:
        raise RefusedError(f"终端无法读取 · no terminal could read it: {error}") from error


def get(state: Path, city: str, number: int) -> Entry:
    """Return one entry of a city; raise NotThereError."""
    with register(state) as conn:
        row = conn.execute(ONE, (city, number)).fetchone()
    if row is None:
        raise NotThereError(f"{city} 没有第 {number} 号措施 · {city} has no measure {number}")
    return _entry(row)


def pseudonym_of(state: Path, city: str, given: str) -> str:
    """Return the pseudonym (hex) of somebody whom this city knows; raise RefusedError."""
    with register(state) as conn:
        return known_subject(conn, city, given)[0].hex()


def name_of(state: Path, city: str, subject: str) -> str | None:
    """Return the name behind a pseudonym (hex), None where nobody is known by it any more."""
    with register(state) as conn:
        row = conn.execute(NAME_OF, (city, bytes.fromhex(subject))).fetchone()
    return None if row is None else str(row[0])


def of_subject(state: Path, city: str, given: str) -> tuple[str, list[Entry]]:
    """Return the masked name and every measure ever taken against somebody; raise RefusedError."""
    with register(state) as conn:
        key, shown = known_subject(conn, city, given)
        return shown, [_entry(row) for row in conn.execute(OF_SUBJECT, (city, key))]


def newest(state: Path, city: str, *, many: int = 100) -> list[Entry]:
    """Return the newest entries of a city."""
    with register(state) as conn:
        return [_entry(row) for row in conn.execute(NEWEST, (city, many))]


def standing(state: Path, city: str, *, today: date) -> list[Entry]:
    """Return the measures of a city that are neither lifted nor over."""
    with register(state) as conn:
        return [_entry(row) for row in conn.execute(STANDING, (city, today.isoformat()))]


def begun(wished: Wished, state: Path, city: str, now_ms: int) -> Wished:
    """Return a measure whose first day has passed while it waited for approval, beginning today."""
    with register(state) as conn:
        today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone_of(conn, city)).date()
    return replace(wished, from_day=max(today, wished.from_day or today))
