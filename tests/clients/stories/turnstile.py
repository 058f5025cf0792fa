"""A turnstile: time-out, a late pass, a rest that is paid, and one that is paid too late."""

import json
import threading

import httpx
from told import TOLD, Visitor, answered, done, holds, same, terminal, until
from xinguan_terminal.api.default import present, redemptions, step
from xinguan_terminal.models import AnyStep, Intent, PresentBody
from xinguan_terminal.models.step_step import StepStep
from xinguan_terminal.types import UNSET

opened, listening = set(), threading.Event()


def listen():
    """Hear what the gate does: it opens by itself, after the commit."""
    headers, name = {"Authorization": f"Bearer {TOLD['tokens']['integrator']}"}, ""
    with httpx.stream("GET", f"{TOLD['terminal']}/v1/events", headers=headers, timeout=30) as stream:
        for line in stream.iter_lines():
            kind, _, said = line.partition(": ")
            if kind == "event":
                name = said
                listening.set()  # the first is `hello`: from now on nothing is missed
            elif kind == "data" and name == "gate":
                gate = json.loads(said)
                if gate["state"] == "opened":
                    opened.add(gate["redemption"])


threading.Thread(target=listen, daemon=True).start()
holds("the stream says hello", so=listening.wait(10))


def enter(who):
    def ask():
        body = PresentBody(code=who.code(), lane="A", intent=Intent.ENTER, ticket="adult")
        return present.sync(client=terminal, body=body)

    return answered(ask)


def take(redemption, name, *, key=UNSET, **body):
    return step.sync(redemption, StepStep(name), client=terminal, body=AnyStep(**body), idempotency_key=key)


def state_of(redemption):
    recent = redemptions.sync(client=terminal, recent=50)
    return next(one.state for one in recent if one.id == redemption)


# A free entry; the controller times out, gives the use back, and then the visitor goes through after all.
free = enter(Visitor("resident"))
same((free.outcome, free.obligations.open_gate, free.offer.kind), ("GRANT", True, "free"), "a free entry")
until(lambda: free.redemption in opened, "the gate")
annulled = take(free.redemption, "not_turned", request_id=f"not-{free.redemption}")
same(annulled.state, "annulled", "the time-out")
passed = take(free.redemption, "passed", request_id=f"passed-{free.redemption}")
same(passed.state, "passed", "the late pass takes the use again")

# Half the price is left to pay: the gate stays shut until it is.
owing = enter(Visitor("partner"))
same((owing.obligations.pay_fen, owing.obligations.open_gate), (3000, UNSET), "a rest of 30 yuan")
order = f"o-{owing.redemption}"
wrong = take(owing.redemption, "paid", order=order, amount_fen=2999)
same((wrong.code, wrong.reason), ("step_refused", "wrong_amount"), "another sum is refused, and says why")
first = take(owing.redemption, "paid", key=f"k-{owing.redemption}", order=order, amount_fen=3000)
again = take(owing.redemption, "paid", key=f"k-{owing.redemption}", order=order, amount_fen=3000)
same(first.state, "granted", "paid")
same(again, first, "paid again under the same key")
until(lambda: owing.redemption in opened, "the gate after the payment")

# Nobody pays in time: the use is free again; who pays late gets it if it still is.
slow = enter(Visitor("partner"))
same((slow.outcome, slow.reasons[0].code), ("GRANT", "ok"), "somebody who does not pay")
until(lambda: state_of(slow.redemption) == "annulled", "the end of the time to pay")
late = take(slow.redemption, "paid", order=f"o-{slow.redemption}", amount_fen=3000)
same(late.state, "granted", "paid late")
until(lambda: slow.redemption in opened, "the gate after the late payment")
done("turnstile")
