"""Short codes at the platform: made by the office, redeemed once by one terminal (lane.md, "Staff and service").

Rules of this file:

- the database holds a code's hash; what it shall say stands beside it, and is struck out when it is over;
- a code is good for VALID_MS and for one terminal: whoever redeemed it gets the same token again while it is good, for
  an answer may be lost on the way; everybody else hears that there is no such code;
- unknown, over and redeemed elsewhere sound alike (404): a guesser learns nothing.
"""

import hashlib
import secrets
from typing import Final

import msgspec
from msgspec import Struct

from storage.jobs import Tx
from sync.wire.messages import WireError
from sync.wire.shorts import ALPHABET, LENGTH, with_check

VALID_MS: Final = 600_000

CLEAN: Final = "DELETE FROM shorts WHERE until_ms <= $1"
MAKE: Final = "INSERT INTO shorts (short_sha256, city, said, made_ms, until_ms) VALUES ($1, $2, $3, $4, $5)"
KNOWN: Final = "SELECT city, said, terminal, token FROM shorts WHERE short_sha256 = $1 AND until_ms > $2"
REDEEM: Final = "UPDATE shorts SET terminal = $2, token = $3 WHERE short_sha256 = $1 AND terminal IS NULL"
ACTIVE: Final = "SELECT 1 FROM terminals WHERE terminal = $1 AND state = 'active'"


class Said(Struct, frozen=True, kw_only=True):
    """What the token of a code shall say."""

    subject: str
    tier: int = 0
    groups: list[int] = []
    test: bool = False


class Short(Struct, frozen=True, kw_only=True):
    """A code that is good: whose city, what it says, and the token if this terminal has redeemed it already."""

    city: str
    said: Said
    token: str | None


def _hash(short: str) -> bytes:
    return hashlib.sha256(short.encode()).digest()


async def make_short(tx: Tx, city: str, said: Said, *, now_ms: int) -> tuple[str, int]:
    """Return a fresh code and until when it is good, ms UTC."""
    short = with_check("".join(secrets.choice(ALPHABET) for _ in range(LENGTH - 1)))
    until_ms = now_ms + VALID_MS
    await tx.execute(CLEAN, now_ms)
    await tx.execute(MAKE, _hash(short), city, msgspec.json.encode(said).decode(), now_ms, until_ms)
    return short, until_ms


async def look_up(tx: Tx, short: str, terminal: str, *, now_ms: int) -> Short:
    """Return what a code stands for; raise WireError (unknown_short, unknown_terminal)."""
    if await tx.row(ACTIVE, terminal) is None:
        raise WireError("unknown_terminal", "this terminal is suspended or revoked")
    row = await tx.row(KNOWN, _hash(short), now_ms)
    if row is None or row[2] not in (None, terminal):
        raise WireError("unknown_short", "there is no such code, it is over, or it was used")
    return Short(city=row[0], said=msgspec.json.decode(row[1], type=Said), token=row[3])


async def redeem(tx: Tx, short: str, terminal: str, token: str, *, now_ms: int) -> str:
    """Keep the token that a terminal got for a code; return the one that counts. Raise WireError (unknown_short)."""
    await tx.execute(REDEEM, _hash(short), terminal, token)
    found = (await look_up(tx, short, terminal, now_ms=now_ms)).token
    return found or token
