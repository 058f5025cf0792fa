"""An immutable key file on disk: opened, checked whole, asked by key (the form stands in `layout`).

Rules of this file:

- a file is believed only after every bucket was hashed and the root is the signed one: `Base.open` does both;
- bytes are read with `os.pread`: a file that is cut short while it is open is an error here, where a mapped file would
  kill the process with SIGBUS;
- the file is opened once and kept open: a rename over its name leaves this reader on the old bytes;
- rows within a bucket ascend and no key has more than MAX_ROWS_PER_KEY: a signed file that breaks this is refused when
  it comes; at a restart the root alone is proof enough.
"""

import itertools
import os
import weakref
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

from cache.lists.keyfile.layout import (
    FAN,
    HEADER,
    MAGIC,
    MAX_ROWS,
    MAX_ROWS_PER_KEY,
    SUFFIX_BITS,
    SUFFIX_BYTES,
    KeyFileError,
    Layout,
)
from cache.lists.keyfile.tree import Tree, hash_of

READ_BYTES: Final = 1 << 20
_pread: Final = os.pread
SUFFIX_MASK: Final = (1 << SUFFIX_BITS) - 1


class Base:
    """One open key file. `look_up` takes about two microseconds; nothing of the rows stays in memory."""

    __slots__ = (
        "__weakref__",
        "_file",
        "_let_go",
        "_starts",
        "_width",
        "count",
        "layout",
        "path",
        "root",
        "tree",
    )

    def __init__(self, path: Path, file: int, *, layout: Layout, fan: "array[int]", root: bytes) -> None:
        self.path = path
        self.layout = layout
        self.count = fan[-1]
        self.root = root
        self.tree = Tree.of(())
        self._file = file
        self._let_go = weakref.finalize(self, os.close, file)  # when the last view that reads it is gone
        self._starts = _starts_of(fan, layout)
        self._width = layout.row_bytes

    @classmethod
    def open(cls, path: Path, *, root: bytes | None, fresh: bool = True) -> Self:
        """Open and hash the whole file against the signed root; raise KeyFileError, OSError.

        Without a root it is hashed against the one that it says itself: who lays deltas on it compares where they lead.
        A `fresh` file, never taken in before, has the order of its rows checked too: a second for ten million.
        """
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            layout, count, told = _read_header(file, path, root)
            fan = _read_fan(file, path, layout, count)
        except BaseException:
            os.close(file)
            raise
        base = cls(path, file, layout=layout, fan=fan, root=told)
        try:
            base.tree = Tree.of(base._all_buckets(in_order=fresh))
            base._must_be(told)
        except BaseException:
            base.close()
            raise
        return base

    def _must_be(self, root: bytes) -> None:
        if self.tree.root(self.layout, self.count) != root:
            raise KeyFileError(f"{self.path.name}: the rows do not hash to the signed root")

    def close(self) -> None:
        """Let the file go, now rather than with the last reader."""
        self._let_go()

    def span(self, bucket: int) -> tuple[int, int]:
        """Return where in the file the rows of a bucket stand: first byte and size."""
        first = self._starts[bucket]
        return first, self._starts[bucket + 1] - first

    def look_up(self, stored: int) -> bytes:
        """Return the payloads of a key as it is stored, joined; empty when it is not here.

        Raises KeyFileError, OSError.
        """
        bucket, starts = stored >> SUFFIX_BITS, self._starts
        first = starts[bucket]
        size = starts[bucket + 1] - first
        rows = _pread(self._file, size, first)  # as `rows` does: a call less
        if len(rows) != size:
            raise self._short(bucket, rows, size)
        suffix = (stored & SUFFIX_MASK).to_bytes(SUFFIX_BYTES, "big")
        at = rows.rfind(suffix)  # from the end: half the time of `find`, for reasons of CPython's
        return payloads_of(rows, suffix, self._width, at=at) if at >= 0 else b""

    def rows(self, bucket: int) -> bytes:
        """Return the rows of one bucket, as they stand in the file; raise KeyFileError for a file cut short."""
        first, size = self.span(bucket)
        rows = os.pread(self._file, size, first)
        if len(rows) != size:
            raise self._short(bucket, rows, size)
        return rows

    def _short(self, bucket: int, rows: bytes, size: int) -> KeyFileError:
        found = f"bucket {bucket} has {len(rows)} of {size} bytes"
        return KeyFileError(f"{self.path.name}: the file was cut short: {found}")

    def mend(self, bucket: int, rows: bytes) -> None:
        """Put fetched rows in the place of a bad bucket; raise KeyFileError if they are not those, OSError."""
        if hash_of(rows) != self.tree.leaf(bucket):
            raise KeyFileError(f"{self.path.name}: bucket {bucket}: what was fetched is damaged too")
        file = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(file, rows, self.span(bucket)[0])
            os.fsync(file)
        finally:
            os.close(file)

    def head_is_whole(self) -> bool:
        """Tell whether length, header and fan-out on the disk are still what was opened."""
        try:
            layout, count, told = _read_header(self._file, self.path, self.root)
            fan = _read_fan(self._file, self.path, layout, count)
        except (KeyFileError, OSError):
            return False
        return (layout, told, _starts_of(fan, layout)) == (self.layout, self.root, self._starts)

    def bad_buckets(self) -> Iterator[int]:
        """Hash every bucket again and yield the numbers of those that changed on disk (the nightly scrub)."""
        for bucket in range(self.layout.buckets):
            try:
                rows = self.rows(bucket)
            except (KeyFileError, OSError):
                yield bucket
                continue
            if hash_of(rows) != self.tree.leaf(bucket):
                yield bucket

    def _all_buckets(self, *, in_order: bool) -> Iterator[memoryview]:
        """Yield the rows of every bucket, read in long pieces; raise KeyFileError, for rows `in_order` too."""
        starts, bucket, buckets = self._starts, 0, self.layout.buckets
        while bucket < buckets:
            first = starts[bucket]
            last = bucket + 1
            while last < buckets and starts[last + 1] - first <= READ_BYTES:
                last += 1
            piece = memoryview(self._piece(first, starts[last]))
            for one in range(bucket, last):
                rows = piece[starts[one] - first : starts[one + 1] - first]
                if in_order:
                    check_order(rows, self._width, where=f"{self.path.name}: bucket {one}")
                yield rows
            bucket = last

    def _piece(self, at: int, after: int) -> bytes:
        parts = []
        while at < after:
            part = os.pread(self._file, after - at, at)
            if not part:
                raise KeyFileError(f"{self.path.name}: the file was cut short at byte {at}")
            parts.append(part)
            at += len(part)
        return b"".join(parts)


def payloads_of(rows: bytes, suffix: bytes, width: int, *, at: int) -> bytes:
    """Return the payloads of the rows with this suffix, joined; last seen `at`. A match across two rows is none."""
    while at % width:
        at = rows.rfind(suffix, 0, at + SUFFIX_BYTES - 1)
        if at < 0:
            return b""
    found = rows[at + SUFFIX_BYTES : at + width]
    while at and rows.startswith(suffix, at - width):
        at -= width
        found = rows[at + SUFFIX_BYTES : at + width] + found
    return found


def check_order(rows: bytes | memoryview, width: int, *, where: str) -> None:
    """Refuse rows that do not ascend, stand twice, or are too many for one key; raise KeyFileError."""
    cut = bytes(rows)
    every = [cut[at : at + width] for at in range(0, len(cut), width)]
    if any(one >= two for one, two in itertools.pairwise(every)):
        raise KeyFileError(f"{where}: rows are not in ascending order, or one stands twice")
    for one, far in zip(every, every[MAX_ROWS_PER_KEY:], strict=False):
        if one[:SUFFIX_BYTES] == far[:SUFFIX_BYTES]:
            raise KeyFileError(f"{where}: more than {MAX_ROWS_PER_KEY} rows for one key")


def _read_header(file: int, path: Path, root: bytes | None) -> tuple[Layout, int, bytes]:
    head = os.pread(file, HEADER.size, 0)
    if len(head) != HEADER.size:
        raise KeyFileError(f"{path.name}: no header: {len(head)} bytes")
    magic, kind, payload, bits, zero, more, count, told = HEADER.unpack(head)
    if magic != MAGIC or zero or more or head[-8:] != bytes(8):
        raise KeyFileError(f"{path.name}: not a key file of this version")
    if root is not None and told != root:
        raise KeyFileError(f"{path.name}: says another root than the signed one")
    layout = Layout(kind=kind, payload=payload, bits=bits)
    size = HEADER.size + FAN.size * (layout.buckets + 1) + layout.row_bytes * count
    if count > MAX_ROWS or os.fstat(file).st_size != size:
        raise KeyFileError(f"{path.name}: {count} rows need {size} bytes, the file has {os.fstat(file).st_size}")
    return layout, count, told


def _read_fan(file: int, path: Path, layout: Layout, count: int) -> "array[int]":
    raw = os.pread(file, FAN.size * (layout.buckets + 1), HEADER.size)
    fan = array("I", raw)
    fan.byteswap()
    if fan[0] != 0 or fan[-1] != count or any(one > two for one, two in itertools.pairwise(fan)):
        raise KeyFileError(f"{path.name}: the fan-out does not ascend from 0 to {count}")
    return fan


def _starts_of(fan: "array[int]", layout: Layout) -> "array[int]":
    """Return where in the file each bucket begins, and where the last one ends: MAX_ROWS rows are less than 2 GiB."""
    rows_at, width = HEADER.size + FAN.size * len(fan), layout.row_bytes
    return array("I", [rows_at + width * row for row in fan])
