"""A box that was replaced: its facts are taken, it learns that it is replaced, and it helps nobody decide any more."""

import asyncio
import base64
import gzip
import io

import pytest

from cache.journal.chain import unsent
from cache.journal.orders import standing
from cache.ledger.facts import TWIN, switched
from central.commands.boxes.journal import _take_all
from central.hub import learning
from central.lives.twins import seen_twice
from central.register.standing import order, standing_orders
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE, enrol
from sync.enrol.identity import KEY_FILE, NEXT_KEY_FILE, load_identity
from sync.push.export import export
from sync.push.upholding import Upholder
from sync.transport import RefusedError, open_session
from sync.wire.exports import bodies, terminal_of
from sync.wire.messages import WireError
from tests.sync.conftest import PROFILE

OVERRUN = {"uses": [{"key": "u|wulong/first|subject:w:1|ever", "n": 1, "max": 1}]}
NOON = 1_790_000_000_000
SWITCH = "SELECT state FROM switches WHERE name = 'suspended'"
FINDINGS = "SELECT kind, detail FROM findings ORDER BY seq"
FACTS = "SELECT count(*) FROM facts WHERE terminal = 'gate-a' AND redemption IS NOT NULL"


async def swapped(town, old, at_ms=NOON + 1000):
    """Enrol a new box under the name of `old`."""
    town.clock.at_ms = at_ms
    folder = town.folder / "new-box"
    async with open_session() as session:
        identity = await enrol(town.ticket(town.code("gate-a")), folder=folder, session=session, now_ms=at_ms)
    store = await town.stack.enter_async_context(Store(folder / DATABASE_FILE))
    session = await town.stack.enter_async_context(open_session())
    new = type(old)(folder, identity, store, session, type(old.clock)(at_ms))
    old.clock.at_ms = at_ms
    return new


async def standing_of(terminal):
    return await terminal.store.read(standing), await terminal.store.read(lambda c: c.execute(SWITCH).fetchone())


async def test_a_replaced_box_brings_its_facts_and_is_told_to_stop(town):
    old = await town.terminal("gate-a")
    await old.write(many=3)
    new = await swapped(town, old)
    await new.write(many=2)
    await new.pusher().drain()

    await old.pusher().drain()

    assert await standing_of(old) == ("replaced", (1,))
    assert await standing_of(new) == ("", None)
    assert town.rows(FACTS) == [(5,)]
    assert (await old.store.read(unsent)).count == 0


async def test_it_is_told_once_and_does_not_talk_about_it_for_ever(town):
    old = await town.terminal("gate-a")
    await old.write()
    await swapped(town, old)
    await old.pusher().drain()
    end = (await old.head()).seq

    for _ in range(3):
        await old.pusher().drain()
        await old.line().ask()

    assert (await old.head()).seq == end


async def test_a_replaced_box_that_waits_for_news_is_answered_when_there_is_some_and_not_in_circles(town, monkeypatch):
    monkeypatch.setattr(learning, "SETTLE_MS", 0)  # a platform in its first second answers early, whoever asks
    old = await town.terminal("gate-a")
    line = old.line()
    known = (await line.ask()).state
    await swapped(town, old)

    async with asyncio.timeout(5):
        told = (await line.ask(wait_s=25, state=known, silent_s=30)).state
    assert await standing_of(old) == ("replaced", (1,))
    await old.pusher().drain()
    settled = (await line.ask()).state
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await line.ask(wait_s=25, state=settled, silent_s=30)
    assert told != settled


async def test_what_happened_after_the_end_of_its_key_stands_apart(town):
    old = await town.terminal("gate-a")
    await old.write(redemption="r-before")
    await swapped(town, old)
    old.clock.at_ms += 60_000
    await old.write(redemption="r-after")

    await old.pusher().drain()

    assert [(kind, detail.split(",")[0]) for kind, detail in town.rows(FINDINGS)] == [
        ("after_replacement", "granted r-after")
    ]
    assert town.rows(FACTS) == [(2,)]  # and is booked like any other


async def test_what_a_replaced_box_was_told_and_obeyed_says_nothing_of_the_one_in_its_place(town):
    """A stolen box could have its successor hear of no conflict, and of no order of which the number is known."""
    old = await town.terminal("gate-a")
    await old.write(redemption="r-a", body=OVERRUN)
    await old.pusher().drain()
    other = await town.terminal("gate-b")
    await other.write(redemption="r-b", body=OVERRUN)
    await other.pusher().drain()
    await swapped(town, old)
    number = town.change(lambda tx: order(tx, "gate-a", "stop_entry", reason="x", now_ms=NOON + 2000))
    ((seq, key),) = town.rows("SELECT seq, key FROM conflicts WHERE terminal = 'gate-a'")
    named = {"terminal": "gate-b", "redemption": "r-b", "at_ms": 1}
    body = {"seq": seq, "conflict": "limit", "key": key, "with": [named]}
    await old.write(kind="claim_conflict", body=body)
    await old.write(kind="switched", body={"order": number})

    await old.pusher().drain()

    assert town.rows("SELECT heard FROM conflicts WHERE terminal = 'gate-a'") == [(0,)]
    assert number in [one.number for one in town.change(lambda tx: standing_orders(tx, "gate-a"))]


async def test_a_former_key_is_good_for_the_journal_alone(town):
    old = await town.terminal("gate-a")
    await swapped(town, old)
    body = b'{"issuer": "wulong", "subject": "00", "nonce": "nonce-nonce-nonce"}'

    with pytest.raises(RefusedError, match="bad_token"):
        await old.line().peer.exchange("POST", "/v1/reask?terminal=gate-a", headers=old.line().signed(body), body=body)


async def test_a_box_that_was_replaced_serves_again_when_it_is_enrolled_anew_with_a_key_of_its_own(town):
    old = await town.terminal("gate-a")
    new = await swapped(town, old)
    await old.pusher().drain()
    await old.line().ask()
    await old.pusher().drain()
    town.clock.at_ms += 1000
    before = load_identity(old.folder)

    await old.store.__aexit__(None, None, None)
    async with open_session() as session:
        ticket = town.ticket(town.code("gate-a"))
        again = await enrol(ticket, folder=old.folder, session=session, now_ms=town.clock.at_ms, again=True)
    store = await town.stack.enter_async_context(Store(old.folder / DATABASE_FILE))
    back = type(old)(old.folder, again, store, old.session, type(old.clock)(town.clock.at_ms))
    await back.write()
    await back.pusher().drain()
    await new.line().ask()

    assert again.key.public_key() != before.key.public_key()
    assert not (old.folder / NEXT_KEY_FILE).exists()
    assert await standing_of(back) == ("", (0,))
    assert await standing_of(new) == ("replaced", (1,))


async def test_enrolling_anew_settles_a_twin_although_the_platforms_clock_went_back_and_the_next_profile_is_heard(town):
    made = await town.terminal("gate-a")
    town.clock.at_ms += 60_000
    town.change(lambda tx: seen_twice(tx, "gate-a", "two machines", now_ms=town.clock.at_ms))
    await made.pusher().drain()
    await made.line().ask()
    await made.pusher().drain()
    town.clock.at_ms -= 50_000
    assert await made.store.read(lambda conn: switched(conn, TWIN))

    await made.store.__aexit__(None, None, None)
    async with open_session() as session:
        ticket = town.ticket(town.code("gate-a"))
        again = await enrol(ticket, folder=made.folder, session=session, now_ms=town.clock.at_ms, again=True)
    store = await town.stack.enter_async_context(Store(made.folder / DATABASE_FILE))
    back = type(made)(made.folder, again, store, made.session, type(made.clock)(town.clock.at_ms))
    turned = await Upholder(store, again, back.clock).once()
    town.code("gate-a", PROFILE.replace(b'"A"', b'"B"'))
    await back.bring_home()
    await back.line().ask()

    assert not turned
    assert not await store.read(lambda conn: switched(conn, TWIN))
    assert [lane.id for lane in again.profile.lanes] == ["B"]
    assert [lane.id for lane in load_identity(made.folder).profile.lanes] == ["B"]


async def test_a_power_cut_while_enrolling_again_leaves_a_key_that_fits(town):
    old = await town.terminal("gate-a")
    await old.pusher().drain()
    await old.store.__aexit__(None, None, None)
    kept = (old.folder / KEY_FILE).read_bytes()
    async with open_session() as session:
        ticket = town.ticket(town.code("gate-a"))
        again = await enrol(ticket, folder=old.folder, session=session, now_ms=NOON + 5, again=True)
    (old.folder / KEY_FILE).rename(old.folder / NEXT_KEY_FILE)  # as it stood before the rename was on disk
    (old.folder / KEY_FILE).write_bytes(kept)
    (old.folder / KEY_FILE).chmod(0o600)

    assert load_identity(old.folder).key.public_key() == again.key.public_key()


class TestCard:
    """The card of a dead box."""

    async def exported(self, terminal):
        return b"".join(await terminal.store.read(lambda conn: list(export(conn, terminal.identity))))

    async def taken(self, town, raw):
        file = io.BytesIO(raw)
        return dict(await _take_all(town.state, terminal_of(file), file))

    async def test_its_facts_arrive_by_a_file_and_count_once(self, town):
        old = await town.terminal("gate-a")
        await old.write(many=2)
        await old.pusher().drain()
        await old.write(many=700)
        raw = await self.exported(old)
        await swapped(town, old)

        first, again = await self.taken(town, raw), await self.taken(town, raw)

        assert (first["fresh"], first["known"], first.get("refused", 0)) == (700, 2, 0)
        assert (again["fresh"], again["known"]) == (0, 702)
        assert town.rows(FACTS) == [(702,)]

    async def test_a_line_that_was_changed_cut_or_added_stops_nothing(self, town):
        old, other = await town.terminal("gate-a"), await town.terminal("gate-b")
        await old.write(many=3)
        await other.write()
        head, line = (await self.exported(old)).splitlines(keepends=True)
        foreign = (await self.exported(other)).splitlines(keepends=True)[1]
        bomb = b"H4sI" + b"A" * 64 + b"\n"

        told = await self.taken(town, head + b"no base64!\n" + foreign + bomb + line[:-40] + b"\n" + line)

        assert (told["fresh"], told["refused"]) == (3, 4)

    def test_what_inflates_without_end_is_refused_by_itself(self):
        raw = base64.b64encode(gzip.compress(b"0" * 50_000_000)) + b"\n"

        assert list(bodies(io.BytesIO(raw))) == [None]

    async def test_another_file_and_another_terminal_are_refused(self, town):
        with pytest.raises(WireError, match="no sealed export"):
            terminal_of(io.BytesIO(b"PK\x03\x04"))
        with pytest.raises(WireError, match="ever enrolled"):
            await self.taken(town, b"xinguan-journal-1 nobody\n")
