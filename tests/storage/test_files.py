import contextlib
import threading

import pytest

from central.store import SCHEMA
from storage.files import create_file, make_private, replace_file
from storage.migrations import TERMINAL, SchemaTooNewError, Step, migrate, steps, version
from storage.sqlite import Store, connect


def mode(path):
    return path.stat().st_mode & 0o777


def everything_in(conn):
    """The whole of a database: its number, what it is made of, and every row.

    Not the table in which SQLite counts for tables that once had AUTOINCREMENT, where nothing stands in it.
    """
    made = conn.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()
    rows = {name: conn.execute(f'SELECT * FROM "{name}"').fetchall() for kind, name, *_ in made if kind == "table"}
    if not rows.get("sqlite_sequence"):
        rows.pop("sqlite_sequence", None)
    return version(conn), [one for one in made if one[0] != "table" or one[1] in rows], rows


class TestFiles:
    def test_a_file_is_replaced_whole_and_with_its_rights(self, tmp_path):
        path = tmp_path / "new folder" / "f"
        replace_file(path, b"one", mode=0o644)
        replace_file(path, b"two")

        assert (path.read_bytes(), mode(path)) == (b"two", 0o600)
        assert [one.name for one in path.parent.iterdir()] == ["f"]

    def test_a_file_is_created_once(self, tmp_path):
        create_file(tmp_path / "f", b"one")

        with pytest.raises(FileExistsError):
            create_file(tmp_path / "f", b"two")
        assert (tmp_path / "f").read_bytes() == b"one"
        assert [one.name for one in tmp_path.iterdir()] == ["f"]

    def test_a_database_that_others_could_read_is_narrowed_with_its_side_files(self, tmp_path):
        for ending in ("", "-wal", "-shm"):
            (tmp_path / f"t.db{ending}").touch(0o644)

        make_private(tmp_path / "t.db")

        assert {mode(one) for one in tmp_path.iterdir()} == {0o600}

    async def test_nobody_else_can_read_a_terminal_s_store_or_the_copy_before_a_migration(self, tmp_path):
        path = tmp_path / "terminal.db"
        with contextlib.closing(connect(path, writing=True)) as conn:
            conn.executescript(steps(TERMINAL)[0].sql + "PRAGMA user_version = 1;")
        path.chmod(0o644)

        async with Store(path) as store:
            await store.write(lambda conn: conn.execute("DELETE FROM set_aside").fetchall())
            rights = {one.name: mode(one) for one in tmp_path.iterdir()}

        assert set(rights.values()) == {0o600}
        assert "terminal.before-migration.db" in rights


class TestMigrations:
    @pytest.mark.parametrize("schema", [TERMINAL, SCHEMA], ids=["terminal", "platform"])
    def test_every_table_of_a_new_database_is_strict(self, schema, tmp_path):
        conn = connect(":memory:", writing=True)
        assert migrate(conn, schema, backup_to=None) == len(steps(schema)) == version(conn)

        tables = [row for row in conn.execute("PRAGMA table_list") if row[2] == "table" and row[1][:7] != "sqlite_"]
        assert [row[1] for row in tables if not row[5]] == []

    @pytest.mark.parametrize("schema", [TERMINAL, SCHEMA], ids=["terminal", "platform"])
    def test_a_new_database_is_what_going_through_every_file_leaves(self, schema, monkeypatch):
        new, stored = connect(":memory:", writing=True), connect(":memory:", writing=True)

        migrate(new, schema, backup_to=None)
        monkeypatch.setattr("storage.migrations._found", lambda *_: False)  # as a database that exists
        migrate(stored, schema, backup_to=None)

        assert everything_in(new) == everything_in(stored)

    @pytest.mark.parametrize("schema", [TERMINAL, SCHEMA], ids=["terminal", "platform"])
    def test_a_new_database_is_made_whole_or_not_at_all(self, schema):
        conn, asked = connect(":memory:", writing=True), []
        conn.set_trace_callback(asked.append)

        migrate(conn, schema, backup_to=None)

        assert [one for one in asked if one.startswith(("BEGIN", "COMMIT"))] == ["BEGIN IMMEDIATE", "COMMIT"]

    def test_two_processes_that_open_one_new_database_migrate_it_once(self, tmp_path):
        start, applied = threading.Barrier(4), []

        def opened():
            with contextlib.closing(connect(tmp_path / "c.db", writing=True)) as conn:
                start.wait()
                applied.append(migrate(conn, SCHEMA, backup_to=None))

        threads = [threading.Thread(target=opened) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sum(applied) == len(steps(SCHEMA))
        assert len(applied) == 4

    def test_a_newer_database_is_refused(self, tmp_path):
        conn = connect(":memory:", writing=True)
        conn.execute("PRAGMA user_version = 99")

        with pytest.raises(SchemaTooNewError):
            migrate(conn, SCHEMA, backup_to=None)

    def test_a_schema_file_that_fails_leaves_the_database_as_it_was(self, monkeypatch):
        conn = connect(":memory:", writing=True)
        bad = (Step(1, "0001_bad.sql", "CREATE TABLE a (n INTEGER) STRICT;\nCREATE TABLE a (n INTEGER) STRICT;\n"),)
        monkeypatch.setattr("storage.migrations.steps", lambda _schema: bad)

        with pytest.raises(Exception, match="already exists"):
            migrate(conn, SCHEMA, backup_to=None)
        assert version(conn) == 0
        assert conn.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
