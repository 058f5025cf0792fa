"""Bytes of a handheld scanner to the bytes of each code. Pure: bytes and times in, bytes out.

Rules:

- a code ends at its suffix (CR, LF, CRLF, TAB; by default any of them), or, when the scanner sends none, after an
  idle gap; a scanner set to another suffix than the setting says is understood too, after the gap;
- a stutter within a code (Bluetooth, a busy USB hub) is no gap: unless a gap was set, it lasts STUTTER_S;
- a scanner that has sent a suffix sends one after each code: what stays without it for HALF_S is half a code;
- two codes glued together are two codes if there is a suffix between them, and one that nobody can read if there is
  not;
- one or two bytes behind an ETX that ended a code are its check (STX … ETX LRC), and no half a code;
- what is longer than MAX_BYTES is thrown away up to its end: half of it would be another text;
- NUL pads packets and ends nothing; what else a scanner puts around a code is taken off later (`scanner.cleaning`);
- what is thrown away (`dropped`) and what was understood all the same (`noticed`) is counted by its name.
"""

import re
from collections import Counter
from dataclasses import dataclass, field

MAX_BYTES = 2048  # no code of ours is longer than 600 characters; packets may be padded
ENDS = re.compile(rb"[\r\n\t\x03\x04]+")  # CR, LF, TAB, ETX, EOT
BEFORE_CHECK = re.compile(rb"[\x03\x04]\Z")
CHECK_BYTES = 2
STUTTER_S = 0.5
HALF_S = 2.0


@dataclass(slots=True)
class Framer:
    """Cuts the bytes of one scanner. `suffix` None means any of ENDS, empty means none but the gap.

    `gap_s` ends a code of a scanner that sends no suffix; `stutter_s` is waited for where a suffix may still come.
    """

    suffix: bytes | None
    gap_s: float
    stutter_s: float = STUTTER_S
    dropped: Counter[str] = field(default_factory=Counter)
    noticed: Counter[str] = field(default_factory=Counter)
    _held: bytearray = field(default_factory=bytearray)
    _flooded: bool = False
    _sends_suffix: bool = False
    _by_etx: bool = False
    _last_s: float = 0.0

    @property
    def waiting(self) -> bool:
        """Whether bytes are held that an idle gap would end."""
        return bool(self._held) or self._flooded

    @property
    def patience_s(self) -> float:
        """How long what is held may stay as it is."""
        if self.suffix == b"" or self._looks_ended():
            return self.gap_s
        return max(self.stutter_s, HALF_S) if self._sends_suffix else self.stutter_s

    def feed(self, data: bytes, at_s: float) -> list[bytes]:
        """Take bytes that arrived at `at_s` (monotonic seconds); return the codes that they complete."""
        codes = self.idle(at_s)
        self._last_s = at_s
        for piece, ended in self._pieces(data):
            self._hold(piece)
            if ended:
                codes += self._end()
        return codes

    def idle(self, at_s: float) -> list[bytes]:
        """Note that it is `at_s`; return the codes that an idle gap has ended, if any."""
        if not self.waiting or at_s - self._last_s < self.patience_s:
            return []
        if self.suffix and self._looks_ended():  # another suffix than the setting says
            pieces, self._held = ENDS.split(bytes(self._held)), bytearray()
            codes = [piece for piece in pieces if piece]
            self.noticed["suffix"] += len(codes)
            return codes
        if self._by_etx and len(self._held) <= CHECK_BYTES and not self._flooded:
            self._held.clear()
            self.noticed["check"] += 1
            return []
        if self._sends_suffix or self.suffix:
            self._drop("half")
            return []
        codes = self._end()
        self.noticed["no-suffix"] += len(codes) if self.suffix is None else 0
        return codes

    def reset(self) -> None:
        """Forget what is held: the scanner was unplugged."""
        if self.waiting:
            self._drop("unplugged")

    def _looks_ended(self) -> bool:
        return bool(self.suffix) and self._held[-1:] != b"" and ENDS.fullmatch(self._held[-1:]) is not None

    def _pieces(self, data: bytes) -> list[tuple[bytes, bool]]:
        if self.suffix == b"":
            return [(data, False)]
        if self.suffix is None:
            parts = ENDS.split(data)
            if len(parts) > 1:
                self._by_etx = bool(BEFORE_CHECK.search(data[: len(data) - len(parts[-1])]))
        else:
            if len(self.suffix) > 1 and self._held.endswith(self.suffix[:1]) and data.startswith(self.suffix[1:]):
                del self._held[-1]  # CR and LF came in two breaths
                data = self.suffix[:1] + data
            parts = data.split(self.suffix)
        self._sends_suffix = self._sends_suffix or len(parts) > 1
        return [(part, True) for part in parts[:-1]] + [(parts[-1], False)]

    def _hold(self, piece: bytes) -> None:
        if self._flooded or len(self._held) + len(piece) > MAX_BYTES:
            self._flooded = True
            self._held.clear()
        else:
            self._held += piece

    def _end(self) -> list[bytes]:
        raw = bytes(self._held)
        if self._flooded:
            self._drop("flood")
            return []
        self._held.clear()
        return [raw] if raw.strip(b"\0 ") else []

    def _drop(self, why: str) -> None:
        self.dropped[why] += 1
        self._held.clear()
        self._flooded = False
