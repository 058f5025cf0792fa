"""A played case for people: one line a step, time · who · answer · why. Pure; a pipe gets JSON lines instead.

Columns are counted as a terminal shows them: a Chinese character is two wide.
"""

import unicodedata
from typing import Any, Final

WIDE: Final = frozenset("WF")
COLUMNS: Final = (("时间 time", 16), ("谁 · 何事 who · event", 24), ("答复 answer", 46))
LAST: Final = "理由 why"
OUTCOMES: Final = {"GRANT": "✔", "REFUSE": "✘", "REFER": "?", "STANDARD": "–"}
MAX_WHY: Final = 120


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`."""
    return sum(2 if unicodedata.east_asian_width(one) in WIDE else 1 for one in text)


def padded(text: str, columns: int) -> str:
    """Return `text` in so many columns, cut where it is longer."""
    while width(text) > columns:
        text = text[:-2] + "…"
    return text + " " * (columns - width(text))


def head() -> str:
    """Return the heads and a rule below them."""
    names = "  ".join(padded(name, columns) for name, columns in COLUMNS)
    return f"{names}  {LAST}\n{'─' * (width(names) + 2 + width(LAST))}"


def row(line: dict[str, Any]) -> str:
    """Return one step; what was expected and not met stands below it."""
    when = str(line.get("at") or "")[5:16].replace("T", " ")
    who = " · ".join(str(line[name]) for name in ("terminal", "event", "who") if line.get(name))
    cells = (f"{line.get('step', ''):>3} {when}", who, _answer(line))
    told = "  ".join(padded(cell, columns) for cell, (_name, columns) in zip(cells, COLUMNS, strict=True))
    missed = line.get("unmet")
    return f"{told}  {_why(line)}".rstrip() + (f"\n    ✘ 与预期不符 not as expected: {missed}" if missed else "")


def last(told: dict[str, Any]) -> str:
    """Return what the whole came to."""
    return f"{told['steps']} 步 steps，{told['failed']} 步与预期不符 not as expected"


def _answer(line: dict[str, Any]) -> str:
    outcome = line.get("outcome")
    if outcome is None:
        return str(line.get("state") or "")
    offer = line.get("offer") or {}
    money = next((f" {name[:-4]} {offer[name] / 100:.2f}" for name in MONEY if isinstance(offer.get(name), int)), "")
    return f"{OUTCOMES.get(str(outcome), ' ')} {outcome} {line.get('benefit') or ''}{money}".rstrip()


MONEY: Final = ("off_fen", "waived_fen", "later_fen")


def _why(line: dict[str, Any]) -> str:
    reasons = line.get("reasons") or []
    told = "；".join(str(one.get("zh", one.get("code"))) for one in reasons if isinstance(one, dict))
    error = line.get("error")
    text = f"{told}{f'（{error}）' if error else ''}"
    return text if len(text) <= MAX_WHY else f"{text[: MAX_WHY - 1]}…"
