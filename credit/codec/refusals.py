"""The one exception that hostile input may cause."""

from credit.reasons import Reason


class TokenError(Exception):
    """A presented text is no acceptable token.

    `reason` is all that may be stored or shown to the visitor. `detail` is for people who debug a code in their own
    hands (`xinguan token show`, vectors): a rule, never bytes of the code. `step` is the number, in `credit.tokens`, of
    the check that failed; None where a message was checked outside that order.
    """

    def __init__(self, reason: Reason, detail: str, step: int | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.step = step
