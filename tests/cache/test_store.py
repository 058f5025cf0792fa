import asyncio
import sqlite3
import threading

import pytest

from storage.migrations import SchemaTooNewError, statements, steps, version
from storage.sqlite import MAX_GROUP, Store, StoreFailedError, connect, immediate, memory

PUT = "INSERT INTO set_aside (seq, at_ms, detail) VALUES (?, 0, '')"
NOTE = "INSERT INTO epoch (id, terminal, from_seq, reason) VALUES (?, 't', 1, '')"


def note(name):
    def job(conn):
        conn.execute(NOTE, (name,))
        return name

    return job


def names(conn):
    return [row[0] for row in conn.execute("SELECT id FROM epoch ORDER BY number")]


@pytest.fixture
async def store(tmp_path):
    async with Store(tmp_path / "terminal.db") as opened:
        yield opened


class TestWriting:
    async def test_a_job_returns_its_result_after_it_is_on_disk(self, store, tmp_path):
        assert await store.write(note("a")) == "a"

        with connect(tmp_path / "terminal.db", writing=False) as other:
            assert names(other) == ["a"]
        other.close()

    async def test_a_job_that_raises_undoes_only_itself(self, store):
        def bad(conn):
            conn.execute(NOTE, ("half",))
            raise LookupError("mine")

        results = await asyncio.gather(
            store.write(note("a")), store.write(bad), store.write(note("b")), return_exceptions=True
        )

        assert [results[0], type(results[1]), results[2]] == ["a", LookupError, "b"]
        assert await store.read(names) == ["a", "b"]

    async def test_a_broken_constraint_reaches_the_caller_as_itself(self, store):
        await store.write(note("a"))

        with pytest.raises(sqlite3.IntegrityError):
            await store.write(note("a"))

    async def test_waiting_jobs_are_committed_together(self, tmp_path):
        commits = []
        async with Store(tmp_path / "t.db", reached=commits.append) as store:
            gate = threading.Event()
            first = asyncio.ensure_future(store.write(lambda _conn: gate.wait()))
            rest = [asyncio.ensure_future(store.write(note(str(n)))) for n in range(MAX_GROUP)]
            await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(first, *rest)

        assert commits.count("after-commit") <= 3

    async def test_a_cancelled_caller_does_not_cancel_its_job(self, store):
        gate = threading.Event()
        blocker = asyncio.ensure_future(store.write(lambda _conn: gate.wait()))
        task = asyncio.ensure_future(store.write(note("stands")))
        await asyncio.sleep(0)
        task.cancel()
        gate.set()
        await blocker
        with pytest.raises(asyncio.CancelledError):
            await task

        await store.write(note("after"))

        assert await store.read(names) == ["stands", "after"]

    async def test_leaving_finishes_waiting_jobs(self, tmp_path):
        async with Store(tmp_path / "t.db") as store:
            tasks = [asyncio.ensure_future(store.write(note(str(n)))) for n in range(5)]
            await asyncio.sleep(0)

        assert await asyncio.gather(*tasks) == list("01234")
        with pytest.raises(StoreFailedError, match="closed"):
            await store.write(note("late"))


class TestFullDisk:
    async def test_nobody_is_told_done_for_work_that_a_rollback_took(self, store):
        """A rollback by the database inside one job takes the whole group; the others are run again by themselves."""

        def drops_everything(conn):
            conn.execute(NOTE, ("gone",))
            conn.execute("ROLLBACK")  # what SQLite does by itself on SQLITE_FULL
            raise sqlite3.OperationalError("database or disk is full")

        gate = threading.Event()
        blocker = asyncio.ensure_future(store.write(lambda _conn: gate.wait()))
        group = [asyncio.ensure_future(store.write(job)) for job in (note("a"), drops_everything, note("b"))]
        await asyncio.sleep(0)
        gate.set()
        results = await asyncio.gather(*group, return_exceptions=True)
        await blocker

        assert [results[0], type(results[1]), results[2]] == ["a", StoreFailedError, "b"]
        assert await store.read(names) == ["a", "b"]

    async def test_a_full_file_fails_clearly_and_what_was_done_stays(self, store):
        await store.write(note("kept"))
        await store.write(lambda conn: conn.execute("PRAGMA max_page_count = 1").fetchone())

        with pytest.raises(StoreFailedError, match="full"):
            await store.write(note("x" * 100_000))

        await store.write(lambda conn: conn.execute("PRAGMA max_page_count = 1000000").fetchone())
        await store.write(note("again"))
        assert await store.read(names) == ["kept", "again"]


class TestReading:
    async def test_a_reader_cannot_write(self, store):
        with pytest.raises(StoreFailedError, match="readonly"):
            await store.read(note("no"))

    async def test_a_reader_sees_committed_data_only(self, store):
        await store.write(note("a"))

        assert await store.read(names) == ["a"]


class TestOpening:
    async def test_a_newer_schema_is_refused_and_not_touched(self, tmp_path):
        path = tmp_path / "t.db"
        conn = connect(path, writing=True)
        conn.execute("PRAGMA user_version = 999")
        conn.close()

        with pytest.raises(SchemaTooNewError, match="999"):
            async with Store(path):
                pass

        assert version(connect(path, writing=False)) == 999

    async def test_a_file_that_is_no_database_says_so(self, tmp_path):
        path = tmp_path / "t.db"
        path.write_bytes(b"not a database" * 100)

        with pytest.raises(StoreFailedError, match=r"t\.db.*not a database"):
            async with Store(path):
                pass

    async def test_an_older_database_is_copied_before_it_is_changed(self, tmp_path):
        path = tmp_path / "t.db"
        conn = connect(path, writing=True)
        for statement in statements(steps()[0].sql):
            conn.execute(statement)
        conn.execute("PRAGMA user_version = 1")
        conn.execute(NOTE, ("old",))
        conn.close()

        async with Store(path) as store:
            assert await store.read(names) == ["old"]

        copies = list(tmp_path.glob("*.before-migration.db"))
        assert len(copies) == (1 if len(steps()) > 1 else 0)

    def test_every_table_is_strict(self):
        conn = memory()

        loose = [row[1] for row in conn.execute("PRAGMA table_list") if row[2] == "table" and not row[5]]

        assert [name for name in loose if not name.startswith("sqlite_")] == []


def test_immediate_rolls_back_and_goes_on():
    conn = memory()

    with pytest.raises(LookupError), immediate(conn):
        conn.execute(NOTE, ("half",))
        raise LookupError

    assert names(conn) == []
    assert not conn.in_transaction
