"""A sale at a counter, sent twice, and a part of it brought back."""

import secrets

from attrs import evolve
from told import Visitor, answered, done, same, terminal
from xinguan_terminal.api.default import present, step
from xinguan_terminal.models import AnyStep, Intent, PresentBody
from xinguan_terminal.models.step_step import StepStep

till = secrets.token_hex(8)
asked = PresentBody(
    code=Visitor("resident").code(), lane="C", intent=Intent.BUY, amount_fen=28_000, request_id=f"sale-{till}"
)
sale = answered(lambda: present.sync(client=terminal, body=asked))
same((sale.outcome, sale.offer.off_fen, sale.offer.to_pay_fen), ("GRANT", 2800, 25_200), "ten per cent off")
same(present.sync(client=terminal, body=asked), sale, "the till lost the answer and asked again")
other = present.sync(client=terminal, body=evolve(asked, amount_fen=29_000))
same(other.code, "other_request", "the same id with another sum")


def reverse(amount_fen, request_id):
    body = AnyStep(amount_fen=amount_fen, request_id=request_id)
    return step.sync(sale.redemption, StepStep.REVERSE, client=terminal, body=body)


part = reverse(10_000, f"part-{till}")
same((part.refund_fen, part.redemption.returned_fen), (9000, 10_000), "a part comes back, less its discount")
same(reverse(10_000, f"part-{till}"), part, "asked again, refunded once")
more = reverse(20_000, f"more-{till}")
same((more.code, more.status), ("step_refused", 409), "more than was bought")
rest = reverse(18_000, f"rest-{till}")
same((rest.refund_fen, rest.state), (16_200, "reversed"), "the rest")
done("sale")
