"""What a verified token says, as typed values (credential.md, format XG1).

Rules of this file:

- a `Token` exists only verified: nothing but `credit.tokens.open_token` and tests makes one;
- times are integer seconds UTC; identity is `token_id` from verified bytes, never the QR text;
- values are frozen and hold no behaviour beyond reading themselves.
"""

from dataclasses import dataclass
from enum import StrEnum


class TokenClass(StrEnum):
    """How a token is carried, which decides what must be proved."""

    BOUND = "bound"
    MINTED = "minted"
    PRINTED = "printed"


class SubjectKind(StrEnum):
    """Whom a token is about."""

    PERSON = "person"
    GROUP = "group"
    ENTERPRISE = "enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """An approved benefit carried by a token: `code` alone, or with an 8-byte grant id and a number of uses."""

    code: int
    grant_id: bytes | None = None
    uses: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A booked slot: [from_s, until_s) in seconds UTC at `site` for `heads` people."""

    order: bytes
    site: str
    from_s: int
    until_s: int
    heads: int


@dataclass(frozen=True, kw_only=True)
class Token:
    """A verified credit token. `nonce` is the presentation's (bound), the token id (minted), or None (printed)."""

    issuer: str
    kid: bytes
    token_id: bytes
    token_class: TokenClass
    subject: bytes
    tier: int
    issued_at: int
    expires: int
    not_before: int | None = None
    groups: frozenset[int] = frozenset()
    grants: tuple[Grant, ...] = ()
    region: int | None = None
    status_index: int | None = None
    max_uses: int | None = None
    kind: SubjectKind = SubjectKind.PERSON
    id_check: bool = False
    test: bool = False
    reservation: Reservation | None = None
    nonce: bytes | None = None
    presented_at: int | None = None
    audience: str | None = None
    challenged: bool = False

    @property
    def burns(self) -> bytes | None:
        """What a grant burns: the presentation's nonce, the token id of a minted token, nothing for paper."""
        return self.token_id if self.token_class is TokenClass.MINTED else self.nonce
