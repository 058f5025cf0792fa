"""What light and sound say about what happens at a lane: one table, the same colours as the screen. Pure.

Rules of this file:

- green only once the gate has moved, where there is a gate (lane.md, "Opening"); a rest to pay is amber;
- a code that is shown again says the same again; what only asks (`quote`, `check`) says nothing;
- an emergency is green until it is over.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final


class Colour(StrEnum):
    """The colours of a light."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


class Cue(StrEnum):
    """What is said; the value names the WAV file."""

    GRANT = "grant"
    PAY = "pay"
    STANDARD = "standard"
    STAFF = "staff"
    REFUSE = "refuse"
    AGAIN = "again"
    NOTICE = "notice"
    EMERGENCY = "emergency"
    OVER = "over"


COLOURS: Final[dict[Cue, Colour | None]] = {
    Cue.GRANT: Colour.GREEN,
    Cue.PAY: Colour.AMBER,
    Cue.STANDARD: Colour.AMBER,
    Cue.STAFF: Colour.AMBER,
    Cue.REFUSE: Colour.RED,
    Cue.AGAIN: Colour.AMBER,
    Cue.NOTICE: Colour.AMBER,
    Cue.EMERGENCY: Colour.GREEN,
    Cue.OVER: None,
}
LASTING: Final = frozenset({Cue.EMERGENCY})
OF_GATE: Final = {
    "opened": Cue.GRANT,
    "failed": Cue.AGAIN,
    "unknown": Cue.AGAIN,
    "annulled": Cue.AGAIN,
    "unpaid": Cue.AGAIN,
}
OF_OUTCOME: Final = {"STANDARD": Cue.STANDARD, "REFER": Cue.STAFF, "REFUSE": Cue.REFUSE}
OF_EVENT: Final[dict[str, Callable[[Mapping[str, Any]], Cue | None]]] = {
    "emergency": lambda told: Cue.EMERGENCY if told["open"] else Cue.OVER,
    "notice": lambda _told: Cue.NOTICE,
    "gate": lambda told: OF_GATE.get(told["state"]),
}
LINES: Final[dict[Cue, tuple[str, str]]] = {
    Cue.GRANT: ("请通行", "Welcome, please pass"),
    Cue.PAY: ("请先付款", "Please pay first"),
    Cue.STANDARD: ("请按标准票办理", "Standard ticket, please"),
    Cue.STAFF: ("请找工作人员", "The staff will help you"),
    Cue.REFUSE: ("今天不能使用这项服务", "This service cannot be used today"),
    Cue.AGAIN: ("门没有打开，请再出示或找工作人员", "The gate did not open: show it again, or call the staff"),
    Cue.NOTICE: ("请出示信用码", "Please show your credit code"),
    Cue.EMERGENCY: ("请从最近的出口离开", "Please leave by the nearest exit"),
}


def cue_of(name: str, told: Mapping[str, Any], *, gated: bool) -> Cue | None:
    """Return what an event of a lane says, None when it says nothing.

    >>> cue_of("decision", {"outcome": "GRANT", "intent": "enter", "obligations": {"open_gate": True}}, gated=True)
    >>> cue_of("gate", {"state": "opened"}, gated=True).value
    'grant'
    """
    if name in OF_EVENT:
        return OF_EVENT[name](told)
    return _decided(told, gated=gated) if name == "decision" and told.get("intent") not in ("quote", "check") else None


def _decided(told: Mapping[str, Any], *, gated: bool) -> Cue | None:
    if told["outcome"] != "GRANT":
        return OF_OUTCOME[told["outcome"]]
    if told["obligations"].get("pay_fen"):
        return Cue.PAY
    return None if gated and told["obligations"].get("open_gate") else Cue.GRANT
