"""Taking and lifting measures, revoking tokens, killing keys: each is recorded, then published at once (lists.md).

Rules of this file:

- a call is one entry in the register and one publication; when it returns, the new lists are on disk, signed;
- measures stand, fall and rest, and tiers are listed, by the word of two people, or in an emergency (`Warrant`); whom
  one is about is known;
- only the city that recorded an entry can lift or dispute it; what it names must be there, or the call is an error;
- a repair takes effect with the next poll of each terminal; an entry also ends by itself after its last day;
- a key that was killed stays killed.
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple

from cache.lists.payloads import PayloadError, pack_measure
from central.lists.cities import households, measure_codes, publish
from central.lists.publishing import Published
from central.lists.rows import check_households
from central.register.members import Standing, list_members
from central.register.registry import RegistryError, known_pseudonym, register, zone_of
from central.register.warrants import Warrant, What, note
from credit.rules.documents import parse_entry
from credit.rules.reading import CatalogueError, Node

MAX_ROWS_PER_KEY: Final = 8
COUNT: Final = "SELECT count(*) FROM entry WHERE city = ? AND subject = ? AND lifted_ms IS NULL"
RECORD: Final = (
    "INSERT INTO entry (city, subject, code, from_day, until_day, authority, basis, recorded_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
OF_SUBJECT: Final = (
    " WHERE city = ?2 AND subject = ?3 AND lifted_ms IS NULL"
    " AND (?4 IS NULL OR code = ?4) AND (?5 IS NULL OR authority = ?5)"
)


class Only(NamedTuple):
    """Which measures are meant: those of one code, of one authority, or all."""

    code: int | None = None
    authority: str | None = None


ALL: Final = Only()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measure to take: a code of the city's catalogue, days (both included, from today if not said), by whom."""

    code: int
    until: date
    authority: str
    from_day: date | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """What a call did: how many entries, tokens or keys it touched, and the publication that carries it."""

    count: int
    published: Published

    def told(self) -> dict[str, int | list[str]]:
        """Return it as JSON for who asked: {count, published: version, at_ms, changed: paths}."""
        published = self.published
        return {
            "count": self.count,
            "published": published.version,
            "at_ms": published.at_ms,
            "changed": list(published.changed),
        }


def restrict(state: Path, city: str, subject: str, measure: Measure, *, warrant: Warrant, now_ms: int) -> Called:
    """Take a measure against `subject` (a name, or a pseudonym in hex); raise RegistryError."""
    with register(state) as conn:
        key = known_pseudonym(conn, city, subject)
        first = measure.from_day or _today(conn, city, now_ms)
        if measure.until < first:
            raise RegistryError(f"until {measure.until}: before its first day {first}")
        _check(state, city, key, measure, first)
        held = conn.execute(COUNT, (city, key)).fetchone()[0]
        if held >= MAX_ROWS_PER_KEY:
            raise RegistryError(f"{subject}: {MAX_ROWS_PER_KEY} measures stand already; lift one first")
        row = (
            city,
            key,
            measure.code,
            first.isoformat(),
            measure.until.isoformat(),
            measure.authority,
            measure.basis,
            now_ms,
        )
        number = int(conn.execute(RECORD, row).lastrowid or 0)
        note(conn, warrant, "take", (number,), city=city, now_ms=now_ms)
    return Called(count=1, published=publish(state, now_ms=now_ms, cities=(city,), touched=(key,)))


def _check(state: Path, city: str, key: bytes, measure: Measure, first: date) -> None:
    """Refuse, in the terminal's own words, what no terminal could read; raise RegistryError."""
    days = {"from": first.isoformat(), "until": measure.until.isoformat()}
    given = {"authority": measure.authority, "basis": measure.basis}
    try:
        parse_entry(Node({"key": key.hex(), "code": measure.code, **days, **given}), issuer=city)
    except CatalogueError as error:
        raise RegistryError(str(error)) from error
    try:
        pack_measure(measure.code, measure.until, authority=0, disputed=False)
    except PayloadError as error:
        raise RegistryError(str(error)) from error
    known = measure_codes(state, city)
    if measure.code not in known:
        raise RegistryError(f"$.code: {measure.code} is not in {city}'s catalogue; known are {known}")


def repair(state: Path, city: str, subject: str, *, warrant: Warrant, now_ms: int, only: Only = ALL) -> Called:
    """Lift the measures against `subject` (信用修复), all or `only` these; raise RegistryError."""
    return _change(_Wish(state, city, subject, only, warrant), "lift", now_ms)


def dispute(state: Path, city: str, subject: str, *, warrant: Warrant, now_ms: int, only: Only = ALL) -> Called:
    """Mark measures as disputed: they have no effect until the dispute is settled; raise RegistryError."""
    return _change(_Wish(state, city, subject, only, warrant), "dispute", now_ms)


def undispute(state: Path, city: str, subject: str, *, warrant: Warrant, now_ms: int, only: Only = ALL) -> Called:
    """Reject a dispute: the measures have effect again; raise RegistryError."""
    return _change(_Wish(state, city, subject, only, warrant), "undispute", now_ms)


def revoke(state: Path, city: str, token_id: bytes, *, now_ms: int) -> Called:
    """Revoke one token by its id (8 bytes); raise RegistryError if this city did not issue it."""
    with register(state) as conn:
        done = conn.execute(
            "UPDATE credential SET revoked_ms = coalesce(revoked_ms, ?) WHERE city = ? AND token_id = ?",
            (now_ms, city, token_id),
        )
        if done.rowcount == 0:
            raise RegistryError(f"{token_id.hex()}: {city} issued no such token")
    return Called(count=1, published=publish(state, now_ms=now_ms, cities=(city,)))


def kill_key(state: Path, city: str, *, now_ms: int, kid: bytes | None = None) -> Called:
    """Kill a signing key, or all of the city's: every token under it is refused; raise RegistryError."""
    with register(state) as conn:
        done = conn.execute(
            "UPDATE issuer_key SET killed_ms = coalesce(killed_ms, ?) WHERE city = ? AND (? IS NULL OR kid = ?)",
            (now_ms, city, kid, kid),
        )
        if done.rowcount == 0:
            raise RegistryError(f"{city}: has no {'signing key' if kid is None else f'key {kid.hex()}'}")
    return Called(count=done.rowcount, published=publish(state, now_ms=now_ms, cities=(city,)))


class Listed(NamedTuple):
    """Tier and groups that somebody shall have by list."""

    tier: int
    groups: Collection[int]


def list_as_member(state: Path, city: str, subject: str, listed: Listed, *, warrant: Warrant, now_ms: int) -> Called:
    """Let a subject have this tier and these groups by list, whatever credentials claim.

    Raises RegistryError, PublishingError.
    """
    ranges = households(state, city)
    with register(state) as conn:
        key = known_pseudonym(conn, city, subject)
        wished = {key: Standing.of(listed.tier, listed.groups)}
        list_members(conn, city, wished, about=key.hex(), warrant=warrant, now_ms=now_ms)
        check_households(conn, city, ranges, wished)
    return Called(count=1, published=publish(state, now_ms=now_ms, cities=(city,), touched=(key,)))


class _Wish(NamedTuple):
    """Whose measures shall change, all or those with one code, and by whose word."""

    state: Path
    city: str
    subject: str
    only: Only
    warrant: Warrant


def _change(wish: _Wish, what: What, now_ms: int) -> Called:
    city, subject, (code, authority) = wish.city, wish.subject, wish.only
    change, value = {
        "lift": ("lifted_ms", now_ms),
        "dispute": ("state", "disputed"),
        "undispute": ("state", "active"),
    }[what]
    with register(wish.state) as conn:
        key = known_pseudonym(conn, city, subject)
        sql = f"UPDATE entry SET {change} = ?1{OF_SUBJECT} RETURNING number"  # noqa: S608 - constants
        changed = [int(row[0]) for row in conn.execute(sql, (value, city, key, code, authority))]
        if not changed:
            which = "no measure stands" if code is None else f"no measure {code} stands"
            raise RegistryError(f"{subject}: {which} against them in {city}")
        note(conn, wish.warrant, what, changed, city=city, now_ms=now_ms)
    return Called(count=len(changed), published=publish(wish.state, now_ms=now_ms, cities=(city,), touched=(key,)))


def _today(conn: sqlite3.Connection, city: str, now_ms: int) -> date:
    return datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone_of(conn, city)).date()
