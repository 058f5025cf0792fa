import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.jobs import JobWithdrawnError, StoreFailedError
from storage.migrations import SchemaTooNewError, statements, steps, version
from storage.sqlite import Store, connect, immediate, memory
from storage.threads import waiting as waiting_room
from storage.threads.precedence import MAX_GROUP
from storage.threads.waiting import Ran, Waiting

FULL = 2
WAIT_S = 10
LATE = TimeoutError("late")
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

    async def test_a_lone_job_that_raises_leaves_nothing_and_commits_nothing(self, tmp_path):
        reached, wrote = [], []

        def bad(conn):
            conn.execute(NOTE, ("half",))
            raise LookupError("mine")

        async with Store(tmp_path / "t.db", reached=reached.append, committed=lambda: wrote.append("wrote")) as store:
            with pytest.raises(LookupError, match="mine"):
                await store.write(bad)
            assert (reached, wrote) == ([], [])
            await store.write(note("a"))
            assert await store.read(names) == ["a"]

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


class TestTheDisk:
    async def test_what_the_disk_refused_to_sync_is_told_to_nobody_as_done(self, store, refuse_syncs):
        """A commit that does not wait for the disk would say "done" here, and lose the grant at the next power cut."""

        def refused(conn):
            refuse_syncs()
            conn.execute(NOTE, ("lost",))

        await store.write(note("kept"))

        with pytest.raises(StoreFailedError, match="I/O"):
            await store.write(refused)
        assert "I/O" in store.failing

    async def test_each_commit_is_synchronous(self, store):
        assert await store.write(lambda conn: conn.execute("PRAGMA synchronous").fetchone()[0]) == FULL


class TestDeadlines:
    async def test_a_job_that_has_not_begun_by_its_deadline_never_runs(self, store):
        gate = threading.Event()
        blocker = asyncio.ensure_future(store.write(lambda _conn: gate.wait(WAIT_S)))
        await asyncio.sleep(0)

        with pytest.raises(JobWithdrawnError):
            await store.write(note("late"), before=time.monotonic() + 0.02)

        assert not blocker.done()  # the caller was told at its deadline, not when the writer came to it
        gate.set()
        await blocker
        await store.write(note("after"))
        assert await store.read(names) == ["after"]
        assert store.failing == ""

    async def test_a_deadline_that_has_passed_withdraws_also_before_the_loop_looks_at_its_clock(self, store):
        with pytest.raises(JobWithdrawnError):
            await store.write(note("late"), before=time.monotonic() - 1)

        assert await store.read(names) == []

    async def test_a_job_that_has_begun_is_waited_for_beyond_its_deadline(self, store):
        gate, begun = threading.Event(), threading.Event()

        def slow(conn):
            begun.set()
            gate.wait(WAIT_S)
            return note("done")(conn)

        task = asyncio.ensure_future(store.write(slow, before=time.monotonic() + 0.05))
        await asyncio.to_thread(begun.wait, WAIT_S)
        done, _ = await asyncio.wait({task}, timeout=0.1)
        gate.set()

        assert done == set()
        assert await task == "done"

    async def test_who_cannot_wait_is_let_go_once_his_job_is_late_and_what_it_comes_to_is_handed_on(self):
        loop, handed_on = asyncio.get_running_loop(), []
        waiting = Waiting(names, loop, loop.create_future(), late=lambda coming: handed_on.append(coming) or LATE)
        caller = waiting.future
        waiting.begin()

        waiting.expire()
        with pytest.raises(TimeoutError):
            await caller
        waiting.deliver(Ran(result="done after all"))

        assert await handed_on[0] == "done after all"

    async def test_a_job_that_ends_just_after_its_deadline_is_not_late(self, monkeypatch):
        monkeypatch.setattr(waiting_room, "SLACK_S", 0)
        loop, handed_on = asyncio.get_running_loop(), []
        waiting = Waiting(names, loop, loop.create_future(), late=lambda coming: handed_on.append(coming) or LATE)
        waiting.begin()

        waiting.expire()
        waiting.deliver(Ran(result="done"))
        for _ in range(3):  # what was due would have come by then
            await asyncio.sleep(0)

        assert (await waiting.future, handed_on) == ("done", [])

    async def test_a_job_waits_for_another_process_s_lock_and_can_be_withdrawn_meanwhile(self, store, tmp_path):
        with contextlib.closing(connect(tmp_path / "terminal.db", writing=True)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JobWithdrawnError):
                await store.write(note("late"), before=time.monotonic() + 0.02)
            other.execute("ROLLBACK")

        await store.write(note("after"))
        assert await store.read(names) == ["after"]

    @given(st.lists(st.sampled_from(["begin", "withdraw"]), min_size=1, max_size=6))
    def test_a_job_begins_or_is_withdrawn_and_never_both(self, steps):
        waiting = Waiting(names, None, None)

        answers = {(step, getattr(waiting, step)()) for step in steps}

        assert ("begin", True) in answers or ("withdraw", True) in answers
        assert not {("begin", True), ("withdraw", True)} <= answers

    def test_of_two_threads_one_wins(self):
        for _ in range(200):
            waiting, start, said = Waiting(names, None, None), threading.Barrier(2), {}

            def step(name, waiting=waiting, start=start, said=said):
                start.wait()
                said[name] = getattr(waiting, name)()

            threads = [threading.Thread(target=step, args=(name,)) for name in ("begin", "withdraw")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert sorted(said.values()) == [False, True]


class TestTheWritersDeath:
    DYING = """
import asyncio, sys
from pathlib import Path
from storage.sqlite import Store

NOTE = "INSERT INTO epoch (id, terminal, from_seq, reason) VALUES (?, 't', 1, '')"

def deadly(conn):
    conn.execute(NOTE, ("gone",))
    raise SystemExit(3)

async def main():
    async with Store(Path(sys.argv[1])) as store:
        await store.write(lambda conn: conn.execute(NOTE, ("a",)) and None)
        print("told", flush=True)
        await asyncio.gather(store.write(deadly), *(store.write(lambda c: None) for _ in range(3)))
asyncio.run(main())
"""

    def test_it_ends_the_process_at_once_and_says_why(self, tmp_path):
        command = [sys.executable, "-c", self.DYING, str(tmp_path / "t.db")]

        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S)

        assert (done.returncode, done.stdout) == (70, "told\n")
        assert "the store's writer died" in done.stderr
        assert "SystemExit: 3" in done.stderr
        with contextlib.closing(connect(tmp_path / "t.db", writing=False)) as conn:
            assert names(conn) == ["a"]

    def test_a_full_standard_error_does_not_keep_it_alive(self, tmp_path):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 65_536)
        os.set_blocking(writing, True)
        command = [sys.executable, "-c", self.DYING, str(tmp_path / "t.db")]

        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=writing, timeout=WAIT_S)
        os.close(reading)
        os.close(writing)

        assert done.returncode == 70

    async def test_no_caller_is_left_waiting(self, tmp_path):
        died = []

        def deadly(_conn):
            raise KeyboardInterrupt

        async with asyncio.timeout(WAIT_S):
            async with Store(tmp_path / "t.db", dying=died.append) as store:
                gate = threading.Event()
                calls = [store.write(lambda _conn: gate.wait(WAIT_S)), store.write(deadly), store.write(note("b"))]
                waiting = [asyncio.ensure_future(call) for call in calls]
                await asyncio.sleep(0)
                gate.set()
                told = await asyncio.gather(*waiting, return_exceptions=True)
                with pytest.raises(StoreFailedError, match="closed"):
                    await store.write(note("later"))

        assert [type(error) for error in died] == [KeyboardInterrupt]
        assert [type(outcome) for outcome in told[1:]] == [StoreFailedError] * 2


class TestReading:
    async def test_a_reader_cannot_write(self, store):
        with pytest.raises(StoreFailedError, match="readonly"):
            await store.read(note("no"))

    async def test_a_reader_sees_committed_data_only(self, store):
        await store.write(note("a"))

        assert await store.read(names) == ["a"]

    async def test_what_no_look_may_raise_ends_the_process_and_leaves_no_caller_waiting(self, tmp_path):
        died = []

        def deadly(_conn):
            raise SystemExit(3)

        async with asyncio.timeout(WAIT_S), Store(tmp_path / "t.db", dying=died.append) as store:
            with pytest.raises(StoreFailedError):
                await store.read(deadly)
            assert await store.read(names) == []

        assert [type(error) for error in died] == [SystemExit]

    async def test_a_look_leaves_no_transaction_behind_whatever_it_raises(self, store):
        with pytest.raises(ZeroDivisionError):
            await store.read(lambda _conn: 1 // 0)
        await store.write(note("a"))

        assert await store.read(names) == ["a"]

    async def test_leaving_finishes_what_is_looked_for_and_takes_no_look_that_nobody_waits_for(self, tmp_path):
        gate, looked = threading.Event(), []
        async with asyncio.timeout(WAIT_S):
            async with Store(tmp_path / "t.db") as store:
                first = asyncio.ensure_future(store.read(lambda _conn: gate.wait(WAIT_S)))
                gone = asyncio.ensure_future(store.read(lambda _conn: looked.append("gone")))
                last = asyncio.ensure_future(store.read(lambda _conn: looked.append("last")))
                await asyncio.sleep(0)
                gone.cancel()
                await asyncio.sleep(0)
                gate.set()

            assert await first
            await last

        assert looked == ["last"]


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

    @pytest.mark.parametrize("beyond", [0, 1])
    async def test_a_database_of_a_later_version_opens_for_those_that_it_names(self, tmp_path, beyond):
        path, known = tmp_path / "t.db", len(steps())
        async with Store(path):
            pass
        conn = connect(path, writing=True)
        conn.execute("UPDATE schema_opens SET least = ?", (known + beyond,))
        conn.execute(f"PRAGMA user_version = {known + 2}")
        conn.close()

        if beyond:
            with pytest.raises(SchemaTooNewError):
                async with Store(path):
                    pass
        else:
            async with Store(path) as store:
                assert await store.read(version) == known + 2

    async def test_a_file_that_is_no_database_says_so(self, tmp_path):
        path = tmp_path / "t.db"
        path.write_bytes(b"not a database" * 100)

        with pytest.raises(StoreFailedError, match=r"t\.db.*not a database"):
            async with Store(path):
                pass

    @pytest.fixture
    def older(self, tmp_path):
        path = tmp_path / "t.db"
        with contextlib.closing(connect(path, writing=True)) as conn:
            for statement in statements(steps()[0].sql):
                conn.execute(statement)
            conn.execute("PRAGMA user_version = 1")
            conn.execute(NOTE, ("old",))
        return path

    async def test_an_older_database_is_copied_before_it_is_changed(self, older):
        async with Store(older) as store:
            assert await store.read(names) == ["old"]

        copies = list(older.parent.glob("*.before-migration.db"))
        assert len(copies) == (1 if len(steps()) > 1 else 0)

    async def test_where_there_is_no_room_for_a_copy_it_is_changed_without_one_and_that_is_told(
        self, older, monkeypatch, caplog
    ):
        room = shutil.disk_usage(older.parent)._replace(free=20 * 2**20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _folder: room)

        async with Store(older) as store:
            assert await store.read(names) == ["old"]

        assert list(older.parent.glob("*.before-migration.db")) == []
        assert "no_copy_before_migration" in caplog.messages

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


async def test_nothing_of_a_transaction_goes_to_temporary_files(tmp_path):
    """The savepoints of grouped jobs wrote more to them than went to the database."""
    async with Store(tmp_path / "terminal.db") as store:
        found = await store.write(lambda conn: conn.execute("PRAGMA temp_store").fetchone())

    assert found == (2,)  # MEMORY
