"""A terminal's memory as it travels: its own facts, given back in pages (docs/protocol.md, "Memory"). No I/O.

Rules of this file:

- a page is one JWS of type `xg-memory+jwt` for one request (`nonce` is the request token's `jti`);
- facts travel byte for byte as the terminal once sealed them; grants come with the steps that followed them;
- `ended` names redemptions of this terminal that others' facts ended, with their state in the books.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from sync.wire.jws import JwsError, open_jws
from sync.wire.messages import MAX_ENDS, AtMs, Held, Id, Nonce, Seq, TerminalId, Through, WireError, decode

MEMORY: Final = "xg-memory+jwt"
PAGE_GRANTS: Final = 200  # grants that the platform looks at for a page
PAGE_BYTES: Final = 384 * 1024  # of facts in a page
MAX_FACTS: Final = 20_000
MAX_PAGE_CHARS: Final = 2 * 1024 * 1024

EpochName = Annotated[str, Meta(pattern=r"^[0-9A-Za-z._~-]{1,64}\Z")]


class Place(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a page begins: after this record of this epoch."""

    epoch: EpochName
    after: Through


class OwnFact(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fact of the terminal's own, as it was written."""

    seq: Seq
    raw: msgspec.Raw


class EndedHere(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A redemption that another terminal's fact ended."""

    redemption: Id
    state: Literal["annulled", "reversed", "closed"]


class MemoryPage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of what the platform holds of a terminal. `ends` and `last_seq` are of all its epochs."""

    terminal: TerminalId
    nonce: Nonce
    at_ms: AtMs
    page: Place | None
    next: Place | None
    facts: Annotated[list[OwnFact], Meta(max_length=MAX_FACTS)]
    ended: Annotated[list[EndedHere], Meta(max_length=MAX_FACTS)]
    ends: Annotated[list[Held], Meta(max_length=MAX_ENDS)]
    last_seq: Through


def open_memory(raw: bytes, keys: Mapping[str, Ed25519PublicKey], *, terminal: str, nonce: str) -> MemoryPage:
    """Return the page that the platform signed for `terminal`'s request `nonce`; raise WireError("foreign_memory")."""

    def key_of(kid: str | None) -> Ed25519PublicKey:
        if kid is None or kid not in keys:
            raise JwsError("signed by a key that is not known here")
        return keys[kid]

    try:
        opened = open_jws(raw.decode("ascii"), typ=MEMORY, key_of=key_of, max_chars=MAX_PAGE_CHARS)
    except (JwsError, UnicodeDecodeError) as error:
        raise WireError("foreign_memory", str(error)) from error
    page = decode(opened.payload, MemoryPage, code="foreign_memory")
    if (page.terminal, page.nonce) != (terminal, nonce):
        raise WireError("foreign_memory", "this page is for another terminal or another request")
    return page
