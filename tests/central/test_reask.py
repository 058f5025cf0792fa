"""The re-ask over a real wire: asked by an enrolled terminal, answered from the register, signed by the list key."""

from contextlib import asynccontextmanager
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.ids import uuid7
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from central import example_town
from central.example_town import HOME
from central.lists import issuing, measure_calls
from central.lists.publishing import Repository
from central.register.standing import set_state
from central.register.warrants import Warrant
from sync.peer import Peer
from sync.pull.puller import Puller
from sync.push.line import Line
from sync.reask import Reasker, ReaskFailedError, list_keys
from sync.wire.jws import public_key
from sync.wire.messages import WireError
from sync.wire.reasks import MAX_AGE_MS, Reask, Reasked, ReaskedEntry, open_reasked, sign_reasked

RESTRICT = example_town.RESTRICT
BY_TWO = Warrant.by_two("li", "han")


@pytest.fixture
def listed(town):
    """The platform with the example town's lists, and a visitor who stands in them."""
    (town.state.public / "metadata" / "1.root.json").unlink()
    example_town.found(town.state.folder, now_ms=town.clock.at_ms)
    wanted = issuing.Wanted(subject="wang")
    town.wang = issuing.issue(town.state.folder, HOME, wanted, now_s=town.clock.at_ms // 1000).subject
    measure = measure_calls.Measure(code=RESTRICT, until=date(2027, 12, 31), authority="云岭文旅局")
    town.clock.at_ms += 1000
    measure_calls.restrict(town.state.folder, HOME, "wang", measure, warrant=BY_TWO, now_ms=town.clock.at_ms)
    return town


@asynccontextmanager
async def pulled(town):
    """A terminal that has pulled its lists once; gives it, its lists, and who it asks again."""
    terminal = await town.terminal("gate-a")
    terminal.clock.at_ms = town.clock.at_ms
    lists = ListStore(terminal.store, ListFiles(terminal.folder / "lists"), home=HOME, ids=uuid7)
    identity = terminal.identity
    async with Puller(
        lists,
        terminal.session,
        base_url=f"{identity.platform}/lists/",
        trust_root=identity.trust_root,
        clock=terminal.clock,
    ) as puller:
        await puller.once()
    peer = Peer(terminal.session, identity.platform)
    line = Line(terminal.store, peer, identity, terminal.clock)
    yield lists, Reasker(peer, terminal.store, terminal.clock, terminal=identity.terminal, sign=line.signed)


async def test_what_was_lifted_is_said_to_be_while_the_terminals_own_list_still_has_it(listed):
    async with pulled(listed) as (lists, reasker):
        assert await reasker.standing(HOME, listed.wang) == {RESTRICT}

        measure_calls.repair(listed.state.folder, HOME, "wang", warrant=BY_TWO, now_ms=listed.clock.at_ms)

        assert [one.code for one in lists.current.measures(HOME, listed.wang)] == [RESTRICT]
        assert await reasker.standing(HOME, listed.wang) == frozenset()


async def test_a_disputed_measure_does_not_stand(listed):
    measure_calls.dispute(listed.state.folder, HOME, "wang", warrant=BY_TWO, now_ms=listed.clock.at_ms)
    async with pulled(listed) as (_lists, reasker):
        assert await reasker.standing(HOME, listed.wang) == frozenset()


async def test_an_answer_under_a_key_that_the_terminal_does_not_know_yet_counts_for_nothing(listed):
    async with pulled(listed) as (_lists, reasker):
        Repository(listed.state.folder).rekey_city(HOME, "lists", now_ms=listed.clock.at_ms + 1)

        with pytest.raises(ReaskFailedError, match="list key"):
            await reasker.standing(HOME, listed.wang)


async def test_a_suspended_terminal_learns_nothing_about_anybody(listed):
    async with pulled(listed) as (_lists, reasker):
        listed.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=1))

        with pytest.raises(ReaskFailedError, match="suspended"):
            await reasker.standing(HOME, listed.wang)


async def test_a_city_that_is_not_here_is_not_answered_for(listed):
    async with pulled(listed) as (_lists, reasker):
        with pytest.raises(ReaskFailedError, match="not delegated"):
            await reasker.standing("nowhere", listed.wang)


async def test_a_platform_that_is_away_is_one_error_and_then_not_asked(listed):
    async with pulled(listed) as (_lists, reasker):
        await listed.relay.cut()
        with pytest.raises(ReaskFailedError, match="Cannot connect"):
            await reasker.standing(HOME, listed.wang)
        with pytest.raises(ReaskFailedError, match="does not answer"):
            await reasker.standing(HOME, listed.wang)


def test_without_lists_there_is_no_key_to_believe():
    with pytest.raises(ReaskFailedError, match="no lists"):
        list_keys(None, HOME)


KEY, OTHER = (Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32) for number in (1, 2))
KEYS = {"k1": public_key(KEY.public_key().public_bytes_raw().hex())}
ASKED = Reask(issuer="wulong", subject="01" * 16, nonce="n" * 32)
NOW = 1_790_000_000_000


class TestWhatCounts:
    def answer(self, key=KEY, kid="k1", **changes):
        said = {"issuer": "wulong", "subject": "01" * 16, "nonce": "n" * 32, "at_ms": NOW, "entries": []}
        return sign_reasked(Reasked(**{**said, **changes}), key, kid=kid)

    def open(self, text):
        return open_reasked(text, ASKED, keys=KEYS, now_ms=NOW)

    def test_an_answer_to_our_question_counts_for_ten_seconds(self):
        entries = [ReaskedEntry(code=302, state="active", until="2027-12-31")]
        assert self.open(self.answer(entries=entries, at_ms=NOW - MAX_AGE_MS)).entries == entries

    @pytest.mark.parametrize("at_ms", [NOW - MAX_AGE_MS - 1, NOW + MAX_AGE_MS + 1])
    def test_an_old_one_and_one_of_tomorrow_do_not(self, at_ms):
        with pytest.raises(WireError) as caught:
            self.open(self.answer(at_ms=at_ms))
        assert caught.value.code == "old_reask"

    @pytest.mark.parametrize("change", [{"nonce": "m" * 32}, {"subject": "02" * 16}, {"issuer": "linhai"}])
    def test_one_to_another_question_does_not(self, change):
        with pytest.raises(WireError) as caught:
            self.open(self.answer(**change))
        assert caught.value.code == "foreign_reask"

    @pytest.mark.parametrize("forged", [{"key": OTHER}, {"kid": "k2"}])
    def test_a_forged_one_does_not(self, forged):
        with pytest.raises(WireError) as caught:
            self.open(self.answer(**forged))
        assert caught.value.code == "bad_reask"

    @pytest.mark.parametrize("text", ["", "a.b.c", "\N{SNOWMAN}", "x" * 20_000])
    def test_nonsense_does_not(self, text):
        with pytest.raises(WireError) as caught:
            self.open(text)
        assert caught.value.code == "bad_reask"
