"""The short JWT that a terminal signs for every request (journal.md, "Authentication and enrolment").

A wrong clock must not lock a terminal out: a 401 with code `clock` carries the platform's signed time, made for the
`jti` of the refused request. The difference is kept here and used for authentication only; it never reaches a
decision.
"""

import secrets
from dataclasses import dataclass
from typing import Protocol

from sync.enrol.identity import Identity
from sync.wire.messages import AUTH_SECONDS, AuthClaims, digest
from sync.wire.seals import AUTH, open_time, sign

BACKDATED_S = 5  # two clocks of one second's grain may stand on either side of it
NONCE_BYTES = 16


class Time(Protocol):
    """What this needs of the terminal's clock."""

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Bearer:
    """A signed request token and the nonce it was made with."""

    token: str
    jti: str

    @property
    def header(self) -> dict[str, str]:
        """The header that carries it."""
        return {"Authorization": f"Bearer {self.token}"}


class Authenticator:
    """Signs requests of one terminal. `offset_ms` is what the platform's clock is ahead, as far as it told us."""

    def __init__(self, identity: Identity, clock: Time) -> None:
        self._identity = identity
        self._clock = clock
        self.offset_ms = 0

    def bearer(self, body: bytes) -> Bearer:
        """Return a token over `body`, the bytes that will travel."""
        identity = self._identity
        issued = (self._clock.now_ms() + self.offset_ms) // 1000 - BACKDATED_S
        jti = secrets.token_hex(NONCE_BYTES)
        claims = AuthClaims(
            iss=identity.terminal,
            aud=identity.audience,
            iat=issued,
            exp=issued + AUTH_SECONDS,
            jti=jti,
            body=digest(body),
            instance=identity.instance,
        )
        return Bearer(sign(claims, identity.key, typ=AUTH, kid=identity.terminal), jti)

    def correct(self, signed: str, jti: str) -> None:
        """Learn the offset from the signed time that came with a refusal of `jti`; raise WireError("foreign_time")."""
        platform_ms = open_time(signed, self._identity.keys_in_force, nonce=jti)
        self.offset_ms = platform_ms - self._clock.now_ms()
