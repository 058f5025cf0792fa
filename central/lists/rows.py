"""The register's rows as payloads of the lists: measures in force today, members with tier and groups.

Rules of this file:

- an entry is in force from its first day to its last, both in the city's zone, unless it was lifted;
- a subject's rows ascend and none stands twice: two measures that say the same are one row;
- rows stream: the register of a town of ten million is never held in memory.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from cache.lists.keyfile.building import Row
from cache.lists.payloads import PayloadError, pack_measure, pack_member
from central.lists.keyed import Authorities
from central.lists.metadata_files import PublishingError

IN_FORCE: Final = " FROM entry WHERE city = ? AND lifted_ms IS NULL AND from_day <= ? AND until_day >= ?"
MEASURES: Final = f"SELECT subject, code, until_day, authority, state{IN_FORCE}"
MEMBERS: Final = "SELECT subject, tier, code FROM member WHERE city = ?"
TWICE: Final = (
    "SELECT subject, min(code), max(code) FROM member WHERE city = ?1 AND code BETWEEN ?2 AND ?3 AND (?4 IS NULL OR"
    " subject = ?4) GROUP BY subject HAVING count(*) > 1 LIMIT 1"
)


class Rows:
    """The rows that `select` (with `asked`) gives, packed by `pack`."""

    def __init__(
        self, conn: sqlite3.Connection, select: str, asked: tuple[Any, ...], pack: Callable[[tuple[Any, ...]], bytes]
    ) -> None:
        self._conn = conn
        self._select = select
        self._asked = asked
        self._pack = pack

    def count(self) -> int:
        """Return how many rows there are, twins counted twice."""
        found: int = self._conn.execute(f"SELECT count(*) FROM ({self._select})", self._asked).fetchone()[0]  # noqa: S608 - constants
        return found

    def rows(self) -> Iterator[Row]:
        """Yield every (subject, payload), ascending, none twice; raise PublishingError."""
        found = self._conn.execute(f"{self._select} ORDER BY subject", self._asked)
        for subject, group in groupby(found, key=itemgetter(0)):
            for payload in self._payloads(group):
                yield bytes(subject), payload

    def of(self, subject: bytes) -> bytes:
        """Return the payloads of one subject, ascending, joined; raise PublishingError."""
        found = self._conn.execute(f"{self._select} AND subject = ?", (*self._asked, subject))
        return b"".join(self._payloads(found))

    def _payloads(self, group: Iterable[tuple[Any, ...]]) -> list[bytes]:
        return sorted({self._pack(row) for row in group})


def measures(conn: sqlite3.Connection, city: str, today: str, authorities: Authorities) -> Rows:
    """Return the measures that are in force on `today` (ISO date)."""

    def pack(row: tuple[Any, ...]) -> bytes:
        _subject, code, until, authority, state = row
        try:
            number = authorities.number(authority)
            return pack_measure(code, date.fromisoformat(until), authority=number, disputed=state == "disputed")
        except PayloadError as error:
            raise PublishingError(f"lists/{city}: {error}") from error

    return Rows(conn, MEASURES, (city, today, today), pack)


def members(conn: sqlite3.Connection, city: str) -> Rows | None:
    """Return who has which tier and groups by list; None for a city that keeps no such list."""
    if conn.execute("SELECT 1 FROM member WHERE city = ? LIMIT 1", (city,)).fetchone() is None:
        return None
    return Rows(conn, MEMBERS, (city,), lambda row: pack_member(row[1], row[2]))


def check_households(
    conn: sqlite3.Connection, city: str, ranges: Iterable[tuple[int, int]], touched: Iterable[bytes] | None = None
) -> None:
    """Raise PublishingError for somebody in two households of one range; of `touched` subjects alone where given."""
    subjects = [None] if touched is None else list(touched)
    for first, last in sorted(ranges):
        for subject in subjects:
            row = conn.execute(TWICE, (city, first, last, subject)).fetchone()
            if row is not None:
                raise PublishingError(
                    f"{city}: subject {row[0].hex()} is in the households {row[1]} and {row[2]}, and a limit counts the"
                    f" groups {first} to {last} as one each; list this subject in one of them"
                )
