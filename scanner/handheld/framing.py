"""Bytes of a handheld scanner to texts. Pure: bytes and times in, texts out.

Rules:

- a code ends at its suffix (CR, LF, CRLF, TAB; by default any of them), or, when the scanner sends none, after an
  idle gap;
- two codes glued together are two codes if there is a suffix between them, and one that nobody can read if there is
  not;
- what is longer than MAX_BYTES is thrown away up to its end: half of it would be another text;
- control characters other than the suffix do not belong into a code: such a code is dropped.
"""

from dataclasses import dataclass, field

MAX_BYTES = 1024  # no code of ours is longer than 600 characters
ANY_SUFFIX = b"\r\n\t\x00\x03"


@dataclass(slots=True)
class Framer:
    """Cuts the bytes of one scanner. `suffix` None means any of ANY_SUFFIX, empty means none but the gap."""

    suffix: bytes | None
    gap_s: float
    _held: bytearray = field(default_factory=bytearray)
    _flooded: bool = False
    _last_s: float = 0.0
    dropped: int = 0

    @property
    def waiting(self) -> bool:
        """Whether bytes are held that an idle gap would end."""
        return bool(self._held) or self._flooded

    def feed(self, data: bytes, at_s: float) -> list[str]:
        """Take bytes that arrived at `at_s` (monotonic seconds); return the texts that they complete."""
        texts = self.idle(at_s)
        self._last_s = at_s
        for piece, ended in self._pieces(data):
            self._hold(piece)
            if ended:
                texts += self._end()
        return texts

    def idle(self, at_s: float) -> list[str]:
        """Note that it is `at_s`; return the text that an idle gap has ended, if any."""
        if not self.waiting or at_s - self._last_s < self.gap_s:
            return []
        if self.suffix is None or self.suffix == b"":
            return self._end()
        self._discard()  # half a code: its scanner would have sent the suffix
        return []

    def reset(self) -> None:
        """Forget what is held: the scanner was unplugged."""
        self._held.clear()
        self._flooded = False

    def _pieces(self, data: bytes) -> list[tuple[bytes, bool]]:
        if self.suffix == b"":
            return [(data, False)]
        if self.suffix is None:
            for other in ANY_SUFFIX[1:]:
                data = data.replace(bytes([other]), ANY_SUFFIX[:1])
        mark = ANY_SUFFIX[:1] if self.suffix is None else self.suffix
        if len(mark) > 1 and self._held.endswith(mark[:1]) and data.startswith(mark[1:]):
            del self._held[-1]  # CR and LF came in two breaths
            data = mark + data[1:]
        parts = data.split(mark)
        return [(part, True) for part in parts[:-1]] + [(parts[-1], False)]

    def _hold(self, piece: bytes) -> None:
        if self._flooded or len(self._held) + len(piece) > MAX_BYTES:
            self._flooded = True
            self._held.clear()
        else:
            self._held += piece

    def _end(self) -> list[str]:
        raw = bytes(self._held)
        flooded = self._flooded
        self.reset()
        if flooded:
            self.dropped += 1
            return []
        text = raw.decode("utf-8", "replace").strip(" ")
        if not text:
            return []
        if not text.isprintable():
            self.dropped += 1
            return []
        return [text]

    def _discard(self) -> None:
        self.dropped += 1
        self.reset()
