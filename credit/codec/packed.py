"""Text that is kept in large numbers and read seldom, packed: facts and answers, as they lie on a terminal's disk.

    number of a dictionary (1 byte) ‖ raw DEFLATE (RFC 1951) of the text, begun behind that dictionary

Rules of this file:

- `unpack(pack(text))` is `text`, byte for byte: what is hashed and sealed is the text, never its packed form;
- a packed text names its dictionary, and no dictionary ever changes or goes (`credit.codec.dictionary`): a test holds
  each to its hash. To pack better, a next one is added, and `NEWEST` moves;
- whatever bytes are given, `unpack` returns at most MAX_BYTES or raises ValueError: a disk may have changed them.
"""

import zlib
from typing import Final

from credit.codec.dictionary import FIRST

WINDOW_BITS: Final = -13  # 8 KiB, which hold a dictionary and a text; negative: no header, no sum of its own
MEMORY: Final = 5
LEVEL: Final = 3
MAX_BYTES: Final = 4 * 2**20  # of a text: sixty times the longest record; a damaged one is not unpacked for ever
DICTIONARIES: Final = {1: FIRST.encode()}
MAX_NUMBER: Final = 8  # a text that is JSON begins with none of these bytes, packed or not is told by the first
NEWEST: Final = max(DICTIONARIES)
_PACKER: Final = zlib.compressobj(  # copied for each text: beginning behind a dictionary takes longer than a text
    LEVEL, zlib.DEFLATED, WINDOW_BITS, MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARIES[NEWEST]
)
_UNPACKERS: Final = {number: zlib.decompressobj(WINDOW_BITS, words) for number, words in DICTIONARIES.items()}
_NUMBER: Final = bytes([NEWEST])


def pack(text: bytes) -> bytes:
    """Return a text of at most MAX_BYTES packed.

    >>> len(pack(b'{"reasons":["ok"],"scene":"gate"}'))
    9
    """
    packer = _PACKER.copy()
    return _NUMBER + packer.compress(text) + packer.flush()


def is_packed(lying: bytes) -> bool:
    """Return whether something begins as what is packed does; no JSON text begins so.

    >>> is_packed(pack(b"{}")), is_packed(b"{}"), is_packed(b"")
    (True, False, False)
    """
    return 0 < lying[0] <= MAX_NUMBER if lying else False


def unpack(packed: bytes) -> bytes:
    """Return the text; raise ValueError where it is none, is not whole, or is too long.

    >>> unpack(pack("信关".encode())).decode()
    '信关'
    >>> unpack(b"{}")
    Traceback (most recent call last):
    ...
    ValueError: packed with an unknown dictionary
    """
    whole = _UNPACKERS.get(packed[0]) if packed else None
    if whole is None:
        raise ValueError("packed with an unknown dictionary")
    unpacker = whole.copy()
    try:
        text = unpacker.decompress(packed[1:], MAX_BYTES)
    except zlib.error as error:
        raise ValueError(f"packed text is damaged: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("packed text is not whole, or too long")
    return text
