"""Taking, lifting and resting measures in the register, by somebody's word (`Warrant`), published at once.

Rules of this file:

- nothing is deleted: lifting marks the entry, and putting it back takes the mark away;
- each function is one transaction of the register with the note of whose word it was; publishing comes after;
- what bears a source (a draft, a case) is changed once: asked for again, it is published again and nothing else;
- letting a disputed entry rest is one person's act: it bars nobody, and its case waits for somebody else.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final, NamedTuple

from central.lists.cities import publish
from central.lists.publishing import Published
from central.office.refusals import RefusedError
from central.register.registry import register
from central.register.warrants import Warrant, What, done_already, note

RECORD: Final = (
    "INSERT INTO entry (city, subject, code, from_day, until_day, authority, basis, recorded_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
WHOM: Final = "SELECT subject FROM entry WHERE city = ? AND number = ?"
LIFT: Final = "UPDATE entry SET lifted_ms = ? WHERE city = ? AND number = ? AND lifted_ms IS NULL"
UNLIFT: Final = "UPDATE entry SET lifted_ms = NULL WHERE city = ? AND number = ?"
SET_STATE: Final = "UPDATE entry SET state = ? WHERE city = ? AND number = ? AND lifted_ms IS NULL"


def record(state: Path, city: str, content: dict[str, Any], *, warrant: Warrant, now_ms: int) -> tuple[int, Published]:
    """Enter a checked measure and publish it; return its number."""
    with register(state) as conn:
        done = done_already(conn, warrant, "take", city=city)
        number = int(done[0]) if done else _record(conn, city, content, now_ms)
        if not done:
            note(conn, warrant, "take", (number,), city=city, now_ms=now_ms)
    touched = (bytes.fromhex(content["subject"]),)
    return number, publish(state, now_ms=now_ms, cities=(city,), touched=touched)


def record_all(
    state: Path, city: str, contents: list[dict[str, Any]], *, warrant: Warrant, now_ms: int
) -> tuple[list[int], Published]:
    """Enter checked measures as one transaction and publish once; return their numbers."""
    with register(state) as conn:
        done = done_already(conn, warrant, "take", city=city)
        numbers = [int(one) for one in done] or [_record(conn, city, one, now_ms) for one in contents]
        if not done:
            note(conn, warrant, "take", numbers, city=city, now_ms=now_ms)
    return numbers, publish(state, now_ms=now_ms, cities=(city,))


def lift_all(state: Path, city: str, numbers: list[int], *, warrant: Warrant, now_ms: int) -> int:
    """Lift those of the entries that still stand, as one transaction; return how many. Publishing comes after."""
    with register(state) as conn:
        if done := done_already(conn, warrant, "lift", city=city):
            return len(done)
        lifted = [one for one in numbers if conn.execute(LIFT, (now_ms, city, one)).rowcount]
        note(conn, warrant, "lift", lifted, city=city, now_ms=now_ms)
        return len(lifted)


def _record(conn: sqlite3.Connection, city: str, content: dict[str, Any], now_ms: int) -> int:
    days = (content["from_day"], content["until_day"])
    what = (content["code"], *days, content["authority"], content["basis"], now_ms)
    return int(conn.execute(RECORD, (city, bytes.fromhex(content["subject"]), *what)).lastrowid or 0)


def lift(state: Path, city: str, number: int, *, warrant: Warrant, now_ms: int) -> Published:
    """Lift one entry and publish that; raise RefusedError when it is lifted already."""
    key = _change(state, number, _Change("lift", LIFT, (now_ms, city, number)), warrant, city=city, now_ms=now_ms)
    return publish(state, now_ms=now_ms, cities=(city,), touched=(key,))


def put_back(state: Path, city: str, number: int, *, warrant: Warrant, now_ms: int) -> Published:
    """Undo a lifting and publish that."""
    key = _change(state, number, _Change("put_back", UNLIFT, (city, number)), warrant, city=city, now_ms=now_ms)
    return publish(state, now_ms=now_ms, cities=(city,), touched=(key,))


def rest(state: Path, city: str, number: int, *, now_ms: int) -> Published:
    """Let an entry rest while it is disputed, and publish that: one person's act, for it bars nobody."""
    what = _Change("dispute", SET_STATE, ("disputed", city, number))
    key = _change(state, number, what, None, city=city, now_ms=now_ms)
    return publish(state, now_ms=now_ms, cities=(city,), touched=(key,))


def wake(state: Path, city: str, number: int, *, warrant: Warrant, now_ms: int) -> Published:
    """Let an entry that was disputed have effect again, and publish that."""
    what = _Change("undispute", SET_STATE, ("active", city, number))
    key = _change(state, number, what, warrant, city=city, now_ms=now_ms)
    return publish(state, now_ms=now_ms, cities=(city,), touched=(key,))


class _Change(NamedTuple):
    what: What
    sql: str
    values: tuple[Any, ...]


def _change(state: Path, number: int, change: _Change, warrant: Warrant | None, *, city: str, now_ms: int) -> bytes:
    """Change one entry and return whom it is about."""
    with register(state) as conn:
        done = [] if warrant is None else done_already(conn, warrant, change.what, city=city)
        if str(number) in done:
            return _whom(conn, city, number)
        if conn.execute(change.sql, change.values).rowcount == 0:
            raise RefusedError(f"第 {number} 号措施已不在 · measure {number} of {city} does not stand any more")
        if warrant is not None:
            note(conn, warrant, change.what, (number,), city=city, now_ms=now_ms)
        return _whom(conn, city, number)


def _whom(conn: sqlite3.Connection, city: str, number: int) -> bytes:
    return bytes(conn.execute(WHOM, (city, number)).fetchone()[0])


def taken(state: Path, city: str, warrant: Warrant) -> bool:
    """Return whether measures were taken by this very word already: then they are not checked anew."""
    with register(state) as conn:
        return bool(done_already(conn, warrant, "take", city=city))


def ruled(state: Path, city: str, warrant: Warrant) -> bool:
    """Return whether rule files were put in force by this very word already."""
    with register(state) as conn:
        return bool(done_already(conn, warrant, "rules", city=city))
