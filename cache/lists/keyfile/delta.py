r"""What changed in a key file since a known root, and the root after it.

    head     96 bytes   magic 8 · kind u8 · payload u8 · bits u8 · zero u8 · changes u32 · count after u64 ·
                        from root 32 · to root 32 · zero 8
    changes  each: bucket u16 · suffix 6 · rows u8 · rows × payload, ascending by bucket and suffix

A change gives *all* rows that a key has from now on; none means that the key is gone. So a delta needs no memory of
what was there, adding and removing cannot come in a wrong order within one, and applying the same one twice is refused
by its `from` root alone.

Rules of this file:

- `to` is signed (the list's index names it): where the bytes come from does not matter;
- the bytes are bounded before they are taken apart, and taken apart strictly: what is left over is an error.

    >>> layout = Layout(kind=MEASURES, payload=2, bits=4)
    >>> changes = {layout.place(bytes(8)): b"\x00\x01"}
    >>> one = Delta(layout=layout, before=bytes(32), after=bytes(32), count=1, changes=changes)
    >>> Delta.read(one.written()) == one
    True
"""

import itertools
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from cache.lists.keyfile.layout import (
    MAX_ROWS,
    MAX_ROWS_PER_KEY,
    MEASURES,
    SUFFIX_BYTES,
    KeyFileError,
    Layout,
)
from cache.lists.keyfile.turns import Turns

MAGIC: Final = b"xgdelta1"
HEAD: Final = struct.Struct(">8sBBBBIQ32s32s8x")
CHANGE: Final = struct.Struct(f">H{SUFFIX_BYTES}sB")
MAX_CHANGES: Final = 100_000  # a change is 250 octets while it is taken in: a file of a few MB must fill no memory

Place = tuple[int, bytes]

__all__ = ["MEASURES", "Delta", "Layout", "Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """Changes between two roots: place of a key → all its payloads from now on, joined; `count` rows afterwards."""

    layout: Layout
    before: bytes
    after: bytes
    count: int
    changes: Mapping[Place, bytes]

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Take a delta apart; raise KeyFileError for anything that is not exactly one."""
        if len(data) < HEAD.size:
            raise KeyFileError(f"delta: no head: {len(data)} bytes")
        magic, kind, payload, bits, zero, number, count, before, after = HEAD.unpack_from(data)
        if magic != MAGIC or zero or data[HEAD.size - 8 : HEAD.size] != bytes(8):
            raise KeyFileError("delta: not a delta of this version")
        if number > MAX_CHANGES or count > MAX_ROWS:
            raise KeyFileError(f"delta: {number} changes, {count} rows: out of bounds")
        layout = Layout(kind=kind, payload=payload, bits=bits)
        changes = _read_changes(data, layout, number)
        return cls(layout=layout, before=before, after=after, count=count, changes=changes)

    def written(self) -> bytes:
        """Return the bytes that `read` takes apart."""
        one = self.layout
        head = HEAD.pack(
            MAGIC, one.kind, one.payload, one.bits, 0, len(self.changes), self.count, self.before, self.after
        )
        rows = [
            CHANGE.pack(bucket, suffix, len(payloads) // one.payload) + payloads
            for (bucket, suffix), payloads in sorted(self.changes.items())
        ]
        return head + b"".join(rows)


def _read_changes(data: bytes, layout: Layout, number: int) -> dict[Place, bytes]:
    changes: dict[Place, bytes] = {}
    at, last, turns = HEAD.size, (-1, b""), Turns()
    for _ in range(number):
        turns.give()
        if at + CHANGE.size > len(data):
            raise KeyFileError(f"delta: cut short at byte {at}")
        bucket, suffix, rows = CHANGE.unpack_from(data, at)
        at += CHANGE.size
        payloads = data[at : at + rows * layout.payload]
        at += rows * layout.payload
        if rows > MAX_ROWS_PER_KEY or bucket >= layout.buckets or at > len(data):
            raise KeyFileError(f"delta: a change at byte {at} is out of bounds")
        if (bucket, suffix) <= last:
            raise KeyFileError(f"delta: changes are not in ascending order at byte {at}, or one stands twice")
        last = (bucket, suffix)
        changes[last] = _ascending(payloads, layout.payload, at)
    if at != len(data):
        raise KeyFileError(f"delta: {len(data) - at} bytes are left over")
    return changes


def _ascending(payloads: bytes, width: int, at: int) -> bytes:
    every = [payloads[one : one + width] for one in range(0, len(payloads), width)]
    if any(one >= two for one, two in itertools.pairwise(every)):
        raise KeyFileError(f"delta: the rows of a key do not ascend before byte {at}")
    return payloads
