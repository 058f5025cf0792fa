"""The schema of a database, as ordered SQL files (`NNNN_name.sql` in the package that owns the tables).

Rules of this file:

- files are only ever appended; a released file never changes (a test opens a stored database of every release);
- `PRAGMA user_version` holds the number of the last file applied; each file is one transaction with its number;
- two processes may open one database at once: the number is looked at again under the lock;
- a new database is made in one transaction, of what going through every file leaves in memory: a terminal's first start
  waits for one commit instead of one a file, and a power cut leaves the whole of it or nothing (ADR 0118);
- a file may say `-- opens: N` on a line of its own: programs that know N files may still open what it makes. It only
  adds; so a terminal that was updated goes back to the version before without losing a fact. The database keeps the
  highest such number in `schema_opens`; a file that says nothing needs itself;
- a database that is newer than this program and does not open for it is refused, never touched;
- before an existing database is changed, `VACUUM INTO` keeps a copy of it beside the old one, for its owner alone,
  where there is room for it: a gate must not stay dark for want of a copy. Each file is a transaction either way.
"""

import logging
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from storage.files import make_private

OPENS: Final = re.compile(r"^-- opens: (\d+)$", re.MULTILINE)
KEPT: Final = "SELECT 1 FROM sqlite_master WHERE name = 'schema_opens'"
KEEP: Final = (
    "CREATE TABLE IF NOT EXISTS schema_opens"
    " (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), least INTEGER NOT NULL) STRICT"
)
RAISE: Final = (
    "INSERT INTO schema_opens (only_row, least) VALUES (1, ?)"
    " ON CONFLICT (only_row) DO UPDATE SET least = max(least, excluded.least)"
)
COPIES: Final = 2  # a file that rewrites every table writes all of it to the log as well
LEFT_BYTES: Final = 20 * 2**20  # for facts
LEAST: Final = "SELECT least FROM schema_opens"
MADE: Final = (
    "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    " ORDER BY type <> 'table', rowid"
)

log = logging.getLogger("xinguan.store")


class SchemaTooNewError(Exception):
    """The database was written by a newer Xinguan. Install that version again; nothing was changed."""


class Step(NamedTuple):
    """One schema file: its number, its name and the statements in it."""

    number: int
    name: str
    sql: str

    @property
    def opens(self) -> int:
        """How many files a program must know that may still open what this one makes."""
        found = OPENS.search(self.sql)
        return self.number if found is None else int(found[1])


class Schema(NamedTuple):
    """Where a database's schema files lie: a package and a folder in it; and the page size of a new SQLite file.

    A commit writes whole pages: small ones where commits are small and each is waited for.
    """

    package: str
    folder: str
    page_bytes: int = 4096


TERMINAL = Schema("cache", "schema", page_bytes=1024)


@cache
def steps(schema: Schema = TERMINAL) -> tuple[Step, ...]:
    """Return every schema file in order. Numbers start at 1 and have no gaps."""
    folder = resources.files(schema.package).joinpath(schema.folder)
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


def least(conn: sqlite3.Connection) -> int:
    """Return how many schema files a program must know to open this database."""
    row = conn.execute(LEAST).fetchone() if conn.execute(KEPT).fetchone() else None
    return version(conn) if row is None else int(row[0])


def migrate(conn: sqlite3.Connection, schema: Schema = TERMINAL, *, backup_to: Path | None) -> int:
    """Bring the database up to this program's schema and return how many files were applied; raise SchemaTooNewError.

    `backup_to` names the copy that `VACUUM INTO` writes before an existing database is changed; None for no copy.
    """
    have, every = version(conn), steps(schema)
    if have > len(every):
        if least(conn) > len(every):
            raise SchemaTooNewError(f"database schema {have} is newer than this program's {len(every)}")
        return 0  # a later version made it, and says that this one may go on with it
    if not have and _found(conn, every):
        return len(every)
    have = version(conn)
    todo = every[have:]
    if todo and have and backup_to is not None:
        _copy(conn, backup_to)
    return sum(_apply(conn, step) for step in todo)


def _copy(conn: sqlite3.Connection, target: Path) -> None:
    """Keep what is about to be changed, where that leaves room for the change itself."""
    target.unlink(missing_ok=True)
    pages, page_bytes = (conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    needed, free = COPIES * pages * page_bytes + LEFT_BYTES, shutil.disk_usage(target.parent).free
    if free < needed:
        log.warning("no_copy_before_migration", extra={"free_bytes": free, "needed_bytes": needed})
        return
    make_private(target)
    conn.execute("VACUUM INTO ?", (str(target),))


def _found(conn: sqlite3.Connection, every: tuple[Step, ...]) -> bool:
    """Make a new database at once; False where another process was first."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        first = not version(conn)
        if first:
            for sql, values in _whole(every):
                conn.execute(sql, values)
            conn.execute(f"PRAGMA user_version = {len(every)}")
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return first


@cache
def _whole(every: tuple[Step, ...]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    """Return what makes a new database: tables, the rows that the files leave in them, then indexes and triggers."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as conn:
        conn.execute("PRAGMA foreign_keys = ON")
        for step in every:
            _apply(conn, step)
        made = conn.execute(MADE).fetchall()
        rows = [
            (f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', row)  # noqa: S608 - names of our own schema
            for kind, name, _ in made
            if kind == "table"
            for row in conn.execute(f'SELECT * FROM "{name}"')  # noqa: S608 - the same
        ]
    tables = [(sql, ()) for kind, _, sql in made if kind == "table"]
    return (*tables, *rows, *((sql, ()) for kind, _, sql in made if kind != "table"))


def _apply(conn: sqlite3.Connection, step: Step) -> int:
    conn.execute("BEGIN IMMEDIATE")
    try:
        fresh = version(conn) < step.number
        if fresh:
            for statement in statements(step.sql):
                conn.execute(statement)
            conn.execute(f"PRAGMA user_version = {step.number}")
            conn.execute(KEEP)
            conn.execute(RAISE, (step.opens,))
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise
    return int(fresh)
