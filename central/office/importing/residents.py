"""People into the register: each gets a pseudonym; who is there already stays as they are; undone as one act.

Rules of this file:

- a file with anything wrong in it changes nothing: the faults are told by row and column, all at once;
- the same file again changes nothing (idempotent), and so does a name that stands in it twice;
- undoing an import takes away whom it brought in, but nobody who has a credential or a measure since: they are told;
- columns of tier or groups become one draft of member lists (lists.md), which somebody else approves: names come in by
  one person, for nobody gets or loses anything by them, a tier takes two. The import undone, its draft is undone too;
- names go into the register's own file and nowhere else: the office journal tells numbers.
"""

import json
import secrets
import sqlite3
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from central.lists.cities import publish
from central.office.desk import Desk
from central.office.drafts import deciding, keeping, members
from central.office.drafts.deciding import Asked
from central.office.drafts.states import State
from central.office.importing.columns import KINDS, Read, Wrong, read_rows
from central.office.importing.reading import read_table
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.members import Standing, list_members
from central.register.registry import PSEUDONYM_BYTES, register, zone_of
from central.register.warrants import Warrant

SHOWN: Final = 20
TABLES: Final = (
    (
        "CREATE TABLE IF NOT EXISTS import (import TEXT PRIMARY KEY, city TEXT NOT NULL, at_ms INTEGER NOT NULL,"
        " by_whom TEXT NOT NULL, undone_ms INTEGER) STRICT, WITHOUT ROWID"
    ),
    (
        "CREATE TABLE IF NOT EXISTS imported (import TEXT NOT NULL REFERENCES import (import), pseudonym BLOB NOT NULL,"
        " PRIMARY KEY (import, pseudonym)) STRICT, WITHOUT ROWID"
    ),
)
HELD: Final = "SELECT name FROM subject WHERE city = ?"
ADD: Final = "INSERT INTO subject (city, name, pseudonym) VALUES (?, ?, ?)"
NOTE: Final = "INSERT INTO import (import, city, at_ms, by_whom) VALUES (?, ?, ?, ?)"
NOTE_ONE: Final = "INSERT INTO imported (import, pseudonym) VALUES (?, ?)"
LISTED: Final = (
    "SELECT i.import, i.at_ms, i.by_whom, i.undone_ms, (SELECT count(*) FROM imported WHERE import = i.import)"
    " FROM import i WHERE i.city = ? ORDER BY i.at_ms DESC LIMIT 50"
)
OF: Final = "SELECT city, undone_ms FROM import WHERE import = ?"
UNUSED: Final = (
    "DELETE FROM subject WHERE city = ?1 AND pseudonym IN (SELECT pseudonym FROM imported WHERE import = ?2)"
    " AND NOT EXISTS (SELECT 1 FROM credential c WHERE c.city = ?1 AND c.subject = subject.pseudonym)"
    " AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.city = ?1 AND e.subject = subject.pseudonym)"
    " AND NOT EXISTS (SELECT 1 FROM member m WHERE m.city = ?1 AND m.subject = subject.pseudonym)"
)
SUBJECTS: Final = "SELECT name, pseudonym FROM subject WHERE city = ?"
KEPT_TABLE: Final = (  # from before tiers were drafts: what an import that was undone gives back
    "CREATE TABLE IF NOT EXISTS import_member (import TEXT NOT NULL REFERENCES import (import),"
    " pseudonym BLOB NOT NULL, before_json TEXT NOT NULL, PRIMARY KEY (import, pseudonym)) STRICT, WITHOUT ROWID"
)
KEPT: Final = "SELECT pseudonym, before_json FROM import_member WHERE import = ?"
UNDONE: Final = "UPDATE import SET undone_ms = ? WHERE import = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an import would do: how many are new and known, how many get or lose a tier or groups, what is wrong."""

    rows: int
    new: int
    known: int
    listed: int
    wrong: tuple[Wrong, ...]
    sample: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An import that was made."""

    name: str
    at_ms: int
    by: str
    undone_ms: int | None
    many: int


def _tables(conn: sqlite3.Connection) -> None:
    for sql in (*TABLES, KEPT_TABLE):
        conn.execute(sql)


def _new_names(conn: sqlite3.Connection, city: str, read: Read) -> list[str]:
    zone_of(conn, city)
    held = {row[0] for row in conn.execute(HELD, (city,))}
    return [name for name in dict.fromkeys(row["name"] for row in read.rows if "name" in row) if name not in held]


def _wished(folder: Path, city: str, read: Read) -> dict[bytes, Standing]:
    """Return tier and groups of those whose rows say any, by pseudonym; somebody not known yet stands for nobody."""
    wanted = {row["name"]: row for row in read.rows if "name" in row and ("tier" in row or "groups" in row)}
    with register(folder) as conn:
        keys = {one: bytes(key) for one, key in conn.execute(SUBJECTS, (city,)) if one in wanted}
    return {
        keys[one]: Standing.of(row.get("tier", 0), row.get("groups", ())) for one, row in wanted.items() if one in keys
    }


def _restored(conn: sqlite3.Connection, city: str, name: str, who: str, *, now_ms: int) -> int:
    """Give everybody whom an import listed, before tiers were drafts, what they had; return how many."""
    kept = {bytes(key): json.loads(text) for key, text in conn.execute(KEPT, (name,))}
    if kept:
        before = {key: None if had is None else Standing.of(*had) for key, had in kept.items()}
        word = Warrant.in_emergency(who, "undoes an import from before tiers needed two")
        list_members(conn, city, before, about=name, warrant=word, now_ms=now_ms)
    return len(kept)


async def preview(desk: Desk, who: Person, city: str, data: bytes) -> Preview:
    """Return what an import would do, changing nothing (dry run); raise RefusedError, ForbiddenError."""
    who.check("register.import", city)

    def work() -> Preview:
        read = read_rows(read_table(data), KINDS["residents"])
        with register(desk.folder) as conn:
            new = _new_names(conn, city, read)
        listed = members.differing(desk.folder, city, _wished(desk.folder, city, read))
        fresh = set(new)
        graded = {row["name"] for row in read.rows if row.get("name") in fresh and ("tier" in row or "groups" in row)}
        shown = tuple(str(row.get("name", ""))[:1] + "*" for row in read.rows[:SHOWN])
        known = len(read.rows) - len(new)
        return Preview(
            rows=len(read.rows),
            new=len(new),
            known=known,
            listed=len(listed) + len(graded),
            wrong=tuple(read.wrong),
            sample=shown,
        )

    return await desk.run(work)


async def take(desk: Desk, who: Person, city: str, data: bytes, asked: Asked) -> dict[str, Any]:
    """Take a file in as one act; raise RefusedError when anything in it is wrong."""
    who.check("register.import", city)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    read = await desk.run(lambda: read_rows(read_table(data), KINDS["residents"]))
    if read.wrong:
        raise RefusedError(told(read.wrong))
    name = secrets.token_hex(6)

    def work() -> dict[str, Any]:
        with register(desk.folder) as conn:
            _tables(conn)
            new = [(one, secrets.token_bytes(PSEUDONYM_BYTES)) for one in _new_names(conn, city, read)]
            conn.execute(NOTE, (name, city, now_ms, who.operator))
            conn.executemany(ADD, [(city, one, key) for one, key in new])
            conn.executemany(NOTE_ONE, [(name, key) for _one, key in new])
        return {"import": name, "rows": len(read.rows), "new": len(new)}

    act = Act(act="register.import", city=city, subject=name, why=asked.why, once=asked.once)
    done = await desk.effect(who, act, work, lambda one: one)
    wished = await desk.run(lambda: _wished(desk.folder, city, read))
    draft = await deciding.propose_members(desk, who, city, wished, replace(asked, once=None), wish=name)
    return {**done, "draft": None if draft is None else draft.number}


def told(wrong: list[Wrong]) -> str:
    """Return what is wrong with a file, a line each."""
    lines = [f"第 {one.row} 行 {one.column}：{one.zh} · row {one.row}: {one.en}" for one in wrong]
    return "文件有误，未导入任何一行 · nothing was taken in:\n" + "\n".join(lines)


async def undo(desk: Desk, who: Person, city: str, name: str, asked: Asked) -> dict[str, Any]:
    """Take an import back as one act; whoever is used since stays. Raises NotThereError, RefusedError."""
    who.check("register.undo", city)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    undone = await _undo_draft(desk, who, city, name, asked)

    def work() -> dict[str, Any]:
        with register(desk.folder) as conn:
            _tables(conn)
            row = conn.execute(OF, (name,)).fetchone()
            if row is None or row[0] != city:
                raise NotThereError(f"{city} 没有此次导入 · {city} has no such import")
            if row[1] is not None:
                raise RefusedError("该次导入已撤销 · the import is undone already")
            many = conn.execute("SELECT count(*) FROM imported WHERE import = ?", (name,)).fetchone()[0]
            restored = _restored(conn, city, name, who.operator, now_ms=now_ms)
            gone = conn.execute(UNUSED, (city, name)).rowcount
            conn.execute(UNDONE, (now_ms, name))
        if restored:
            publish(desk.folder, now_ms=now_ms, cities=(city,))
        return {"import": name, "gone": gone, "kept": many - gone, "members": restored + undone}

    act = Act(act="register.undo", city=city, subject=name, why=asked.why, once=asked.once)
    return await desk.effect(who, act, work, lambda one: one)


async def _undo_draft(desk: Desk, who: Person, city: str, name: str, asked: Asked) -> int:
    """Take back the draft of tiers that came with an import; return how many people have what they had before."""
    draft = await desk.books.read(lambda tx: keeping.about(tx, city, "members", name))
    asked = replace(asked, once=None)
    if draft is not None and draft.state in (State.OPEN, State.APPROVED):
        await deciding.withdraw(desk, who, draft.number, asked)
    if draft is None or draft.state is not State.IN_FORCE:
        return 0
    await deciding.roll_back(desk, who, draft.number, asked)
    return int(draft.content["people"])


async def came_in(desk: Desk, city: str, name: str) -> tuple[bool, bool]:
    """Return whether an import was made, and whether it was undone: what a power cut left open."""

    def work() -> tuple[bool, bool]:
        with register(desk.folder) as conn:
            _tables(conn)
            row = conn.execute(OF, (name,)).fetchone()
        return row is not None and row[0] == city, row is not None and row[1] is not None

    return await desk.run(work)


async def listed(desk: Desk, city: str) -> list[Imported]:
    """Return the newest imports of a city."""

    def work() -> list[Imported]:
        with register(desk.folder) as conn:
            _tables(conn)
            rows = conn.execute(LISTED, (city,)).fetchall()
        return [Imported(name=one, at_ms=at, by=by, undone_ms=undone, many=many) for one, at, by, undone, many in rows]

    return await desk.run(work)
