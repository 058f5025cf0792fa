import asyncio
import contextlib
import gzip
import sqlite3

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal.chain import JournalError, current_epoch, retire, verify
from cache.journal.orders import standing
from cache.ledger.facts import STORE_LOST, SUSPENDED, switched
from cache.memory.lives import End, is_point
from central.books.arriving.chains import GapError
from central.http import terminal_calls
from central.http.journals import arrivals
from central.platform_state import Signer
from central.register.standing import order, set_state, standing_orders
from credit.records import chain_start
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.push.pusher import PushState
from sync.push.upholding import Upholder
from sync.transport import RefusedError, UnreachableError, exchange
from sync.wire.seals import COMMAND, RECEIPT, sign


async def agree(town, terminal):
    """Both sides hold the same journal: the loss test is arithmetic (journal.md)."""
    head, cursor = await terminal.head(), await terminal.cursor()
    row = next(t for t in town.ledger()["terminals"] if t["terminal"] == terminal.identity.terminal)
    assert (row["acked_through"], row["head_hash"]) == (head.seq, head.hash.hex())
    assert cursor.acked_through == head.seq
    assert row["missing"] == 0


class TestUpload:
    async def test_facts_arrive_and_are_signed_for(self, town):
        terminal = await town.terminal()
        await terminal.write(many=3)

        sent = await terminal.pusher().drain()

        assert sent == 3
        await agree(town, terminal)
        assert town.ledger()["duplicates"] == 0

    async def test_more_than_a_batch_goes_in_several(self, town):
        terminal = await town.terminal()
        await terminal.write(many=1201)

        await terminal.pusher().drain()

        await agree(town, terminal)
        assert [row[0] for row in town.rows("SELECT last - first + 1 FROM batches ORDER BY rowid")] == [500, 500, 201]

    async def test_large_records_fill_a_batch_by_bytes(self, town):
        terminal = await town.terminal()
        await terminal.write(kind="note", body={"text": "长" * 20_000}, many=9)

        await terminal.pusher().drain()

        await agree(town, terminal)
        assert len(town.rows("SELECT 1 FROM batches")) == 3

    async def test_the_platform_is_down_while_500_are_served_and_all_arrive_in_order(self, town):
        terminal = await town.terminal()
        pusher = terminal.pusher()
        await town.relay.cut()
        for _ in range(500):
            await terminal.write()
        with pytest.raises(UnreachableError):
            await pusher.once()
        await town.relay.start()

        await pusher.drain()

        await agree(town, terminal)
        seqs = [row[0] for row in town.rows("SELECT seq FROM facts ORDER BY rowid")]
        assert seqs == list(range(1, 501))

    async def test_a_lost_answer_means_the_same_batch_again_and_it_counts_once(self, town):
        terminal = await town.terminal()
        await terminal.write(many=5)
        pusher = terminal.pusher()
        await pusher.once()
        await terminal.write(many=5)
        town.relay.lose_answers = 1
        with pytest.raises(UnreachableError):
            await pusher.once()

        await pusher.drain()

        await agree(town, terminal)
        assert (town.ledger()["records"], town.ledger()["duplicates"]) == (10, 0)

    async def test_a_new_process_resumes_where_the_platform_says(self, town):
        """Killed between upload and acknowledgement: what the platform has is not asked for again."""
        terminal = await town.terminal()
        await terminal.write(many=4)
        town.relay.lose_answers = 0
        first = terminal.pusher()
        await first._line.ask()
        town.relay.lose_answers = 1
        with pytest.raises(UnreachableError):
            await first._send_next()
        await terminal.write(many=2)

        second = terminal.pusher()
        await second.drain()

        await agree(town, terminal)
        assert second.status.sent == 2

    async def test_one_bad_record_is_set_aside_and_blocks_nothing(self, town):
        terminal = await town.terminal()
        await terminal.write()
        await terminal.write(kind="a kind of more than thirty-two letters")
        await terminal.write()
        pusher = terminal.pusher()

        await pusher.drain()

        await agree(town, terminal)
        aside = await terminal.store.read(lambda conn: conn.execute("SELECT seq FROM set_aside").fetchall())
        assert aside == [(2,)]
        assert pusher.status.set_aside == 1
        assert town.ledger()["terminals"][0]["set_aside"] == 1

    async def test_a_nudge_sends_at_once_what_an_idle_terminal_wrote(self, town):
        terminal = await town.terminal()
        pusher = terminal.pusher()
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            task = group.create_task(pusher.run())
            for number in range(1, 21):
                await terminal.write()
                pusher.nudge()
                await until(lambda number=number: pusher.status.sent == number)
            task.cancel()

        await agree(town, terminal)


async def until(true):
    """Give the loop to others until `true()`; the caller bounds the time."""
    while not true():
        await asyncio.sleep(0)


class TestWhatThePlatformMayNotDo:
    async def test_a_receipt_by_a_foreign_key_changes_nothing(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write()
        pusher = terminal.pusher()
        monkeypatch.setattr(Signer, "receipt", lambda _self, receipt: receipt_of(STRANGER, receipt))

        await pusher._turn()

        assert pusher.status.state is PushState.ALARM
        assert (await terminal.cursor()).acked_through == 0

    @pytest.mark.parametrize(
        "lie", [{"acked_through": 99}, {"head_hash": "00" * 32}, {"terminal": "gate-z"}, {"epoch": "other"}]
    )
    async def test_a_receipt_for_another_journal_is_an_alarm(self, town, monkeypatch, lie):
        terminal = await town.terminal()
        await terminal.write()
        pusher = terminal.pusher()
        honest = Signer.receipt
        monkeypatch.setattr(Signer, "receipt", lambda self, r: honest(self, msgspec.structs.replace(r, **lie)))

        await pusher._turn()

        assert pusher.status.state is PushState.ALARM
        assert (await terminal.cursor()).acked_through == 0


def receipt_of(signer, receipt):
    return sign(receipt, signer.key, typ=RECEIPT, kid=signer.public.kid)


class TestLostAndForked:
    async def test_a_platform_that_lost_facts_is_sent_them_again(self, town):
        terminal = await town.terminal()
        await terminal.write(many=6)
        await terminal.pusher().drain()
        town.lose(after=2)
        await terminal.write()

        await terminal.pusher().drain()

        await agree(town, terminal)
        assert town.ledger()["records"] == 7

    async def test_a_platform_that_lost_what_has_left_the_terminal_is_an_alarm(self, town):
        terminal = await town.terminal()
        await terminal.write(many=6)
        await terminal.pusher().drain()
        await terminal.store.write(lambda conn: retire(conn, signed_before_ms=town.clock.at_ms + 1))
        town.lose(after=0)
        await terminal.write()

        with pytest.raises(JournalError, match="has left this terminal"):
            await terminal.pusher().drain()

        assert (await terminal.cursor()).acked_through == 6

    async def test_a_record_altered_on_the_platform_shows_as_a_fork_and_ours_is_kept_beside_it(self, town):
        terminal = await town.terminal()
        await terminal.write(many=3)
        await terminal.pusher().drain()
        town.change(lambda conn: conn.execute("UPDATE facts SET hash = zeroblob(32) WHERE seq = 3"))
        await terminal.write()

        await terminal.bring_home()

        await agree(town, terminal)
        assert town.rows("SELECT count(*) FROM facts WHERE seq = 3") == [(2,)]
        assert town.ledger()["terminals"][0]["forks"] == 1

    async def test_a_restored_backup_forks_the_chain_and_both_forks_are_kept(self, town, tmp_path):
        terminal = await town.terminal()
        await terminal.write(many=4)
        await terminal.pusher().drain()
        backup = tmp_path / "backup.db"
        await terminal.store.read(lambda conn: conn.execute("SELECT 1"))
        with contextlib.closing(sqlite3.connect(terminal.folder / "terminal.db")) as conn:
            conn.execute("VACUUM INTO ?", (str(backup),))
        await terminal.write(many=3)
        await terminal.pusher().drain()

        async with Store(backup) as restored:
            terminal.store = restored
            await terminal.write(many=2)
            await terminal.bring_home()
            await terminal.write(many=2)
            await terminal.bring_home()
            await agree(town, terminal)
            await restored.read(verify)

        assert town.ledger()["duplicates"] == 0
        assert town.rows("SELECT count(*) FROM facts WHERE kind = 'granted'") == [(7 + 2 + 2,)]
        assert town.rows("SELECT action FROM commands") == [("new_epoch",)]
        assert town.rows("SELECT 1 FROM lives WHERE standing = 'bare'") == []


class TestOrders:
    async def standing(self, terminal):
        return await terminal.store.read(lambda conn: (switched(conn, SUSPENDED), standing(conn) == "revoke"))

    def order(self, town, action):
        town.change(lambda conn: set_state(conn, "gate-a", action, reason="盘点", now_ms=1))

    async def test_an_idle_terminal_is_suspended_and_resumed_and_its_facts_say_so(self, town):
        terminal = await town.terminal()
        pusher = terminal.pusher()
        self.order(town, "suspend")
        await pusher.drain()
        suspended = await self.standing(terminal)
        self.order(town, "resume")
        await terminal.pusher().drain()

        assert (suspended, await self.standing(terminal)) == ((True, False), (False, False))
        await agree(town, terminal)
        assert town.ledger()["by_kind"] == {"suspended": 2}

    async def test_an_order_is_obeyed_once_however_often_it_is_told(self, town):
        terminal = await town.terminal()
        self.order(town, "revoke")
        first = terminal.pusher()
        await first._line.ask()
        await first._line.ask()
        await first.drain()

        assert await self.standing(terminal) == (True, True)
        assert town.ledger()["by_kind"] == {"suspended": 1}

    async def test_after_a_fork_a_terminal_that_remembers_its_old_orders_still_hears_the_new_one(self, town):
        terminal = await town.terminal()
        for action in ("suspend", "resume"):
            self.order(town, action)
            await terminal.bring_home()
        await terminal.write()
        await terminal.bring_home()
        town.change(lambda conn: conn.execute("UPDATE facts SET hash = zeroblob(32) WHERE seq = 3"))
        await terminal.write()
        await terminal.bring_home()
        self.order(town, "revoke")

        for _ in range(3):
            await terminal.bring_home()

        assert town.rows("SELECT action FROM commands") == [("suspend",), ("resume",), ("new_epoch",), ("revoke",)]
        assert await self.standing(terminal) == (True, True)
        await agree(town, terminal)

    async def test_after_many_forks_a_terminal_that_forgot_them_all_begins_one_epoch_and_asks_for_its_memory_once(
        self, town
    ):
        """Each order to begin an epoch is a doubt: forty of them were three memories, each telling all forty again."""
        terminal = await town.terminal()
        await terminal.write(many=3)
        await terminal.bring_home()
        for _ in range(40):
            town.change(lambda conn: order(conn, "gate-a", "new_epoch", reason="", now_ms=1))

        await terminal.bring_home()
        await terminal.bring_home()

        assert await terminal.store.read(lambda conn: conn.execute("SELECT count(*) FROM epoch").fetchone()) == (2,)
        assert not await terminal.store.read(lambda conn: switched(conn, STORE_LOST))
        assert town.change(lambda conn: standing_orders(conn, "gate-a")) == []
        await agree(town, terminal)

    async def test_two_orders_between_two_calls_are_both_obeyed_in_order(self, town):
        terminal = await town.terminal()
        self.order(town, "suspend")
        self.order(town, "resume")
        for _ in range(3):
            await terminal.pusher().drain()

        assert await self.standing(terminal) == (False, False)
        assert town.ledger()["by_kind"] == {"suspended": 2}

    async def test_an_order_of_a_stranger_or_for_another_terminal_is_an_alarm(self, town, monkeypatch):
        terminal = await town.terminal()
        self.order(town, "suspend")
        honest = Signer.command
        lies = [
            lambda _self, order: sign(order, STRANGER.key, typ=COMMAND, kid=STRANGER.public.kid),
            lambda self, order: honest(self, msgspec.structs.replace(order, terminal="gate-b")),
        ]
        for lie in lies:
            monkeypatch.setattr(Signer, "command", lie)
            pusher = terminal.pusher()

            await pusher._turn()

            assert pusher.status.state is PushState.ALARM
        assert await self.standing(terminal) == (False, False)


class TestTheSwitch:
    """Row 8: the switch is a copy; what the platform signed is what counts."""

    async def suspended(self, terminal):
        return await terminal.store.read(lambda conn: switched(conn, SUSPENDED))

    async def revoked_terminal(self, town):
        terminal = await town.terminal()
        town.change(lambda tx: set_state(tx, "gate-a", "revoke", reason="stolen", now_ms=1))
        await terminal.pusher().drain()
        return terminal

    @pytest.mark.parametrize(
        "edit",
        [
            "DELETE FROM switches WHERE name = 'suspended'",
            "UPDATE switches SET state = 0",
            "UPDATE orders SET action = 'resume'",
            "UPDATE orders SET action = 'resume', signed = 'e.y.J'",
        ],
    )
    async def test_a_switch_that_was_turned_is_turned_back_and_a_fact_says_so(self, town, edit):
        terminal = await self.revoked_terminal(town)
        await terminal.store.write(lambda conn: conn.execute(edit))
        await terminal.store.write(lambda conn: conn.execute("UPDATE switches SET state = 0"))
        upholder = Upholder(terminal.store, terminal.identity, terminal.clock)

        mended = [await upholder.once() for _ in range(2)]

        assert (mended, await self.suspended(terminal)) == ([True, False], True)
        await terminal.pusher().drain()
        assert town.ledger()["by_kind"]["note"] == 1

    async def test_a_resumed_terminal_stays_so(self, town):
        terminal = await town.terminal()
        for action in ("suspend", "resume"):
            town.change(lambda tx, action=action: set_state(tx, "gate-a", action, reason="", now_ms=1))
            await terminal.pusher().drain()

        assert await Upholder(terminal.store, terminal.identity, terminal.clock).once() is False
        assert await self.suspended(terminal) is False

    async def test_a_number_that_comes_with_two_contents_is_told_and_not_obeyed(self, town):
        terminal = await self.revoked_terminal(town)
        town.change(lambda tx: tx.execute("UPDATE commands SET action = 'resume'"))
        town.change(lambda tx: tx.execute("UPDATE terminals SET obeyed = 0"))
        for _ in range(3):
            await terminal.pusher().drain()
        upholder = Upholder(terminal.store, terminal.identity, terminal.clock)
        await upholder.once()

        number = town.rows("SELECT number FROM commands")[0][0]
        assert (upholder.contradiction, await self.suspended(terminal)) == (number, True)
        assert town.ledger()["by_kind"]["note"] == 1


STRANGER = Signer(Ed25519PrivateKey.generate())


class TestClockAndPatience:
    async def test_a_terminal_in_1970_still_brings_its_facts(self, town):
        terminal = await town.terminal()
        terminal.clock.at_ms = 5000
        await terminal.write()
        pusher = terminal.pusher()

        await pusher.drain()

        await agree(town, terminal)
        assert pusher._line.offset_ms == town.clock.at_ms - 5000

    async def test_nobody_answers_waits_at_most_a_second_and_a_success_resets(self, town):
        terminal = await town.terminal()
        pusher = terminal.pusher()
        await town.relay.cut()
        waits = [await pusher._turn() for _ in range(12)]
        await town.relay.start()
        await terminal.write()

        after = await pusher._turn()

        assert max(waits) <= 1.0
        assert after == 0.0
        assert pusher._backoff.failures == 0

    async def test_a_revoked_terminal_may_still_bring_its_facts(self, town):
        terminal = await town.terminal()
        await terminal.write()
        town.change(lambda conn: set_state(conn, "gate-a", "revoke", reason="stolen", now_ms=1))

        await terminal.pusher().drain()

        await agree(town, terminal)


class TestAPlatformThatSaysNo:
    async def test_a_platform_with_smaller_bounds_gets_smaller_batches(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write(many=100)
        monkeypatch.setattr(terminal_calls, "MAX_BATCH_BYTES", 8 * 1024)

        await terminal.pusher().drain()

        await agree(town, terminal)
        assert len(town.rows("SELECT 1 FROM batches")) > 3

    async def test_a_terminal_the_platform_does_not_know_keeps_its_facts_and_says_so(self, town):
        terminal = await town.terminal()
        await terminal.write()
        town.change(lambda conn: conn.execute("UPDATE terminals SET public_key = NULL"))
        pusher = terminal.pusher()

        waits = [await pusher._turn() for _ in range(3)]

        assert pusher.status.state is PushState.REFUSED
        assert "unknown_terminal" in pusher.status.detail
        assert all(0 <= wait <= 60 for wait in waits)
        assert (await terminal.cursor()).acked_through == 0

    async def test_an_ill_platform_says_500_without_its_insides_and_gets_all_when_it_is_well(self, town):
        terminal = await town.terminal()
        await terminal.write()
        pusher = terminal.pusher()
        town.change(lambda conn: conn.execute("ALTER TABLE facts RENAME TO elsewhere"))

        await pusher._turn()
        detail = pusher.status.detail
        town.change(lambda conn: conn.execute("ALTER TABLE elsewhere RENAME TO facts"))
        await pusher.drain()

        assert detail.startswith("500")
        assert "elsewhere" not in detail
        assert "no such table" not in detail
        await agree(town, terminal)

    async def test_a_platform_that_sends_us_in_circles_is_an_alarm(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write()

        async def never(*_given, **_more):
            raise GapError("gap", "not here", [])

        monkeypatch.setattr(arrivals, "take_all", never)

        with pytest.raises(JournalError, match="another journal"):
            await terminal.pusher().drain()

    async def test_an_end_of_an_epoch_that_is_not_ours_says_nothing_about_our_facts(self, town):
        terminal = await town.terminal()
        await terminal.write(many=2)
        epoch = (await terminal.store.read(current_epoch)).id
        start = chain_start("gate-a", epoch).hex()

        ours, foreign, before = await terminal.store.read(
            lambda conn: [
                is_point(conn, End(name, seq, bytes.fromhex(hashed)))
                for name, seq, hashed in ((epoch, 0, start), ("other", 1, start), (epoch, 0, "00" * 32))
            ]
        )

        assert (ours, foreign, before) == (True, False, False)


class TestBoundsOfThePlatform:
    async def post(self, terminal, body, **headers):
        auth = Authenticator(terminal.identity, terminal.clock).bearer(body).header
        url = f"{terminal.identity.platform}/v1/terminals/{terminal.identity.terminal}/journal"
        with pytest.raises(RefusedError) as refused:
            await exchange(terminal.session, "POST", url, headers=auth | headers, body=body)
        return refused.value.problem

    async def test_a_gzip_bomb_is_stopped_while_inflating(self, town):
        terminal = await town.terminal()
        bomb = gzip.compress(b"0" * 50_000_000)

        problem = await self.post(terminal, bomb, **{"Content-Encoding": "gzip"})

        assert (problem.status, problem.code) == (413, "too_large")

    async def test_an_oversized_body_is_not_read_to_its_end(self, town):
        terminal = await town.terminal()

        problem = await self.post(terminal, b"x" * 300_000)

        assert problem.status == 413

    @pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000, b"\xff", b'{"epoch":"e"}'])
    async def test_what_is_no_batch_is_a_bad_message(self, town, body):
        terminal = await town.terminal()

        problem = await self.post(terminal, body)

        assert (problem.status, problem.code) == (400, "bad_message")

    async def test_half_a_gzip_member_is_a_bad_message(self, town):
        terminal = await town.terminal()

        problem = await self.post(terminal, gzip.compress(b"{}")[:-4], **{"Content-Encoding": "gzip"})

        assert problem.code == "bad_message"
