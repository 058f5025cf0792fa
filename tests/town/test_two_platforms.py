"""Several platform processes on one PostgreSQL: one set of books, whoever takes a journal in."""

import asyncio
import gzip
import os
import random
import signal
import subprocess
import sys
from contextlib import asynccontextmanager

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.arriving.told import conflicts_of_each
from central.books.bounds import Bounds
from central.books.intake import take_in
from central.books.rebuilding import rebuild
from central.books.reports import ledger
from central.platform_state import create_state, keep_database_url, open_state
from central.register.enrolment import make_code
from central.store import SCHEMAS, open_books, sqlite_books
from credit.records import Record, chain_next, chain_start, encode
from storage.jobs import StoreFailedError
from storage.postgres import PostgresJobs
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import open_batch, seal_batch

pytestmark = pytest.mark.postgres
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WAIT_S = 10
NOW_MS = 1000
PROFILE = decode(
    b'{"site": "s", "title": {"zh": "z"}, "issuer": "w", "lanes": [{"id": "A", "scene": "gate"}]}', Profile
)


def granting(terminal, seq, key, at_ms=1000):
    uses = [{"key": key, "n": 1, "max": 1}]
    body = {"issuer": "w", "heads": 1, "uses": uses, "given": [{"benefit": "w/x", "offer": {"off_fen": 7}}]}
    return Record(
        seq=seq, id=f"{terminal}-{seq:06d}", at_ms=at_ms, kind="granted", redemption=f"{terminal}-r{seq}", body=body
    )


def sealed(terminal, records, epoch="e1", prev=None):
    raw = [encode(one) for one in records]
    prev = prev or chain_start(terminal, epoch)
    head = prev
    for one in raw:
        head = chain_next(head, one)
    seal = Seal(
        terminal=terminal,
        epoch=epoch,
        first=records[0].seq,
        last=records[-1].seq,
        count=len(records),
        prev_hash=prev.hex(),
        head_hash=head.hex(),
    )
    return open_batch(gzip.decompress(seal_batch(seal, raw, KEY)), terminal=terminal, key=KEY.public_key())


async def registered(jobs, *terminals):
    for one in terminals:
        await jobs.write(lambda tx, one=one: make_code(tx, terminal=one, profile=PROFILE, now_ms=1))


class TestBooks:
    async def test_the_same_journals_make_the_same_books_on_both_engines(self, postgres_url, tmp_path):
        tables = ("facts", "batches", "epochs", "uses", "tallies", "redemptions", "endings", "totals", "kinds")
        tables += ("conflicts", "overruns", "findings", "journals")
        found = []
        steps = [
            ("granted", "x1"),
            ("passed", "x1"),
            ("granted", "x2"),
            ("annulled", "x2"),
            ("closed", "x9"),
            ("note", None),
        ]
        for jobs in (sqlite_books(tmp_path / "c.db"), PostgresJobs(postgres_url, SCHEMAS["postgres"])):
            async with jobs:
                await registered(jobs, "a", "b")
                for terminal in ("a", "b"):
                    records = [granting(terminal, 1, "u|w/x|subject:w:1|ever")]
                    for seq, (kind, redemption) in enumerate(steps, 2):
                        name = redemption and f"{terminal}-{redemption}"
                        body = granting(terminal, seq, "u|w/y|subject:w:2|24h").body if kind == "granted" else {}
                        records.append(
                            Record(
                                seq=seq, id=f"{terminal}-{seq:06d}", at_ms=seq, kind=kind, redemption=name, body=body
                            )
                        )
                    batch = sealed(terminal, records)
                    for _ in range(2):
                        await jobs.write(lambda tx, batch=batch: take_in(tx, batch, now_ms=5000))
                dump = {}
                for table in tables:
                    dump[table] = sorted(
                        map(repr, await jobs.read(lambda tx, table=table: tx.rows(f"SELECT * FROM {table}")))
                    )
                dump["ledger"] = await jobs.read(ledger)
                await jobs.write(lambda tx: rebuild(tx, Bounds()))
                assert (
                    sorted(map(repr, await jobs.read(lambda tx: tx.rows("SELECT * FROM tallies")))) == dump["tallies"]
                )
                found.append(dump)

        assert found[0] == found[1]
        assert len(found[0]["conflicts"]) == 4  # one benefit given twice, and one within 24 h, each told to both

    async def test_what_was_told_and_is_over_is_taken_back_on_both_engines(self, postgres_url, tmp_path):
        """g1's word comes after the annulment, g0's before anything that it names; who wrote nothing hears nothing."""
        key = "u|w/x|subject:w:1|ever"

        def word(gate, other):
            named = {"terminal": other, "redemption": f"{other}-r1", "at_ms": 1}
            body = {"seq": 1, "conflict": "limit", "key": key, "with": [named]}
            return Record(seq=2, id=f"{gate}-2", at_ms=1, kind="claim_conflict", redemption=None, body=body)

        over = Record(seq=1, id="g2-1", at_ms=2_000, kind="annulled", redemption="g0-r1", body={})
        first = sealed("g0", [granting("g0", 1, key, at_ms=1_000), word("g0", "g1")])
        second = sealed("g1", [granting("g1", 1, key, at_ms=3_000)])
        late = sealed("g1", [word("g1", "g0")], prev=second.links[-1].hash)
        found = []
        for jobs in (sqlite_books(tmp_path / "c.db"), PostgresJobs(postgres_url, SCHEMAS["postgres"])):
            async with jobs:
                await registered(jobs, "g0", "g1", "g2")
                for batch in (first, second, sealed("g2", [over]), late):
                    await jobs.write(lambda tx, batch=batch: take_in(tx, batch, now_ms=5000))
                told = await jobs.write(lambda tx: conflicts_of_each(tx, ["g0", "g1", "g2"]))
                rows = await jobs.read(lambda tx: tx.rows("SELECT terminal, kind, heard FROM conflicts ORDER BY 1"))
                found.append(([[one.kind for one in some] for some in told], rows))

        assert found[0] == found[1]
        assert found[0] == ([["dissolved"], ["dissolved"], []], [("g0", "dissolved", 0), ("g1", "dissolved", 0)])

    async def test_a_redemption_named_like_a_key_hinders_nobody_from_giving_back_on_both_engines(
        self, postgres_url, tmp_path
    ):
        """Two gates that lie grant under an id that is the key: of g's annulment both of their rows are spoken of."""
        key = "u|w/x|subject:w:1|ever"

        def lying(gate, at_ms):
            return msgspec.structs.replace(granting(gate, 1, key, at_ms=at_ms), redemption=key)

        named = {"terminal": "l2", "redemption": key, "at_ms": 1}
        body = {"seq": 1, "conflict": "limit", "key": key, "with": [named]}
        word = Record(seq=2, id="l1-2", at_ms=1, kind="claim_conflict", redemption=None, body=body)
        undone = Record(seq=3, id="l1-3", at_ms=1_500, kind="annulled", redemption=key, body={})
        over = Record(seq=2, id="g-2", at_ms=6_000, kind="annulled", redemption="g-r1", body={})
        first = sealed("g", [granting("g", 1, key, at_ms=5_000)])
        lies = sealed("l1", [lying("l1", 1_000)])
        batches = [first, sealed("h", [granting("h", 1, key, at_ms=7_000)]), lies, sealed("l2", [lying("l2", 2_000)])]
        batches.append(sealed("l1", [word, undone], prev=lies.links[-1].hash))
        batches.append(sealed("g", [over], prev=first.links[-1].hash))
        for jobs in (sqlite_books(tmp_path / "c.db"), PostgresJobs(postgres_url, SCHEMAS["postgres"])):
            async with jobs:
                await registered(jobs, "g", "h", "l1", "l2")
                for batch in batches:
                    await jobs.write(lambda tx, batch=batch: take_in(tx, batch, now_ms=5000))

                assert await jobs.read(lambda tx: tx.rows("SELECT * FROM findings WHERE kind = 'unbookable'")) == []
                stands = "SELECT terminal FROM conflicts WHERE kind = 'redemption' ORDER BY 1"
                assert await jobs.read(lambda tx, stands=stands: tx.rows(stands)) == [("l1",), ("l2",)]

    async def test_names_beyond_what_an_index_holds_are_a_finding_and_the_batch_is_held(self, postgres_url):
        """Each was within its bound of letters: the store was said to have failed, and whoever waited with it again."""
        letters = random.Random(5)

        def name(many):
            return "".join(chr(letters.randrange(0x10000, 0x10FFFF)) for _ in range(many))

        long = msgspec.structs.replace(granting("a", 1, "u|" + name(510)), redemption=name(128))
        records = [long, granting("a", 2, "u|w/x|subject:w:1|ever")]
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
            await registered(jobs, "a")
            batch = sealed("a", records, epoch=name(64))

            taken = await jobs.write(lambda tx: take_in(tx, batch, now_ms=5000))

            assert taken.receipt.acked_through == len(records)
            assert await jobs.read(lambda tx: tx.rows("SELECT seq, kind FROM findings")) == [(1, "unbookable")]
            assert await jobs.read(lambda tx: tx.rows("SELECT seq FROM uses")) == [(2,)]

    async def test_of_terminals_that_give_the_same_away_at_once_every_side_is_noted(self, postgres_url):
        """Read, then write would miss most of these at READ COMMITTED (findings/postgres.md: 116 of 1 400)."""
        names = [f"g{number}" for number in range(8)]
        keys = [f"u|w/x|subject:w:{number}|ever" for number in range(25)]
        async with (
            PostgresJobs(postgres_url, SCHEMAS["postgres"]) as one,
            PostgresJobs(postgres_url, SCHEMAS["postgres"]) as two,
        ):
            await registered(one, *names)
            batches = [
                sealed(name, [granting(name, seq, key) for seq, key in enumerate(keys[::step], 1)])
                for name, step in zip(names, (1, -1) * 4, strict=True)
            ]
            await asyncio.gather(
                *(
                    (one, two)[at % 2].write(lambda tx, batch=batch: take_in(tx, batch, now_ms=1))
                    for at, batch in enumerate(batches)
                )
            )

            noted = await one.read(lambda tx: tx.rows("SELECT DISTINCT terminal, seq FROM conflicts"))
            spent = await one.read(lambda tx: tx.rows("SELECT DISTINCT spent FROM tallies WHERE key LIKE 'u|%'"))

        assert len(noted) == len(names) * len(keys)
        assert spent == [(8,)]

    async def test_one_of_two_processes_holds_the_signer_and_the_other_when_it_is_gone(self, postgres_url):
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as two:
            async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as one:
                assert [await one.hold("signer"), await two.hold("signer"), await one.hold("signer")] == [
                    True,
                    False,
                    True,
                ]

            async with asyncio.timeout(WAIT_S):
                while not await two.hold("signer"):
                    await asyncio.sleep(0)


class TestIllness:
    async def test_a_server_that_went_away_is_an_error_at_once_and_serves_again_when_it_is_back(self, own_server):
        own_server.psql("CREATE DATABASE x")
        async with PostgresJobs(own_server.url("x"), SCHEMAS["postgres"]) as jobs:
            await registered(jobs, "a")
            own_server.kill()
            async with asyncio.timeout(WAIT_S):
                with pytest.raises(StoreFailedError):
                    await registered(jobs, "b")
                with pytest.raises(StoreFailedError):
                    await jobs.read(lambda tx: tx.rows("SELECT 1"))
            own_server.start()
            await registered(jobs, "c")

            assert await jobs.read(lambda tx: tx.rows("SELECT terminal FROM terminals ORDER BY terminal")) == [
                ("a",),
                ("c",),
            ]

    async def test_the_only_server_that_hangs_costs_seconds_and_not_the_loop(self, own_server):
        own_server.psql("CREATE DATABASE x")
        async with PostgresJobs(own_server.url("x"), SCHEMAS["postgres"]):
            os.kill(own_server.process.pid, signal.SIGSTOP)
            try:
                async with asyncio.timeout(WAIT_S):
                    with pytest.raises(StoreFailedError):
                        async with PostgresJobs(own_server.url("x"), SCHEMAS["postgres"]):
                            pass
            finally:
                os.kill(own_server.process.pid, signal.SIGCONT)

    async def test_an_old_primary_that_comes_back_is_refused(self, postgres_url):
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
            jobs._timeline = 2
            jobs._forget_idle()

            with pytest.raises(StoreFailedError, match="old primary"):
                await jobs.read(lambda tx: tx.rows("SELECT 1"))

    async def test_a_commit_that_no_standby_confirmed_is_told_to_nobody_as_done(self, own_server):
        """PostgreSQL says success when such a wait is cancelled; only a warning tells (findings/postgres.md, H1)."""
        own_server.psql("CREATE DATABASE x")
        async with PostgresJobs(own_server.url("x"), SCHEMAS["postgres"]) as jobs:
            await registered(jobs, "a")
            own_server.psql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            own_server.psql("ALTER SYSTEM SET synchronous_commit = 'on'")
            own_server.psql("SELECT pg_reload_conf()")
            async with asyncio.timeout(3 * WAIT_S):
                while own_server.psql("SHOW synchronous_standby_names").strip() != "nobody":
                    await asyncio.sleep(0)
                writing = asyncio.ensure_future(registered(jobs, "b"))
                cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                while not await asyncio.to_thread(own_server.psql, cancel):
                    assert not writing.done(), writing
                with pytest.raises(StoreFailedError, match="standby"):
                    await writing


@pytest.fixture
def own_server(postgres_tool):
    server = postgres_tool.Server(settings={"fsync": "off"}).create().start()
    yield server
    server.remove()


@asynccontextmanager
async def served(folder, *more):
    command = [sys.executable, "-m", "central", "serve", "--state", str(folder), "--listen", "127.0.0.1:0", *more]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        async with asyncio.timeout(30):
            yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        assert await process.wait() == 0


async def test_two_platform_processes_serve_one_folder_on_one_database(postgres_url, tmp_path):
    state = create_state(tmp_path / "p")
    keep_database_url(state, postgres_url)
    state = open_state(tmp_path / "p")
    async with served(state.folder) as first, served(state.folder) as second:
        assert first != second
        async with open_books(state) as books:
            await registered(books, "a")
        answer = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "central", "terminals", "--state", str(state.folder)],
            capture_output=True,
        )

    assert answer.stdout.decode().startswith("a ")
    assert not state.database.exists()
    assert (state.folder / "database-url").stat().st_mode & 0o777 == 0o600


class TestWaiting:
    """Forty batches on one shared key: each waits its turn, none is given up."""

    async def test_forty_batches_that_share_a_key_are_all_taken_in_and_in_order(self, postgres_url):
        names = [f"t{number}" for number in range(40)]
        done = []
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
            await registered(jobs, *names)

            async def bring(one):
                records = [granting(one, seq, "u|w/first|day:2026-09-21") for seq in range(1, 21)]
                batch = sealed(one, records)
                await jobs.write(lambda tx: take_in(tx, batch, now_ms=NOW_MS, bounds=Bounds()))
                done.append(one)

            await asyncio.gather(*map(bring, names))
            spent = await jobs.read(lambda tx: tx.row("SELECT spent FROM tallies WHERE key LIKE 'u|w/first|day%'"))

        assert spent == (40 * 20,)
        assert sorted(done) == sorted(names)

    async def test_one_batch_in_a_group_that_cannot_be_takes_nobody_along(self, postgres_url):
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
            await registered(jobs, "t0", "t1", "t2")
            gap = sealed("t1", [granting("t1", 7, "u|w/x|ever")], prev=bytes(32))
            whole = [sealed(one, [granting(one, 1, "u|w/x|ever")]) for one in ("t0", "t2")]
            told = await asyncio.gather(
                *(
                    jobs.write(lambda tx, batch=batch: take_in(tx, batch, now_ms=NOW_MS, bounds=Bounds()))
                    for batch in (whole[0], gap, whole[1])
                ),
                return_exceptions=True,
            )
            held = await jobs.read(lambda tx: tx.rows("SELECT terminal FROM facts ORDER BY terminal"))

        assert [type(one).__name__ for one in told] == ["Taken", "GapError", "Taken"]
        assert held == [("t0",), ("t2",)]
