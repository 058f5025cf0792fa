"""The schema of the terminal's database, as ordered SQL files (`cache/schema/NNNN_name.sql`).

Rules of this file:

- files are only ever appended; a released file never changes (a test opens a stored database of every release);
- `PRAGMA user_version` holds the number of the last file applied; each file is one transaction with its number;
- a database that is newer than this program is refused, never touched;
- before an existing database is changed, `VACUUM INTO` keeps a copy of it beside the old one.
"""

import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple


class SchemaTooNewError(Exception):
    """The database was written by a newer Xinguan. Install that version again; nothing was changed."""


class Step(NamedTuple):
    """One schema file: its number, its name and the statements in it."""

    number: int
    name: str
    sql: str


@cache
def steps() -> tuple[Step, ...]:
    """Return every schema file in order. Numbers start at 1 and have no gaps."""
    folder = resources.files("cache").joinpath("schema")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    found = tuple(Step(int(f.name[:4]), f.name, f.read_text("utf-8")) for f in files)
    if [step.number for step in found] != list(range(1, len(found) + 1)):
        raise AssertionError(f"schema files must count 1, 2, 3 …: {[step.name for step in found]}")
    return found


def statements(sql: str) -> Iterator[str]:
    """Split a schema file into statements, so that they can run inside a transaction of ours."""
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
    if any(line and not line.startswith("--") for line in map(str.strip, pending.splitlines())):
        raise AssertionError(f"schema file ends inside a statement: {pending.strip()!r}")


def version(conn: sqlite3.Connection) -> int:
    """Return the number of the last schema file applied to this database; 0 for an empty one."""
    return int(conn.execute("PRAGMA user_version").fetchone()[0])


def migrate(conn: sqlite3.Connection, *, backup_to: Path | None) -> int:
    """Bring the database up to this program's schema and return how many files were applied; raise SchemaTooNewError.

    `backup_to` names the copy that `VACUUM INTO` writes before an existing database is changed; None for no copy.
    """
    have, every = version(conn), steps()
    if have > len(every):
        raise SchemaTooNewError(f"database schema {have} is newer than this program's {len(every)}")
    todo = every[have:]
    if todo and have and backup_to is not None:
        backup_to.unlink(missing_ok=True)
        conn.execute("VACUUM INTO ?", (str(backup_to),))
    for step in todo:
        conn.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements(step.sql):
                conn.execute(statement)
            conn.execute(f"PRAGMA user_version = {step.number}")
            conn.execute("COMMIT")
        except BaseException:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
            raise
    return len(todo)
