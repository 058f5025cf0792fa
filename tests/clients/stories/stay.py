"""A stay without deposit: opened with a challenge, damage claimed, closed."""

import secrets

from told import Visitor, answered, done, holds, same, terminal, until
from xinguan_terminal.api.default import lane, present, redemptions, step
from xinguan_terminal.models import AnyStep, Intent, PresentBody
from xinguan_terminal.models.redemptions_state import RedemptionsState
from xinguan_terminal.models.step_step import StepStep

guest = Visitor("resident")


def check_in():
    """The lane's screen shows a challenge, and the guest's phone answers it."""
    request_id = secrets.token_hex(8)

    def ask():
        code = guest.code(lane.sync("D", client=terminal).challenge)
        body = PresentBody(code=code, lane="D", intent=Intent.OPEN, amount_fen=30_000, request_id=request_id)
        return present.sync(client=terminal, body=body)

    return answered(ask)


def open_stays():
    return {one.id for one in redemptions.sync(client=terminal, state=RedemptionsState.OPEN)}


stay = check_in()
same((stay.outcome, stay.offer.kind, stay.offer.waived_fen), ("GRANT", "deposit_waiver", 30_000), "no deposit")
holds("it is among the open stays", so=stay.redemption in open_stays())
much = step.sync(stay.redemption, StepStep.CLAIM, client=terminal, body=AnyStep(amount_fen=40_000))
same((much.status, much.code), (409, "step_refused"), "more than was waived wants a supervisor's reason")
claimed = step.sync(stay.redemption, StepStep.CLAIM, client=terminal, body=AnyStep(amount_fen=12_000))
same((claimed.state, claimed.redemption.claimed_fen), ("claimed", 12_000), "damage of 120 yuan")
until(lambda: stay.redemption not in open_stays(), "the stay to be over")

# The same guest may stay again, and leaves without any damage.
second = check_in()
closed = step.sync(second.redemption, StepStep.CLOSE, client=terminal, body=AnyStep())
same(closed.state, "closed", "the guest left")
done("stay")
