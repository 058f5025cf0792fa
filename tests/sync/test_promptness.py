"""Illness law 10: a fact is on its way at once, an order is heard at once, and three good seconds move data."""

import asyncio
import time
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from aiohttp import web

from central.http import terminal_calls
from central.http.journals import arrivals
from central.http.waking import Waking
from central.hub import learning
from central.register.standing import set_state
from storage.jobs import StoreFailedError
from sync import way
from sync.backoff import MAX_ASKED_S, Backoff
from sync.peer import Peer, Trouble
from sync.push.line import Line
from sync.push.listener import Listener
from sync.push.pusher import Pusher
from sync.push.status import PushState
from sync.transport import PortalError, RefusedError, UnreachableError, open_session
from sync.wire.messages import STANDING_WAIT_S
from sync.wire.profiles import HubAt


async def until(true, within_s=20.0):
    """Wait until `true()`, and return how many seconds that took."""
    began = time.monotonic()
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.005)
    return time.monotonic() - began


def order(town, action):
    town.change(lambda tx: set_state(tx, "gate-a", action, reason="盘点", now_ms=town.clock.at_ms))


class TestFactsGoAtOnce:
    async def test_a_fact_is_at_the_platform_within_half_a_second_of_its_commit(self, town):
        terminal = await town.terminal()
        took = []
        async with terminal.running() as (pusher, _listener):
            await until(lambda: pusher.status.state is PushState.IDLE)
            for number in range(1, 31):
                await terminal.write()
                took.append(await until(lambda number=number: pusher.status.sent == number))

        assert sorted(took)[-3] <= 0.5  # two of thirty may meet a stalled machine

    async def test_the_facts_of_one_visitor_travel_in_one_batch(self, town):
        terminal = await town.terminal()
        async with terminal.running() as (pusher, _listener):
            await until(lambda: pusher.status.state is PushState.IDLE)
            for kind in ("granted", "actuated", "passed"):
                await terminal.write(kind=kind)
            await until(lambda: pusher.status.sent == 3)

        assert town.rows("SELECT first, last FROM batches") == [(1, 3)]


class TestThePlatformIsHeardAtOnce:
    async def test_an_order_of_another_process_is_obeyed_within_two_seconds(self, town):
        terminal = await town.terminal()
        took = []
        async with terminal.running() as (pusher, listener):
            await until(lambda: listener.heard == 1)
            for number, action in enumerate(("suspend", "resume", "suspend"), 1):
                order(town, action)
                took.append(await until(lambda number=number: pusher.status.sent == number))

        assert max(took) <= 2.0
        assert town.rows("SELECT count(*) FROM terminals WHERE obeyed = (SELECT max(number) FROM commands)") == [(1,)]

    async def test_a_publication_is_named_within_a_second_and_a_mere_renewal_is_no_news(self, town, monkeypatch):
        monkeypatch.setattr(learning, "SETTLE_MS", 0)  # a platform that has just started ends each poll once
        terminal = await town.terminal()
        published = town.state.public / "metadata" / "timestamp.json"
        text = '{"signed": {"version": %d, "meta": {"snapshot.json": {"version": %d}}}}'
        published.write_text(text % (1, 7))
        async with terminal.running() as (pusher, listener):
            await until(lambda: listener.heard and pusher.status.lists_version == 7)
            heard = listener.heard
            published.write_text(text % (2, 7))
            await asyncio.sleep(0.5)
            renewed = listener.heard
            published.write_text(text % (3, 8))
            took = await until(lambda: pusher.status.lists_version == 8)

        assert renewed == heard
        assert took <= 1.0

    async def test_an_idle_terminal_sends_a_restored_platform_what_it_lost(self, town):
        terminal = await town.terminal()
        await terminal.write(many=6)
        async with terminal.running() as (pusher, listener):
            await until(lambda: pusher.status.sent == 6)
            town.lose(after=2)
            listener.hurry()
            await until(lambda: pusher.status.sent == 10)

        assert town.ledger()["terminals"][0]["missing"] == 0
        assert town.ledger()["records"] == 6

    async def test_of_three_polls_one_is_answered_at_once(self, town):
        terminal = await town.terminal()
        line = terminal.line()
        state = (await line.ask()).state

        polls = [asyncio.create_task(line.ask(wait_s=25, state=state, silent_s=28.0)) for _ in range(3)]
        done, _waiting = await asyncio.wait(polls, timeout=10.0, return_when=asyncio.FIRST_COMPLETED)
        for poll in polls:
            poll.cancel()

        assert len(done) == 1

    async def test_a_third_poll_ends_the_oldest_and_no_other(self):
        waking = Waking(store=None, lists=lambda: None)

        async with waking.waiting("g1") as oldest, waking.waiting("g1") as second, waking.waiting("g1") as third:
            assert [poll.over for poll in (oldest, second, third)] == [True, False, False]
            assert oldest.is_set()

    @pytest.mark.parametrize("wait", ["-1", "x", "²", "100", "1.5"])
    async def test_a_wait_that_is_no_small_number_is_a_bad_message(self, town, wait):
        terminal = await town.terminal()

        with pytest.raises(RefusedError, match="bad_message"):
            await terminal.line().call("GET", f"/standing?wait={wait}&state=x")


async def windows_move(town, *, silent_s):
    """Return how many facts go in each of three windows of 3 s between silences: connections are taken all the time."""
    terminal = await town.terminal()
    await terminal.write(many=3000)
    town.relay.silent = True
    moved = []
    async with terminal.running() as (pusher, _listener):
        for _ in range(3):
            await asyncio.sleep(silent_s)
            before, town.relay.silent = pusher.status.sent, False
            await asyncio.sleep(3.0)
            town.relay.silent = True
            moved.append(pusher.status.sent - before)
            if pusher.status.sent < 3000:
                await terminal.write(many=500)
            else:
                await terminal.write()
        unsent = (await terminal.head()).seq - (await terminal.cursor()).acked_through
        print(f"3 s good, {silent_s:.0f} s silent: moved {moved}, {unsent} still wait")
    return moved


class TestALineThatComesAndGoes:
    async def test_a_terminal_with_nothing_to_send_does_not_take_a_cut_line_for_a_good_one(self, town):
        """Each commit wakes whoever sends; that nothing waits to go says nothing about the network."""
        terminal = await town.terminal()
        async with terminal.running() as (pusher, _listener):
            await until(lambda: pusher.status.state is PushState.IDLE)
            await town.relay.cut()
            await until(lambda: pusher.status.state is PushState.UNREACHABLE)

            for _ in range(3):
                await terminal.store.write(lambda conn: conn.execute("SELECT 1").fetchone())
                pusher.nudge()
                await until(lambda: pusher.idle)

            assert pusher.status.state is PushState.UNREACHABLE
            await town.relay.start()
            await until(lambda: pusher.status.state is PushState.IDLE)

    async def test_a_silent_peer_is_given_up_after_three_seconds(self, town):
        terminal = await town.terminal()
        town.relay.silent = True
        began = time.monotonic()

        with pytest.raises(UnreachableError):
            await terminal.line().ask()

        assert 2.5 <= time.monotonic() - began <= 10

    async def test_each_good_window_of_three_seconds_moves_data(self, town):
        """45 s of silence are played by hand: `tests/e2e/test_ill_figures.py`."""
        assert all(await windows_move(town, silent_s=9.0))

    async def test_whoever_hears_the_platform_first_frees_who_still_hangs(self, town):
        """Three calls hang in a silent network, begun a second apart. The fourth is answered, and with it all."""
        terminal = await town.terminal()
        line = terminal.line()
        town.relay.silent = True
        with pytest.raises(UnreachableError):
            await line.ask()
        hanging = asyncio.create_task(line.ask())
        await asyncio.sleep(1.6)  # its try has gone out, and will hang for 1.4 s more
        town.relay.silent = False
        began = time.monotonic()

        await line.ask()
        await hanging

        assert time.monotonic() - began <= 1.5
        assert line.peer.trouble is Trouble.NONE


class TestADeadHub:
    async def test_facts_that_wait_for_its_next_turn_go_to_the_platform_as_soon_as_the_way_changes(
        self, town, monkeypatch
    ):
        monkeypatch.setattr(Backoff, "unreachable_s", lambda _self: 3_600.0)  # somebody else has every turn of it
        monkeypatch.setattr(way, "AWAY_S", 0.1)
        terminal = await town.terminal()
        nowhere = HubAt(url="https://127.0.0.1:9", cert_sha256="ab" * 32, public_key="cd" * 32, no=1)
        road = way.Way(Peer(terminal.session, terminal.identity.platform), lambda: nowhere)
        pusher = Pusher(Line(terminal.store, road, terminal.identity, terminal.clock))
        road.switched = pusher.begin_again
        await terminal.write(many=3)

        sending = [asyncio.create_task(pusher.run()), asyncio.create_task(road.run())]
        try:
            await until(lambda: pusher.status.sent == 3)
        finally:
            for task in sending:
                task.cancel()
            await asyncio.wait(sending)

        assert road.current is road.platform


class Overloaded:
    """An HTTP server that answers what begins with `only` by `status`, and remembers when it was asked."""

    def __init__(self, status=503, headers=None, text="", content_type="application/problem+json", only="/"):
        self.only = only
        self.status, self.headers, self.text, self.content_type = status, headers, text, content_type
        self.asked = []

    async def answer(self, request):
        await request.read()
        self.asked.append((time.monotonic(), request.path))
        if not request.path.startswith(self.only):
            return web.Response()
        return web.Response(status=self.status, text=self.text, headers=self.headers, content_type=self.content_type)

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_route("*", "/{any:.*}", self.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class TestManners:
    async def test_an_overloaded_platform_gets_at_most_one_try_a_second_of_everything_together(self):
        server = Overloaded()
        async with server.serving() as url, open_session() as session:
            peer = Peer(session, url)

            async def keep_asking(path):
                while True:
                    try:
                        await peer.exchange("GET", path)
                    except RefusedError:
                        continue

            tasks = [asyncio.create_task(keep_asking(path)) for path in ("/journal", "/standing", "/time")]
            await asyncio.sleep(10.0)
            for task in tasks:
                task.cancel()

        times = [at for at, _path in server.asked[3:]]  # the first three went out before anybody knew
        assert len(times) >= 2
        assert all(later - earlier >= 0.95 for earlier, later in pairwise(times))

    async def test_a_retry_after_of_ten_minutes_is_obeyed_for_thirty_seconds(self):
        assert Backoff().refused_s(600.0) == MAX_ASKED_S

    async def test_who_stands_beside_the_terminal_does_not_wait_for_a_retry_after(self):
        server = Overloaded(status=429, headers={"Retry-After": "600"})
        async with server.serving() as url, open_session() as session:
            peer = Peer(session, url)
            with pytest.raises(RefusedError):
                await peer.exchange("GET", "/a")
            waiting = asyncio.create_task(peer.exchange("GET", "/a"))
            await asyncio.sleep(0.2)
            before = len(server.asked)

            peer.hurry()
            with pytest.raises(RefusedError):
                await waiting

        assert (before, len(server.asked)) == (1, 2)

    @pytest.mark.parametrize(
        ("status", "text", "headers"),
        [
            (200, "<html><form>房间号 room</form></html>", None),
            (302, "", {"Location": "http://login.hotel/"}),
            (511, "", None),
            (404, "<!DOCTYPE html>", None),
        ],
    )
    async def test_a_login_page_is_called_by_its_name(self, status, text, headers):
        server = Overloaded(status=status, text=text, headers=headers, content_type="text/html")
        async with server.serving() as url, open_session() as session:
            peer = Peer(session, url)

            with pytest.raises(PortalError, match="a web page answered instead of the platform"):
                await peer.exchange("GET", "/a")

        assert peer.trouble is Trouble.SILENT

    async def test_a_proxys_page_for_an_ill_platform_is_no_login_page(self):
        server = Overloaded(status=502, text="<html>bad gateway</html>", content_type="text/html")
        async with server.serving() as url, open_session() as session:
            with pytest.raises(RefusedError, match="502"):
                await Peer(session, url).exchange("GET", "/a")

    async def test_work_that_goes_through_waits_for_no_turn_of_work_that_does_not(self):
        server = Overloaded(status=500, only="/journal")
        async with server.serving() as url, open_session() as session:
            peer = Peer(session, url)
            with pytest.raises(RefusedError):
                await peer.exchange("POST", "/journal")
            peer.hurry()  # the first of another kind waits its turn: nobody knows yet how ill it is
            await peer.exchange("GET", "/standing")
            began = time.monotonic()

            for _ in range(5):
                await peer.exchange("GET", "/standing")

        assert time.monotonic() - began < 3  # a turn is a second: five of them would be four
        assert peer.trouble is Trouble.OVERLOADED
        assert (peer.takes("/standing"), peer.is_ill_at("/journal"), peer.is_ill_at("/standing")) == (True, True, False)

    async def test_work_that_failed_once_and_that_nobody_tries_again_is_forgotten(self, monkeypatch):
        server = Overloaded(status=500, only="/short/ABC")
        async with server.serving() as url, open_session() as session:
            peer = Peer(session, url)
            with pytest.raises(RefusedError):
                await peer.exchange("GET", "/short/ABC")
            peer.hurry()
            await peer.exchange("GET", "/standing")
            remembered = peer.trouble
            monkeypatch.setattr("sync.peer.FORGET_S", 0.0)

            await peer.exchange("GET", "/standing")

        assert (remembered, peer.trouble) == (Trouble.OVERLOADED, Trouble.NONE)

    async def test_a_clock_that_answers_does_not_make_an_ill_database_well(self, town, monkeypatch):
        terminal = await town.terminal()
        line = terminal.line()
        monkeypatch.setattr(terminal_calls, "ends", lambda *_more: (_ for _ in ()).throw(StoreFailedError("ill")))
        with pytest.raises(RefusedError, match="500"):
            await line.ask()
        await line.peer.exchange("GET", "/v1/time?nonce=12345678")
        after_time = line.peer.trouble
        monkeypatch.undo()
        await line.ask()

        assert (after_time, line.peer.trouble) == (Trouble.OVERLOADED, Trouble.NONE)

    async def test_a_platform_that_takes_no_facts_is_not_asked_for_news_each_second_in_their_place(
        self, town, monkeypatch
    ):
        terminal, asked = await town.terminal(), []
        line = terminal.line()
        pusher, wait_of = terminal.pusher(line), terminal_calls.wait_of
        listener = Listener(line, pusher)
        monkeypatch.setattr(terminal_calls, "wait_of", lambda request: asked.append(wait_of(request)) or asked[-1])
        monkeypatch.setattr(arrivals, "take_all", lambda *_a, **_k: (_ for _ in ()).throw(StoreFailedError("ill")))
        await listener.once()
        await terminal.write()
        with pytest.raises(RefusedError, match="500"):
            await pusher.drain()
        assert line.peer.trouble is Trouble.OVERLOADED

        listening = asyncio.create_task(listener.once())
        await until(lambda: len(asked) > 2)  # the listener's first, the pusher's where to begin, and this one
        monkeypatch.undo()
        assert await pusher.drain() > 0
        assert line.peer.trouble is Trouble.NONE
        listening.cancel()

        assert asked[:3] == [0, 0, STANDING_WAIT_S]
