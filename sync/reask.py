"""Asking the platform once more about somebody against whom our own lists say something (contract.md §8).

Rules of this file:

- the list key is the one that the verified `targets` in our store delegates `lists/<issuer>/*` to: trust is that of
  the lists, and the platform's own key signs nothing here;
- whatever goes wrong is one error, `ReaskFailedError`: the lists in force then stand as they are;
- a peer that is ill is not asked: it has its one try a second (`sync.peer`), and a visitor does not wait for that.
"""

import secrets
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tuf.api.metadata import Metadata, Targets  # type: ignore[attr-defined]
from tuf.api.serialization import DeserializationError

from cache.lists import rows
from credit.rules.listing import LISTS, role_of
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.auth import NONCE_BYTES
from sync.peer import Reach
from sync.transport import RefusedError, UnreachableError
from sync.wire.jws import JwsError, public_key
from sync.wire.messages import WireError, decode
from sync.wire.reasks import Reask, ReaskAnswer, open_reasked

PATH = "/v1/reask"


class ReaskFailedError(Exception):
    """There is no answer that counts."""


class Clock(Protocol):
    """Trusted time."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        ...


class Reasker:
    """Asks as `terminal`. `sign` gives the headers that prove who asks, for a body."""

    def __init__(
        self, way: Reach, store: Store, clock: Clock, *, terminal: str, sign: Callable[[bytes], dict[str, str]]
    ) -> None:
        self._way = way
        self._store = store
        self._clock = clock
        self._terminal = terminal
        self._sign = sign

    async def standing(self, issuer: str, subject: bytes) -> frozenset[int]:
        """Return the codes that are in force against `subject` now, undisputed; raise ReaskFailedError."""
        if not self._way.current.takes(PATH):
            raise ReaskFailedError("the platform does not answer")
        asked = Reask(issuer=issuer, subject=subject.hex(), nonce=secrets.token_hex(NONCE_BYTES))
        body = msgspec.json.encode(asked)
        try:
            keys = list_keys(await self._store.read(rows.targets), issuer)
            path = f"{PATH}?terminal={self._terminal}"
            raw = await self._way.current.exchange("POST", path, headers=self._sign(body), body=body)
            answer = decode(raw, ReaskAnswer).answer
            found = open_reasked(answer, asked, keys=keys, now_ms=self._clock.now_ms())
        except (UnreachableError, RefusedError, WireError, StoreFailedError) as error:
            raise ReaskFailedError(str(error)) from error
        return frozenset(entry.code for entry in found.entries if entry.state == "active")


def list_keys(targets: bytes | None, issuer: str) -> Mapping[str, Ed25519PublicKey]:
    """Return the keys that sign the lists of `issuer`, by id, from verified targets; raise ReaskFailedError."""
    if targets is None:
        raise ReaskFailedError("no lists are in force")
    try:
        delegations = Metadata[Targets].from_bytes(targets).signed.delegations
        role = (delegations.roles or {}).get(role_of(LISTS, issuer)) if delegations else None
        if delegations is None or role is None:
            raise ReaskFailedError(f"{issuer}: not delegated to")
        return {keyid: public_key(delegations.keys[keyid].keyval["public"]) for keyid in role.keyids}
    except (DeserializationError, JwsError, KeyError) as error:
        raise ReaskFailedError(f"{issuer}: its list keys cannot be read ({error})") from error
