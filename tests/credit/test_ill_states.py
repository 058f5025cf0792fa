"""What a terminal that does not know its own past still gives, and to whom (illness.md 4)."""

import pytest

from credit.claims import Token, TokenClass
from credit.decide import decide
from credit.facts import Facts, OpenThing
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits

PLACE = Place(site="park", scene="gate", lane="A", terminal="t")
NOW = Now(utc_ms=1_790_000_000_000)
FREE = {"id": "free", "code": 1, "issuer": "w", "offer": {"kind": "free"}}
ONCE = FREE | {"limits": [{"max": 1}]}
ROOM = FREE | {"capacity": [{"per": "day", "max": 9}]}
TOKEN = Token(
    issuer="w",
    kid=b"k" * 8,
    token_id=b"t" * 8,
    token_class=TokenClass.BOUND,
    subject=b"s",
    tier=3,
    issued_at=0,
    expires=2**40,
    nonce=b"n",
)


def decided(benefit, request=None, **facts):
    policy = Policy.compile(benefits=parse_benefits([benefit]))
    return decide(TOKEN, request or Request(), Facts(place=PLACE, **facts), policy, NOW)


@pytest.mark.parametrize("benefit", [ONCE, ROOM])
def test_what_is_bounded_is_referred_while_the_count_is_lost(benefit):
    decision = decided(benefit, store_lost=True)

    assert (decision.outcome, decision.reasons) == (Outcome.REFER, (Reason.STORE_LOST,))


def test_what_is_not_bounded_is_given_all_the_same():
    assert decided(FREE, store_lost=True).outcome is Outcome.GRANT


def test_a_twin_decides_alone_and_refers():
    decision = decided(FREE, twin=True)

    assert (decision.outcome, decision.reasons) == (Outcome.REFER, (Reason.TWIN,))


@pytest.mark.parametrize("state", ["twin", "store_lost", "suspended"])
def test_whoever_holds_something_may_always_bring_it_back(state):
    lent = OpenThing(
        redemption="r",
        benefit="b",
        issuer="w",
        scene="gate",
        site="park",
        intent="lend",
        asset=None,
        at_ms=0,
        due_ms=None,
        withhold_when_overdue=False,
    )

    for request in (Request(intent=Intent.GIVE_BACK), Request(intent=Intent.EXIT)):
        assert decided(ONCE, request, open=(lent,), **{state: True}).outcome is Outcome.GRANT
