"""ADR 0172: the platform's key is exchanged, and no terminal is enrolled again for that."""

import json
from dataclasses import replace

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal.chain import current_epoch
from central.http.app import serving
from central.platform_key import rotate
from central.platform_state import Signer, open_state
from central.register.standing import set_profile, set_state
from sync.enrol.enrolling import enrol
from sync.enrol.identity import load_identity
from sync.enrol.known_keys import KEYS_FILE, KeysHeld
from sync.enrol.successors import LINK, MAX_LINKS, Chain, PlatformKeys
from sync.push.receipts import kept_end
from sync.push.upholding import Upholder
from sync.transport import open_session
from sync.wire.messages import WireError
from sync.wire.seals import sign

NOON = 1_790_000_000_000


def new_signer():
    return Signer(Ed25519PrivateKey.generate())


def link(by, *keys, number=1, at_ms=NOON, kid=None):
    said = PlatformKeys(number=number, keys=[one.public for one in keys], at_ms=at_ms)
    return sign(said, by.key, typ=LINK, kid=kid or by.public.kid)


async def serve_anew(town, state=None):
    """Let the platform's service be restarted: what its folder says now is what it signs with."""
    state = state or open_state(town.state.folder)
    url = await town.stack.enter_async_context(serving(state, host="127.0.0.1", port=0, now_ms=town.clock.now_ms))
    return await point_to(town, int(url.rsplit(":", 1)[1]))


async def point_to(town, port):
    await town.relay.cut()
    before, town.relay._target = town.relay._target, port
    await town.relay.start()
    return before


async def exchange_key(town, *, times=1):
    for _ in range(times):
        rotate(town.state.folder, now_ms=NOON)
    return await serve_anew(town)


def restarted(terminal):
    return load_identity(terminal.folder)


class TestATerminal:
    @pytest.mark.parametrize("times", [1, 3, MAX_LINKS + 1])
    async def test_it_follows_however_long_it_slept_and_knows_it_after_a_restart(self, town, times):
        terminal = await town.terminal()
        await terminal.write()
        await terminal.pusher().drain()
        await exchange_key(town, times=times)
        await terminal.write(many=2)

        sent = await terminal.pusher().drain()

        now = open_state(town.state.folder).signer.public.kid
        assert sent == 2
        assert list(restarted(terminal).keys_in_force) == [now]
        assert restarted(terminal).keys.chain.number == times

    async def test_what_was_signed_before_stays_good(self, town):
        terminal = await town.terminal()
        await terminal.write()
        town.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=NOON))
        await terminal.pusher().drain()
        await exchange_key(town)

        await terminal.times.once()

        told = kept_end(restarted(terminal))
        assert terminal.clock.learned
        assert told is not None
        assert told.seq == 2  # the suspension is a fact of its own
        assert await Upholder(terminal.store, restarted(terminal), terminal.clock).once() is False

    async def test_a_clock_that_is_off_is_corrected_by_a_key_that_it_never_heard_of(self, town):
        terminal = await town.terminal()
        await terminal.write()
        await exchange_key(town)
        terminal.clock.at_ms -= 3_600_000

        assert await terminal.pusher().drain() == 1

    async def test_a_word_of_now_by_a_key_that_is_over_is_refused(self, town):
        terminal = await town.terminal()
        line = terminal.line()
        old = await exchange_key(town)
        await line.ask()
        await point_to(town, old)

        with pytest.raises(WireError, match="not known here"):
            await line.ask()
        with pytest.raises(WireError, match="not known here"):
            await terminal.times.once()
        terminal.clock.at_ms -= 3_600_000
        with pytest.raises(WireError, match="not known here"):
            await line.ask()
        assert (line.offset_ms, terminal.clock.learned) == (0, [])

    async def test_a_profile_ordered_with_the_new_key_is_in_force_after_a_restart(self, town):
        terminal = await town.terminal()
        await exchange_key(town)
        graded = msgspec.structs.replace(terminal.identity.profile, grade="AAA")
        town.change(lambda tx: set_profile(tx, "gate-a", graded, now_ms=town.clock.at_ms + 1))

        await terminal.pusher().drain()

        assert restarted(terminal).profile.grade == "AAA"

    async def test_enrolled_again_it_is_at_the_same_platform_and_reads_what_that_ordered_before(self, town):
        terminal = await town.terminal()
        town.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=NOON))
        await terminal.pusher().drain()
        epoch = await terminal.store.read(current_epoch)
        await terminal.pusher().drain()
        await exchange_key(town, times=2)
        async with open_session() as session:
            ticket = town.ticket(town.code())
            await enrol(ticket, folder=terminal.folder, session=session, now_ms=NOON, again=True)

        now = restarted(terminal)
        assert (await terminal.store.read(current_epoch)).id == epoch.id
        assert town.state.signer.public.kid in now.platform_keys
        assert list(now.keys_in_force) == [open_state(town.state.folder).signer.public.kid]

    async def test_a_platform_that_gives_a_forged_link_is_refused_and_nothing_changes(self, town, caplog):
        terminal = await town.terminal()
        await exchange_key(town)
        line = terminal.line()
        state, stranger = open_state(town.state.folder), new_signer()
        forged = link(stranger, state.signer, kid=town.state.signer.public.kid)
        await serve_anew(town, replace(state, chain=replace(state.chain, links=(forged,))))

        for _ in range(2):
            with pytest.raises(WireError, match="not known here"):
                await line.ask()

        assert restarted(terminal).keys.chain.number == 0
        assert not (terminal.folder / KEYS_FILE).exists()
        assert [one.message for one in caplog.records if one.name == "xinguan.platform_keys"] == [
            "platform_keys_refused"
        ]


class TestALinkThatDoesNotFollow:
    @pytest.fixture
    def held(self, tmp_path):
        first, self.second = new_signer(), new_signer()
        self.first = first
        return KeysHeld(tmp_path, Chain.begun([first.public]))

    def forged(self, kind):
        third, stranger = new_signer(), new_signer()
        good = link(self.second, third, number=3)
        at = good.rindex(".") + 9
        return {
            "by a stranger": link(stranger, stranger, number=3),
            "by a stranger under a known name": link(stranger, stranger, number=3, kid=self.second.public.kid),
            "by a key that is over": link(self.first, third, number=3),
            "a lower number": link(self.second, third, number=1),
            "two contents": link(self.second, third, number=2),
            "a key that is over comes back": link(self.second, self.first, number=3),
            "a bit turned": good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :],
            "no link": "x.y.z",
        }[kind]

    @pytest.mark.parametrize(
        "kind",
        [
            "by a stranger",
            "by a stranger under a known name",
            "by a key that is over",
            "a lower number",
            "two contents",
            "a key that is over comes back",
            "a bit turned",
            "no link",
        ],
    )
    async def test_it_changes_nothing_and_is_one_line(self, held, kind, tmp_path, caplog):
        await held.take([link(self.first, self.second, number=2)])
        before, written, forged = held.chain, (tmp_path / KEYS_FILE).read_bytes(), self.forged(kind)
        caplog.clear()

        assert not await held.take([forged])
        assert not await held.take([forged])

        assert held.chain is before
        assert (tmp_path / KEYS_FILE).read_bytes() == written
        assert [one.message for one in caplog.records] == ["platform_keys_refused"]

    async def test_what_came_before_it_counts(self, held):
        good = link(self.first, self.second, number=2)

        assert await held.take([good, self.forged("by a stranger")])

        assert list(held.chain.in_force) == [self.second.public.kid]

    async def test_a_link_said_again_is_none(self, held):
        good = link(self.first, self.second, number=2)
        await held.take([good])

        assert not await held.take([good])

    async def test_a_file_that_somebody_edited_is_passed_over(self, held, tmp_path):
        (tmp_path / KEYS_FILE).write_text(json.dumps({"links": [link(self.second, self.second), "x"]}))

        assert KeysHeld(tmp_path, Chain.begun([self.first.public])).chain.number == 0

    async def test_a_disk_that_does_not_take_it_keeps_nobody_from_following(self, held, tmp_path):
        (tmp_path / KEYS_FILE).mkdir()

        assert await held.take([link(self.first, self.second)])

        assert list(held.chain.in_force) == [self.second.public.kid]
