"""What changed since the base, held small: keys in one array, their rows in one string. Never changed, only replaced.

A key that stands here is answered here, with all the rows it has now; none means that it is gone. Fourteen octets, the
rows and some sixteen marks for each pending key: 100 000 changes of measures are 3 MB. One more change copies the
arrays (as memory, not as objects) and appends its rows; what it replaces stays in the string until half of it is waste.

`marks` has one octet for each value of the last bits of a stored key, and pseudonyms are random: where it is 0, no key
is pending that ends so. Fifteen of sixteen look-ups need no more than that.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from cache.lists.keyfile.delta import Place
from cache.lists.keyfile.layout import SUFFIX_BITS, SUFFIX_BYTES
from cache.lists.keyfile.turns import Turns

PARTS: Final = 1024
MARKS_A_KEY: Final = 16
MAX_MARKS: Final = 1 << 20
KEYS_A_TURN: Final = 1024


class Overlay:
    """Keys (as stored numbers) with their payloads, in ascending order. The mark of a key is `marks[key & mask]`."""

    __slots__ = ("_at", "_fan", "_keys", "_payloads", "_shift", "_sizes", "_waste", "marks", "mask")

    WIDTHS: ClassVar = (8, 4, 2)  # octets of a key, of the place and of the size of its payloads

    def __init__(self) -> None:
        self._keys = array("Q")
        self._at = array("I")
        self._sizes = array("H")
        self._payloads = b""
        self._waste = 0
        self._fan: list[int] = [0, 0]
        self._shift = 0
        self.marks = bytearray(1)
        self.mask = 0

    def __len__(self) -> int:
        return len(self._keys)

    def memory(self) -> tuple[int, int, bytes]:
        """Return the number of keys, the waste, and all of it as it lies in memory."""
        held = (self._keys.tobytes(), self._at.tobytes(), self._sizes.tobytes(), self._payloads)
        return len(self._keys), self._waste, b"".join(held)

    @classmethod
    def of_memory(cls, memory: memoryview, *, keys: int, waste: int) -> "Overlay":
        """Return the overlay that `memory` says, on the machine that said it."""
        made, at = cls(), 0
        for held, width in zip((made._keys, made._at, made._sizes), cls.WIDTHS, strict=True):
            held.frombytes(memory[at : at + keys * width])
            at += keys * width
        made._payloads, made._waste = bytes(memory[at:]), waste
        return made._fanned()

    def look_up(self, stored: int) -> bytes | None:
        """Return the payloads of a key as it is stored, joined; None when the base answers for it."""
        keys, fan, part = self._keys, self._fan, stored >> self._shift
        if part >= len(fan) - 1:
            return None
        after = fan[part + 1]
        at = bisect_left(keys, stored, fan[part], after)
        if at == after or keys[at] != stored:
            return None
        return self._payloads_at(at)

    def _fanned(self, marks: bytearray | None = None) -> "Overlay":
        """Note where each of PARTS equal parts of the keys begins, a look-up searches one of them; and mark the keys.

        `marks` are those of the keys that were here before, with the new ones' among them.
        """
        keys = self._keys
        if keys:
            self._shift = max(0, keys[-1].bit_length() - PARTS.bit_length() + 1)
            parts = (keys[-1] >> self._shift) + 1
            self._fan = [bisect_left(keys, part << self._shift) for part in range(parts)] + [len(keys)]
            enough = marks is not None and len(marks) >= min(MAX_MARKS, MARKS_A_KEY // 2 * len(keys))
            self.marks = marks if marks is not None and enough else self._marked()
            self.mask = len(self.marks) - 1
        return self

    def _marked(self) -> bytearray:
        marks = bytearray(min(MAX_MARKS, 1 << (MARKS_A_KEY * len(self._keys) - 1).bit_length()))
        mask, turns = len(marks) - 1, Turns()
        for first in range(0, len(self._keys), KEYS_A_TURN):
            turns.give()
            for number in self._keys[first : first + KEYS_A_TURN]:
                marks[number & mask] = 1
        return marks

    def items(self) -> Iterator[tuple[Place, bytes]]:
        """Yield every key's place and payloads, in order."""
        return self._between(0, len(self._keys))

    def of_bucket(self, bucket: int) -> dict[Place, bytes]:
        """Return the keys of one bucket with their payloads."""
        first = bisect_left(self._keys, bucket << SUFFIX_BITS)
        return dict(self._between(first, bisect_left(self._keys, (bucket + 1) << SUFFIX_BITS, first)))

    def with_changes(self, changes: Mapping[Place, bytes]) -> "Overlay":
        """Return the overlay in which these keys have these payloads."""
        few = 16 * len(changes) < len(self._keys)
        return self._with_few(changes).tidied() if few else self._with_many(changes)

    def tidied(self) -> "Overlay":
        """Return the same overlay without waste, where that is more than half of it."""
        return self if 2 * self._waste <= len(self._payloads) else self._with_many({})

    def _payloads_at(self, at: int) -> bytes:
        first = self._at[at]
        return self._payloads[first : first + self._sizes[at]]

    def _between(self, first: int, after: int) -> Iterator[tuple[Place, bytes]]:
        for at in range(first, after):
            number = self._keys[at]
            suffix = (number & ((1 << SUFFIX_BITS) - 1)).to_bytes(SUFFIX_BYTES, "big")
            yield (number >> SUFFIX_BITS, suffix), self._payloads_at(at)

    def _with_few(self, changes: Mapping[Place, bytes]) -> "Overlay":
        made = Overlay()
        made._keys, made._at, made._sizes = self._keys[:], self._at[:], self._sizes[:]
        parts, end, waste, marks = [self._payloads], len(self._payloads), self._waste, self.marks[:]
        for (bucket, suffix), payloads in changes.items():
            number = bucket << SUFFIX_BITS | int.from_bytes(suffix, "big")
            at = bisect_left(made._keys, number)
            if at < len(made._keys) and made._keys[at] == number:
                waste += made._sizes[at]
                made._at[at], made._sizes[at] = end, len(payloads)
            else:
                made._keys.insert(at, number)
                made._at.insert(at, end)
                made._sizes.insert(at, len(payloads))
                marks[number & self.mask] = 1
            parts.append(payloads)
            end += len(payloads)
        made._payloads, made._waste = b"".join(parts), waste
        return made._fanned(marks)

    def _with_many(self, changes: Mapping[Place, bytes]) -> "Overlay":
        both = dict(self.items())
        both.update(changes)
        made = Overlay()
        parts, end, turns = [], 0, Turns()
        for (bucket, suffix), payloads in sorted(both.items()):
            turns.give()
            made._keys.append(bucket << SUFFIX_BITS | int.from_bytes(suffix, "big"))
            made._at.append(end)
            made._sizes.append(len(payloads))
            parts.append(payloads)
            end += len(payloads)
        made._payloads = b"".join(parts)
        return made._fanned()
