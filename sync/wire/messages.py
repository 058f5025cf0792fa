"""The messages between terminal and platform (docs/protocol.md). No I/O, no clock, no randomness.

Rules of this file:

- one struct a message, decoded strictly; signed payloads have exactly their members, other answers may gain members;
- every text, number and list has a bound, and no object says a member twice: what is decoded can be stored and quoted;
- record bytes travel and are hashed as they were written: `records` holds raw JSON, never re-encoded;
- `decode` returns the message or raises `WireError`, whose `code` is the stable word of the protocol;
- signing and opening signed forms is next door, in `sync.wire.seals`;
- wire time is integer milliseconds UTC; only the request JWT has seconds, as RFC 7519 wants.
"""

import hashlib
import json
from functools import cache
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from credit.records import MAX_SAFE_INTEGER

MAX_RECORDS = 500
MAX_BATCH_BYTES = 256 * 1024  # of the whole body, after decompression
ENVELOPE_BYTES = 4 * 1024  # what of that the envelope, the seal and the commas may take
MAX_PROFILE_CHARS = 64 * 1024
MAX_DETAIL = 300  # characters of an error that quotes what came
AUTH_SECONDS = 60
MAX_TOLD = 100  # conflicts in one answer, and set-asides
MAX_ENDS = 8  # ends of a chain that are told
MAX_ORDERS = 16
MAX_FORMER = 64  # keys of a platform that are over, as an enrolment tells them
STANDING_WAIT_S = 25  # how long a terminal lets the platform hold a standing back until there is news
MAX_SKEW_S = 30  # how far a terminal's clock may be off before the platform answers "clock"

TerminalId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,62}\Z")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seq = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
Through = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
Id = Annotated[str, Meta(min_length=1, max_length=128)]
Key = Annotated[str, Meta(min_length=1, max_length=512)]  # what a use counts under (credit.weighing.demands)
Text = Annotated[str, Meta(max_length=200)]
LongText = Annotated[str, Meta(max_length=4000)]  # a pledge, a notice
ProofText = Annotated[str, Meta(pattern=r"^[0-9A-Za-z_-]{1,530}\Z")]  # 397 bytes at most (contract.md §7)
Jws = Annotated[str, Meta(max_length=4096)]  # a receipt, an order, a time, a seal
ProfileJws = Annotated[str, Meta(max_length=MAX_PROFILE_CHARS)]
Nonce = Annotated[str, Meta(min_length=8, max_length=64)]
Instance = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}\Z")]  # 16 bytes, base64url
AtMs = Annotated[int, Meta(ge=-MAX_SAFE_INTEGER, le=MAX_SAFE_INTEGER)]
Number = Annotated[int, Meta(ge=0, le=MAX_SAFE_INTEGER)]
State = Annotated[str, Meta(pattern=r"^[0-9A-Za-z._~-]{1,128}\Z")]
Title = Annotated[dict[Name, Text], Meta(max_length=8)]  # {"zh": …, "en": …}

T = TypeVar("T")


class WireError(Exception):
    """A message that is not what the protocol says. `code` is the protocol's word for it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class HubOffer(Struct, frozen=True, kw_only=True):
    """Where a hub answers, and the SHA-256 of its certificate (DER) that its terminals hold TLS to."""

    url: Annotated[str, Meta(pattern=r"^https://[^/?#@\s]{1,180}\Z")]
    cert_sha256: Hash


class EnrolRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`proof` is a JWS of type PROOF by `public_key` (64 hex digits) over the code's characters; `hub` is a hub's."""

    code: Annotated[str, Meta(min_length=1, max_length=64)]
    public_key: Hash
    proof: Annotated[str, Meta(max_length=1024)]
    hub: HubOffer | None = None


class PlatformKey(Struct, frozen=True, kw_only=True):
    """A key the platform signs receipts, time and commands with: Ed25519, 64 hex digits."""

    kid: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    key: Hash


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    """`profile` is a JWS of SignedProfile; `trust_root` the list repository's root file, base64 of its exact bytes.

    `known`: facts are held under this name already; whoever has no journal of them asks for them before it gives
    anything with a limit. `former_keys`, where there are any, are over: what they signed before stays good.
    """

    terminal: TerminalId
    site: Name
    profile: ProfileJws
    trust_root: Annotated[bytes, Meta(max_length=64 * 1024)]
    platform_keys: Annotated[list[PlatformKey], Meta(min_length=1, max_length=8)]
    known: bool = False
    former_keys: Annotated[list[PlatformKey], Meta(max_length=MAX_FORMER)] | msgspec.UnsetType = msgspec.UNSET

    @property
    def former(self) -> list[PlatformKey]:
        """The keys of this platform that are over."""
        return [] if isinstance(self.former_keys, msgspec.UnsetType) else self.former_keys


class Batch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Consecutive records of one epoch and the terminal's seal over them; none of them where it only carries proofs.

    `proofs`: what phones showed, by redemption, base64url. The facts bear their SHA-256, so the seal need not.
    """

    epoch: Name
    first: Seq
    last: Through
    prev_hash: Hash
    records: Annotated[list[msgspec.Raw], Meta(max_length=MAX_RECORDS)]
    seal: Jws
    proofs: Annotated[dict[Id, ProofText], Meta(max_length=MAX_RECORDS)] = {}


class Seal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the terminal signs about a batch (contract.md §8)."""

    terminal: TerminalId
    epoch: Name
    first: Seq
    last: Through
    count: Annotated[int, Meta(ge=0, le=MAX_RECORDS)]
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

    nonce: Nonce
    time: Through


class TimeAnswer(Struct, frozen=True, kw_only=True):
    """The answer to `GET /v1/time?nonce=`: a JWS of SignedTime."""

    server_time: Jws


class Command(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order to a terminal; `number` strictly rises for each terminal."""

    terminal: TerminalId
    number: Seq
    action: Literal[
        "suspend",
        "resume",
        "revoke",
        "new_epoch",
        "replaced",
        "stop_entry",
        "resume_entry",
        "twin",
        "lift",
        "write_off",
    ]
    reason: Annotated[str, Meta(max_length=500)] = ""
    about: TerminalId | msgspec.UnsetType = msgspec.UNSET  # a hub's: which terminal of its site is lifted, written off


class AuthClaims(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The request JWT: times in seconds; `body` is the SHA-256 of the body as it travels, in hex.

    `instance` is drawn at each start of the process (illness.md 4); None: by whoever does not serve.
    """

    iss: TerminalId
    aud: Name
    iat: AtMs
    exp: AtMs
    jti: Nonce
    body: Hash
    instance: Instance | None = None


class Held(Struct, frozen=True, kw_only=True):
    """An end of a terminal's chain as the platform holds it; in a standing with the signed receipt for it."""

    epoch: Name
    acked_through: Through
    head_hash: Hash
    receipt: Jws | None = None


class Other(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who else holds what a conflict is about."""

    terminal: TerminalId
    redemption: Id | None
    at_ms: AtMs


class Conflict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accepted facts that should not all have happened: a bound overrun, a code used twice; or that this was none.

    `seq` is the terminal's own fact, `key` what all of them used.
    """

    seq: Seq
    key: Key
    kind: Literal["limit", "nonce", "dissolved"]
    others: Annotated[list[Other], Meta(max_length=MAX_TOLD)] = msgspec.field(name="with")


class SetAside(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record the platform keeps but could not parse."""

    seq: Seq
    detail: Text


class Answer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The platform's signed answer to a batch, or to the question for the standing.

    `nonce` is the request token's `jti`, `body` the SHA-256 of the request's body: it answers this and nothing else.
    `epoch`, `last` and `receipt` are of the batch, null in a standing; `held` are the chain's ends, none after a batch.
    `state` is opaque: it goes back in `standing?wait=25&state=`, which is answered once there is something else to say.
    `receipt` and `orders` are JWS of their own, because they are kept.
    """

    terminal: TerminalId
    epoch: Name | None
    last: Seq | None
    nonce: Nonce
    body: Hash
    at_ms: AtMs
    state: State
    receipt: Jws | None
    held: Annotated[list[Held], Meta(max_length=MAX_ENDS)]
    conflicts: Annotated[list[Conflict], Meta(max_length=MAX_TOLD)]
    set_aside: Annotated[list[SetAside], Meta(max_length=MAX_TOLD)]
    orders: Annotated[list[ProfileJws], Meta(max_length=MAX_ORDERS)]
    lists_version: Number | None


class Problem(Struct, frozen=True, kw_only=True):
    """An error answer (RFC 9457). `code` is the stable word; `held` comes with gap, `server_time` with clock."""

    title: LongText
    status: Annotated[int, Meta(ge=0, le=999)]
    code: Name
    detail: LongText = ""
    type: Text = "about:blank"
    held: Annotated[list[Held], Meta(max_length=MAX_ENDS)] = []
    server_time: Jws | None = None


class Fact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record as it stands in a batch (contract.md §8)."""

    at_ms: AtMs
    body: dict[str, Any]
    id: Name
    kind: Annotated[str, Meta(min_length=1, max_length=32)]
    redemption: Id | None
    seq: Seq


def decode(raw: bytes | str, kind: type[T], *, code: str = "bad_message", once: bool = True) -> T:
    """Return `raw` as a message of `kind`; raise WireError. `once` False: who calls knows that no member is twice."""
    try:
        found = msgspec.json.decode(raw, type=kind)
        ours = msgspec.json.encode(found) == raw and _is_read_whole(kind)  # type: ignore[arg-type]
        if once and not ours:  # of what we write no member stands twice
            json.loads(raw, object_pairs_hook=_once, parse_int=_number, parse_float=_number)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _TwiceError) as error:
        raise WireError(code, f"{kind.__name__}: {error}"[:MAX_DETAIL]) from error
    return found


@cache
def _is_read_whole(kind: object) -> bool:
    """Return whether a message of this kind keeps no part of it as the bytes that came."""
    return "RawType" not in repr(msgspec.inspect.type_info(kind))


class _TwiceError(ValueError):
    """An object says a member twice: two readers could understand two things."""


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _value in pairs}) < len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"member {twice[:64]!r} stands there twice")


def _number(_text: str) -> int:
    return 0


def digest(body: bytes) -> str:
    """Return the SHA-256 of `body` in hex."""
    return hashlib.sha256(body).hexdigest()
