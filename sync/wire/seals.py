"""Signing what goes over the wire, and opening what came: seal, receipt, time, order, proof, request token. No I/O.

Rules of this file:

- `open_*` returns the thing or raises `WireError` with the protocol's word; nothing is read before its signature holds;
- each form has its own JWS type, so one is never taken for another;
- a batch is opened in five numbered steps; what is *inside* a record is judged only by `open_record`, because an
  unreadable record is still a link of the chain.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from credit.records import Record, chain_next, encode
from sync.wire.canonical import read_usual, usual
from sync.wire.jws import MAX_JWS_CHARS, JwsError, open_jws, public_key, sign_jws, typ_of
from sync.wire.messages import (
    AUTH_SECONDS,
    MAX_PROFILE_CHARS,
    Answer,
    AuthClaims,
    Batch,
    Command,
    EnrolRequest,
    Fact,
    Receipt,
    Seal,
    SignedTime,
    WireError,
    decode,
    digest,
)
from sync.wire.profiles import SignedProfile

SEAL = "xg-seal+jwt"
RECEIPT = "xg-receipt+jwt"
TIME = "xg-time+jwt"
COMMAND = "xg-command+jwt"
ANSWER = "xg-answer+jwt"
PROFILE = "xg-profile+jwt"
PROOF = "xg-enrol+jwt"
AUTH = "xg-auth+jwt"

MAX_ANSWER_CHARS = 512 * 1024
GZIP: Final = zlib.MAX_WBITS | 16  # from zlib itself: what the gzip module puts in the head depends on the Python
PIECE_BYTES: Final = 16 * 1024  # packed at a time
LEVEL = 6  # of gzip: 9 takes three times as long and saves 1 % of the bytes

T = TypeVar("T")


class Link(NamedTuple):
    """A record on the wire: its bytes, the chain hash after it, and whether it was found to be a usual one.

    What it says is not kept: a batch may wait for its turn, and read it is ten times as large.
    """

    seq: int
    raw: bytes
    hash: bytes
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch whose seal and chain hold."""

    seal: Seal
    token: str
    links: tuple[Link, ...]
    proofs: Mapping[str, bytes] = field(default_factory=dict)


def open_signed(
    text: str,
    kind: type[T],
    *,
    typ: str,
    keys: Mapping[str, Ed25519PublicKey],
    code: str,
    max_chars: int = MAX_JWS_CHARS,
) -> T:
    """Return the payload of a signed form; raise WireError(code)."""

    def key_of(kid: str | None) -> Ed25519PublicKey:
        if kid is None or kid not in keys:
            raise JwsError("signed by a key that is not known here")
        return keys[kid]

    try:
        opened = open_jws(text, typ=typ, key_of=key_of, max_chars=max_chars)
    except JwsError as error:
        raise WireError(code, str(error)) from error
    return decode(opened.payload, kind, code=code)


def sign(message: msgspec.Struct, key: Ed25519PrivateKey, *, typ: str, kid: str) -> str:
    """Return `message` signed as a JWS of type `typ`."""
    return sign_jws(msgspec.json.encode(message), key, typ=typ, kid=kid)


def prove(code: str, key: Ed25519PrivateKey) -> str:
    """Return the enrolment proof: the terminal holds `key`, and means this code."""
    return sign_jws(code.encode(), key, typ=PROOF)


def check_proof(request: EnrolRequest) -> None:
    """Raise WireError("bad_proof") unless the request's key signed the request's code."""
    try:
        holder = public_key(request.public_key)
        opened = open_jws(request.proof, typ=PROOF, key_of=lambda _kid: holder)
    except JwsError as error:
        raise WireError("bad_proof", str(error)) from error
    if opened.kid is not None or opened.payload != request.code.encode():
        raise WireError("bad_proof", "the proof is for another code")


def open_receipt(text: str, keys: Mapping[str, Ed25519PublicKey]) -> Receipt:
    """Return a receipt signed by one of the platform's `keys`; raise WireError("foreign_receipt")."""
    return open_signed(text, Receipt, typ=RECEIPT, keys=keys, code="foreign_receipt")


def open_time(text: str, keys: Mapping[str, Ed25519PublicKey], *, nonce: str) -> int:
    """Return the platform's time in ms, signed for our `nonce`; raise WireError("foreign_time")."""
    signed = open_signed(text, SignedTime, typ=TIME, keys=keys, code="foreign_time")
    if signed.nonce != nonce:
        raise WireError("foreign_time", "this time was signed for another question")
    return signed.time


def open_command(text: str, keys: Mapping[str, Ed25519PublicKey], *, terminal: str) -> Command:
    """Return an order to `terminal`; raise WireError("foreign_command")."""
    command = open_signed(text, Command, typ=COMMAND, keys=keys, code="foreign_command")
    if command.terminal != terminal:
        raise WireError("foreign_command", "this order is for another terminal")
    return command


def open_profile(text: str, keys: Mapping[str, Ed25519PublicKey], *, terminal: str) -> SignedProfile:
    """Return the profile of `terminal`; raise WireError("foreign_profile")."""
    found = open_signed(
        text, SignedProfile, typ=PROFILE, keys=keys, code="foreign_profile", max_chars=MAX_PROFILE_CHARS
    )
    if found.terminal != terminal:
        raise WireError("foreign_profile", "this profile is for another terminal")
    return found


def open_order(text: str, keys: Mapping[str, Ed25519PublicKey], *, terminal: str) -> Command | SignedProfile:
    """Return an order to `terminal`, or its new profile, whichever the text is; raise WireError."""
    if typ_of(text) == PROFILE:
        return open_profile(text, keys, terminal=terminal)
    return open_command(text, keys, terminal=terminal)


def open_answer(raw: bytes, keys: Mapping[str, Ed25519PublicKey], *, terminal: str, nonce: str, body: bytes) -> Answer:
    """Return the platform's answer to `terminal`'s request `nonce` over `body`; raise WireError("foreign_answer").

    1 signed by one of `keys`; 2 for this terminal; 3 for this request and these bytes; 4 conflicts of a batch name own
    facts up to the receipt's, set-asides facts of that batch (`Line` knows both).
    """
    try:
        text = raw.decode("ascii")
    except UnicodeDecodeError as error:
        raise WireError("foreign_answer", "an answer is a compact JWS") from error
    found = open_signed(text, Answer, typ=ANSWER, keys=keys, code="foreign_answer", max_chars=MAX_ANSWER_CHARS)
    if found.terminal != terminal:
        raise WireError("foreign_answer", "this answer is for another terminal")
    if found.nonce != nonce or found.body != digest(body):
        raise WireError("foreign_answer", "this answer is for another request")
    return found


def open_auth(text: str, keys: Mapping[str, Ed25519PublicKey], *, audiences: frozenset[str], body: bytes) -> AuthClaims:
    """Return the claims of a request JWT by a known terminal for one of `audiences` over `body`; raise WireError.

    Times are not judged here: the caller has the clock, and answers a wrong one with a signed time.
    """
    claims = open_signed(text, AuthClaims, typ=AUTH, keys=keys, code="bad_token")
    if claims.aud not in audiences:
        raise WireError("bad_token", "this request is for another platform")
    if claims.body != digest(body):
        raise WireError("bad_token", "the body is not the one that was signed")
    if not claims.iat < claims.exp <= claims.iat + AUTH_SECONDS:
        raise WireError("bad_token", f"a request token lives at most {AUTH_SECONDS} s")
    return claims


def seal_batch(
    seal: Seal, records: Sequence[bytes], key: Ed25519PrivateKey, *, proofs: Mapping[str, bytes] | None = None
) -> bytes:
    """Return the gzip body of a batch; the same input gives the same bytes."""
    return b"".join(sealing(seal, records, key, proofs=proofs))


def sealing(
    seal: Seal, records: Sequence[bytes], key: Ed25519PrivateKey, *, proofs: Mapping[str, bytes] | None = None
) -> Iterator[bytes]:
    """Yield the body of `seal_batch` piece by piece: whoever has others to serve does so after each (0.3 ms)."""
    batch = Batch(
        epoch=seal.epoch,
        first=seal.first,
        last=seal.last,
        prev_hash=seal.prev_hash,
        records=[msgspec.Raw(raw) for raw in records],
        seal=sign(seal, key, typ=SEAL, kid=seal.terminal),
        proofs={name: proof_text(shown) for name, shown in (proofs or {}).items()},
    )
    plain, packing = msgspec.json.encode(batch), zlib.compressobj(LEVEL, wbits=GZIP)
    for first in range(0, len(plain), PIECE_BYTES):
        yield packing.compress(plain[first : first + PIECE_BYTES])
    yield packing.flush()


def proof_text(shown: bytes) -> str:
    """Return a proof as it travels: base64url without padding."""
    return urlsafe_b64encode(shown).rstrip(b"=").decode()


def open_proof(text: str) -> bytes | None:
    """Return the bytes of a proof, None where the text is not exactly their base64url: nobody's proof."""
    try:
        shown = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    return shown if proof_text(shown) == text else None


def open_batch(plain: bytes, *, terminal: str, key: Ed25519PublicKey) -> Sealed:
    """Return the batch of `terminal` in the inflated body `plain`; raise WireError.

    1 it is a batch; 2 the seal is this terminal's; 3 the seal says what the envelope says; 4 the records are as many
    as the numbers say; 5 the chain leads from prev_hash to the sealed head_hash. What is inside a record is not
    looked at: an unreadable record is still a link of the chain.
    """
    batch, records = _batch_in(plain)
    seal = open_signed(batch.seal, Seal, typ=SEAL, keys={terminal: key}, code="bad_seal")
    said = (terminal, batch.epoch, batch.first, batch.last, batch.prev_hash, len(batch.records))
    if said != (seal.terminal, seal.epoch, seal.first, seal.last, seal.prev_hash, seal.count):
        raise WireError("bad_seal", "the seal is for another batch")
    if seal.last != seal.first + seal.count - 1:
        raise WireError("bad_seal", f"records {seal.first} to {seal.last} are not {seal.count}")
    links: list[Link] = []
    current = bytes.fromhex(seal.prev_hash)
    for seq, (raw, is_usual) in enumerate(records, seal.first):
        current = chain_next(current, raw)
        links.append(Link(seq, raw, current, is_usual))
    if current.hex() != seal.head_hash:
        raise WireError("bad_seal", "the records do not lead to the sealed head hash")
    opened = {name: open_proof(text) for name, text in batch.proofs.items()}
    proofs = {name: shown for name, shown in opened.items() if shown is not None}
    return Sealed(seal, batch.seal, tuple(links), proofs)


def _batch_in(plain: bytes) -> tuple[Batch, list[tuple[bytes, bool]]]:
    """Return the batch in `plain`, and of each record whether it is usual; raise WireError.

    An envelope that is ours byte for byte around usual records says no member twice; any other is looked through.
    """
    batch = decode(plain, Batch, once=False)
    records = [(raw, usual(raw) is not None) for raw in map(bytes, batch.records)]
    if not all(is_usual for _raw, is_usual in records) or msgspec.json.encode(batch) != plain:
        decode(plain, Batch)
    return batch, records


def open_record(link: Link) -> Record:
    """Return the record of `link`; raise WireError("bad_record") when it is none or not in canonical form."""
    if link.usual:
        return _in_place(read_usual(link.raw), link.seq)
    known = usual(link.raw)
    fact = known or decode(link.raw, Fact, code="bad_record")
    record = Record(
        seq=fact.seq, id=fact.id, at_ms=fact.at_ms, kind=fact.kind, redemption=fact.redemption, body=fact.body
    )
    _in_place(record, link.seq)
    if known is not None:
        return record
    try:
        canonical = encode(record)
    except (ValueError, RecursionError) as error:
        raise WireError("bad_record", str(error)) from error
    if canonical != link.raw:
        raise WireError("bad_record", "not in RFC 8785 form")
    return record


def _in_place(record: Record, seq: int) -> Record:
    if record.seq != seq:
        raise WireError("bad_record", f"calls itself {record.seq} in the place of {seq}")
    return record
