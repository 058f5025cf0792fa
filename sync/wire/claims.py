"""Claims and leases as they travel between terminal, hub and platform (claims.md, "The call"). No I/O, no clock.

Rules of this file:

- one struct a message, decoded strictly by `sync.wire.messages.decode`: a request has exactly its members, an answer
  may gain members later; every list and every number has a bound;
- a key asks for `n` uses or for `fen`, never both; its bound comes from the catalogue (`by`), or from the token that
  was presented (`bound` and what it was `borne` by), or it is a nonce (`n|…`), which everybody knows is used once;
- an answer says exactly one of granted, refused, doubtful, learning, gone;
- a refusal names one key and what facts or claims stand in its way; of a group's use nothing but the time is told;
- a lease is a total, everything ever granted under its number; time is a length, never an instant (claims.md 9).

    >>> from sync.wire.messages import decode
    >>> ask = ClaimRequest(run="r1", hub_no=3, redemption="a-1", at_ms=1, keys=[ClaimKey(key="n|wulong:01:02", n=1)])
    >>> decode(msgspec.json.encode(ask), ClaimRequest) == ask
    True
    >>> decode(b'{"refused": {"key": "u|k", "state": "used", "left": 0}, "reach": "site"}', ClaimAnswer).refused.left
    0
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from credit.records import MAX_SAFE_INTEGER
from sync.wire.messages import Name, TerminalId, Through

MAX_KEYS = 64  # of one ask
MAX_ROWS = 50  # of what a site tells, of own living ids under a key, of releases in one ask
MAX_N = 10_000  # heads of one request
MAX_BORNE = 1_000_000  # a bound that a token bears itself
MAX_KEY_LENGTH = 512
NONCE_PREFIX = "n|"

Id = Annotated[str, Meta(min_length=1, max_length=64)]
KeyText = Annotated[str, Meta(min_length=1, max_length=MAX_KEY_LENGTH)]
HeadCount = Annotated[int, Meta(ge=1, le=MAX_N)]
Fen = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
AtMs = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Taken = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Ids = Annotated[list[Id], Meta(max_length=MAX_ROWS)]


class BoundBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the catalogue states the bound: the `at`-th limit (from 0) of that benefit, for a holder of that tier."""

    issuer: Name
    code: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    version: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    part: Literal["limit", "capacity", "stock", "open", "pass", "inside"]
    at: Annotated[int, Meta(ge=0, le=1_000)] = 0
    tier: Annotated[int, Meta(ge=0, le=1_000)] | None = None


class ClaimKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One key of an ask. `since_ms`: a rolling count from there on; `mine`: this terminal's own living redemptions.

    `took`: how much each of `mine` takes under this key, one where nothing is said. `back`: own ones that it has given
    back, while the facts that say so are on their way.
    """

    key: KeyText
    n: HeadCount | None = None
    fen: Fen | None = None
    since_ms: AtMs | None = None
    by: BoundBy | None = None
    bound: Annotated[int, Meta(ge=0, le=MAX_BORNE)] | None = None
    borne: Literal["printed", "grant", "order"] | None = None
    mine: Ids = []
    took: Annotated[list[Taken], Meta(max_length=MAX_ROWS)] = []
    back: Ids = []

    def __post_init__(self) -> None:
        """Hold the rules that single members cannot."""
        if (self.n is None) == (self.fen is None):
            raise ValueError("a key asks for n or for fen")
        if self.took and len(self.took) != len(self.mine):
            raise ValueError("says of each of its own how much it takes, or of none")
        if (self.bound is None) != (self.borne is None) or (self.by is not None and self.bound is not None):
            raise ValueError("a bound is by the catalogue, or borne by the token")
        if self.key.startswith(NONCE_PREFIX) == (self.by is not None or self.bound is not None):
            raise ValueError("a nonce has no bound but one, and every other key says where its bound comes from")


class About(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom or what a reading is about: a subject ("issuer:hex"), an asset, or a redemption; one of them."""

    subject: Annotated[str, Meta(max_length=200)] | None = None
    asset: Annotated[str, Meta(max_length=200)] | None = None
    redemption: Id | None = None

    def __post_init__(self) -> None:
        """Hold that exactly one is named."""
        if sum(one is not None for one in (self.subject, self.asset, self.redemption)) != 1:
            raise ValueError("is about one of subject, asset, redemption")


class ClaimRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An ask. `run` is this start of the terminal, `redemption` a new id for each ask, `versions` of its lists by role.

    With `keys` empty it only reads; `dry` takes nothing (quote, check). `terminal` is named by a hub alone: the one of
    its terminals that asked it, when it asks the platform for wider keys under the same id.
    """

    run: Id
    hub_no: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    redemption: Id
    at_ms: AtMs
    keys: Annotated[list[ClaimKey], Meta(max_length=MAX_KEYS)] = []
    about: About | None = None
    dry: bool = False
    release: Ids = []
    versions: Annotated[dict[Name, Through], Meta(max_length=MAX_ROWS)] = {}
    terminal: TerminalId | None = None


class Refused(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why not: `used` is proved by facts, `held` is somebody being decided now. `left` is what there is for an ask."""

    key: KeyText
    state: Literal["used", "held"]
    left: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] = 0
    at_ms: AtMs | None = None
    site: Name | None = None
    terminal: Name | None = None


class OpenRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something open at the site: a stay, a loan. `answer` is the JSON text that was given for it."""

    redemption: Id
    terminal: Name
    benefit: Name
    issuer: Name
    scene: Name
    intent: Name
    at_ms: AtMs
    answer: Annotated[str, Meta(max_length=65_536)]
    asset: Annotated[str, Meta(max_length=200)] | None = None
    due_ms: AtMs | None = None
    on_overdue: Literal["flag", "withhold"] = "flag"


class PassRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pass under way: its first redemption, entries taken, and when its holder last came or left.

    `elsewhere`: not all of its entries were at the asker.
    """

    redemption: Id
    benefit: Annotated[str, Meta(min_length=1, max_length=129)]
    entries: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    last_ms: AtMs
    elsewhere: bool = False


class BoughtRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that can be returned, with what of it came back already."""

    redemption: Id
    terminal: Name
    benefit: Name
    at_ms: AtMs
    heads: HeadCount
    answer: Annotated[str, Meta(max_length=65_536)]
    until_ms: AtMs | None = None
    amount_fen: Fen | None = None
    returned_fen: Fen = 0
    returned_heads: Annotated[int, Meta(ge=0, le=MAX_N)] = 0
    intent: Name = "buy"
    passed: bool = False


class SiteRows(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the site knows of whom the ask is about. `inside` is heads by occupancy key (`i|…`), never below 0."""

    open: Annotated[list[OpenRow], Meta(max_length=MAX_ROWS)] = []
    passes: Annotated[list[PassRow], Meta(max_length=MAX_ROWS)] = []
    bought: Annotated[list[BoughtRow], Meta(max_length=MAX_ROWS)] = []
    inside: Annotated[dict[KeyText, Annotated[int, Meta(ge=0)]], Meta(max_length=MAX_ROWS)] = {}


class ClaimAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer: one of the first five. `reach` "site": the platform was silent for the wider keys.

    `doubtful` names the keys that a silent terminal's lapsed claim may have taken; `ended` those of the asker's `mine`
    that were given back elsewhere, `under` the keys under which they were (an exit frees room, and no use); `left` how
    much there was under each bounded key before this ask took any; `behind` the roles to pull.
    """

    granted: bool = False
    refused: Refused | None = None
    doubtful: Annotated[list[KeyText], Meta(max_length=MAX_KEYS)] = []
    learning: bool = False
    gone: bool = False
    reach: Literal["all", "site"] = "all"
    ended: Annotated[list[Id], Meta(max_length=MAX_KEYS * MAX_ROWS)] = []
    under: Annotated[dict[KeyText, Ids], Meta(max_length=MAX_KEYS * 2)] = {}
    site: SiteRows = msgspec.field(default_factory=SiteRows)
    left: Annotated[dict[KeyText, Annotated[int, Meta(ge=0)]], Meta(max_length=MAX_KEYS)] = {}
    behind: Annotated[list[Name], Meta(max_length=MAX_ROWS)] = []

    def __post_init__(self) -> None:
        """Hold that it says one thing."""
        said = (self.granted, self.refused is not None, bool(self.doubtful), self.learning, self.gone)
        if sum(said) != 1:
            raise ValueError("says one of granted, refused, doubtful, learning, gone")


class LeaseRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Ask for a lease on a quota's key (`total` wanted under `number`), or give it back (`used`, under number + 1).

    `held`: the total that the asker holds under this number; whoever was restored takes its word. `terminal` is named
    by a hub alone, for a quota that is wider than its site.
    """

    run: Id
    hub_no: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    quota: KeyText
    number: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    total: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | None = None
    held: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | None = None
    used: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | None = None
    terminal: TerminalId | None = None

    def __post_init__(self) -> None:
        """Hold that it asks or gives back."""
        if (self.total is None) == (self.used is None):
            raise ValueError("asks for a total or gives back with what was used")


class LeaseAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything ever granted under `number`, and for how long from the sending of the ask on. Never a remainder.

    `full`: facts have used the whole quota, whoever holds leases on it.
    """

    number: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    total: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    for_ms: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
    call_back: bool = False
    full: bool = False
