"""What only a hub says, and what only a hub is told (claims.md 8; illness.md 2; docs/protocol.md, "The hub of a site").

Rules of this file:

- `HubStanding` is the one thing that a hub signs: whether entry to its own site is stopped, and which lists it serves;
- `HeldThrough` and `HeldHere` are unsigned: they move where a terminal goes on sending, and nothing else;
- a `SitePage` is signed by the platform for one hub: what it holds of each terminal of that site, and which redemptions
  stand there, page by page; a hub that knows nothing learns from it what its gates have given;
- `LapsedClaims` go up as a whole list: what a lost box may have given (claims.md 3).
"""

from collections.abc import Mapping
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from credit.records import MAX_SAFE_INTEGER
from sync.wire.messages import (
    MAX_ENDS,
    AtMs,
    Hash,
    Held,
    Id,
    Key,
    Name,
    Nonce,
    Number,
    Seq,
    TerminalId,
    Through,
    WireError,
)
from sync.wire.seals import open_signed, sign

HUB: Final = "xg-hub+jwt"
SITE: Final = "xg-site+jwt"
MAX_PAGE: Final = 200  # redemptions of one page
MAX_SITE_ENDS: Final = 2048
MAX_LAPSED: Final = 500
MAX_PAGE_CHARS: Final = 900_000
MAX_USES: Final = 64
MAX_TOLD: Final = 8_192
MAX_NAMES: Final = 8

__all__ = ["HUB", "SITE", "HeldHere", "HeldThrough", "HubStanding", "SitePage", "open_hub", "open_page", "sign"]


class HubStanding(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a hub says while the platform is away; `nonce` is the request token's `jti`."""

    terminal: TerminalId
    nonce: Nonce
    at_ms: AtMs
    hub_no: Number
    stop_entry: bool
    lists_version: Number | None


class HeldThrough(Struct, frozen=True, kw_only=True):
    """The hub holds the batch and will send it on: 202."""

    held_through: Through


class HeldHere(Struct, frozen=True, kw_only=True):
    """The ends of a terminal's chain that the hub holds. `again`: it has just started; say once more where you end."""

    held: Annotated[list[Held], Meta(max_length=MAX_ENDS)]
    again: bool = False


class LapsedClaim(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim of which nobody has spoken for a minute: what a silent terminal may have given, as n under each key."""

    redemption: Id
    terminal: TerminalId
    run: Id
    since_ms: AtMs
    keys: Annotated[dict[Key, Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]], Meta(max_length=64)]


class LapsedClaims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All lapsed claims that a hub knows of: takes the place of what it told before."""

    claims: Annotated[list[LapsedClaim], Meta(max_length=MAX_LAPSED)]


class LapsedKept(Struct, frozen=True, kw_only=True):
    """How many of them the platform has noted: those of terminals that this hub serves."""

    kept: Through


class SiteEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An end of a terminal's chain that the platform holds."""

    terminal: TerminalId
    epoch: Name
    acked_through: Through
    head_hash: Hash


class SiteUse(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a redemption takes under one key, and how much of it was given back."""

    key: Key
    n: Annotated[int, Meta(ge=1, le=10_000)]
    back: Annotated[int, Meta(ge=0, le=10_000)]
    bound: Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)] | None = None


class SiteName(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A name under which other gates find it: the holder's or the asset's; heads inside, and when they left."""

    name: Key
    root: Annotated[str, Meta(max_length=64)] = ""
    at_ms: AtMs
    inside: Annotated[int, Meta(ge=-10_000, le=10_000)] = 0
    left_ms: AtMs | None = None


class SiteRedemption(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A redemption that stands at the site. `told`: what of its fact another gate needs to end it."""

    redemption: Id
    terminal: TerminalId
    epoch: Name
    seq: Seq
    kind: Name
    at_ms: AtMs
    state: Annotated[str, Meta(max_length=32)]
    uses: Annotated[list[SiteUse], Meta(max_length=MAX_USES)]
    told: Annotated[str, Meta(max_length=MAX_TOLD)] | None = None
    account: Annotated[str, Meta(max_length=MAX_TOLD)] | None = None
    names: Annotated[list[SiteName], Meta(max_length=MAX_NAMES)] = []


class SitePage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page for `hub`; `after` the last redemption of it, None: there is no more. The first bears the ends."""

    hub: TerminalId
    nonce: Nonce
    after: Id | None
    ends: Annotated[list[SiteEnd], Meta(max_length=MAX_SITE_ENDS)]
    redemptions: Annotated[list[SiteRedemption], Meta(max_length=MAX_PAGE)]


def open_hub(text: str, key: tuple[str, Ed25519PublicKey], *, terminal: str, nonce: str) -> HubStanding:
    """Return what the site's hub says to `terminal`'s request `nonce`; raise WireError("foreign_answer")."""
    kid, public = key
    found = open_signed(text, HubStanding, typ=HUB, keys={kid: public}, code="foreign_answer")
    _fits((found.terminal, found.nonce), (terminal, nonce))
    return found


def open_page(text: str, keys: Mapping[str, Ed25519PublicKey], *, hub: str, nonce: str) -> SitePage:
    """Return a page that the platform signed for `hub`'s request `nonce`; raise WireError("foreign_answer")."""
    found = open_signed(text, SitePage, typ=SITE, keys=keys, code="foreign_answer", max_chars=MAX_PAGE_CHARS)
    _fits((found.hub, found.nonce), (hub, nonce))
    return found


def _fits(said: tuple[str, str], asked: tuple[str, str]) -> None:
    if said != asked:
        raise WireError("foreign_answer", "this answer is for another request")
