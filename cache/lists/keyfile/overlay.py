"""What changed since the base, held small: keys in one array, their rows in one string. Never changed, only replaced.

A key that stands here is answered here, with all the rows it has now; none means that it is gone. Eight bytes and the
rows for each pending key: 100 000 changes of measures are 1.9 MB.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping

from cache.lists.keyfile.delta import Place
from cache.lists.keyfile.layout import SUFFIX_BITS, SUFFIX_BYTES


class Overlay:
    """Keys (as stored numbers) with their payloads, in ascending order."""

    __slots__ = ("_ends", "_keys", "_payloads")

    def __init__(self) -> None:
        self._keys = array("Q")
        self._ends = array("I", [0])
        self._payloads = b""

    def __len__(self) -> int:
        return len(self._keys)

    def look_up(self, bucket: int, suffix: bytes) -> bytes | None:
        """Return a key's payloads, joined; None when the base answers for it."""
        keys = self._keys
        number = bucket << SUFFIX_BITS | int.from_bytes(suffix, "big")
        at = bisect_left(keys, number)
        if at == len(keys) or keys[at] != number:
            return None
        return self._payloads[self._ends[at] : self._ends[at + 1]]

    def items(self) -> Iterator[tuple[Place, bytes]]:
        """Yield every key's place and payloads, in order."""
        for at, number in enumerate(self._keys):
            suffix = (number & ((1 << SUFFIX_BITS) - 1)).to_bytes(SUFFIX_BYTES, "big")
            yield (number >> SUFFIX_BITS, suffix), self._payloads[self._ends[at] : self._ends[at + 1]]

    def with_changes(self, changes: Mapping[Place, bytes]) -> "Overlay":
        """Return the overlay in which these keys have these payloads."""
        both = dict(self.items())
        both.update(changes)
        made = Overlay()
        parts, end = [], 0
        for (bucket, suffix), payloads in sorted(both.items()):
            made._keys.append(bucket << SUFFIX_BITS | int.from_bytes(suffix, "big"))
            parts.append(payloads)
            end += len(payloads)
            made._ends.append(end)
        made._payloads = b"".join(parts)
        return made
