"""A repaired visitor whose terminal has not heard of it yet: asked about once more, beside the claim."""

import asyncio
import selectors
from types import SimpleNamespace

import pytest

from cache.journal.chain import begin_epoch
from cache.ledger.permit import ClaimWord, Permit
from credit.inputs import Intent
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.rules.documents import parse_measure_codes
from credit.rules.measures import EntryState, MeasureEntry
from edge.lanes.decider import ASK_S
from edge.lanes.reasking import REASK_S, asked_again
from storage.sqlite import Store
from sync.reask import ReaskFailedError
from tests.edge.deciding import BENEFITS, Slow, Town

SMOKING, FARE = 302, 303
HARMLESS = 999  # a code of no catalogue: it has no effect, but it is asked about
CODES = {
    "issuer": "wulong",
    "codes": {
        str(code): {"title": {"zh": "限制", "en": "restricted"}, "effect": "restrict"} for code in (SMOKING, FARE)
    },
}


class Platform:
    """Says what stands; counts who asks. `takes_s` is its time, `error` what it raises instead."""

    def __init__(self, *codes, takes_s=0.0, error=None):
        self.codes, self.takes_s, self.error, self.asked = frozenset(codes), takes_s, error, []

    async def standing(self, issuer, subject):
        self.asked.append((issuer, subject))
        await asyncio.sleep(self.takes_s)
        if self.error:
            raise self.error
        return self.codes


class Jumping(asyncio.SelectorEventLoop):
    """A loop whose clock goes on only by what it waits for."""

    def __init__(self):
        super().__init__(Jumps())

    def time(self):
        return self._selector.passed_s


class Jumps(selectors.DefaultSelector):
    passed_s = 0.0

    def select(self, timeout=None):
        self.passed_s += timeout or 0.0
        return super().select(0)


@pytest.fixture
async def town(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        town = Town(store)
        town.lists.policy = Policy.compile(benefits=parse_benefits(BENEFITS), codes=parse_measure_codes(CODES))
        town.bounds.answer_s = 30.0  # what is tested here is no matter of this machine's speed
        yield town


def stale(town, *codes, state=EntryState.ACTIVE, age_s=0):
    """Let the terminal's own lists still say something against everybody."""
    town.lists.measures = lambda issuer, subject: tuple(
        MeasureEntry(issuer=issuer, code=code, state=state) for code in codes
    )
    town.lists.age_s = lambda issuer, now_s: age_s


async def decided(town, platform, beyond=None, **request):
    decider = town.decider(beyond)
    decider.asks = platform
    return (await decider.decide(town.show(**request))).decision


async def test_a_repaired_visitor_is_served_though_the_list_here_is_stale(town):
    stale(town, SMOKING, age_s=3 * 86_400)
    platform = Platform()

    decision = await decided(town, platform)

    assert decision.outcome is Outcome.GRANT
    assert platform.asked == [("wulong", (1).to_bytes(16, "big"))]
    ((_kind, fact),) = await town.facts("granted")
    assert fact["negative_lifted"] == [SMOKING]


async def test_whom_the_platform_still_restricts_is_refused(town):
    stale(town, SMOKING)
    assert (await decided(town, Platform(SMOKING))).reasons == (Reason.RESTRICTED,)


async def test_one_of_two_lifted_leaves_the_other(town):
    stale(town, SMOKING, FARE)
    assert (await decided(town, Platform(FARE))).findings[0].facts["measure"] == FARE
    ((_kind, fact),) = await town.facts("not_granted")
    assert fact["negative_lifted"] == [SMOKING]


async def test_an_answer_can_only_take_away(town):
    """A measure that our lists do not know yet comes with the lists, not with an answer for one visitor."""
    stale(town, SMOKING)
    assert (await decided(town, Platform(FARE))).outcome is Outcome.GRANT


async def test_it_counts_for_this_one_decision(town):
    stale(town, SMOKING)
    assert (await decided(town, Platform())).outcome is Outcome.GRANT
    assert (await decided(town, None)).reasons == (Reason.RESTRICTED,)


async def test_no_answer_that_counts_changes_nothing(town):
    stale(town, SMOKING)
    decision = await decided(town, Platform(error=ReaskFailedError("forged")))
    assert decision.reasons == (Reason.RESTRICTED,)


async def test_a_platform_that_is_away_costs_the_claims_own_budget_and_nothing_beside_it(town):
    """No figure of this machine's: the claim is still being asked when the re-ask begins, and both are given up."""
    stale(town, SMOKING)
    platform = Platform(takes_s=60)

    class Claim(Slow):
        async def permit(self, visit, weigh):
            try:
                return await super().permit(visit, weigh)
            finally:
                self.beside = len(platform.asked)

    claim = Claim(60)
    async with asyncio.timeout(30):
        decision = await decided(town, platform, claim)

    assert decision.reasons == (Reason.RESTRICTED,)
    assert claim.beside == len(platform.asked) == 1
    assert REASK_S == 0.15


@pytest.mark.parametrize(
    ("takes_s", "over_s", "counts"),
    [(REASK_S - 0.001, REASK_S - 0.001, True), (REASK_S + 0.001, REASK_S, False), (86_400.0, REASK_S, False)],
    ids=["in time", "too late", "never"],
)
def test_however_long_a_partner_takes_the_answer_is_no_later_than_the_claims_budget(takes_s, over_s, counts):
    """Time is the loop's own: it stands still while anything runs, and jumps to what is waited for next."""
    stands = MeasureEntry(issuer="wulong", code=SMOKING, state=EntryState.ACTIVE)
    lists = SimpleNamespace(measures=lambda issuer, subject: (stands,))
    about = SimpleNamespace(issuer="wulong", subject=bytes(16))
    visit = SimpleNamespace(
        token=about, request=SimpleNamespace(intent=Intent.ENTER), place=SimpleNamespace(lane="gate1")
    )

    async def beside():
        return await asyncio.gather(asyncio.sleep(0.1), asked_again(Platform(takes_s=takes_s), visit, lists))

    with asyncio.Runner(loop_factory=Jumping) as runner:
        _claim, found = runner.run(beside())
        assert runner.get_loop().time() == pytest.approx(over_s)

    assert (found is not lists) is counts
    assert REASK_S <= ASK_S, "and the claim is waited for no shorter than the answer beside it"


@pytest.mark.parametrize("codes", [(), (SMOKING,)])
async def test_nobody_is_asked_about_whom_nothing_stands_against(town, codes):
    stale(town, *codes, state=EntryState.DISPUTED)
    platform = Platform()
    assert (await decided(town, platform)).outcome is Outcome.GRANT
    assert platform.asked == []


@pytest.mark.parametrize("intent", [Intent.EXIT, Intent.GIVE_BACK])
async def test_nobody_is_asked_for_whoever_leaves_or_brings_back(town, intent):
    stale(town, SMOKING)
    platform = Platform()
    assert Reason.RESTRICTED not in (await decided(town, platform, intent=intent)).reasons
    assert platform.asked == []


async def test_a_second_round_of_claims_asks_nobody_about_the_negative_again(town):
    """A permit that lacks what the decision wants: the claim is asked for twice, the platform once."""
    stale(town, SMOKING, HARMLESS)
    platform, claim = Platform(HARMLESS), Slow(0, Permit(claim=ClaimWord.HELD, redemption="claimed-1", hub_no=7))

    await decided(town, platform, claim)

    assert len(claim.heard) == 2
    assert len(platform.asked) == 1
