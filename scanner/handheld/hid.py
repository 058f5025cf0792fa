"""HID keyboard wedges: key events to texts. Pure: bytes in, texts out.

The kernel's `struct input_event` has 24 bytes on 64-bit systems and 16 on 32-bit ones. Rules:

- our own US key map: the system's layout never applies, because the device is grabbed; a scanner set to another
  layout is found by the layout test code of `doctor`;
- only key-down counts: an autorepeat is no second character, a lost key-up does no harm, and shift is let go of at
  each end;
- Enter, keypad Enter and Tab end a code; after an idle gap what is held is a code, too, as with serial scanners.
"""

import struct
from dataclasses import dataclass, field

from scanner.handheld.framing import Framer

EVENT_64 = struct.Struct("=qqHHi")
EVENT_32 = struct.Struct("=iiHHi")
EV_SYN, EV_KEY = 0, 1
UP, DOWN, REPEAT = 0, 1, 2
SHIFTS = frozenset({42, 54})
CAPS_LOCK = 58
ENDS = frozenset({28, 96, 15})  # Enter, keypad Enter, Tab
LAYOUT_TEST = "XG-LAYOUT:aAzZqQyYmM0123456789 $%*+-./:"  # differs under AZERTY, QWERTZ and with caps lock on


def _rows(plain: str, shifted: str, first: int) -> dict[int, tuple[str, str]]:
    return {first + i: pair for i, pair in enumerate(zip(plain, shifted, strict=True))}


US: dict[int, tuple[str, str]] = {
    **_rows("1234567890-=", "!@#$%^&*()_+", 2),
    **_rows("qwertyuiop[]", "QWERTYUIOP{}", 16),
    **_rows("asdfghjkl;'`", 'ASDFGHJKL:"~', 30),
    **_rows("\\zxcvbnm,./", "|ZXCVBNM<>?", 43),
    **_rows("789-456+1230.", "789-456+1230.", 71),
    55: ("*", "*"),
    57: (" ", " "),
    98: ("/", "/"),
}


@dataclass(slots=True)
class Keyboard:
    """Turns the events of one device into texts. `event` is EVENT_64 or EVENT_32."""

    framer: Framer
    event: struct.Struct = EVENT_64
    _held: bytearray = field(default_factory=bytearray)
    _shifts: set[int] = field(default_factory=set)
    _caps: bool = False

    def feed(self, data: bytes, at_s: float) -> list[str]:
        """Take raw event bytes; return the texts that they complete."""
        self._held += data
        whole = len(self._held) // self.event.size * self.event.size
        chunk, self._held = bytes(self._held[:whole]), self._held[whole:]
        typed = bytearray()
        for _, _, kind, code, value in self.event.iter_unpack(chunk):
            if kind == EV_KEY:
                typed += self._key(code, value)
        return self.framer.feed(bytes(typed), at_s) if typed else self.framer.idle(at_s)

    def reset(self) -> None:
        """Forget everything: the device went away."""
        self._held.clear()
        self._shifts.clear()
        self.framer.reset()

    def _key(self, code: int, value: int) -> bytes:
        if code in SHIFTS:
            (self._shifts.add if value == DOWN else self._shifts.discard)(code) if value != REPEAT else None
            return b""
        if value != DOWN:
            return b""
        if code == CAPS_LOCK:
            self._caps = not self._caps
            return b""
        if code in ENDS:
            self._shifts.clear()
            return b"\r"
        plain, shifted = US.get(code, ("\x7f", "\x7f"))  # an unknown key spoils the code rather than vanish from it
        upper = bool(self._shifts) != (self._caps and plain.isalpha())
        return (shifted if upper else plain).encode()
