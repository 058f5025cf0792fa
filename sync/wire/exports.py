"""A journal as a file: from the card of a dead box to the platform (field.md). Bytes only, no I/O of its own.

    xinguan-journal-1 TERMINAL      the first line, ASCII
    BASE64                          a line each: the gzip body of a sealed batch, as `POST …/journal` carries it

Rules of this file:

- each batch is sealed by the terminal's own key, which lies on the same card; the platform believes the seal, never the
  file: a line that was cut off, changed or added is refused by itself, and the others are taken;
- everything is bounded while it is read: the line, and what it inflates to;
- what is brought twice counts once: the platform knows each record by its place.
"""

import base64
import binascii
import zlib
from collections.abc import Iterator
from typing import IO, Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from sync.wire.jws import JwsError, open_jws
from sync.wire.messages import MAX_BATCH_BYTES, AtMs, TerminalId, WireError, decode

HEADER: Final = "xinguan-journal-1"
MAX_HEADER: Final = 200
MAX_LINE: Final = 2 * MAX_BATCH_BYTES
WIPED: Final = "xg-wiped+jwt"
GZIP: Final = 31  # zlib's window bits for the gzip form, and no other


class Wiped(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a box signs before it forgets everything: its last record and how many were never sent; -1: not readable."""

    terminal: TerminalId
    at_ms: AtMs
    last: Annotated[int, Meta(ge=-1)]
    unsent: Annotated[int, Meta(ge=-1)]


def open_wiped(text: str, key: Ed25519PublicKey) -> Wiped:
    """Return what a wiped box signed with `key`; raise WireError("bad_receipt")."""
    try:
        opened = open_jws(text.strip(), typ=WIPED, key_of=lambda _kid: key)
    except JwsError as error:
        raise WireError("bad_receipt", str(error)) from error
    found = decode(opened.payload, Wiped, code="bad_receipt")
    if opened.kid != found.terminal:
        raise WireError("bad_receipt", "signed under another name")
    return found


def header(terminal: str) -> bytes:
    """Return the first line."""
    return f"{HEADER} {terminal}\n".encode()


def line(body: bytes) -> bytes:
    """Return a sealed batch as a line."""
    return base64.b64encode(body) + b"\n"


def terminal_of(file: IO[bytes]) -> str:
    """Return whose journal this is, from the first line; raise WireError("bad_export")."""
    words = file.readline(MAX_HEADER).decode("ascii", "replace").split()
    if len(words) != 2 or words[0] != HEADER:  # noqa: PLR2004 - the header and the name
        raise WireError("bad_export", "this is no sealed export of a journal: xinguan journal export --sealed FILE")
    return words[1]


def bodies(file: IO[bytes]) -> Iterator[bytes | None]:
    """Yield each batch as it would have travelled, inflated; None for a line that is no batch."""
    while text := file.readline(MAX_LINE):
        try:
            yield _inflated(base64.b64decode(text.strip(), validate=True))
        except (binascii.Error, zlib.error, ValueError):
            yield None


def _inflated(body: bytes) -> bytes:
    """Return what one gzip member holds, within the bound of a batch; raise ValueError or zlib.error."""
    stream = zlib.decompressobj(GZIP)
    plain = stream.decompress(body, MAX_BATCH_BYTES + 1)
    if len(plain) > MAX_BATCH_BYTES or not stream.eof:
        raise ValueError("longer than a batch, or cut off")
    return plain
