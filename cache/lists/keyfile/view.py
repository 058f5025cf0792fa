r"""One list of many entries as it is in force: a base file and what changed since, under one root.

A refresh is three steps, and readers see the one before or the one after, never half of either:

    >>> import tempfile, pathlib
    >>> from cache.lists.keyfile.building import write_rows
    >>> layout = Layout(kind=MEASURES, payload=1, bits=1)
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "base"
    >>> root = write_rows([(b"A" * 8, b"1"), (b"B" * 8, b"2")], layout=layout, out=path)
    >>> view = View.over(Base.open(path, root=root))
    >>> delta = view.delta({b"B" * 8: b"", b"\xc3" * 8: b"3"})      # the publisher: B goes, C comes
    >>> after = view.applied(Delta.read(delta.written()))           # the terminal: the same root, or an error
    >>> view.look_up(b"B" * 8), after.look_up(b"B" * 8), after.look_up(b"\xc3" * 8)
    (b'2', b'', b'3')

Rules of this file:

- a view never changes; `applied` returns another that shares the base, or raises and leaves all as it was;
- a delta is taken only onto the root that it names, and only if the rows that result have the root that it names: the
  caller compares that one with the signed index;
- at most MAX_PENDING changes are held beside a base, however many deltas lead there: beyond, the base is fetched;
- a look-up that meets a damaged bucket raises; the caller answers REFER `list_too_old`, never "nothing against them".
"""

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping

from cache.lists.keyfile.base import Base
from cache.lists.keyfile.delta import MAX_CHANGES, Delta, Place
from cache.lists.keyfile.layout import MEASURES, SUFFIX_BYTES, KeyFileError, Layout
from cache.lists.keyfile.overlay import Overlay
from cache.lists.keyfile.tree import Tree, hash_of
from cache.lists.keyfile.turns import Turns

MAX_PENDING = 2 * MAX_CHANGES
_from_octets = struct.Struct(">Q").unpack_from  # the first KEY_BYTES of a pseudonym

__all__ = ["MEASURES", "Base", "Delta", "Layout", "View"]


class View:
    """A list in force. `root` says all of it; `count` rows; `pending` keys stand in the overlay."""

    __slots__ = ("_marks", "_mask", "_spare", "base", "count", "overlay", "root", "tree")

    def __init__(self, base: Base, overlay: Overlay, tree: Tree, *, count: int) -> None:
        self.base = base
        self.count = count
        self.root = tree.root(base.layout, count)
        self.overlay = overlay
        self._marks, self._mask = overlay.marks, overlay.mask
        self._spare = base.layout.spare
        self.tree = tree

    @classmethod
    def over(cls, base: Base) -> "View":
        """Return the view of a base alone."""
        return cls(base, Overlay(), base.tree, count=base.count)

    @property
    def layout(self) -> Layout:
        """The layout of base and deltas."""
        return self.base.layout

    @property
    def pending(self) -> int:
        """How many keys the overlay holds: what a compaction would bring home."""
        return len(self.overlay)

    def look_up(self, key: bytes) -> bytes:
        """Return the payloads of a pseudonym, joined; empty for none. Raises KeyFileError, OSError."""
        stored = _from_octets(key)[0] >> self._spare  # as `Layout.stored`: every decision comes by
        if self._marks[stored & self._mask]:
            found = self.overlay.look_up(stored)
            if found is not None:
                return found
        return self.base.look_up(stored)

    def rows(self, bucket: int) -> bytes:
        """Return the rows of one bucket as they are in force, ascending."""
        return self._merged(bucket, self.overlay.of_bucket(bucket))

    def delta(self, changes: Mapping[bytes, bytes]) -> Delta:
        """Return what leads from here to where each of these keys has these payloads (the publisher's side)."""
        return self.step({self.layout.place(key): payloads for key, payloads in changes.items()})

    def step(self, places: Mapping[Place, bytes]) -> Delta:
        """Return what leads from here to where each of these places has these payloads."""
        tree, count = self._after(places)
        after = tree.root(self.layout, count)
        return Delta(layout=self.layout, before=self.root, after=after, count=count, changes=places)

    def applied(self, delta: Delta) -> "View":
        """Return the view after a delta; raise KeyFileError when it does not belong here or does not lead there."""
        if delta.layout != self.layout or delta.before != self.root:
            raise KeyFileError(f"delta from {delta.before.hex()[:16]}: this list is at {self.root.hex()[:16]}")
        if self.pending + len(delta.changes) > MAX_PENDING:
            raise KeyFileError(f"delta: more than {MAX_PENDING} changes on one base; fetch the next")
        tree, count = self._after(delta.changes)
        if count != delta.count or tree.root(self.layout, count) != delta.after:
            raise KeyFileError(f"delta to {delta.after.hex()[:16]}: the rows lead elsewhere; fetch the base")
        return View(self.base, self.overlay.with_changes(delta.changes), tree, count=count)

    def since_base(self) -> Delta:
        """Return what leads from the base alone to here: all that is pending, in one delta."""
        changes = dict(self.overlay.items())
        return Delta(layout=self.layout, before=self.base.root, after=self.root, count=self.count, changes=changes)

    def buckets(self) -> Iterator[bytes]:
        """Yield the rows of every bucket as they are in force: what a compacted base is made of."""
        for bucket in range(self.layout.buckets):
            yield self.rows(bucket)

    def _after(self, changes: Mapping[Place, bytes]) -> tuple[Tree, int]:
        """Return the tree and the count of rows once these keys have these payloads."""
        by_bucket: defaultdict[int, dict[Place, bytes]] = defaultdict(dict)
        for place, payloads in changes.items():
            by_bucket[place[0]][place] = payloads
        leaves, grown, turns = {}, 0, Turns()
        for bucket, changed in by_bucket.items():
            turns.give()
            pending = self.overlay.of_bucket(bucket)
            before = self._merged(bucket, pending)
            if hash_of(before) != self.tree.leaf(bucket):
                raise KeyFileError(f"{self.base.path.name}: bucket {bucket} is damaged on disk")
            after = self._merged(bucket, {**pending, **changed})
            leaves[bucket] = hash_of(after)
            grown += len(after) - len(before)
        return self.tree.changed(leaves), self.count + grown // self.layout.row_bytes

    def _merged(self, bucket: int, pending: Mapping[Place, bytes]) -> bytes:
        rows = self.base.rows(bucket)
        if not pending:
            return rows
        return spliced(rows, pending, width=self.layout.row_bytes)


def spliced(rows: bytes, pending: Mapping[Place, bytes], *, width: int) -> bytes:
    """Return a bucket's rows in which these keys have these payloads.

    One change of a hundred rows is a search by halves and three pieces: a day's changes touch most buckets of a long
    list, each with one or two, and taking all rows apart and sorting them anew was ten times the work.
    """
    parts, at, count = [], 0, len(rows) // width
    payload = width - SUFFIX_BYTES
    for (_bucket, suffix), payloads in sorted(pending.items()):
        first, after = at, count
        while first < after:
            middle = (first + after) // 2
            if rows[middle * width : middle * width + SUFFIX_BYTES] < suffix:
                first = middle + 1
            else:
                after = middle
        parts.append(rows[at * width : first * width])
        parts += sorted([suffix + payloads[one : one + payload] for one in range(0, len(payloads), payload)])
        at = first
        while rows.startswith(suffix, at * width):
            at += 1
    parts.append(rows[at * width :])
    return b"".join(parts)
