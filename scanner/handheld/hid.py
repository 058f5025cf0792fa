"""HID keyboard wedges: key events to the bytes of codes. Pure: bytes in, bytes out.

The kernel's `struct input_event` has 24 bytes on 64-bit systems and 16 on 32-bit ones. Rules:

- our own key map (`layouts`): the system's layout never applies, because the device is grabbed;
- only key-down counts: an autorepeat is no second character, a lost key-up does no harm, and what is held down is let
  go of at each end;
- Caps Lock lasts as long as the code in which it was pressed: a stray one spoils no other code;
- Num Lock, Scroll Lock, function keys, arrows, keys of sound and power, buttons and other keys without a character are
  no part of a code;
- Ctrl with a letter is a control character; Alt with keypad digits is a character by its number: scanners send so what
  their layout does not have;
- a key that nobody knows spoils the code rather than vanish from it;
- Enter, keypad Enter and Tab end a code; after an idle gap what is held is a code, too, as with serial scanners.
"""

import struct
from dataclasses import dataclass, field

from scanner.cleaning import REPLACEMENT
from scanner.handheld.framing import Framer
from scanner.handheld.layouts import US, Layout

EVENT_64 = struct.Struct("=qqHHi")
EVENT_32 = struct.Struct("=iiHHi")
EV_SYN, EV_KEY = 0, 1
UP, DOWN, REPEAT = 0, 1, 2
SHIFTS, CONTROLS, ALTS = frozenset({42, 54}), frozenset({29, 97}), frozenset({56, 100})
HELD = SHIFTS | CONTROLS | ALTS
CAPS_LOCK = 58
ENDS = frozenset({28, 96, 15})  # Enter, keypad Enter, Tab
ESCAPE, BACKSPACE, NUM_LOCK, SCROLL_LOCK = 1, 14, 69, 70
FUNCTIONS = frozenset({*range(59, 69), 87, 88, *range(183, 195)})  # F1 to F24
MOVES = frozenset(range(102, 112))  # Home, arrows, End, Insert, Delete
METAS = frozenset({125, 126, 127})
MEDIA = frozenset({113, 114, 115, 116, 119, *range(128, 179)})  # mute to sleep: of a scanner's other half
FIRST_BUTTON = 0x100
SILENT = frozenset({ESCAPE, BACKSPACE, NUM_LOCK, SCROLL_LOCK}) | FUNCTIONS | MOVES | METAS | MEDIA
KEYPAD = {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
MAX_NUMBER = 6  # digits of a character's number
UNKNOWN = REPLACEMENT.encode()


@dataclass(slots=True)
class Keyboard:
    """Turns the events of one device into codes. `event` is EVENT_64 or EVENT_32."""

    framer: Framer
    event: struct.Struct = EVENT_64
    layout: Layout = field(default_factory=lambda: US)
    _held: bytearray = field(default_factory=bytearray)
    _down: set[int] = field(default_factory=set)
    _number: str = ""
    _caps: bool = False
    _last_s: float = 0.0

    def feed(self, data: bytes, at_s: float) -> list[bytes]:
        """Take raw event bytes; return the codes that they complete."""
        self._held += data
        whole = len(self._held) // self.event.size * self.event.size
        chunk, self._held = bytes(self._held[:whole]), self._held[whole:]
        codes = self.framer.idle(at_s)
        if not self.framer.waiting and at_s - self._last_s > self.framer.stutter_s:
            self._let_go()
        self._last_s = at_s
        typed = bytearray()
        for _, _, kind, code, value in self.event.iter_unpack(chunk):
            if kind == EV_KEY:
                typed += self._key(code, value)
        return codes + (self.framer.feed(bytes(typed), at_s) if typed else [])

    def reset(self) -> None:
        """Forget everything: the device went away."""
        self._held.clear()
        self._let_go()
        self.framer.reset()

    def _let_go(self) -> None:
        self._down.clear()
        self._number = ""
        self._caps = False

    def _key(self, code: int, value: int) -> bytes:
        if code in HELD:
            return self._hold(code, value)
        if value != DOWN or code in SILENT or code >= FIRST_BUTTON:
            return b""
        if code == CAPS_LOCK:
            self._caps = not self._caps
            return b""
        if code in ENDS:
            self._let_go()
            return b"\r"
        return self._character(code)

    def _hold(self, code: int, value: int) -> bytes:
        if value == DOWN:
            self._down.add(code)
        elif value == UP:
            self._down.discard(code)
            if code in ALTS and self._number:
                number, self._number = self._number, ""
                return numbered(number)
        return b""

    def _character(self, code: int) -> bytes:
        if self._down & ALTS and code in KEYPAD:
            self._number = (self._number + KEYPAD[code])[-MAX_NUMBER:]
            return b""
        pair = self.layout.get(code)
        if pair is None:
            return UNKNOWN
        plain, shifted = pair
        if self._down & CONTROLS:
            return bytes([ord(shifted) & 0x1F]) if plain.isalpha() and plain.isascii() else _separator(plain)
        upper = bool(self._down & SHIFTS) != (self._caps and plain.isalpha())
        return (shifted if upper else plain).encode()


def _separator(plain: str) -> bytes:
    """Return what Ctrl makes of a key that is no letter: FS, GS and the like."""
    return bytes([ord(plain) & 0x1F]) if plain in "[\\]" else UNKNOWN


def numbered(number: str) -> bytes:
    """Return what Alt and keypad digits name: code page 437, with a leading 0 Windows-1252, above 255 Unicode."""
    value = int(number)
    if value > 0xFF:  # noqa: PLR2004 - the last of a code page of bytes
        return chr(value).encode("utf-8", "replace")
    return bytes([value]).decode("cp1252" if number.startswith("0") else "cp437", "replace").encode()
