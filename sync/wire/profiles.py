"""What a terminal is: the profile that the platform signs (contract.md §10). No I/O.

It comes with the enrolment and as an order, under a number that only rises, and is in force at the next decision.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from credit.inputs import Intent
from credit.records import MAX_SAFE_INTEGER
from sync.wire.messages import Hash, HubOffer, LongText, Name, Number, Seq, TerminalId, Text, Title

MAX_SITE_LANES = 256
MAX_SERVED = 256
MAX_FORMER = 8  # keys of one terminal that ended


class Lane(Struct, frozen=True, kw_only=True):
    """A lane of the profile. `prices` False: nothing is sold here; `ticket` is what is asked where nobody says.

    What is None is left to the terminal's own file, and there to the default.
    """

    id: Name
    scene: Name
    intent: Intent | None = None
    ticket: Name | None = None
    prices: bool | None = None
    pay_within_s: Annotated[int, Meta(ge=1, le=3600)] | None = None
    notice: Literal["discreet", "full"] | None = None


class HubAt(HubOffer, frozen=True, kw_only=True):
    """The site's hub: where it answers, and with which certificate and key. `no` rises with each replacement."""

    public_key: Hash
    no: Number


class Served(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A terminal that a hub answers to. `former` are keys that ended: good for the journal of their box alone."""

    terminal: TerminalId
    public_key: Hash
    state: Literal["active", "suspended", "revoked"]
    former: Annotated[list[Hash], Meta(max_length=MAX_FORMER)] = []


class TicketType(Struct, frozen=True, kw_only=True):
    """A ticket the site sells; `price_fen` is its list price."""

    id: Name
    title: Title
    price_fen: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]


class Profile(Struct, frozen=True, kw_only=True):
    """What the platform says this terminal is. `issuer` is the home city; `test` allows test tokens."""

    site: Name
    title: Title
    issuer: Name
    lanes: Annotated[list[Lane], Meta(max_length=64)]
    test: bool = False
    ticket_types: Annotated[list[TicketType], Meta(max_length=200)] = []
    texts: Annotated[dict[Name, Annotated[dict[Name, LongText], Meta(max_length=8)]], Meta(max_length=100)] = {}
    pledge: Annotated[dict[Name, LongText], Meta(max_length=8)] = {}
    grade: Text = ""
    role: Literal["terminal", "hub"] = "terminal"
    site_lanes: Annotated[list[Lane], Meta(max_length=MAX_SITE_LANES)] = []  # of the whole site
    skew_ahead_s: Annotated[int, Meta(ge=5, le=120)] = 30
    rtc_trust_h: Annotated[int, Meta(ge=0, le=72)] = 12
    hub: HubAt | None = None
    no: Number | None = None  # a hub's own
    terminals: Annotated[list[Served], Meta(max_length=MAX_SERVED)] = []  # a hub's


class SignedProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The payload of a profile's JWS. Numbers are those of orders: the highest is in force."""

    terminal: TerminalId
    number: Seq
    profile: Profile
