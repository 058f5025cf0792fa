"""Which keys a platform signs with, and which it took after them: a chain of links, each signed by a key before it.

Rules of this file:

- a link names the keys in force from then on, newest first, and bears a number that rises; whoever slept over several
  follows them one by one, from the keys he was enrolled with;
- a link counts where a key in force here signed it. Any other changes nothing: one signed by a stranger or a key that
  is over, one with a number that is taken, one that brings a key back that is over;
- keys that are over are known for ever: what they signed long ago is kept and stays good. What is said now is signed
  by a key in force. A time stated by whoever holds a stolen key proves nothing, so none is asked.

No I/O, no clock: terminals and hubs hold their chain in `sync.enrol.known_keys`, a platform its own in its folder.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from sync.wire.jws import JwsError, head_of, kid_of, open_jws, public_key
from sync.wire.messages import AtMs, Jws, PlatformKey, Seq, WireError, decode

LINK: Final = "xg-platform-keys+jwt"
MAX_LINKS: Final = 8  # in one answer; who gets as many asks for more
FOREIGN: Final = "foreign_keys"


class PlatformKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A link: the keys in force from then on, newest first; signed by a key that was in force before."""

    number: Seq
    keys: Annotated[list[PlatformKey], Meta(min_length=1, max_length=8)]
    at_ms: AtMs


class LinksAnswer(Struct, frozen=True, kw_only=True):
    """The answer to `GET /v1/platform-keys?after=`: each a JWS of PlatformKeys, oldest first."""

    links: Annotated[list[Jws], Meta(max_length=MAX_LINKS)]


def keys_of(entries: Iterable[PlatformKey]) -> dict[str, Ed25519PublicKey]:
    """Return keys by kid; raise WireError when one is unusable, or is not the one that it is called."""
    keys = {}
    for entry in entries:
        try:
            keys[entry.kid] = public_key(entry.key)
        except JwsError as error:
            raise WireError(FOREIGN, f"platform key {entry.kid}: {error}") from error
        if entry.kid != kid_of(entry.key):
            raise WireError(FOREIGN, f"platform key {entry.kid} is not the id of its key")
    return keys


@dataclass(frozen=True, slots=True)
class Chain:
    """The keys `in_force`, all that are `known`, and the links that led here."""

    in_force: Mapping[str, Ed25519PublicKey]
    known: Mapping[str, Ed25519PublicKey]
    number: int = 0
    links: tuple[str, ...] = ()

    @classmethod
    def begun(cls, keys: Iterable[PlatformKey], former: Iterable[PlatformKey] = ()) -> "Chain":
        """Return the chain of whoever was told `keys`, and which were over by then; raise WireError."""
        in_force = keys_of(keys)
        return cls(in_force, keys_of(former) | in_force)

    @property
    def newest(self) -> str:
        """The kid of the newest key in force."""
        return next(iter(self.in_force))

    @property
    def former(self) -> list[PlatformKey]:
        """The keys that are over."""
        return [
            PlatformKey(kid=kid, key=key.public_bytes_raw().hex())
            for kid, key in self.known.items()
            if kid not in self.in_force
        ]

    def followed_by(self, text: str) -> "Chain":
        """Return the chain with one link more, itself for a link that it has; raise WireError("foreign_keys")."""
        if text in self.links:
            return self
        kid, link = self._opened(text)
        if link.number <= self.number:
            said = "twice, with two contents" if link.number == self.number else f"after number {self.number}"
            raise WireError(FOREIGN, f"successor number {link.number} comes {said}")
        if kid not in self.in_force:
            raise WireError(FOREIGN, f"successor number {link.number} is signed by {kid}, which is over")
        keys = keys_of(link.keys)
        if back := [one for one in keys if one in self.known and one not in self.in_force]:
            raise WireError(FOREIGN, f"successor number {link.number} brings {back[0]} back, which is over")
        return Chain(keys, {**self.known, **keys}, link.number, (*self.links, text))

    def _opened(self, text: str) -> tuple[str | None, PlatformKeys]:
        def key_of(kid: str | None) -> Ed25519PublicKey:
            if kid is None or kid not in self.known:
                raise JwsError("signed by a key that is not known here")
            return self.known[kid]

        try:
            opened = open_jws(text, typ=LINK, key_of=key_of)
        except JwsError as error:
            raise WireError(FOREIGN, f"a successor of the platform's key: {error}") from error
        return opened.kid, decode(opened.payload, PlatformKeys, code=FOREIGN)

    def after(self, kid: str) -> list[str]:
        """Return the links that follow for whoever knows `kid` as the newest key, at most MAX_LINKS; none if it is."""
        signers = [signer for _typ, signer in map(head_of, self.links)]
        if kid not in signers:
            return []
        return list(self.links[signers.index(kid) :][:MAX_LINKS])
