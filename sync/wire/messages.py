"""The messages between terminal and platform (docs/protocol.md). No I/O, no clock, no randomness.

Rules of this file:

- one struct a message, decoded strictly; signed payloads have exactly their members, answers may gain members later;
- record bytes travel and are hashed as they were written: `records` holds raw JSON, never re-encoded;
- `decode` returns the message or raises `WireError`, whose `code` is the stable word of the protocol;
- signing and opening signed forms is next door, in `sync.wire.seals`;
- wire time is integer milliseconds UTC; only the request JWT has seconds, as RFC 7519 wants.
"""

import hashlib
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from credit.records import MAX_SAFE_INTEGER

MAX_RECORDS = 500
MAX_BATCH_BYTES = 256 * 1024  # of the whole body, after decompression
ENVELOPE_BYTES = 4 * 1024  # what of that the envelope, the seal and the commas may take
AUTH_SECONDS = 60
STANDING_WAIT_S = 25  # how long a terminal lets the platform hold a standing back until there is news
MAX_SKEW_S = 30  # how far a terminal's clock may be off before the platform answers "clock"

TerminalId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
Through = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
State = Annotated[str, Meta(pattern=r"^[0-9A-Za-z._~-]{1,128}\Z")]
Title = dict[str, str]  # {"zh": …, "en": …}

T = TypeVar("T")


class WireError(Exception):
    """A message that is not what the protocol says. `code` is the protocol's word for it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class Lane(Struct, frozen=True, kw_only=True):
    """A lane of the profile."""

    id: Name
    scene: Name


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
    lanes: list[Lane]
    test: bool = False
    ticket_types: list[TicketType] = []
    texts: dict[str, Title] = {}
    pledge: Title = {}
    grade: str = ""


class EnrolRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`proof` is a JWS of type PROOF by `public_key` (64 hex digits) over the code's characters."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: Hash
    proof: Annotated[str, Meta(max_length=1024)]


class PlatformKey(Struct, frozen=True, kw_only=True):
    """A key the platform signs receipts, time and commands with: Ed25519, 64 hex digits."""

    kid: str
    key: Hash


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    """`trust_root` is the list repository's root file, base64 of its exact bytes."""

    terminal: TerminalId
    site: Name
    profile: Profile
    trust_root: bytes
    platform_keys: Annotated[list[PlatformKey], Meta(min_length=1, max_length=8)]


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Consecutive records of one epoch and the terminal's seal over them."""

    epoch: Name
    first: Seq
    last: Seq
    prev_hash: Hash
    records: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_RECORDS)]
    seal: str


class Seal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the terminal signs about a batch (contract.md §8)."""

    terminal: TerminalId
    epoch: Name
    first: Seq
    last: Seq
    count: Annotated[int, Meta(ge=1, le=MAX_RECORDS)]
    prev_hash: Hash
    head_hash: Hash


class Receipt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the platform signs: it holds this terminal's journal through here."""

    terminal: TerminalId
    epoch: Name
    acked_through: Through
    head_hash: Hash


class SignedTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform's time (ms UTC) for whoever asked with `nonce`."""

    nonce: Annotated[str, Meta(min_length=8, max_length=64)]
    time: Through


class TimeAnswer(Struct, frozen=True, kw_only=True):
    """The answer to `GET /v1/time?nonce=`: a JWS of SignedTime."""

    server_time: str


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order to a terminal; `number` strictly rises for each terminal."""

    terminal: TerminalId
    number: Seq
    action: Literal["suspend", "resume", "revoke", "new_epoch"]
    reason: Annotated[str, Meta(max_length=500)] = ""


class AuthClaims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The request JWT: times in seconds; `body` is the SHA-256 of the body as it travels, in hex."""

    iss: TerminalId
    aud: Name
    iat: int
    exp: int
    jti: Annotated[str, Meta(min_length=8, max_length=64)]
    body: Hash


class Held(Struct, frozen=True, kw_only=True):
    """An end of a terminal's chain as the platform holds it; in a standing with the signed receipt for it."""

    epoch: str
    acked_through: Through
    head_hash: Hash
    receipt: str | None = None


class Other(Struct, frozen=True, kw_only=True):
    """The fact that a conflicting one collides with."""

    terminal: str
    site: str
    seq: Seq
    at_ms: int
    redemption: str | None = None


class Conflict(Struct, frozen=True, kw_only=True):
    """Two accepted facts that should not both have happened. `key` is what both used."""

    seq: Seq
    kind: str
    key: str
    other: Other = msgspec.field(name="with")


class SetAside(Struct, frozen=True, kw_only=True):
    """A record the platform keeps but could not parse."""

    seq: Seq
    detail: str


class Standing(Struct, frozen=True, kw_only=True):
    """What the platform holds of a terminal and has to tell it: ends of the chain, conflicts, order, time.

    `state` is opaque: it goes back in `standing?wait=25&state=`, which is answered once there is something else to say.
    """

    held: list[Held]
    server_time: str
    state: State | None = None
    conflicts: list[Conflict] = []
    lists_version: int | None = None
    command: str | None = None


class JournalAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a batch. `receipt`, `server_time` and `command` are JWS."""

    acked_through: Through
    receipt: str
    server_time: str
    duplicates: int = 0
    conflicts: list[Conflict] = []
    set_aside: list[SetAside] = []
    lease_changes: list[Any] = []
    lists_version: int | None = None
    command: str | None = None


class Problem(Struct, frozen=True, kw_only=True):
    """An error answer (RFC 9457). `code` is the stable word; `held` comes with gap, `server_time` with clock."""

    title: str
    status: int
    code: str
    detail: str = ""
    type: str = "about:blank"
    held: list[Held] = []
    server_time: str | None = None


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record as it stands in a batch (contract.md §8)."""

    at_ms: Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
    body: dict[str, Any]
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    kind: Annotated[str, Meta(min_length=1, max_length=32)]
    redemption: str | None
    seq: Seq


def decode(raw: bytes | str, kind: type[T], *, code: str = "bad_message") -> T:
    """Return `raw` as a message of `kind`; raise WireError with `code`."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(code, f"{kind.__name__}: {error}") from error


def digest(body: bytes) -> str:
    """Return the SHA-256 of `body` in hex."""
    return hashlib.sha256(body).hexdigest()
