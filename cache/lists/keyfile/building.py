"""Making key files: rows in, one immutable file out, with its root (the form stands in `layout`).

Rules of this file:

- rows may come in any order and are sorted here; two different keys that the file would store as one are refused with
  both named: the publisher draws another pseudonym, a terminal never meets the case;
- a file is written beside its place, fsynced and left there; who called renames it;
- the same function makes a publisher's new base and a terminal's compacted one.
"""

import os
from array import array
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from cache.lists.keyfile.base import check_order
from cache.lists.keyfile.layout import FAN, HEADER, KEY_BYTES, MAGIC, KeyFileError, Layout
from cache.lists.keyfile.tree import Tree, hash_of

Row = tuple[bytes, bytes]


def write_rows(rows: Iterable[Row], *, layout: Layout, out: Path) -> bytes:
    """Write the key file of these (key, payload) rows at `out`; return its root. Raises KeyFileError, OSError."""
    return write_buckets(ordered_buckets(sorted(rows), layout), layout=layout, out=out)


def write_buckets(buckets: Iterable[bytes], *, layout: Layout, out: Path) -> bytes:
    """Write the key file of all buckets' rows, in order, at `out`; return its root. Raises KeyFileError, OSError."""
    width, count = layout.row_bytes, 0
    fan, leaves = array("I", [0]), bytearray()
    with out.open("wb") as file:
        file.seek(HEADER.size + FAN.size * (layout.buckets + 1))
        for number, rows in enumerate(buckets):
            check_order(rows, width, where=f"{out.name}: bucket {number}")
            file.write(rows)
            leaves += hash_of(rows)
            count += len(rows) // width
            fan.append(count)
        if len(fan) != layout.buckets + 1:
            raise KeyFileError(f"{out.name}: {len(fan) - 1} buckets came for {layout.buckets}")
        root = Tree.over(bytes(leaves)).root(layout, count)
        fan.byteswap()
        file.seek(0)
        file.write(HEADER.pack(MAGIC, layout.kind, layout.payload, layout.bits, 0, 0, count, root))
        file.write(fan.tobytes())
        file.flush()
        os.fsync(file.fileno())
    return root


def ordered_buckets(rows: Iterable[Row], layout: Layout) -> Iterator[bytes]:
    """Yield the rows of every bucket from rows that ascend; raise KeyFileError for a collision, or another payload."""
    groups = groupby(_checked(rows, layout), key=lambda row: layout.place(row[0])[0])
    at = 0
    for bucket, group in groups:
        yield from (b"" for _ in range(at, bucket))
        yield b"".join([layout.place(key)[1] + payload for key, payload in group])
        at = bucket + 1
    yield from (b"" for _ in range(at, layout.buckets))


def _checked(rows: Iterable[Row], layout: Layout) -> Iterator[Row]:
    before, stored = b"", -1
    for key, payload in rows:
        if len(payload) != layout.payload or len(key) < KEY_BYTES:
            raise KeyFileError(
                f"key {key.hex()}: a row needs a key of {KEY_BYTES} bytes or more and {layout.payload} bytes of payload"
            )
        here = layout.stored(key)
        if here == stored and key != before:
            raise KeyFileError(f"keys {before.hex()} and {key.hex()} are one to a terminal: draw another pseudonym")
        before, stored = key, here
        yield key, payload
