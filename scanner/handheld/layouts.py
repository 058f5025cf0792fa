"""What the keys of a keyboard mean, by layout: key code of the kernel → (plain, with shift). Tables only.

A scanner types as if it were a keyboard of the layout it is set to. Ours is US; a scanner that is set otherwise is
named by the layout test code of `doctor`, and either it or the source (`#layout=de`) is set right.
"""

from collections.abc import Mapping

LAYOUT_TEST = "XG-LAYOUT:aAzZqQyYmM0123456789 $%*+-./:"  # differs under AZERTY, QWERTZ and with caps lock on

Layout = Mapping[int, tuple[str, str]]


def _rows(plain: str, shifted: str, first: int) -> dict[int, tuple[str, str]]:
    return {first + i: pair for i, pair in enumerate(zip(plain, shifted, strict=True))}


US: Layout = {
    **_rows("1234567890-=", "!@#$%^&*()_+", 2),
    **_rows("qwertyuiop[]", "QWERTYUIOP{}", 16),
    **_rows("asdfghjkl;'`", 'ASDFGHJKL:"~', 30),
    **_rows("\\zxcvbnm,./", "|ZXCVBNM<>?", 43),
    **_rows("789-456+1230.", "789-456+1230.", 71),
    55: ("*", "*"),
    57: (" ", " "),
    98: ("/", "/"),
}
LATIN: Layout = {**US, **_rows("1234567890'¡", '!"·$%&/()=?¿', 2), **_rows("`+", "^*", 26), **_rows(",.-", ";:_", 51)}
LAYOUTS: Mapping[str, Layout] = {
    "us": US,
    "de": {
        **LATIN,
        **_rows("1234567890ß´", '!"§$%&/()=?`', 2),
        **_rows("qwertzuiopü+", "QWERTZUIOPÜ*", 16),
        **_rows("öä^", "ÖÄ°", 39),
        **_rows("#yxcvbnm,.-", "'YXCVBNM;:_", 43),
    },
    "fr": {
        **US,
        **_rows("&é\"'(-è_çà)=", "1234567890°+", 2),
        **_rows("azertyuiop^$", "AZERTYUIOP¨£", 16),
        **_rows("qsdfghjklmù²", "QSDFGHJKLM%~", 30),
        **_rows("*wxcvbn,;:!", "µWXCVBN?./§", 43),
    },
    "es": LATIN,
}


def as_typed(text: str, layout: Layout) -> str:
    """Return what the US table makes of a text that a scanner of another layout types."""
    keys = {char: (code, shifted) for code, pair in reversed(list(layout.items())) for shifted, char in enumerate(pair)}
    return "".join(US[keys[char][0]][keys[char][1]] if char in keys else "" for char in text)


def layout_of(text: str) -> str | None:
    """Return the layout under which the layout test code was typed, None when it is none of ours."""
    return next((name for name, layout in LAYOUTS.items() if as_typed(LAYOUT_TEST, layout) == text), None)
