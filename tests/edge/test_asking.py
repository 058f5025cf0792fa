"""Two gates of a site and whoever counts for both: a hub in memory that keeps the rules of claims.md (10 to 15)."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.ledger import settle
from cache.ledger.permit import ALONE, Permit
from cache.ledger.visit import Visit
from cache.ledger.writing import take
from cache.pen import Pen
from credit.decision import Use
from credit.inputs import Intent, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.tokens import open_token
from edge.lanes.beyond import ThisTerminal
from storage.sqlite import Store
from sync.beyond.asking import Asking, AuthorityError
from sync.beyond.patience import Breaker, Pending
from sync.beyond.rounds import Asker, wide_keys
from sync.wire.claims import ClaimAnswer, OpenRow, Refused, SiteRows
from tests.edge.deciding import BENEFITS, KEY, NOW_S, STAND, Town

BOUND = 1


class Hub:
    """Counts for a site. Every key here has room for one."""

    def __init__(self):
        self.provisional, self.committed, self.gone, self.asked = {}, {}, set(), []
        self.open_rows, self.silent, self.learning, self.meanwhile = [], False, False, None
        self.behind, self.says = [], None

    async def claim(self, request):
        self.asked.append(request)
        if self.says is not None and request.keys:
            return self.says
        if self.silent:
            raise AuthorityError("nobody there")
        if self.learning:
            return ClaimAnswer(learning=True)
        for one in request.release:
            self.provisional.pop(one, None)
            self.gone.add(one)
        if not request.keys:
            return ClaimAnswer(granted=True, site=SiteRows(open=self.open_rows))
        if request.redemption in self.gone:
            return ClaimAnswer(gone=True)
        for one in request.keys:
            for state, held in (("used", self.committed), ("held", self.provisional)):
                for who, keys in held.items():
                    if one.key in keys:
                        return ClaimAnswer(
                            refused=Refused(
                                key=one.key, state=state, left=0, at_ms=NOW_S * 1000 - 12_000, site="park", terminal=who
                            )
                        )
        if not request.dry:
            self.provisional[request.redemption] = {one.key for one in request.keys}
        if self.meanwhile is not None:
            await self.meanwhile()
        return ClaimAnswer(granted=True, behind=self.behind)

    async def take_in(self, town):
        """Read a gate's facts: what is granted there is proved."""
        for kind, body in await town.facts("granted", "opened"):
            del kind
            for redemption, keys in list(self.provisional.items()):
                if {use["key"] for use in body["uses"]} & keys:
                    self.committed["gate1"] = self.provisional.pop(redemption)


class Gate(Town):
    def __init__(self, store, hub, terminal):
        super().__init__(store)
        asker = Asker(run=f"run-{terminal}", hub_no=3, terminal=terminal, ids=uuid7)
        self.asking = Asking(hub, lambda: asker, self.clock.now)
        self.terminal = terminal

    async def visit(self):
        """Return a visit and how it is weighed, as the decider asks for it."""
        token = open_token(self.phones.code(), self.phones.keyring, now=NOW_S)
        visit = Visit(token, Request(), Place(site="park", scene="gate", lane="A", terminal=self.terminal))

        async def weigh(permit):
            now = self.clock.now()
            return await self.store.read(
                lambda conn: settle.dry(Pen(conn, now, uuid7), visit, self.lists, self.lists.policy, permit)
            )

        return visit, weigh

    def decider(self, **more):
        made = super().decider(beyond=self.asking, **more)
        made._places = {"A": Place(site="park", scene="gate", lane="A", terminal=self.terminal), "S": STAND}
        return made


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Nobody goes on alone because this machine stood still: who is silent here says so at once.

    The budgets themselves: a test below, tests/edge/test_decider.py, tests/town/test_ill_postgres.py.
    """
    monkeypatch.setattr("sync.beyond.asking.BUDGET_S", 10.0)
    monkeypatch.setattr("edge.lanes.decider.ASK_S", 11.0)


@pytest.fixture
def hub():
    return Hub()


@pytest.fixture
async def gates(tmp_path, hub):
    made = []
    async with Store(tmp_path / "1.db") as first, Store(tmp_path / "2.db") as second:
        for name, store in (("gate1", first), ("gate2", second)):
            await store.write(lambda conn, name=name: begin_epoch(conn, epoch=name, terminal=name, reason="test"))
            made.append(Gate(store, hub, name))
        yield made


async def test_the_second_gate_says_used_where_and_when(gates, hub):
    one, two = gates
    first = await one.decider().decide(one.show())
    await hub.take_in(one)

    second = await two.decider().decide(two.show(one.phones.code()))

    assert first.decision.outcome is Outcome.GRANT
    assert second.decision.reasons == (Reason.LIMIT_USED,)
    assert second.decision.findings[0].facts["where"] == "park/gate1"
    assert (second.decision.findings[0].facts["used"], second.decision.findings[0].facts["max"]) == (1, 1)
    [(_, body)] = await two.facts("not_granted")
    assert (body["claim"], body["with"]["terminal"]) == ("held", "gate1")


async def test_while_the_first_gate_is_deciding_the_second_says_in_use_and_not_used(gates, hub):
    one, two = gates
    await one.decider().decide(one.show())  # provisional: its fact has not arrived

    second = await two.decider().decide(two.show(one.phones.code()))

    assert (second.decision.outcome, second.decision.reasons) == (Outcome.REFER, (Reason.IN_USE,))


async def test_only_what_counts_beyond_this_terminal_is_claimed_and_the_grant_bears_the_claimed_id(gates, hub):
    one, _ = gates

    answer = await one.decider().decide(one.show())

    [ask] = hub.asked
    assert answer.redemption == ask.redemption
    assert [key.key.split("|")[0] for key in ask.keys] == ["n", "u"]
    assert (ask.keys[1].by.part, ask.keys[1].by.code, ask.keys[1].n) == ("limit", 1, 1)
    [(_, body)] = await one.facts("granted")
    assert (body["claim"], body["hub_no"]) == ("held", 3)


async def test_who_asks_somebody_that_hangs_gives_up_when_the_budget_is_over_and_goes_alone(gates, hub, monkeypatch):
    async def hangs(_request):
        await asyncio.Event().wait()

    monkeypatch.setattr(hub, "claim", hangs)
    monkeypatch.setattr("sync.beyond.asking.BUDGET_S", 0.05)
    async with asyncio.timeout(8):  # the decider itself would wait for eleven
        answer = await gates[0].decider().decide(gates[0].show())

    assert answer.decision.outcome is Outcome.GRANT
    [(_, body)] = await gates[0].facts("granted")
    assert body["claim"] == "alone"


@pytest.mark.parametrize("state", ["silent", "learning"])
async def test_who_hears_nothing_goes_alone_under_the_offline_bounds(gates, hub, state):
    one, _ = gates
    setattr(hub, state, True)

    answer = await one.decider().decide(one.show())

    assert (answer.decision.outcome, answer.decision.offline) == (Outcome.GRANT, True)
    [(_, body)] = await one.facts("granted")
    assert (body["claim"], body["offline"]) == ("alone", True)
    assert any("offline:" in use["key"] for use in body["uses"]) is False  # this benefit has no offline bounds


async def test_what_was_held_and_not_committed_is_released_until_somebody_hears_it(gates, hub):
    one, two = gates
    one.at_commit = []
    await one.store.write(
        lambda conn: conn.execute(
            "CREATE TRIGGER full BEFORE INSERT ON redemptions BEGIN SELECT raise(ABORT, 'no room'); END"
        )
    )

    failed = await one.decider().decide(one.show())
    assert failed.decision.reasons == (Reason.STORE_FAILED,)
    assert len(one.asking.pending) == 1
    hub.silent = True
    await one.asking.release()
    assert len(one.asking.pending) == 1  # nobody heard it
    hub.silent = False
    await one.asking.release()

    assert len(one.asking.pending) == 0
    second = await two.decider().decide(two.show(one.phones.code()))
    assert second.decision.outcome is Outcome.GRANT


async def test_an_id_whose_asker_went_away_is_released(gates, hub):
    one, _ = gates
    asked = asyncio.Event()

    async def never():
        asked.set()
        await asyncio.Event().wait()

    hub.meanwhile = never
    deciding = asyncio.create_task(one.asking.permit(*await one.visit()))
    await asked.wait()
    deciding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deciding

    assert one.asking.pending.next() == [hub.asked[0].redemption]


async def test_what_was_decided_otherwise_meanwhile_is_asked_for_again_and_what_was_held_is_released(gates, hub):
    one, _ = gates
    second = BENEFITS[0] | {"id": "second", "code": 9}
    one.lists.policy = Policy.compile(benefits=parse_benefits([BENEFITS[0], second]))

    async def the_other_lane_is_faster():
        hub.meanwhile = None
        await one.store.write(lambda conn: take(conn, Use(KEY, 1, 1), "other", NOW_S * 1000))

    hub.meanwhile = the_other_lane_is_faster
    answer = await one.decider().decide(one.show())

    assert answer.decision.benefit == "second"
    assert answer.redemption == hub.asked[1].redemption
    assert hub.asked[0].redemption in {*one.asking.pending.next(), *hub.asked[1].release}


async def test_asking_for_a_price_takes_nothing_anywhere(gates, hub):
    one, _ = gates

    answer = await one.decider().decide(one.show(intent=Intent.CHECK))

    assert answer.decision.outcome is Outcome.GRANT
    assert [ask.dry for ask in hub.asked] == [True]
    assert hub.provisional == {}


async def test_what_was_lent_elsewhere_is_brought_back_here(gates, hub):
    one, _ = gates
    answer = {"offers": [], "offer": {"kind": "deposit_waiver"}}
    hub.open_rows = [
        OpenRow(
            redemption="r-9",
            terminal="gate2",
            benefit="umbrella",
            issuer="wulong",
            scene="stand",
            intent="lend",
            at_ms=NOW_S * 1000,
            answer=json.dumps(answer),
            asset="U9",
        )
    ]

    back = await one.decider().decide(one.show(lane="S", intent=Intent.GIVE_BACK))

    assert (back.decision.outcome, back.redemption) == (Outcome.GRANT, "r-9")
    assert [kind for kind, _ in await one.facts()] == ["closed"]


async def test_an_unknown_receipt_is_taken_back_while_the_hub_is_silent_and_marked(gates, hub):
    one, _ = gates
    hub.silent = True
    request = one.show(lane="S", intent=Intent.GIVE_BACK, asset="U9")
    without_code = type(request)(text="", lane="S", request=request.request)

    silent = await one.decider().decide(without_code)
    hub.silent = False
    one.asking._breaker.answered()
    asked = await one.decider().decide(type(request)(text="", lane="S", request=request.request))

    assert silent.decision.outcome is Outcome.GRANT
    assert [body for _, body in await one.facts("closed")] == [{"step": "closed", "unmatched": True, "asset": "U9"}]
    assert asked.decision.reasons == (Reason.NOTHING_OPEN,)


async def test_a_dead_hub_costs_two_visitors_and_then_one_look_each_second(gates, hub):
    one, _ = gates
    hub.silent = True
    decider = one.decider()
    for holder in range(1, 7):
        await decider.decide(one.show(one.phones.code(holder)))

    assert len(hub.asked) == 2


async def test_nobody_is_asked_twice_at_once_by_lanes_that_decide_about_one_visitor(gates, hub):
    one, _ = gates
    decider = one.decider()

    answers = await asyncio.gather(*(decider.decide(one.show()) for _ in range(2)))

    outcomes = sorted(one.decision.outcome for one in answers)
    assert outcomes == [Outcome.GRANT, Outcome.REFER] or [a.repeat for a in answers].count(True) == 1


async def test_who_asks_nobody_answers_at_once_and_promises_nothing(gates):
    one, _ = gates

    assert ThisTerminal().permit(*await one.visit()) is ALONE
    assert ThisTerminal().known(Request(), STAND) is ALONE


def test_after_two_silent_asks_no_visitor_waits_until_somebody_answers():
    breaker = Breaker()
    breaker.silent()
    assert breaker.closed
    breaker.silent()
    assert not breaker.closed

    breaker.answered()
    assert breaker.closed


async def test_a_hub_that_is_back_is_found_without_a_visitor_s_time(gates, hub):
    one, _ = gates
    hub.silent = True
    decider = one.decider()
    for holder in range(1, 4):
        await decider.decide(one.show(one.phones.code(holder)))
    hub.silent = False

    looking = asyncio.create_task(one.asking.run())
    while one.asking.rounds == 0:
        await asyncio.sleep(0.01)
    looking.cancel()
    await decider.decide(one.show(one.phones.code(9)))

    assert [bool(ask.keys) for ask in hub.asked] == [True, True, False, True]


async def test_a_hub_that_is_learning_has_not_heard_a_release(gates, hub):
    one, _ = gates
    one.asking.pending.add("r-1")
    hub.learning = True
    await one.asking.release()
    assert one.asking.pending.next() == ["r-1"]

    hub.learning = False
    await one.asking.release()
    assert one.asking.pending.next() == []


def test_a_release_is_repeated_until_it_was_heard():
    pending = Pending()
    for number in range(60):
        pending.add(f"r{number}")

    first = pending.next()
    assert len(first) == 50
    assert pending.next() == first
    pending.heard(first)
    assert pending.next() == [f"r{number}" for number in range(50, 60)]


async def test_whoever_counts_by_newer_lists_is_believed_once_for_what_we_have_and_he_has(gates, hub):
    gate, looked = gates[0], []
    gate.asking.behind = lambda: looked.append(1)
    visit, weigh = await gate.visit()
    for roles, told in ((["w-rules"], 1), (["w-rules"], 1), (["w-rules", "w-lists"], 2), ([], 2), (["w-rules"], 3)):
        hub.behind = roles
        hub.provisional.clear()
        await gate.asking.permit(visit, weigh)
        assert len(looked) == told


async def test_what_is_in_doubt_is_decided_under_the_offline_bounds_and_the_fact_says_so(gates, hub):
    one, _ = gates
    hub.says = ClaimAnswer(doubtful=[KEY])

    answer = await one.decider().decide(one.show())

    assert (answer.decision.outcome, answer.decision.offline) == (Outcome.GRANT, True)
    [(_, body)] = await one.facts("granted")
    assert (body["claim"], body["hub_no"]) == ("doubtful", 3)


async def test_an_answer_for_a_site_alone_is_offline_for_what_is_wider(gates, hub):
    one, _ = gates
    hub.says = ClaimAnswer(granted=True, reach="site")

    answer = await one.decider().decide(one.show())

    assert (answer.decision.outcome, answer.decision.offline) == (Outcome.GRANT, True)
    [(_, body)] = await one.facts("granted")
    assert body["claim"] == "site"


async def test_a_permit_is_asked_for_three_times_at_most_each_time_under_a_new_id(gates, hub):
    one, _ = gates
    hub.says = ClaimAnswer(gone=True)

    await one.asking.permit(*await one.visit())

    assert len({ask.redemption for ask in hub.asked}) == len(hub.asked) == 3


async def test_a_code_shown_once_is_claimed_at_the_platform_only_beside_another_key(gates):
    one, _ = gates
    visit, weigh = await one.visit()
    with_limit = await weigh(Permit())
    none = settle_nothing(with_limit)

    assert [key.key[0] for key in wide_keys(visit, with_limit, nonce_alone=False)] == ["n", "u"]
    assert [key.key[0] for key in wide_keys(visit, none)] == ["n"]
    assert wide_keys(visit, none, nonce_alone=False) == []


def settle_nothing(dry):
    """The same decision, which takes nothing that is counted."""
    taken = dry.decision.consumption._replace(uses=(), sums=())
    return dry._replace(decision=replace(dry.decision, consumption=taken))
