"""What a decision is asked with: who asks for what, where, and when (contract.md §3).

Rules of this file:

- values are frozen and hold no rule; amounts are integer fen, times integer milliseconds UTC;
- an intent either *starts* something (enter, buy, open, lend), only *asks* (quote, check), or *ends* something
  (close, give_back, return, exit). Whoever holds something may always bring it back.
"""

from enum import StrEnum

from msgspec import Struct


class Intent(StrEnum):
    """What the visitor wants of this terminal."""

    ENTER = "enter"
    EXIT = "exit"
    OPEN = "open"
    CLOSE = "close"
    QUOTE = "quote"
    BUY = "buy"
    RETURN = "return"
    LEND = "lend"
    GIVE_BACK = "give_back"
    CHECK = "check"


ENDING = frozenset({Intent.CLOSE, Intent.GIVE_BACK, Intent.RETURN, Intent.EXIT})
ASKING = frozenset({Intent.QUOTE, Intent.CHECK})
OPENING = frozenset({Intent.OPEN, Intent.LEND})
ENTERING = frozenset({Intent.ENTER, Intent.CHECK})
GRACED = ENDING | {Intent.ENTER}
"""What the same presentation repeats within the grace time; a sale or a loan is never repeated by its code alone."""


class ClockState(StrEnum):
    """How far the terminal's clock can be believed (architecture.md, "Clock").

    RTC: the box's own clock, believed for the freshness of a code and for nothing else (contract.md §10).
    """

    TRUSTED = "trusted"
    RTC = "rtc"
    UNSURE = "unsure"
    WRONG = "wrong"


class SecondResult(StrEnum):
    """What a second verifier said."""

    PASSED = "passed"
    FAILED = "failed"
    DOWN_PASS = "down_pass"  # it did not answer, and its written policy is to pass
    DOWN_REFER = "down_refer"
    DOWN_REFUSE = "down_refuse"


class SecondCheck(Struct, frozen=True, kw_only=True):
    """The result of the second check called `name`; "*" answers for every name."""

    name: str
    result: SecondResult


class Override(Struct, frozen=True, kw_only=True):
    """A supervisor took this on themselves; it settles what a person had to look at, never a limit or a refusal."""

    by: str
    why: str


class Request(Struct, frozen=True, kw_only=True):
    """What is asked for. `confirmed` names the needs staff have seen to ("staff-confirm", "id-check", "pledge").

    `heads_named` says that `heads` was given: a return of one head is not the return of everything. `named`: it came
    under a request id, so that asking again is told from asking anew (contract.md §10); a lane's own reader has none.
    """

    intent: Intent = Intent.ENTER
    amount_fen: int | None = None
    heads: int = 1
    heads_named: bool = False
    asset: str | None = None
    redemption: str | None = None
    second: tuple[SecondCheck, ...] = ()
    override: Override | None = None
    confirmed: frozenset[str] = frozenset()
    named: bool = False


class Place(Struct, frozen=True, kw_only=True):
    """Where it is asked. `merchant_tier` is the site's own grade, None when it has none.

    `only_lane`: the site has no other, so its own ledger has seen every nonce.
    """

    site: str
    scene: str
    lane: str
    terminal: str = ""
    merchant_tier: int | None = None
    only_lane: bool = False


class Now(Struct, frozen=True, kw_only=True):
    """When it is asked. `offline_since_ms` is the last contact with the network, None while it is there."""

    utc_ms: int
    clock: ClockState = ClockState.TRUSTED
    offline_since_ms: int | None = None
    grace_ms: int = 10_000

    @property
    def utc_s(self) -> int:
        """Return whole seconds UTC."""
        return self.utc_ms // 1000

    @property
    def offline(self) -> bool:
        """Return whether the network is gone."""
        return self.offline_since_ms is not None
