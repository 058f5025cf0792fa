"""The one exception that hostile input may cause."""

from credit.reasons import Reason


class TokenError(Exception):
    """A presented text is no acceptable token.

    `reason` is all that may be stored or shown to the visitor. `detail` is for people who debug a code in their own
    hands (`xinguan token show`, vectors); it names a rule and never carries bytes of the code.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
