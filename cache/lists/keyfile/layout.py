r"""The form of a key file: what its bytes mean, in the order in which they stand (lists.md, "Measures").

    header   64 bytes   magic 8 · kind u8 · payload u8 · bits u8 · zero u8 · zero u32 · count u64 · root 32 · zero 8
    fan-out  4 × (2^bits + 1) bytes   u32: the number of the first row of each bucket, and the number of all rows
    rows     (6 + payload) × count bytes   suffix 6 · payload, ascending

Every number is big-endian. A key is the first 8 bytes of a pseudonym. Its first `bits` bits name the bucket, the next
48 bits are the suffix; the rest is not stored. So a key of nobody hits with a chance of rows in a bucket / 2^48, at any
size: 5e-13 at the usual 128 rows. Pseudonyms are random, so buckets are even; the publisher refuses a new pseudonym
whose stored bits are taken (`Collision` never reaches a terminal).

Wire form and disk form are the same bytes: installing a file is a rename.

    >>> layout = Layout(kind=MEASURES, payload=6, bits=4)
    >>> layout.place(bytes.fromhex("f0123456789abcde"))
    (15, b'\x01#Eg\x89\xab')
    >>> layout.row_bytes
    12
"""

import struct
from dataclasses import dataclass
from typing import Final

MAGIC: Final = b"xgkeys1\n"
MEASURES: Final = 1
MEMBERS: Final = 2
KINDS: Final = frozenset({MEASURES, MEMBERS})

KEY_BYTES: Final = 8
SUFFIX_BYTES: Final = 6
SUFFIX_BITS: Final = 8 * SUFFIX_BYTES
ROOT_BYTES: Final = 32
MAX_BITS: Final = 16
MAX_PAYLOAD_BYTES: Final = 32
MAX_ROWS: Final = 50_000_000
USUAL_ROWS_IN_A_BUCKET: Final = 128
MAX_ROWS_PER_KEY: Final = 16

HEADER: Final = struct.Struct(">8sBBBBIQ32s8x")
FAN: Final = struct.Struct(">I")


class KeyFileError(Exception):
    """A key file or a delta that is not what it must be. The text says where, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Kind of list, bytes of payload in a row, and bits of the fan-out. Equal layouts have comparable roots."""

    kind: int
    payload: int
    bits: int

    def __post_init__(self) -> None:
        """Refuse what no file of ours says; raise KeyFileError."""
        if self.kind not in KINDS:
            raise KeyFileError(f"key file of kind {self.kind}: not one of ours")
        if not 1 <= self.payload <= MAX_PAYLOAD_BYTES or not 0 <= self.bits <= MAX_BITS:
            raise KeyFileError(f"key file with {self.payload} bytes of payload and {self.bits} bits: out of bounds")

    @property
    def row_bytes(self) -> int:
        """The bytes of one row."""
        return SUFFIX_BYTES + self.payload

    @property
    def buckets(self) -> int:
        """How many buckets the fan-out has."""
        return 1 << self.bits

    @property
    def spare(self) -> int:
        """How many of a key's 64 bits are not kept."""
        return 64 - SUFFIX_BITS - self.bits

    def place(self, key: bytes) -> tuple[int, bytes]:
        """Return the bucket and the suffix of a key (its first 8 bytes count)."""
        stored = self.stored(key)
        return stored >> SUFFIX_BITS, (stored & ((1 << SUFFIX_BITS) - 1)).to_bytes(SUFFIX_BYTES, "big")

    def stored(self, key: bytes) -> int:
        """Return the bits of a key that the file keeps, as one number; equal numbers are one key to a terminal."""
        return int.from_bytes(key[:KEY_BYTES], "big") >> self.spare


def bits_for(rows: int) -> int:
    """Return the fan-out for a list of so many rows: buckets of 64 to 128 rows, as far as MAX_BITS goes."""
    return min(MAX_BITS, max(0, (max(rows, 1) - 1) // USUAL_ROWS_IN_A_BUCKET).bit_length())
