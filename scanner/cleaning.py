"""What stands around a code and within it that is not the code: taken off before anybody judges it. Pure.

One place for every way in: serial lines, keyboards, cameras, browser fields, the API. Of our own codes this module
knows what anybody can see from outside, the prefix and the characters; nothing of what is in them.

Rules of this file:

- our codes are written in QR's 45 alphanumeric characters and never end in a space, so whatever is not of these is an
  accident of the way (a scanner's identifier, a line protocol, an input method) and can be taken off without loss; it
  never makes another code of one: a character is replaced only where it has a single meaning in these 45;
- a code of somebody else (health code, paper ticket) loses only what scanners put around it; its bytes go beside it;
- bytes are UTF-8, else GB18030: what is neither is shown with replacement characters, and never guessed;
- what was taken off is named by its row of TABLE: a terminal that is liberal must not be silent.

>>> clean("]Q1ＸＧ1：abc。 ").text
'XG1:ABC.'
>>> clean("]Q1ＸＧ1：abc。 ").found
('blank', 'wide', 'aim', 'case')
"""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

PREFIX = "XG1:"
CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
SEPARATORS = "\x1c\x1d\x1e\x1f"  # FS, GS, RS, US: content of GS1 and AAMVA codes
MAX_PREAMBLE = 16  # characters that a scanner may put before each code
MAX_STAMP = 40  # of them, where they are a date, a time, a number of its own
MAX_POSTAMBLE = 16  # characters behind each code, the first of which is none of ours
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")  # ISO/IEC 15424: ]Q1 before a QR code
ECI = re.compile(r"\\[0-9]{6}")  # AIM ECI protocol: \000026 is UTF-8
BLANKS = " \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u2800\u3000"
INVISIBLE = re.compile(  # marks of direction and joining, variations, fillers, separators of lines, tags
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
CHECK = re.compile(r"(?<=.)[\x03\x04].{0,4}\Z", re.DOTALL)  # ETX, and the check characters of a line protocol
STAMP = re.compile(r"[^/?&@#]*")  # no address
NOT_OURS = re.compile(r"[^0-9A-Z $%*+\-./:]")
CLEAN = re.compile(r"XG1:(?:[0-9A-Z $%*+\-./:]*[0-9A-Z$%*+\-./:])?")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
FOREIGN_CONTROL = re.compile(rf"[\x00-\x1b\x7f-\x9f]|^[{SEPARATORS}]+|[{SEPARATORS}]+$")
# What a Chinese input method makes of our characters, where NFKC does not already undo it.
INPUT_METHOD = str.maketrans(
    {
        "。": ".",
        "·": ".",
        "¥": "$",
        "٪": "%",
        "➕": "+",
        **dict.fromkeys("、÷∕⁄➗", "/"),
        **dict.fromkeys("×∗⁎✱✖", "*"),
        **dict.fromkeys("∶꞉ː", ":"),
        **dict.fromkeys("−‐‒–—―➖", "-"),
    }
)
LOWER = str.maketrans("abcdefghijklmnopqrstuvwxyzıİ", "ABCDEFGHIJKLMNOPQRSTUVWXYZII")


class Row(NamedTuple):
    """One thing that is taken off: from our codes, and (None: not at all) from those of others; what to tell."""

    name: str
    ours: Callable[[str], str]
    others: Callable[[str], str] | None
    zh: str
    en: str
    mend: str


class Cleaned(NamedTuple):
    """A text that can be judged, whether it looks like one of ours, and the rows of TABLE that changed it."""

    text: str
    ours: bool
    found: tuple[str, ...]


def _control(text: str) -> str:
    return CONTROL.sub("", CHECK.sub("", text))


def _blank(text: str) -> str:
    return text.strip(BLANKS)


def _wide(text: str) -> str:
    return unicodedata.normalize("NFKC", text).translate(INPUT_METHOD)


def _preamble(text: str) -> str:
    at = text.translate(LOWER).find(PREFIX)
    stamped = at <= MAX_STAMP and STAMP.fullmatch(text[: max(at, 0)])
    return text[at:] if 0 < at <= MAX_PREAMBLE or (at > 0 and stamped) else text


def _postamble(text: str) -> str:
    found = NOT_OURS.search(text)
    if found is None or not text.startswith(PREFIX):
        return text
    code, behind = text[: found.start()].rstrip(" "), len(text) - found.start()
    return code if behind <= MAX_POSTAMBLE and behind < len(code) else text


def _begin(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: text[found.end() :] if (found := pattern.match(text)) else text


def _without(pattern: re.Pattern[str]) -> Callable[[str], str]:
    return lambda text: pattern.sub("", text)


# In the order in which they are taken off. The names go into metrics, notices and doctor's lines.
TABLE: tuple[Row, ...] = (
    Row(
        "control",
        _control,
        _without(FOREIGN_CONTROL),
        "扫码器附加控制字符（STX、NUL、GS 等），已接受",
        "the scanner sends control characters (STX, NUL, GS …) with a code; accepted",
        "scan the manual's code for 'no prefix' and 'suffix CR'",
    ),
    Row(
        "bom",
        _without(INVISIBLE),
        _without(re.compile("^\ufeff")),
        "码内有不可见字符（BOM），已接受",
        "a byte order mark or invisible characters came with a code; accepted",
        "set the scanner's output to plain UTF-8 without BOM",
    ),
    Row(
        "blank",
        _blank,
        _blank,
        "码前后有空格，已接受",
        "spaces came around a code; accepted",
        "take the spaces out of the scanner's prefix or suffix",
    ),
    Row(
        "wide",
        _wide,
        None,
        "输入法改变了字符（全角、中文标点），已还原",
        "an input method changed characters (full width, Chinese punctuation); undone",
        "switch the input method of that computer to English",
    ),
    Row(
        "aim",
        _begin(AIM),
        _begin(re.compile(r"\]Q[0-6]")),
        "扫码器附加 AIM 标识（如 ]Q1），已接受",
        "the scanner sends AIM identifiers (]Q1); accepted",
        "scan the manual's code for 'AIM ID off'",
    ),
    Row(
        "eci",
        _without(ECI),
        _begin(ECI),
        "扫码器附加 ECI 转义（如 \\000026），已接受",
        "the scanner sends ECI escapes (\\000026); accepted",
        "scan the manual's code for 'ECI output off'",
    ),
    Row(
        "preamble",
        _preamble,
        None,
        "扫码器在码前附加文字（代码标识或前缀），已接受",
        "the scanner puts a code identifier or preamble before each code; accepted",
        "scan the manual's code for 'no code ID' and 'no preamble'",
    ),
    Row(
        "case",
        lambda text: text.translate(LOWER),
        None,
        "字母大小写被颠倒（大写锁定），已还原",
        "letters came in lower case (Caps Lock); undone",
        "switch Caps Lock off at the computer, or set the scanner's Caps Lock to 'ignore'",
    ),
    Row(
        "postamble",
        _postamble,
        None,
        "扫码器在码后附加文字（结束符、校验或引号），已接受",
        "the scanner puts characters behind each code (a terminator, a check, a quotation mark); accepted",
        "scan the manual's code for 'no postamble' and 'suffix CR'",
    ),
)
ROWS = {row.name: row for row in TABLE}
CHECKED = Row(
    "check",
    str,
    None,
    "扫码器在 ETX 后附加校验字节，已接受",
    "the scanner sends check bytes after ETX; accepted",
    "scan the manual's code for 'no LRC' or 'suffix CR'",
)
PARITY = Row(
    "parity",
    str,
    None,
    "串口带校验位（7 位），已接受",
    "the serial line carries a parity bit (7E1 or 7O1); accepted",
    "set the scanner to 8 data bits, no parity",
)
NOT_UTF8 = Row(
    "gb18030",
    str,
    None,
    "码内容为 GB18030 编码，已按中文解读",
    "a code's bytes are GB18030; read as Chinese",
    "nothing to mend; UTF-8 is what new codes should use",
)
SUFFIX = Row(
    "suffix",
    str,
    None,
    "扫码器的结束符与配置不同，已接受",
    "the scanner ends a code otherwise than the source says; accepted, a little later",
    "leave the option suffix out, or name what the scanner sends (#suffix=cr)",
)
NO_SUFFIX = Row(
    "no-suffix",
    str,
    None,
    "扫码器没有结束符，已等待后接受",
    "the scanner sends nothing at the end of a code; accepted after a pause",
    "scan the manual's code for 'suffix CR', or write #suffix=none, which waits less",
)
TOLD = {**ROWS, **{row.name: row for row in (CHECKED, PARITY, NOT_UTF8, SUFFIX, NO_SUFFIX)}}


def clean(text: str) -> Cleaned:
    """Return the text as it is to be judged."""
    if CLEAN.fullmatch(text):  # as with most: no row finds anything
        return Cleaned(text, ours=True, found=())
    ours, found = _taken_off(text, [(row.name, row.ours) for row in TABLE])
    if ours.startswith(PREFIX):
        return Cleaned(ours, ours=True, found=found)
    others, found = _taken_off(text, [(row.name, row.others) for row in TABLE if row.others is not None])
    return Cleaned(others, ours=False, found=found)


def clean_bytes(raw: bytes) -> Cleaned:
    """Return what a scanner's bytes say, cleaned."""
    stripped = bytes([byte & 0x7F for byte in raw])
    if not raw.isascii() and clean(stripped.decode("ascii")).ours and not clean(decoded(raw)).ours:
        cleaned = clean(stripped.decode("ascii"))
        return cleaned._replace(found=(PARITY.name, *cleaned.found))
    cleaned = clean(decoded(raw))
    return cleaned._replace(found=(NOT_UTF8.name, *cleaned.found)) if is_gb18030(raw) else cleaned


def decoded(raw: bytes) -> str:
    """Return bytes as text: UTF-8, else GB18030, else with replacement characters."""
    try:
        return raw.decode("gb18030" if is_gb18030(raw) else "utf-8")
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace")


def is_gb18030(raw: bytes) -> bool:
    """Return whether the bytes are Chinese in GB18030: no UTF-8, and nothing that GB18030 leaves undefined."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return False
    try:
        return all(not unicodedata.category(one).startswith("C") or one < " " for one in raw.decode("gb18030"))
    except UnicodeDecodeError:
        return False


def _taken_off(text: str, steps: list[tuple[str, Callable[[str], str]]]) -> tuple[str, tuple[str, ...]]:
    found = []
    for name, step in steps:
        taken = step(text)
        if taken != text:
            found.append(name)
        text = taken
    return text, tuple(found)
