"""The log goes into the file beside the visitors: no COMMIT does it, and what fails leaves everything in the log."""

import asyncio
import contextlib
import logging
import resource
import sqlite3
import threading

from storage.migrations import TERMINAL
from storage.sqlite import MAX_LOG_PAGES, Store, connect
from storage.threads.checkpoints import EVERY_CHANGES, Checkpoints

PATIENCE_S = 10.0


async def until(true, what):
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.005)
    assert true(), what


def rows(name, many):
    def job(conn):
        conn.executemany(
            "INSERT INTO switches (name, state, at_ms) VALUES (?, 0, 0)", [(f"{name}{n}",) for n in range(many)]
        )

    return job


async def test_after_so_many_rows_the_log_is_taken_into_the_file_while_the_store_serves(tmp_path):
    file = tmp_path / "terminal.db"
    async with Store(file) as store:
        await store.write(rows("a", 10))
        before = file.stat().st_size

        await store.write(rows("b", EVERY_CHANGES))

        await until(lambda: file.stat().st_size > before, "the file has grown")
        assert (
            await store.read(lambda conn: conn.execute("SELECT count(*) FROM switches").fetchone()[0]) >= EVERY_CHANGES
        )


async def test_few_rows_stay_in_the_log_and_are_there_after_a_crash(tmp_path):
    file = tmp_path / "terminal.db"
    async with Store(file) as store:
        await store.write(rows("a", 10))
        copied = tmp_path / "crashed.db"
        for end in ("", "-wal"):  # what a power cut leaves
            copied.with_name(copied.name + end).write_bytes(file.with_name(file.name + end).read_bytes())

    with contextlib.closing(connect(copied, writing=True)) as conn:
        assert conn.execute("SELECT count(*) FROM switches WHERE name GLOB 'a*'").fetchone() == (10,)


async def test_the_writer_itself_checkpoints_only_a_log_that_nobody_else_takes_in(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        assert await store.write(lambda conn: conn.execute("PRAGMA wal_autocheckpoint").fetchone()[0]) == MAX_LOG_PAGES


async def test_a_new_file_has_the_pages_of_its_schema_and_an_old_one_keeps_its_own(tmp_path):
    connect(tmp_path / "old.db", writing=True).execute("CREATE TABLE t (x)").connection.close()

    for name, page_bytes in (("new.db", TERMINAL.page_bytes), ("old.db", 4096)):
        async with Store(tmp_path / name) as store:
            assert await store.read(lambda conn: conn.execute("PRAGMA page_size").fetchone()[0]) == page_bytes


async def test_a_checkpoint_that_fails_is_told_once_until_one_succeeds(tmp_path, caplog):
    file, tried, well = tmp_path / "t.db", threading.Semaphore(0), threading.Event()
    connect(file, writing=True).close()

    def connecting():
        tried.release()
        if not well.is_set():
            raise sqlite3.OperationalError("disk I/O error")
        return connect(file, writing=True)

    checkpoints = Checkpoints(connecting)
    checkpoints.start()
    with caplog.at_level(logging.WARNING, "xinguan.store"):
        for _ in range(2):
            checkpoints.wrote(EVERY_CHANGES)
            assert await asyncio.to_thread(tried.acquire, timeout=PATIENCE_S)
        well.set()
        checkpoints.wrote(EVERY_CHANGES)
        await until(lambda: "checkpoint_mended" in caplog.messages, "it is told that it goes on")
        checkpoints.stop()

    assert caplog.messages == ["checkpoint_failed", "checkpoint_mended"]


LOG_BYTES = 2 * 1024 * 1024  # the schema alone is a quarter of it


def log_of(file):
    return file.with_name(file.name + "-wal")


async def test_commits_write_over_a_log_that_was_made_long_when_the_file_was_opened(tmp_path):
    file = tmp_path / "terminal.db"
    async with Store(file, log_bytes=LOG_BYTES) as store:
        lengths = set()
        for number in range(20):
            await store.write(rows(f"{number}-", 5))
            lengths.add(log_of(file).stat().st_size)

        assert lengths == {LOG_BYTES}
        assert await store.read(lambda conn: conn.execute("SELECT count(*) FROM switches").fetchone()[0]) >= 100


async def test_what_a_crash_left_in_a_log_is_whole_after_it_was_made_long(tmp_path):
    file, crashed = tmp_path / "terminal.db", tmp_path / "crashed.db"
    async with Store(file, log_bytes=LOG_BYTES) as store:
        await store.write(rows("a", 10))
        for end in ("", "-wal"):
            crashed.with_name(crashed.name + end).write_bytes(file.with_name(file.name + end).read_bytes())
    with log_of(crashed).open("rb+") as torn:
        torn.truncate(LOG_BYTES // 2)  # the rest of it had not reached the disk

    async with Store(crashed, log_bytes=LOG_BYTES) as store:
        await store.write(rows("b", 1))
        count = "SELECT count(*) FROM switches WHERE name GLOB 'a*' OR name GLOB 'b*'"
        assert await store.read(lambda conn: conn.execute(count).fetchone()) == (11,)
        assert await store.read(lambda conn: conn.execute("PRAGMA integrity_check").fetchone()) == ("ok",)


async def test_a_log_of_zeros_alone_is_an_empty_one(tmp_path):
    file = tmp_path / "terminal.db"
    async with Store(file) as store:
        await store.write(rows("a", 10))
    log_of(file).write_bytes(bytes(LOG_BYTES))  # the plug was pulled before the first commit

    async with Store(file) as store:
        assert await store.read(
            lambda conn: conn.execute("SELECT count(*) FROM switches WHERE name GLOB 'a*'").fetchone()
        ) == (10,)


@contextlib.contextmanager
def no_file_longer_than(most):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_log_that_cannot_be_made_long_stays_short_and_the_store_opens(tmp_path, caplog):
    with no_file_longer_than(LOG_BYTES // 2):
        async with Store(tmp_path / "terminal.db", log_bytes=LOG_BYTES) as store:
            await store.write(rows("a", 10))

            assert await store.read(lambda conn: conn.execute("SELECT count(*) FROM switches").fetchone()[0]) >= 10

    assert caplog.messages == ["log_stays_short"]


async def test_a_disk_that_is_nearly_full_is_not_filled_with_a_longer_log(tmp_path, caplog):
    file = tmp_path / "terminal.db"
    async with Store(file, log_bytes=1 << 60) as store:
        await store.write(rows("a", 10))

        assert log_of(file).stat().st_size < LOG_BYTES

    assert caplog.messages == ["log_stays_short"]


async def test_nobody_waits_for_a_checkpoint_however_long_it_takes(tmp_path):
    begun, go = threading.Event(), threading.Event()
    async with Store(tmp_path / "terminal.db") as store:
        real = store._checkpoints._connect

        def slow():
            begun.set()
            go.wait(PATIENCE_S)
            return real()

        store._checkpoints._connect = slow
        await store.write(rows("a", EVERY_CHANGES))
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)
        try:
            async with asyncio.timeout(PATIENCE_S):
                for number in range(20):  # one that waited for it would wait for ever
                    await store.write(rows(f"b{number}-", EVERY_CHANGES))
                assert not go.is_set()
        finally:
            go.set()
