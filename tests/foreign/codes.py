"""An issuer and a phone, from docs/token-format.md alone."""

import hashlib
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
ED25519, CREDENTIAL, PRESENTATION = -19, 65001, 294
HOUR_S = 3600
FEW = 24  # what stands in the head itself


@dataclass(frozen=True)
class Tagged:
    """A CBOR tag around something."""

    item: object
    tag: int = 18


def head(major, number):
    """Return the head of a CBOR item, the shortest there is."""
    if number < FEW:
        return bytes([major << 5 | number])
    octets = next(octets for octets in (1, 2, 4, 8) if number < 256**octets)
    return bytes([major << 5 | FEW + octets.bit_length() - 1]) + number.to_bytes(octets, "big")


def cbor(value):
    """Encode deterministically: integers, bytes, text, lists, maps, tags."""
    if isinstance(value, Tagged):
        return head(6, value.tag) + cbor(value.item)
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    pairs = sorted((cbor(key), cbor(one)) for key, one in value.items())
    return head(5, len(pairs)) + b"".join(key + one for key, one in pairs)


def base45(raw):
    """RFC 9285: two octets are three digits, a last one two."""
    text = ""
    for at in range(0, len(raw), 2):
        number, digits = int.from_bytes(raw[at : at + 2], "big"), 3 if at + 1 < len(raw) else 2
        for _ in range(digits):
            number, digit = divmod(number, 45)
            text += ALPHABET[digit]
    return text


def sign1(key, header, claims):
    """Return a COSE_Sign1 message."""
    protected, payload = cbor(header), cbor(claims)
    signature = key.sign(cbor(["Signature1", protected, b"", payload]))
    return Tagged([protected, {}, payload, signature])


def cose_key(key):
    """Return the COSE_Key of an Ed25519 key."""
    return {1: 1, -1: 6, -2: key.public_key().public_bytes_raw()}


@dataclass(frozen=True)
class Issuer:
    """Vouches for people. `classes` are what its key may sign."""

    city: str
    classes: tuple[str, ...] = ("bound", "minted", "printed")
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def kid(self):
        return hashlib.sha256(cbor(cose_key(self.key))).digest()[:8]

    def entry(self, now, **more):
        """Return this key as a key file has it."""
        public = cbor(cose_key(self.key)).hex()
        window = {"from": now - HOUR_S, "until": now + 1000 * HOUR_S, "issued_until": None, "killed": False}
        named = {"issuer": self.city, "kid": self.kid.hex(), "alg": ED25519, "key": public}
        return named | {"classes": list(self.classes)} | window | more

    def credential(self, credit, *, iat, lives_s, holder=None, token=None):
        """Sign a credential; `credit` are the members of -65537 beside the schema."""
        token = token or secrets.token_bytes(8)
        claims = {4: iat + lives_s, 6: iat, 7: token, -65537: {0: 1, 4: [], **credit}}
        if holder is not None:
            claims[8] = {1: cose_key(holder)}
        return sign1(self.key, {1: ED25519, 4: self.kid, 16: CREDENTIAL}, claims)


@dataclass(frozen=True)
class Phone:
    """Holds a credential and shows it."""

    issuer: Issuer
    index: int
    tier: int = 3
    groups: tuple[int, ...] = ()
    subject: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    token: bytes = field(default_factory=lambda: secrets.token_bytes(8))
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def code(self, now, *, audience=None, challenge=None):
        """Return a code for the screen."""
        credit = {1: self.subject, 2: self.tier, 3: list(self.groups), 6: self.index}
        credential = self.issuer.credential(
            credit, iat=now - HOUR_S, lives_s=100 * HOUR_S, holder=self.key, token=self.token
        )
        claims = {6: now, 7: secrets.token_bytes(8)}
        claims |= {} if audience is None else {3: audience}
        claims |= {} if challenge is None else {39: challenge}
        return "XG1:" + base45(cbor(sign1(self.key, {1: ED25519, 13: credential, 16: PRESENTATION}, claims)))
