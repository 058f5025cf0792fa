"""By whose word something takes effect that needs two people (office.md).

Rules of this file:

- what bars somebody, who has which tier and groups, and what the rules are changes only against a `Warrant`: whoever
  changes it asks for one and notes it in the same transaction, so no door (page, API token, command, import, schedule)
  can forget; the schema knows too;
- a warrant names two different people, or it is an emergency: one person, with a reason. The door that makes an
  emergency writes it into the office journal, and the work list tells everybody until somebody else has looked at it;
- a city's first rules are taken in when the city is founded: they replace nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal, Self

MIN_WHY: Final = 2
MAX_WHY: Final = 500
What = Literal["take", "lift", "put_back", "dispute", "undispute", "rules", "member", "issue"]
NOTE: Final = (
    "INSERT INTO warrant (city, what, about, sha256, maker, approver, emergency, source, at_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
RULES: Final = "SELECT about, sha256 FROM warrant WHERE city = ? AND what = 'rules' ORDER BY number"


DONE: Final = "SELECT about FROM warrant WHERE city = ? AND source = ? AND what = ? ORDER BY number"


class UnwarrantedError(Exception):
    """Nobody, one person or the same person twice stands behind an act that needs two. The text names the mend."""


@dataclass(frozen=True, slots=True)
class Warrant:
    """Who stands behind a change: `maker` and `approver`, or `maker` alone with the reason of an emergency.

    `source` names the draft or case that it came from: a change that bears one is made once, however often it is asked
    for, so that what a power cut left half done can be done again.
    """

    maker: str
    approver: str
    emergency: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.maker:
            raise UnwarrantedError("没有经办人 · nobody stands behind this")
        if self.emergency:
            if self.approver or not MIN_WHY <= len(self.emergency.strip()) <= MAX_WHY:
                raise UnwarrantedError(f"紧急处置须写理由（{MIN_WHY} 至 {MAX_WHY} 字）· an emergency needs its reason")
        elif not self.approver or self.approver == self.maker:
            raise UnwarrantedError("须由另一人批准 · somebody else has to approve this")

    @classmethod
    def by_two(cls, maker: str, approver: str | None, *, source: str = "") -> Self:
        """Return the warrant of two people; raise UnwarrantedError unless there are two."""
        return cls(maker, approver or "", source=source)

    @classmethod
    def in_emergency(cls, who: str, why: str) -> Self:
        """Return the warrant of one person who has to act alone; raise UnwarrantedError without a reason."""
        if not why.strip():
            raise UnwarrantedError("紧急处置须写理由 · an emergency needs its reason")
        return cls(who, "", why.strip())


FOUNDING: Final = Warrant("@founding", "@root")
"""A city's first rules: they come with its keys and replace nothing (`central city add`)."""


def note(
    conn: sqlite3.Connection, warrant: Warrant, what: What, about: Iterable[int | str], *, city: str, now_ms: int
) -> None:
    """Note by whose word entries stand, fall or rest, and who has which tier; part of the change's own transaction."""
    by = (warrant.maker, warrant.approver, warrant.emergency, warrant.source, now_ms)
    conn.executemany(NOTE, [(city, what, str(number), "", *by) for number in about])


def done_already(conn: sqlite3.Connection, warrant: Warrant, what: What, *, city: str) -> list[str]:
    """Return what was changed by this very word before: numbers of entries, or names of files."""
    return [str(row[0]) for row in conn.execute(DONE, (city, warrant.source, what))] if warrant.source else []


def note_rules(
    conn: sqlite3.Connection, warrant: Warrant, files: Mapping[str, bytes], *, city: str, now_ms: int
) -> None:
    """Note by whose word rule files (name → bytes) are what they are."""
    by = (warrant.maker, warrant.approver, warrant.emergency, warrant.source, now_ms)
    conn.executemany(NOTE, [(city, "rules", name, digest(data), *by) for name, data in files.items()])


def digest(data: bytes) -> str:
    """Return what is noted of a rule file."""
    return sha256(data).hexdigest()


def approved(conn: sqlite3.Connection, city: str) -> dict[str, str]:
    """Return the SHA-256 of each rule file of a city as it was last put in force; an older platform noted none."""
    return {str(name): str(hashed) for name, hashed in conn.execute(RULES, (city,))}
