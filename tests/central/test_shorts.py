"""Short codes and notices over a real wire: the office makes one, a terminal redeems it once (lane.md)."""

import doctest
import json
import secrets
from types import SimpleNamespace

import pytest

from central import example_town
from central.example_town import HOME
from central.http.visitors import notices as pages
from central.proofs import holding
from central.register.notices import keep
from central.register.registry import register
from central.register.shorts import VALID_MS
from central.register.standing import set_state
from credit.claims import TokenClass
from credit.keys import Keyring
from credit.records import Record
from credit.tokens import open_token
from sync.peer import Peer
from sync.push.line import Line
from sync.shorts import ShortRefusedError, Shorts, ShortUnansweredError
from sync.transport import RefusedError, exchange, open_session
from sync.wire.messages import WireError
from sync.wire.shorts import ALPHABET, check, normal, with_check


class TestTheCode:
    def test_what_a_person_types_is_forgiven(self):
        code = with_check("01A0Z9Q")

        wide = "０１" + code[2:]
        for typed in (code.lower(), f" {code[:4]}-{code[4:]} ", code.replace("0", "o").replace("1", "l"), wide):
            assert normal(typed) == code

    def test_each_wrong_character_and_each_swap_of_two_is_noticed(self):
        code = with_check("7K3M9QX")
        wrong = {code[:at] + char + code[at + 1 :] for at in range(8) for char in ALPHABET} - {code}
        for one in range(8):
            for two in range(one):
                swapped = list(code)
                swapped[one], swapped[two] = code[two], code[one]
                wrong |= {"".join(swapped)} - {code}

        for typed in wrong:
            with pytest.raises(WireError):
                normal(typed)

    @pytest.mark.parametrize("typed", ["", "7K3M9QX", "7K3M9QXU", "7K3M 9QXA 1", "信用码八个字符啊", "0" * 9])
    def test_what_can_be_none_is_none(self, typed):
        with pytest.raises(WireError):
            normal(typed)

    def test_codes_check_themselves(self):
        for _ in range(200):
            seven = "".join(secrets.choice(ALPHABET) for _ in range(7))
            assert check(seven) == with_check(seven)[-1]


@pytest.fixture
def listed(town):
    (town.state.public / "metadata" / "1.root.json").unlink()
    example_town.found(town.state.folder, now_ms=town.clock.at_ms)
    return town


async def made(town, **more):
    headers = {"Authorization": f"Bearer {town.state.operator_token}"}
    body = json.dumps({"city": HOME, "subject": "granny-li"} | more).encode()
    async with open_session() as session:
        return json.loads(await exchange(session, "POST", town.url + "/v1/admin/short", headers=headers, body=body))


async def redeemer(town, name="gate-a"):
    terminal = await town.terminal(name)
    terminal.clock.at_ms = town.clock.at_ms
    peer = Peer(terminal.session, terminal.identity.platform)
    line = Line(terminal.store, peer, terminal.identity, terminal.clock)
    return Shorts(peer, terminal=terminal.identity.terminal, sign=line.signed)


class TestRedeeming:
    async def test_a_code_becomes_a_minted_token_that_says_what_the_office_said(self, listed):
        asks = await redeemer(listed)
        told = await made(listed, tier=4, groups=[12], test=True)

        text = await asks.token(told["short"].lower())

        assert told["until"] == listed.clock.at_ms + VALID_MS
        keys = json.dumps([example_town_key(listed)]).encode()
        token = open_token(text, Keyring.from_json(keys), now=listed.clock.at_ms // 1000, allow_test=True)
        assert (token.issuer, token.token_class, token.tier, set(token.groups)) == (HOME, TokenClass.MINTED, 4, {12})

    @pytest.mark.parametrize("said", [{"tier": 4}, {"groups": [12]}])
    async def test_a_real_code_claims_no_tier_by_itself_for_two_people_give_one_by_list(self, listed, said):
        with pytest.raises(RefusedError, match="两人"):
            await made(listed, **said)

    async def test_it_is_redeemed_once_and_an_answer_that_was_lost_comes_again(self, listed):
        asks, others = await redeemer(listed), await redeemer(listed, "gate-b")
        short = (await made(listed))["short"]

        first = await asks.token(short)

        assert await asks.token(short) == first
        with pytest.raises(ShortRefusedError):
            await others.token(short)

    async def test_after_ten_minutes_it_is_over(self, listed):
        asks = await redeemer(listed)
        short = (await made(listed))["short"]
        listed.clock.at_ms += VALID_MS
        with pytest.raises(ShortUnansweredError):  # our own request token is that old as well: a clock that is off
            await asks.token(short)

        asks = await redeemer(listed, "gate-b")
        with pytest.raises(ShortRefusedError):
            await asks.token(short)

    async def test_the_sixth_wrong_try_waits_a_minute_at_both_ends(self, listed):
        terminal = await listed.terminal("gate-a")
        asks = await redeemer(listed, "gate-b")
        for number in range(5):
            with pytest.raises(ShortRefusedError) as refused:
                await asks.token(with_check(f"000000{number}"))
            assert refused.value.wait_s == 0
        with pytest.raises(ShortRefusedError) as refused:
            await asks.token((await made(listed))["short"])
        assert 0 < refused.value.wait_s <= 60

        again = await redeemer_of(listed, terminal)
        for number in range(5):
            with pytest.raises(ShortRefusedError):
                await again.token(with_check(f"000000{number}"))
        forgetful = await redeemer_of(listed, terminal)
        with pytest.raises(ShortUnansweredError, match="too_many_tries"):
            await forgetful.token((await made(listed))["short"])

    async def test_a_typing_error_is_never_sent(self, listed):
        asks = await redeemer(listed)
        for _ in range(9):
            with pytest.raises(WireError):
                await asks.token("7K3M9QXU")
        assert await asks.token((await made(listed))["short"])

    async def test_a_suspended_terminal_redeems_nothing(self, listed):
        asks = await redeemer(listed)
        short = (await made(listed))["short"]
        listed.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=listed.clock.at_ms))

        with pytest.raises(ShortUnansweredError):
            await asks.token(short)

    async def test_nobody_answers(self, listed):
        asks = await redeemer(listed)
        short = (await made(listed))["short"]
        await listed.relay.cut()

        with pytest.raises(ShortUnansweredError):
            await asks.token(short)

    async def test_a_code_of_a_city_that_is_not_ours_is_not_made(self, listed):
        with pytest.raises(RefusedError) as refused:
            await made(listed, city="atlantis")
        assert refused.value.problem.status == 400


class TestNotices:
    NAME = "A" * 21 + "Q"

    def test_the_challenge_is_what_the_page_of_the_protocol_says(self):
        assert doctest.testmod(holding).attempted == 1
        assert doctest.testmod(holding).failed == 0

    async def page(self, town, name):
        async with open_session() as session, session.get(f"{town.url}/n/{name}") as answer:
            return answer.status, await answer.text(), answer.headers

    def keep(self, town, **body):
        told = {"notice": self.NAME, "outcome": "REFUSE", "reasons": ["restricted"]} | body
        record = Record(seq=1, id="x", at_ms=town.clock.at_ms, kind="not_granted", redemption=None, body=told)
        town.change(lambda tx: keep(tx, "gate-a", record, received_ms=town.clock.at_ms))

    async def test_the_page_says_the_class_and_how_to_appeal_and_nothing_of_the_person(self, town):
        await town.terminal()
        self.keep(town, subject="5f" * 16, measure={"code": 302, "authority": "法院"})

        status, text, headers = await self.page(town, self.NAME)

        assert status == 200
        assert "This service is restricted for you today" in text
        assert "法院" not in text
        assert "5f5f" not in text
        assert "default-src 'none'" in headers["Content-Security-Policy"]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"outcome": "REFUSE", "reasons": ["bad_signature"]}, "此码未被接受"),
            ({"outcome": "REFER", "reasons": ["needs_staff"]}, "请由工作人员办理"),
            ({"outcome": "STANDARD", "reasons": ["limit_used"]}, "本次没有可用的优惠"),
        ],
    )
    async def test_each_class_has_its_words(self, town, body, said):
        await town.terminal()
        self.keep(town, **body)

        assert said in (await self.page(town, self.NAME))[1]

    @pytest.mark.parametrize(
        "body",
        [
            {"notice": "short"},
            {"notice": 7},
            {"notice": ["x"]},
            {"outcome": ["REFUSE"]},
            {"outcome": "GRANT"},
            {"reasons": {}, "outcome": 3},
        ],
    )
    async def test_a_fact_that_says_nonsense_makes_no_page_and_no_harm(self, town, body):
        await town.terminal()
        self.keep(town, **body)

        assert (await self.page(town, self.NAME))[0] == 404

    @pytest.mark.parametrize("name", ["x", "A" * 22, "A" * 23, "%3Cscript%3Ealert(1)"])
    async def test_what_is_not_here_is_told_as_that(self, town, name):
        status, text, _headers = await self.page(town, name)

        assert status == 404
        assert "暂时查不到" in text
        assert "<script>" not in text

    def test_what_a_profile_says_is_escaped_and_only_https_is_linked(self):
        def drawn_with(appeal):
            profile = SimpleNamespace(title={"zh": "<b>云溪</b>"}, texts={"appeal_url": {"zh": appeal}})
            return pages.draw(pages.Noticed(pages.Class.STANDARD, 0, profile))

        drawn = drawn_with('https://a.example/"><script>')

        assert "<b>云溪" not in drawn
        assert "<script>" not in drawn
        assert "a.example" in drawn
        assert "javascript" not in drawn_with("javascript:alert(1)")


def example_town_key(town):
    with register(town.state.folder) as conn:
        return json.loads(conn.execute("SELECT entry FROM issuer_key WHERE city = ?", (HOME,)).fetchone()[0])


async def redeemer_of(town, terminal):
    terminal.clock.at_ms = town.clock.at_ms
    peer = Peer(terminal.session, terminal.identity.platform)
    line = Line(terminal.store, peer, terminal.identity, terminal.clock)
    return Shorts(peer, terminal=terminal.identity.terminal, sign=line.signed)
