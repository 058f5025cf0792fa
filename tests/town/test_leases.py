"""A leased capacity: each gate gives its share without asking, and all shares together are never more than there is."""

import asyncio

import pytest

from cache.ids import uuid7
from credit.inputs import Intent
from credit.reasons import Outcome, Reason
from sync.beyond.asking import AuthorityError
from sync.beyond.leases import UNSETTLED_S, Leases, NoRoom
from sync.beyond.rounds import Asker
from sync.wire.claims import LeaseAnswer
from tests.town.two_deciders import benefit, two_gates

MOST = 4
BENEFITS = [
    benefit(7, "boat", "free", where={"scenes": ["gate"]}, capacity=[{"per": "day", "max": MOST, "leased": True}]),
]
GRANTED = (Outcome.GRANT, Reason.OK)


@pytest.fixture
async def site(tmp_path, monkeypatch):
    async with two_gates(tmp_path, BENEFITS, monkeypatch) as made:
        yield made


def said(answer):
    return answer.decision.outcome, answer.decision.reasons[0]


async def facts(gate):
    return [body for _, body in await gate.facts("granted")]


async def test_a_grant_inside_a_lease_says_so_and_is_not_claimed(site):
    authority, one, _ = site

    assert said(await one.shows(1)) == GRANTED

    [body] = await facts(one)
    [lease] = body["lease"]
    assert (lease["quota"].split("|")[:2], lease["number"]) == (["u", "wulong/boat"], 0)
    assert [key.key.split("|")[0] for ask in authority.asked for key in ask.keys] == ["n"]


async def test_all_shares_together_are_no_more_than_there_is_whatever_gate_they_are_shown_at(site):
    authority, one, two = site

    answers = [said(await gate.shows(who)) for who, gate in enumerate([one, two, one, two, one, two, one, two], 1)]
    await authority.hear(one, two)

    assert answers.count(GRANTED) == MOST
    assert {reason for outcome, reason in answers if outcome is not Outcome.GRANT} == {Reason.IN_USE}
    assert said(await one.shows(9)) == (Outcome.STANDARD, Reason.FULL)  # now facts prove it
    assert authority.row("SELECT count(*) FROM conflicts") == (0,)


async def test_with_nobody_to_ask_a_gate_gives_what_it_holds_and_no_more(site):
    authority, one, two = site
    assert said(await one.shows(1)) == GRANTED
    [(quota, lease)] = one.asking.leases._leases.items()
    more = lease.total - 1
    authority.silent = True

    alone = [said(await one.shows(who)) for who in range(2, 3 + more)]

    assert alone == [GRANTED] * more + [(Outcome.REFER, Reason.OFFLINE_LIMIT)]
    assert said(await two.shows(9)) == (Outcome.REFER, Reason.OFFLINE_LIMIT)
    assert authority.row("SELECT sum(total) FROM leases WHERE quota = ?", quota)[0] <= MOST


async def test_an_annulled_grant_is_room_again_and_a_price_takes_nothing(site):
    _, one, _ = site
    answers = [await one.shows(who) for who in range(1, MOST + 1)]
    assert said(await one.shows(8, intent=Intent.CHECK))[0] is not Outcome.REFER
    assert said(await one.shows(9)) != GRANTED

    await one.annul(answers[0].redemption)

    assert said(await one.shows(10)) == GRANTED


async def test_what_one_gate_does_not_want_is_given_back_and_leased_by_the_other(site):
    authority, one, two = site
    for who in range(1, 4):
        await one.shows(who)
    assert said(await two.shows(4)) == GRANTED
    await one.asking.leases.give_back(next(iter(one.asking.leases._leases)))
    await authority.hear(one, two)

    assert authority.row("SELECT number, total FROM leases WHERE terminal = 'one'") == (1, 3)
    assert said(await two.shows(5)) == (Outcome.STANDARD, Reason.FULL)


class Lessor:
    """Answers as the authority does, and can be silent or answer for another number."""

    def __init__(self):
        self.asked, self.number, self.total, self.silent, self.call_back = [], 0, 0, False, False
        self.hold, self.most = None, 1_000

    async def lease(self, request):
        self.asked.append(request)
        if self.hold is not None:
            await self.hold.wait()
        if self.silent:
            raise AuthorityError("nobody there")
        if request.used is not None and request.number > self.number:
            self.number, self.total = request.number, request.used
        elif request.number == self.number:
            self.total = max(self.total, min(request.total or 0, self.most))
        return LeaseAnswer(number=self.number, total=self.total, for_ms=600_000, call_back=self.call_back)


class TestOneTerminal:
    @pytest.fixture
    def made(self):
        lessor, clock = Lessor(), {"s": 0.0, "own": 0}

        async def own(_quota):
            return clock["own"]

        asker = Asker(run="r", hub_no=1, terminal="one", ids=uuid7)
        return Leases(lessor, lambda: asker, own, lambda: clock["s"]), lessor, clock

    async def test_what_is_being_decided_with_is_not_given_to_the_next_lane(self, made):
        leases, lessor, _ = made
        first = await leases.take("q", 1)
        lessor.total = 0
        assert leases.room("q", 0) == 0

        leases.settled([first])

        assert leases.room("q", 0) == 1

    async def test_time_ends_a_lease_from_sending_on_and_frees_nothing_elsewhere(self, made):
        leases, lessor, clock = made
        leases.settled([await leases.take("q", 1)])
        clock["s"] = 600.0

        assert leases.room("q", 0) == 0
        assert (await leases.take("q", 1)).number == 0
        assert [(one.total, one.held) for one in lessor.asked] == [(0, None), (1, None), (1, 0)]

    async def test_an_ended_lease_comes_to_life_no_larger_than_the_answer_says(self, made):
        leases, lessor, clock = made
        leases.settled([await leases.take("q", 1), await leases.take("q", 1)])
        clock["s"], clock["own"] = 600.0, 1
        lessor.total = lessor.most = 1  # restored from a copy of before the second, which others have by now

        assert await leases.take("q", 1) is NoRoom.LET
        assert (lessor.asked[-1].held, leases.held("q").total) == (1, 1)

    async def test_a_new_start_gives_back_what_the_run_before_held_and_asks_under_the_next_number(self, made):
        leases, lessor, clock = made
        lessor.number, lessor.total = 5, 7

        clock["own"] = 6
        assert (await leases.take("q", 1)).number == 6
        asked = [(one.number, one.total, one.used, one.held) for one in lessor.asked]
        assert asked == [(0, 0, None, 6), (6, None, 6, None), (6, 7, None, 6)]

    async def test_a_new_start_goes_on_under_a_number_of_which_nothing_is_left(self, made):
        leases, lessor, clock = made
        lessor.number, lessor.total = 5, 6

        clock["own"] = 6
        assert (await leases.take("q", 1)).number == 5
        assert [one.number for one in lessor.asked] == [0, 5]

    async def test_a_give_back_that_nobody_heard_is_said_again_before_anything_is_asked_for(self, made):
        leases, lessor, clock = made
        leases.settled([await leases.take("q", 1)])
        clock["own"], lessor.silent = 1, True
        with pytest.raises(AuthorityError):
            await leases.give_back("q")
        lessor.silent = False

        await leases.take("q", 1)

        assert [(one.number, one.used) for one in lessor.asked[-2:]] == [(1, 1), (1, None)]

    async def test_a_called_back_lease_is_not_given_while_somebody_is_decided_with_it(self, made):
        leases, lessor, _ = made
        taken = await leases.take("q", 1)
        lessor.call_back = True
        await leases.renew()
        assert leases.held("q") is not None

        leases.settled([taken])
        await leases.renew()

        assert leases.held("q") is None
        assert lessor.number == 1

    async def test_a_visit_that_was_never_settled_does_not_hold_a_share_for_ever(self, made):
        leases, _, clock = made
        await leases.take("q", 1)
        clock["s"] = UNSETTLED_S

        assert leases.room("q", 0) == 1

    async def test_what_it_holds_is_told_with_each_ask(self, made):
        leases, lessor, _ = made
        await leases.take("q", 1)
        await leases.renew()

        assert [one.held for one in lessor.asked] == [None, None, 1]

    async def test_what_another_lane_gave_while_this_one_waited_for_an_answer_is_not_given_again(self, made):
        leases, lessor, clock = made
        lessor.hold = asyncio.Event()
        waiting = [asyncio.ensure_future(leases.take("q", 1)) for _ in range(2)]
        while len(lessor.asked) < 2:
            await asyncio.sleep(0)
        lessor.most = 1
        lessor.hold.set()
        first, second = await asyncio.gather(*waiting)

        assert (first.number, second) == (0, NoRoom.LET)
        clock["own"] = 1
        leases.settled([first])
        assert await leases.take("q", 1) is NoRoom.LET

    async def test_a_give_back_that_two_lanes_say_at_once_is_said_and_done(self, made):
        leases, lessor, _ = made
        leases.settled([await leases.take("q", 1)])
        lessor.silent = True
        with pytest.raises(AuthorityError):
            await leases.give_back("q")
        lessor.silent, lessor.hold = False, asyncio.Event()
        saying = [asyncio.ensure_future(leases.take("q", 1)) for _ in range(2)]
        while len(lessor.asked) < 4:
            await asyncio.sleep(0)
        lessor.hold.set()

        assert [one.number for one in await asyncio.gather(*saying)] == [1, 1]

    async def test_an_answer_that_comes_after_the_lease_was_given_back_is_none(self, made):
        leases, lessor, _ = made
        leases.settled([await leases.take("q", 1)])
        lessor.hold = asyncio.Event()
        late = asyncio.ensure_future(leases.renew())
        while len(lessor.asked) < 2:
            await asyncio.sleep(0)
        back = asyncio.ensure_future(leases.give_back("q"))
        await asyncio.sleep(0)
        lessor.hold.set()
        await asyncio.gather(late, back)

        assert leases.held("q") is None

    async def test_what_was_given_back_is_said_again_to_whoever_may_have_been_restored(self, made):
        leases, lessor, _ = made
        leases.settled([await leases.take("q", 1)])
        await leases.give_back("q")
        lessor.asked.clear()

        await leases.renew()

        assert [(one.number, one.used) for one in lessor.asked] == [(1, 0)]

    async def test_nobody_who_leases_is_no_lease(self, made):
        leases, lessor, _ = made
        lessor.silent = True
        with pytest.raises(AuthorityError):
            await leases.take("q", 1)

        lessor.silent, lessor.number = False, 3
        assert await leases.take("q", 1) is not NoRoom.FULL
