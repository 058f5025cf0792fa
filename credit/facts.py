"""What a decision needs to know beyond token, request and policy: the facts a ledger holds.

Rules of this file:

- `credit.weighing.questions` says which keys to read, a ledger reads them in one job, `credit.decide` looks at them;
- a key that was not read counts as unused: a ledger must answer every key it was asked for.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from credit.inputs import Place
from credit.rules.measures import MeasureEntry


class Used(Struct, frozen=True, kw_only=True):
    """How much stands under a key (uses or fen), and when and where the newest of it was taken.

    `left` is what whoever counts beyond this terminal said there is room for, None where nobody was asked; `held`: only
    because somebody is being decided with it at this moment (claims.md 4); `silent`: this terminal's share of it is
    used up, and nobody who could enlarge it answers.
    """

    n: int = 0
    at_ms: int | None = None
    where: str | None = None
    left: int | None = None
    held: bool = False
    silent: bool = False

    def under(self, limit: int) -> int:
        """Return how much stands under a key of this limit, as far as anybody knows."""
        return self.n if self.left is None else max(self.n, limit - self.left)


class OpenThing(Struct, frozen=True, kw_only=True):
    """A redemption that is still open: a stay, a loan, a parked car."""

    redemption: str
    benefit: str
    issuer: str
    scene: str
    site: str
    intent: str
    asset: str | None
    at_ms: int
    due_ms: int | None
    withhold_when_overdue: bool
    given: tuple[Mapping[str, Any], ...] = ()
    offer: Mapping[str, Any] = field(default_factory=dict)


class Bought(Struct, frozen=True, kw_only=True):
    """A redemption that can be returned: what was paid for, what of it came back already."""

    redemption: str
    benefit: str
    at_ms: int
    until_ms: int | None
    amount_fen: int | None
    heads: int
    returned_fen: int
    returned_heads: int
    to_pay_fen: int | None
    given: tuple[Mapping[str, Any], ...] = ()
    offer: Mapping[str, Any] = field(default_factory=dict)
    intent: str = ""
    passed: bool = False


class PassState(Struct, frozen=True, kw_only=True):
    """A pass under way: its first redemption, entries taken, and when its holder last came or left."""

    root: str
    entries: int
    last_ms: int


class Repeat(Struct, frozen=True, kw_only=True):
    """A grant in its grace time that this presentation repeats: its redemption and its stored answer."""

    redemption: str
    answer: Mapping[str, Any]


class NonceUse(Struct, frozen=True, kw_only=True):
    """Where and when a nonce was burnt; `held`: it is being decided about at this moment."""

    same_lane: bool
    at_ms: int
    where: str
    held: bool = False


class Facts(Struct, frozen=True, kw_only=True):
    """Everything that a ledger and the lists know about this presentation.

    `site_reached`: the site's hub answered, so nothing that counts inside this site is offline while the platform is
    away (claims.md 10). `nonce_claimed`: whoever counts for the site holds this nonce for us. `twin`: another machine
    writes this terminal's journal; `store_lost`: what was given before is not known here. `withdrawn`: ids of grants
    that the token carries and its issuer has taken back.
    """

    place: Place
    used: Mapping[str, Used] = field(default_factory=dict)
    measures: tuple[MeasureEntry, ...] = ()
    revoked: bool = False
    withdrawn: frozenset[bytes] = frozenset()
    ages_s: Mapping[str, int] = field(default_factory=dict)
    repeat: Repeat | None = None
    nonce: NonceUse | None = None
    open: tuple[OpenThing, ...] = ()
    bought: tuple[Bought, ...] = ()
    passes: Mapping[str, PassState] = field(default_factory=dict)
    suspended: bool = False
    entry_stopped: bool = False
    twin: bool = False
    store_lost: bool = False
    site_reached: bool = False
    nonce_claimed: bool = False
