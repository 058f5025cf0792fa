"""Whom a city trusts to say who somebody is: its identity service, by a public key. Jobs of the books.

Rules of this file:

- a service speaks for one city; it is entered and ended by whoever has the platform's machine, as accounts are;
- its key is Ed25519 or P-256. Which algorithm a signature bears follows from the key, never from the signature;
- one that ended speaks no more, at once; its sessions end with it.
"""

import re
from typing import Final, NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from storage.jobs import Tx

NAME: Final = re.compile(r"[a-z][a-z0-9.-]{0,62}")
MAX_TITLE: Final = 100
PUT: Final = (
    "INSERT INTO identities (identity, city, title, public_key, made_ms) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT DO NOTHING RETURNING identity"
)
ONE: Final = "SELECT identity, city, title, public_key, made_ms, ended_ms FROM identities WHERE identity = $1"
ALL: Final = "SELECT identity, city, title, public_key, made_ms, ended_ms FROM identities ORDER BY identity"
END: Final = "UPDATE identities SET ended_ms = $2 WHERE identity = $1 AND ended_ms IS NULL RETURNING identity"
END_SESSIONS: Final = "DELETE FROM holder_sessions WHERE identity = $1"
PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class IdentityError(Exception):
    """A service that cannot be entered, or is not there; the text says why in both languages."""


class Identity(NamedTuple):
    """An identity service. `public_key` is PEM."""

    identity: str
    city: str
    title: str
    public_key: str
    made_ms: int
    ended_ms: int | None

    def key(self) -> tuple[PublicKey, str]:
        """Return its key and the algorithm (RFC 8725) that this kind of key signs with."""
        return read_key(self.public_key.encode())


def read_key(pem: bytes) -> tuple[PublicKey, str]:
    """Return a service's public key and its algorithm; raise IdentityError."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError as error:
        raise IdentityError("公钥应为 PEM · the public key is wanted as PEM (SubjectPublicKeyInfo)") from error
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key, "EdDSA"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key, "ES256"
    raise IdentityError("公钥须为 Ed25519 或 P-256 · the key has to be Ed25519 or P-256")


async def add(tx: Tx, one: Identity) -> None:
    """Enter a service; raise IdentityError for a name or key that cannot be, or a name that is taken."""
    if not NAME.fullmatch(one.identity):
        raise IdentityError("服务名为小写字母、数字、点、连字符 · a name has small letters, digits, dots and hyphens")
    read_key(one.public_key.encode())
    what = (one.identity, one.city, one.title[:MAX_TITLE], one.public_key, one.made_ms)
    if await tx.row(PUT, *what) is None:
        raise IdentityError(
            f"{one.identity}: 已登记，更换密钥请另起名 · is there already; another key needs another name"
        )


async def get(tx: Tx, identity: str) -> Identity | None:
    """Return a service, None when there is none of that name."""
    row = await tx.row(ONE, identity)
    return None if row is None else Identity(*row)


async def listed(tx: Tx) -> list[Identity]:
    """Return every service there was."""
    return [Identity(*row) for row in await tx.rows(ALL)]


async def end(tx: Tx, identity: str, *, now_ms: int) -> None:
    """End a service and its sessions; raise IdentityError when none of that name speaks."""
    if await tx.row(END, identity, now_ms) is None:
        raise IdentityError(f"{identity}: 没有此服务或已停用 · there is no such service, or it has ended")
    await tx.execute(END_SESSIONS, identity)
