"""The hash tree over the buckets of a list: one root says the whole list, one changed bucket costs few hashes.

Rules of this file:

- leaf = SHA-256(00 ‖ the bucket's rows); node = SHA-256(01 ‖ left ‖ right); the number of leaves is a power of two;
- root = SHA-256(02 ‖ kind ‖ payload ‖ bits ‖ count u64 ‖ top node): a list cut short, or read by another layout, has
  another root;
- the root depends on the rows alone, never on how they came together: a base with deltas and a base made of both have
  the same one. That is why a delta may come from anywhere.

    >>> tree = Tree.of([b"a", b"b"])
    >>> tree.changed({1: hash_of(b"c")}).top == Tree.of([b"a", b"c"]).top
    True
"""

import hashlib
import itertools
import struct
from collections.abc import Iterable, Mapping
from typing import Final, Self

from cache.lists.keyfile.layout import ROOT_BYTES, Layout

LEAF: Final = b"\x00"
NODE: Final = b"\x01"
ROOT: Final = b"\x02"
HEAD: Final = struct.Struct(">BBBQ")


class Tree:
    """The hashes of every level, leaves first. Never changed; `changed` makes another."""

    __slots__ = ("_levels",)

    def __init__(self, levels: tuple[bytes, ...]) -> None:
        self._levels = levels

    @classmethod
    def of(cls, buckets: Iterable[bytes | memoryview]) -> Self:
        """Hash the rows of all buckets, in order; their number must be a power of two."""
        return cls.over(b"".join([hash_of(rows) for rows in buckets]))

    @classmethod
    def over(cls, leaves: bytes) -> Self:
        """Build the tree over leaf hashes, joined in order."""
        levels = [leaves]
        while len(levels[-1]) > ROOT_BYTES:
            below = levels[-1]
            pair = 2 * ROOT_BYTES
            sha = hashlib.sha256
            levels.append(b"".join([sha(NODE + below[at : at + pair]).digest() for at in range(0, len(below), pair)]))
        return cls(tuple(levels))

    def memory(self) -> bytes:
        """Return all levels, leaves first, joined."""
        return b"".join(self._levels)

    @classmethod
    def of_memory(cls, memory: memoryview) -> Self:
        """Return the tree that `memory` says; no hash is made."""
        levels, at, size = [], 0, (len(memory) + ROOT_BYTES) // 2
        while at < len(memory):
            levels.append(bytes(memory[at : at + size]))
            at, size = at + size, size // 2
        return cls(tuple(levels))

    @property
    def top(self) -> bytes:
        """The node over all leaves."""
        return self._levels[-1]

    def root(self, layout: Layout, count: int) -> bytes:
        """Return what is signed: the root of a list of `count` rows in this layout."""
        head = HEAD.pack(layout.kind, layout.payload, layout.bits, count)
        return hashlib.sha256(ROOT + head + self.top).digest()

    def leaf(self, bucket: int) -> bytes:
        """Return the hash of one bucket."""
        return self._levels[0][bucket * ROOT_BYTES : (bucket + 1) * ROOT_BYTES]

    def changed(self, leaves: Mapping[int, bytes]) -> "Tree":
        """Return the tree in which these buckets have these leaf hashes."""
        levels = [bytearray(level) for level in self._levels]
        dirty = set(leaves)
        for bucket, leaf in leaves.items():
            levels[0][bucket * ROOT_BYTES : (bucket + 1) * ROOT_BYTES] = leaf
        for below, above in itertools.pairwise(levels):
            dirty = {number >> 1 for number in dirty}
            for number in dirty:
                pair = bytes(below[2 * number * ROOT_BYTES : 2 * (number + 1) * ROOT_BYTES])
                above[number * ROOT_BYTES : (number + 1) * ROOT_BYTES] = hashlib.sha256(NODE + pair).digest()
        return Tree(tuple(bytes(level) for level in levels))


def hash_of(rows: bytes | memoryview) -> bytes:
    """Return the leaf hash of one bucket's rows."""
    return hashlib.sha256(b"".join((LEAF, rows))).digest()
