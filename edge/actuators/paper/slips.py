"""What stands on a slip: one answer with everything in it, in both languages, 中文 first. Pure.

Rules of this file:

- a slip is made of the answer as it was told (`Answer.to_json`, or as the ledger keeps it) and of what the terminal is
  called; it says no more than that;
- a denial bears its notice as a QR code, and its reasons whole: paper is for the person alone (lane.md);
- a grant bears no QR code: ratings do not exist yet;
- wide characters count two columns, as they are two bytes to a printer (so the yuan is the wide one); a line that is
  too long is broken, never cut off.
"""

import enum
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

WORDS: Final = {
    "GRANT": ("通过", "Granted"),
    "STANDARD": ("标准", "Standard"),
    "REFER": ("请找工作人员", "Please see the staff"),
    "REFUSE": ("拒绝", "Refused"),
}
RESTRICTED: Final = ("今天不能使用这项服务", "This service is restricted for you today")
AMOUNT, OFF, WAIVED, PAY = "金额 Amount", "优惠 Reduction", "免押 Waived", "应付 To pay"
LEFT, NUMBER, SCAN = "剩余 Left", "单号 No.", "扫码看告知与申诉 Scan: notice, appeal"


class Size(enum.Enum):
    """How large a line is."""

    NORMAL = 1
    DOUBLE = 2


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text."""

    text: str
    size: Size = Size.NORMAL
    bold: bool = False
    centred: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """Two words on one line: left and right."""

    left: str
    right: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""


@dataclass(frozen=True, slots=True)
class Code:
    """A QR code."""

    text: str


Slip = tuple[Text | Pair | Rule | Code, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the terminal is called, what stands before a notice's name in its address, and the hour of the answer."""

    title: Mapping[str, str]
    notices: str
    clock: str


def slip_of(answer: Mapping[str, Any], house: House) -> Slip:
    """Return the slip of one answer."""
    return tuple(_lines(answer, house))


def trial(house: House) -> Slip:
    """Return the slip with which a printer tries itself."""
    words = Text("打印测试 Printer test", Size.DOUBLE, bold=True, centred=True)
    return (*_head(house), words, Rule(), Pair("中文与数字", yuan(123_450)), Rule(), Code(f"{house.notices}test"))


def _head(house: House) -> Iterator[Text | Rule]:
    for name in ("zh", "en"):
        if house.title.get(name):
            yield Text(house.title[name], bold=name == "zh", centred=True)
    yield Text(house.clock, centred=True)
    yield Rule()


def _lines(answer: Mapping[str, Any], house: House) -> Iterator[Text | Pair | Rule | Code]:
    yield from _head(house)
    first = answer["reasons"][0]["code"] if answer["reasons"] else ""
    zh, en = RESTRICTED if first == "restricted" else WORDS[answer["outcome"]]
    yield Text(zh, Size.DOUBLE, bold=True, centred=True)
    yield Text(en, centred=True)
    if answer["outcome"] == "GRANT":
        yield from _given(answer)
    else:
        yield from _reasons(answer["reasons"])
    if answer.get("notice"):
        yield Rule()
        yield Text(SCAN, centred=True)
        yield Code(f"{house.notices}{answer['notice']}")
    if answer.get("redemption"):
        yield Rule()
        yield Pair(NUMBER, str(answer["redemption"])[-12:])


def _given(answer: Mapping[str, Any]) -> Iterator[Text | Pair | Rule]:
    for offer in answer.get("offers") or ():
        title = offer["title"]
        yield Text(title.get("zh") or title.get("en") or offer["benefit"], centred=True)
    shown = answer.get("offer") or {}
    listed = answer.get("list_price_fen") or answer.get("amount_fen")
    if shown.get("to_pay_fen") is not None and listed is not None:
        yield Rule()
        yield Pair(AMOUNT, yuan(listed))
        for key, word in (("off_fen", OFF), ("waived_fen", WAIVED)):
            if shown.get(key):
                yield Pair(word, f"-{yuan(shown[key])}")
        yield Pair(PAY, yuan(shown["to_pay_fen"]), bold=True)
    left = (answer.get("left") or {}).get(answer["benefit"])  # it speaks of every benefit offered here
    if left is not None:
        yield Pair(LEFT, str(left))


def _reasons(reasons: Iterable[Mapping[str, Any]]) -> Iterator[Text | Rule]:
    for reason in reasons:
        yield Rule()
        yield Text(reason["zh"], bold=True)
        yield Text(reason["en"])
        for name, fact in sorted(reason.get("facts", {}).items()):
            if isinstance(fact, dict) and (said := fact.get("zh") or fact.get("en")):
                yield Text(f"· {said}")
            elif isinstance(fact, str) and name in ("authority", "basis", "remedy", "until", "from"):
                yield Text(f"· {fact}")
        told = reason["next"]
        yield Text(f"→ {told['zh']}")
        yield Text(f"  {told['en']}")


def yuan(fen: int) -> str:
    """Return an amount for people.

    >>> yuan(123450)
    '￥1,234.50'
    """
    return f"￥{fen // 100:,}.{fen % 100:02d}"


def columns(text: str) -> int:
    """Return how many columns a text takes.

    >>> columns("优惠 ok")
    7
    """
    return sum(2 if unicodedata.east_asian_width(char) in "WFA" else 1 for char in text)


def broken(text: str, width: int) -> Iterator[str]:
    """Yield a text in lines of at most `width` columns, broken at blanks where there are any.

    >>> list(broken("one two 三四五", 8))
    ['one two', '三四五']
    """
    line = ""
    for word in _words(text):
        if columns(line) + columns(word.rstrip()) > width and line.strip():
            yield line.rstrip()
            line = ""
        line = (line + word) if line else word.lstrip()
        while columns(line.rstrip()) > width:  # a word that is longer than a line
            yield line[:width]
            line = line[width:]
    if line.strip():
        yield line.rstrip()


def _words(text: str) -> Iterator[str]:
    """Yield what may not be broken: a wide character, or a run of narrow ones with the blank after it."""
    run = ""
    for char in text:
        if columns(char) == 2:  # noqa: PLR2004 - a wide character
            if run:
                yield run
                run = ""
            yield char
            continue
        run += char
        if char == " ":
            yield run
            run = ""
    if run:
        yield run
