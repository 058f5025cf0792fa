"""What a benefit needs beside the holder: a bound token, a second check, a pledge, a hand of staff (`needs`).

Rules of this file:

- a need is held or not; what is not held is one failure, a second verifier that says no is two;
- a need is compiled into a function that returns what fails.
"""

from collections.abc import Callable

from credit.claims import TokenClass
from credit.decision import Cause, Condition, Failure
from credit.inputs import SecondResult
from credit.reasons import Reason
from credit.weighing.situation import Situation

SECOND = "second-check:"
ID_CHECK = "id-check"
Need = Callable[[Situation], tuple[Failure, ...]]


def need_of(name: str) -> Need:
    """Compile one need."""
    if name.startswith(SECOND):
        return _second(name[len(SECOND) :])
    held, reason = NEEDS[name]
    lacking = (Failure(Cause.of(Condition.NEEDS, reason)),)
    return lambda situation: () if held(situation) else lacking


NEEDS: dict[str, tuple[Callable[[Situation], bool], Reason]] = {
    "bound-token": (lambda s: s.token.token_class is TokenClass.BOUND, Reason.NEEDS_BOUND_TOKEN),
    "challenge": (lambda s: s.token.challenged, Reason.NEEDS_CHALLENGE),
    ID_CHECK: (lambda s: ID_CHECK in s.request.confirmed, Reason.NEEDS_ID_CHECK),
    "staff-confirm": (lambda s: "staff-confirm" in s.request.confirmed, Reason.NEEDS_STAFF),
    "reservation": (
        lambda s: s.token.reservation is not None and s.token.reservation.site == s.place.site,
        Reason.NEEDS_RESERVATION,
    ),
    "pledge": (lambda s: "pledge" in s.request.confirmed, Reason.NEEDS_PLEDGE),
    "asset": (lambda s: s.request.asset is not None, Reason.NEEDS_ASSET),
}


def _second(name: str) -> Need:
    """Take the second verifier's word, or its written policy when it was down (scene S6)."""
    refused = Failure(REFUSED, (name,))

    def ask(situation: Situation) -> tuple[Failure, ...]:
        result = next((one.result for one in situation.request.second if one.name in (name, "*")), None)
        if result in (SecondResult.PASSED, SecondResult.DOWN_PASS):
            return ()
        lacking = Failure(UNCHECKED, (name, result.value if result else "missing"))
        return (lacking, refused) if result is SecondResult.DOWN_REFUSE else (lacking,)

    return ask


def _checked(name: str, result: str) -> dict[str, object]:
    return {"check": name, "result": result}


def _refused(name: str) -> dict[str, object]:
    return {"missing": {"second_check": name}}


UNCHECKED = Cause.of(Condition.NEEDS, Reason.NEEDS_SECOND_CHECK, _checked)
REFUSED = Cause.of(Condition.NEEDS, Reason.NOT_ELIGIBLE, _refused)
