"""Scenes of docs/scenes.md over two gates and their hub, all processes of their own: S1, S7 leased, S13, S18, S21."""

import json
import secrets
import time

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.street import town
from central.demo.street.visitors import Person
from central.lists.cities import publish, put_rules
from central.lists.issuing import Wanted, issue
from central.register.warrants import Warrant
from credit.claims import Reservation, SubjectKind
from tests.town import two_gates
from tests.town.two_gates import codes, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]
LAKE = "yunxi-lake"
GROUPS = range(12, 19)
BOATS = 4
HEADS = 30
MANY = 60
ONCE = {"count": "uses", "per": "subject", "max": 1}
BY_TWO = Warrant.by_two("li", "han")


def benefit(name, code, where=None, **more):
    places = where or {"sites": [town.SITE], "scenes": [name]}
    return (
        {"id": name, "code": code, "version": 1, "issuer": town.CITY, "title": {"zh": name}}
        | more
        | {
            "offer": {"kind": "free"},
            "where": places,
        }
    )


class Scenes:
    """What the city's offices publish for the scenes, and the lanes on which they are played."""

    names = ("s1", "s7", "s13", "s18", "s21")
    benefits = (
        benefit("s1", 31, who={"groups_any": [*GROUPS]}, limits=[ONCE | {"scope": "site", "period": "window"}]),
        benefit("s7", 32, capacity=[{"per": "day", "max": BOATS, "leased": True}]),
        benefit("s13", 33, who={"subject": "group"}, needs=["reservation"]),
        benefit("s18", 34, limits=[ONCE | {"scope": "site", "period": "day"}]),
        benefit("s21", 35, {"site_sets": ["valley"], "scenes": ["s21"]}, limits=[ONCE | {"scope": "site_set"}]),
    )

    def publish(self, state):
        rules = {
            "benefits.json": {"issuer": town.CITY, "version": 2, "benefits": [*town.BENEFITS, *self.benefits]},
            "sites.json": {"issuer": town.CITY, "site_sets": {"valley": [town.SITE, LAKE]}},
        }
        files = {name: json.dumps(body).encode() for name, body in rules.items()}
        now_ms = int(time.time() * 1000)
        put_rules(state, town.CITY, files, warrant=BY_TWO, now_ms=now_ms)
        publish(state, now_ms=now_ms)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def built(tmp_path_factory):
    async with two_gates.two_gates(tmp_path_factory.mktemp("scenes"), scenes=Scenes()) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def site(built):
    yield built
    built.restore_wan()
    for gate in built.gates:
        await until(lambda gate=gate: built.speaks_with_hub(gate))


def tourist(site, number, **more):
    """Return somebody, or a group, with a credential on a phone."""
    phone, now_s = Ed25519PrivateKey.generate(), int(time.time())
    wanted = Wanted(subject=f"tour-{number}", tier=3, holder_key=phone.public_key(), test=True, **more)
    issued = issue(site.platform.state, town.CITY, wanted, now_s=now_s, iat=now_s - 60)
    return Person(issuer=town.CITY, subject=issued.subject, credential=issued.raw, phone=phone)


async def shows(site, gate, who, scene, **more):
    return await site.present(gate, who, lane=scene, **more)


def brief(answer):
    return answer["outcome"], codes(answer)[0]


async def settled(site, gate, who, scene, **more):
    """Show until the answer rests on facts: for a moment a gate's fact is still on its way to the hub."""

    async def answered():
        answer = await shows(site, gate, who, scene, **more)
        return None if codes(answer)[0] == "in_use" else answer

    return await until(answered)


async def test_s1_the_first_visit_of_each_group_is_free_and_the_second_at_another_gate_is_not_with_the_wan_cut(site):
    one, two = site.gates
    people = [tourist(site, f"s1-{group}", groups=(group,)) for group in GROUPS]
    site.cut_wan()

    first = [await shows(site, one, who, "s1") for who in people]
    second = [await settled(site, two, who, "s1") for who in people]

    assert [brief(one) for one in first] == [("GRANT", "ok")] * len(people)
    assert [brief(one) for one in second] == [("STANDARD", "limit_used")] * len(people)
    assert {one["reasons"][0]["facts"]["where"] for one in second} == {f"{town.SITE}/gate-1"}


async def test_s7_the_leased_share_is_used_up_and_stop_entry_holds_at_both_gates(site):
    """A hub that has just started leases nothing for 21 s (ADR 0097): until then it is `in_use`."""
    one, two = site.gates
    answers = []

    async def full():
        gate = site.gates[len(answers) % 2]
        answers.append(brief(await shows(site, gate, tourist(site, f"s7-{len(answers)}"), "s7")))
        return answers[-2:] == [("STANDARD", "full")] * 2

    await until(full)  # once the hub has every fact
    site.cut_wan()
    await one._call("POST", "/v1/entry", {"stopped": True, "by": "guard-1"})
    await until(lambda: _stopped(two))
    stopped = brief(await shows(site, two, tourist(site, "s7-last"), "s7"))
    await two._call("POST", "/v1/entry", {"stopped": False, "by": "guard-2"})
    await until(lambda: _goes_on(one))

    assert answers.count(("GRANT", "ok")) == BOATS
    assert set(answers) <= {("GRANT", "ok"), ("REFER", "in_use"), ("STANDARD", "full")}
    assert stopped[1] == "entry_stopped"


async def _stopped(gate):
    return (await gate.status())["entry_stopped"]


async def _goes_on(gate):
    return not (await gate.status())["entry_stopped"]


async def test_s13_a_tour_of_thirty_passes_at_two_gates_and_the_thirty_first_at_neither(site):
    one, two = site.gates
    now_s = int(time.time())
    booked = Reservation(
        order=secrets.token_bytes(8), site=town.SITE, from_s=now_s - 600, until_s=now_s + 3000, heads=HEADS
    )
    tour = tourist(site, "s13", kind=SubjectKind.GROUP, reservation=booked)
    site.cut_wan()

    first = await shows(site, one, tour, "s13", heads=18)
    second = await settled(site, two, tour, "s13", heads=12)

    assert (brief(first), brief(second)) == (("GRANT", "ok"), ("GRANT", "ok"))
    for gate in (one, two):
        assert brief(await settled(site, gate, tour, "s13", heads=1)) == ("STANDARD", "limit_used")


async def test_s18_what_many_gave_while_the_wan_was_cut_arrives_once_through_bursts_of_network(site):
    one, two = site.gates
    site.cut_wan()
    for number in range(MANY):
        await shows(site, site.gates[number % 2], tourist(site, f"s18-{number}"), "s18")
    heads = [two_gates.head_of(gate) for gate in (one, two)]

    async def held():
        ledger = {row["terminal"]: row for row in (await site.platform.ledger())["terminals"]}
        return [ledger[gate.post.terminal] for gate in (one, two)]

    async def more(before):
        rows = await held()
        return rows if sum(row["acked_through"] for row in rows) > before else None

    rows = await held()
    while any(row["acked_through"] < end for row, end in zip(rows, heads, strict=True)):
        site.restore_wan()
        before = sum(row["acked_through"] for row in rows)
        rows = await until(lambda before=before: more(before))
        site.cut_wan()

    assert [row["missing"] for row in rows] == [0, 0]
    assert two_gates.held_twice(site) == []


async def test_s21_a_first_visit_in_a_set_of_sites_is_none_at_the_second_and_a_conflict_told_to_both_after_a_cut(site):
    one, _ = site.gates
    lake = await site.add_gate("lake-1", LAKE)
    first, cut = tourist(site, "s21-a"), tourist(site, "s21-b")

    assert brief(await shows(site, one, first, "s21")) == ("GRANT", "ok")
    answer = await until(lambda: _refused(site, lake, first))
    assert answer["reasons"][0]["facts"]["where"].startswith(town.SITE)

    site.cut_wan()
    assert brief(await shows(site, one, cut, "s21")) == ("GRANT", "ok")
    await until(lambda: _granted(site, lake, cut))
    site.restore_wan()

    for gate in (one, lake):
        await until(lambda gate=gate: site.facts(gate, ("claim_conflict",)))


async def _refused(site, gate, who):
    answer = await shows(site, gate, who, "s21")
    return answer if brief(answer) == ("STANDARD", "limit_used") else None


async def _granted(site, gate, who):
    return brief(await shows(site, gate, who, "s21")) == ("GRANT", "ok")
