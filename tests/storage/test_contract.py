"""The contract of storage/jobs.py, held against every engine by one class."""

import asyncio
import contextlib
import threading
import time

import pytest

from central.books.reports import TERMINALS
from central.store import SCHEMAS
from storage.driven import SqliteJobs
from storage.jobs import (
    BadValueError,
    ConstraintError,
    JobSuspendedError,
    JobWithdrawnError,
    JointJob,
    StoreFailedError,
)
from storage.postgres import PostgresJobs

WAIT_S = 10
TABLE = "CREATE TABLE note (name TEXT PRIMARY KEY, n BIGINT NOT NULL, raw {blob})"
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
PUT = "INSERT INTO note (name, n, raw) VALUES ($1, $2, $3)"
NAMES = "SELECT name FROM note ORDER BY name"
ADD = "UPDATE note SET n = n + $1 WHERE name = $2 RETURNING n"


def put(name, n=0, raw=None):
    async def job(tx):
        await tx.execute(PUT, name, n, raw)
        return name

    return job


async def names(tx):
    return [row[0] for row in await tx.rows(NAMES)]


@pytest.fixture(params=ENGINES)
async def jobs(request, tmp_path):
    if request.param == "sqlite":
        opening, blob = SqliteJobs(tmp_path / "central.db", SCHEMAS["sqlite"]), "BLOB"
    else:
        opening, blob = PostgresJobs(request.getfixturevalue("postgres_url"), SCHEMAS["postgres"]), "BYTEA"
    async with opening as opened:
        await opened.write(lambda tx: tx.execute(TABLE.format(blob=blob)))
        yield opened


@pytest.mark.postgres
async def test_the_server_compiles_no_page_of_ours(postgres_url):
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        plan = await jobs.read(lambda tx: tx.rows(f"EXPLAIN (ANALYZE, TIMING OFF) {TERMINALS}"))

    assert [line for (line,) in plan if "JIT" in line] == []


PLANS = "SELECT generic_plans > 0, custom_plans > 0 FROM pg_prepared_statements WHERE statement = $1"


@pytest.mark.postgres
async def test_what_is_written_is_planned_once_and_what_is_read_for_its_values(postgres_url):
    """Planned anew for each value, a statement of a partitioned table cost more than it did."""
    places = "SELECT seq FROM facts WHERE terminal = $1 AND epoch = $2"

    async def thrice(tx):
        for name in "abc":
            await tx.rows(places, name, "e")
        return await tx.rows(PLANS, places)

    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        assert await jobs.write(thrice) == [(True, False)]
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        assert await jobs.read(thrice) == [(False, True)]


@pytest.mark.postgres
async def test_what_is_planned_while_a_table_is_small_does_not_read_all_of_it_when_it_has_grown(postgres_url):
    """A plan for all values stays with its connection: made beside two rows it would read a day's from end to end."""

    async def planned(tx):
        await tx.execute("PREPARE found AS SELECT state FROM redemptions WHERE redemption = $1 AND terminal = $2")
        plan = await tx.rows("EXPLAIN (COSTS OFF) EXECUTE found ('r', 't')")
        await tx.execute("DEALLOCATE found")
        return [line for (line,) in plan if "Seq Scan" in line]

    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        await jobs.write(lambda tx: tx.execute("ANALYZE redemptions"))

        assert await jobs.write(planned) == []
        assert await jobs.read(planned) != []


@pytest.mark.postgres
async def test_a_job_that_goes_on_after_a_broken_constraint_is_told_that_nothing_stands(postgres_url):
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        await jobs.write(lambda tx: tx.execute(TABLE.format(blob="BYTEA")))
        await jobs.write(put("a"))

        async def deaf(tx):
            with contextlib.suppress(ConstraintError):
                await put("a")(tx)

        with pytest.raises(StoreFailedError, match="given the transaction up"):
            await jobs.write(deaf)
        assert await jobs.write(put("b")) == "b"


class Noted(JointJob):
    """A note of somebody's, put down together with others' notes; one of "ill" spoils all that are with it."""

    kind, whose = "noted", ""

    def __init__(self, name, whose, calls):
        self.name, self.whose, self.calls = name, whose, calls

    async def together(self, tx, jobs):
        self.calls.append([one.name for one in jobs])
        for one in jobs:
            await put(one.name)(tx)
            if one.name == "ill":
                raise LookupError("ill")
        return [KeyError(one.name) if one.name == "refused" else one.name for one in jobs]


class TestJointJobs:
    async def test_each_is_told_what_became_of_its_own_and_those_that_wait_are_done_together(self, jobs):
        calls, wanted = [], [f"n{number}" for number in range(30)]

        told = await asyncio.gather(*(jobs.write(Noted(name, name, calls)) for name in wanted))

        assert told == wanted
        assert await jobs.read(names) == sorted(wanted)
        assert sorted(name for call in calls for name in call) == sorted(wanted)
        assert max(map(len, calls)) > (1 if isinstance(jobs, PostgresJobs) else 0)

    async def test_what_befalls_all_is_undone_and_each_is_done_alone(self, jobs):
        calls, wanted = [], ["a", "ill", "b", "c"]

        told = await asyncio.gather(*(jobs.write(Noted(name, name, calls)) for name in wanted), return_exceptions=True)

        assert [type(one) for one in told] == [str, LookupError, str, str]
        assert await jobs.read(names) == ["a", "b", "c"]
        assert ["ill"] in calls

    async def test_an_error_among_the_results_is_told_to_whose_it_is(self, jobs):
        told = await asyncio.gather(
            *(jobs.write(Noted(name, name, [])) for name in ("a", "refused", "b")), return_exceptions=True
        )

        assert [type(one) for one in told] == [str, KeyError, str]

    async def test_of_one_name_no_two_are_done_together(self, jobs):
        calls = []
        whose = {f"n{number:02d}": number % 3 for number in range(24)}

        await asyncio.gather(*(jobs.write(Noted(name, of, calls)) for name, of in whose.items()))

        assert sorted(name for call in calls for name in call) == sorted(whose)
        assert all(len({whose[name] for name in call}) == len(call) for call in calls)


class TestTheContract:
    async def test_a_job_is_one_transaction_and_returns_its_result(self, jobs):
        async def two(tx):
            await put("a", 1)(tx)
            await put("b", 2, b"\x00\xff")(tx)
            return await tx.row("SELECT n, raw FROM note WHERE name = $1", "b")

        assert await jobs.write(two) == (2, b"\x00\xff")
        assert await jobs.read(names) == ["a", "b"]

    async def test_a_job_that_raises_undoes_itself_and_nobody_else(self, jobs):
        async def bad(tx):
            await put("half")(tx)
            raise LookupError("mine")

        told = await asyncio.gather(*map(jobs.write, (put("a"), bad, put("b"))), return_exceptions=True)

        assert [told[0], type(told[1]), told[2]] == ["a", LookupError, "b"]
        assert await jobs.read(names) == ["a", "b"]

    @pytest.mark.parametrize(
        "texts",
        [
            ["plain", "", 'é,{}"\\', "NULL", "信关"],
            ["a", "b\x1fc", "\x1e"],  # what stands between texts that go over as one
            ["a", None, "\x1e", "b"],
            ["a", None, "b", None, ""],
            ["\x1f", "\x1f\x1f", "\x1e\x1f"],
            [None, None, "x"],
        ],
    )
    async def test_many_rows_are_kept_as_they_were_given(self, jobs, texts):
        kept = "CREATE TABLE kept (at BIGINT PRIMARY KEY, said TEXT, n BIGINT, alike TEXT)"
        figures = [2**63 - 1, None, -(2**63) + 1, 0, -7]
        rows = [(at, text, figures[at % 5], "same") for at, text in enumerate(texts)]
        insert = "INSERT INTO kept (at, said, n, alike) VALUES ($1, $2, $3, $4)"

        async def job(tx):
            await tx.execute(kept)
            await tx.execute_many(insert, rows)
            return await tx.rows("SELECT at, said, n, alike FROM kept ORDER BY at")

        assert await jobs.write(job) == rows

    async def test_a_question_is_answered_for_each_of_many_in_their_order(self, jobs):
        for name, n in (("a", 1), ("b", 2), ("c", 3)):
            await jobs.write(put(name, n))
        asked = [("c", 0), ("x", 0), ("a", 0), ("c", 9), ("b", 1)]
        each = "SELECT name, n FROM note WHERE name = $1 AND n > $2"
        above = "SELECT n FROM note WHERE n > $1 ORDER BY n DESC LIMIT 2"

        found = await jobs.read(lambda tx: tx.rows_each(each, asked))

        assert found == [[("c", 3)], [], [("a", 1)], [], [("b", 2)]]
        assert await jobs.read(lambda tx: tx.rows_each(above, [(0,), (2,)])) == [[(3,), (2,)], [(3,)]]
        assert await jobs.read(lambda tx: tx.rows_each(each, [])) == []
        with pytest.raises(BadValueError):
            await jobs.read(lambda tx: tx.rows_each(each, [("a\0", 0), ("b", 0)]))

    async def test_a_broken_constraint_has_one_name(self, jobs):
        await jobs.write(put("a"))

        with pytest.raises(ConstraintError):
            await jobs.write(put("a"))

    async def test_a_savepoint_undoes_the_inside_alone_and_the_job_goes_on(self, jobs):
        async def job(tx):
            await put("before")(tx)
            with pytest.raises(ConstraintError):
                async with tx.savepoint():
                    await put("inside")(tx)
                    await put("before")(tx)
            await put("after")(tx)

        await jobs.write(job)

        assert await jobs.read(names) == ["after", "before"]

    async def test_savepoints_nest(self, jobs):
        async def job(tx):
            async with tx.savepoint():
                await put("outer")(tx)
                with pytest.raises(LookupError):
                    async with tx.savepoint():
                        await put("inner")(tx)
                        raise LookupError
                await put("last")(tx)

        await jobs.write(job)

        assert await jobs.read(names) == ["last", "outer"]

    async def test_rows_touched_are_counted(self, jobs):
        async def job(tx):
            await tx.execute_many(PUT, [("a", 1, None), ("b", 2, None), ("c", 3, None)])
            return (
                await tx.execute("UPDATE note SET n = 0 WHERE n > $1", 1),
                await tx.execute("DELETE FROM note WHERE name = $1", "none"),
                await tx.execute("INSERT INTO note (name, n) VALUES ($1, 1) ON CONFLICT DO NOTHING", "a"),
            )

        assert await jobs.write(job) == (2, 0, 0)

    async def test_returning_gives_the_new_value_back(self, jobs):
        await jobs.write(put("a", 5))

        assert await jobs.write(lambda tx: tx.row(ADD, 3, "a")) == (8,)
        assert await jobs.write(lambda tx: tx.row(ADD, 3, "nobody")) is None

    @pytest.mark.parametrize("value", ["a\0b", "\ud800", 2**63, -(2**63)])
    async def test_a_value_that_engines_keep_differently_is_refused_by_all(self, jobs, value):
        values = (value, 0) if isinstance(value, str) else ("a", value)

        with pytest.raises(BadValueError):
            await jobs.write(put(*values))
        assert await jobs.read(names) == []

    @pytest.mark.parametrize("value", ["", "半价 🎫", "a" * 100_000, "'; DROP TABLE note; --"])
    async def test_any_other_text_comes_back_as_it_was(self, jobs, value):
        await jobs.write(put(value, 2**63 - 1))

        assert await jobs.read(lambda tx: tx.row("SELECT name, n FROM note")) == (value, 2**63 - 1)

    async def test_a_reader_cannot_write(self, jobs):
        with pytest.raises(StoreFailedError):
            await jobs.read(put("no"))
        assert await jobs.read(names) == []

    async def test_a_reader_sees_one_state_although_a_writer_commits_meanwhile(self, jobs):
        await jobs.write(put("a"))
        loop, seen, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        async def twice(tx):
            first = await names(tx)
            loop.call_soon_threadsafe(seen.set)
            if isinstance(jobs, SqliteJobs):
                go_on.wait(WAIT_S)  # a slow report holds its reader's thread
            else:
                await asyncio.to_thread(go_on.wait, WAIT_S)
            return first, await names(tx)

        reading = asyncio.ensure_future(jobs.read(twice))
        await asyncio.wait_for(seen.wait(), WAIT_S)
        await jobs.write(put("b"))
        go_on.set()

        assert await reading == (["a"], ["a"])

    async def test_a_cancelled_caller_does_not_cancel_its_job(self, jobs):
        task = asyncio.ensure_future(jobs.write(put("stands")))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        async with asyncio.timeout(WAIT_S):
            while await jobs.read(names) != ["stands"]:
                await asyncio.sleep(0)

    async def test_a_job_past_its_deadline_never_runs(self, jobs):
        with pytest.raises(JobWithdrawnError):
            await jobs.write(put("late"), before=time.monotonic() - 0.001)

        assert await jobs.read(names) == []

    async def test_many_rows_give_back_what_each_gives(self, jobs):
        upsert = f"{PUT} ON CONFLICT (name) DO UPDATE SET n = note.n + excluded.n RETURNING name, n"
        await jobs.write(put("b", 10))

        told = await jobs.write(lambda tx: tx.rows_many(upsert, [("a", 1, b"x"), ("b", 2, None), ("c", 3, b"")]))

        assert sorted(told) == [("a", 1), ("b", 12), ("c", 3)]
        assert await jobs.write(lambda tx: tx.rows_many(upsert, [])) == []
        assert await jobs.read(lambda tx: tx.row("SELECT raw FROM note WHERE name = 'a'")) == (b"x",)

    async def test_of_many_rows_none_is_left_out_however_many_there_are(self, jobs):
        upsert = f"{PUT} ON CONFLICT (name) DO UPDATE SET n = note.n + excluded.n RETURNING name, n"
        many = [(f"n{number:03}", number, b"x" if number % 2 else None) for number in range(151)]

        first = await jobs.write(lambda tx: tx.rows_many(upsert, many))
        again = await jobs.write(lambda tx: tx.rows_many(upsert, many))

        assert sorted(first) == [(name, n) for name, n, _raw in many]
        assert sorted(again) == [(name, 2 * n) for name, n, _raw in many]
        assert await jobs.read(lambda tx: tx.row("SELECT count(*) FROM note WHERE raw IS NULL")) == (76,)

    async def test_rows_that_are_one_and_the_same_are_as_many_as_they_are(self, jobs):
        await jobs.write(lambda tx: tx.execute("CREATE TABLE line (n BIGINT, name TEXT)"))
        same = [(1, "a"), (1, "a"), (1, "a")]

        await jobs.write(lambda tx: tx.execute_many("INSERT INTO line (n, name) VALUES ($1, $2)", same))

        assert await jobs.read(lambda tx: tx.rows("SELECT n, name FROM line")) == same

    @pytest.mark.parametrize(
        "bad", [("a\0", 1, None), ("\ud800", 1, b"x"), ("z", 2**63, None), ("z", -(2**63) - 1, b"")]
    )
    async def test_one_bad_value_among_many_refuses_them_all(self, jobs, bad):
        many = [(f"n{number:03}", number, None) for number in range(80)]

        for call in ("rows_many", "execute_many"):
            with pytest.raises(BadValueError):
                await jobs.write(lambda tx, call=call: getattr(tx, call)(f"{PUT} ON CONFLICT DO NOTHING", [*many, bad]))

        assert await jobs.read(names) == []

    async def test_many_rows_are_checked_as_one_is(self, jobs):
        with pytest.raises(BadValueError):
            await jobs.write(lambda tx: tx.execute_many(PUT, [("a", 1, None), ("\0", 1, None)]))
        with pytest.raises(ConstraintError):
            await jobs.write(lambda tx: tx.execute_many(PUT, [("a", 1, None), ("a", 1, None)]))

    async def test_one_process_holds_a_name_and_keeps_it(self, jobs):
        assert await jobs.hold("signer")
        assert await jobs.hold("signer")
        assert await jobs.hold("other")

    async def test_a_closed_store_says_so(self, tmp_path, jobs):
        await jobs.__aexit__(None, None, None)

        with pytest.raises(StoreFailedError, match="closed"):
            await jobs.write(put("a"))

    async def test_side_by_side_no_addition_is_lost(self, jobs):
        await jobs.write(put("sum", 0))

        async def add(tx):
            return await tx.row("UPDATE note SET n = n + 1 WHERE name = $1 RETURNING n", "sum")

        await asyncio.gather(*(jobs.write(add) for _ in range(20)))

        assert await jobs.read(lambda tx: tx.row("SELECT n FROM note")) == (20,)


class TestSqlite:
    @pytest.fixture
    async def jobs(self, tmp_path):
        async with SqliteJobs(tmp_path / "central.db", SCHEMAS["sqlite"]) as opened:
            await opened.write(lambda tx: tx.execute(TABLE.format(blob="BLOB")))
            yield opened

    async def test_a_job_that_awaits_the_network_is_caught_in_the_act(self, jobs):
        async def wrong(tx):
            await put("half")(tx)
            await asyncio.sleep(0)

        with pytest.raises(JobSuspendedError):
            await jobs.write(wrong)
        assert await jobs.read(names) == []

    async def test_a_slow_report_keeps_no_other_reader_waiting(self, jobs):
        loop, begun, go_on = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

        async def slow(_tx):
            loop.call_soon_threadsafe(begun.set)
            go_on.wait(WAIT_S)

        reading = asyncio.ensure_future(jobs.read(slow))
        await asyncio.wait_for(begun.wait(), WAIT_S)

        assert await asyncio.wait_for(jobs.read(names), WAIT_S / 2) == []
        go_on.set()
        await reading
