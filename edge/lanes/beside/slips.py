"""Answers on paper: what a lane's printer prints by itself, and what it is asked for.

Rules of this file:

- the last answers of each lane are kept in memory, so that a denial can be printed too: it stands in no ledger. Those
  of redemptions are asked of the ledger where memory has them no more;
- printing waits for nobody and nobody waits for it, but who asked for a slip.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from edge.actuators.paper.printers import Printed, Printer
from edge.actuators.paper.slips import House, slip_of
from edge.actuators.paper.tables import PrinterTable
from edge.watch.alive import Errands

MAX_KEPT: Final = 64  # answers of a lane
SELF: Final = {
    "asked": frozenset[str](),
    "denied": frozenset({"STANDARD", "REFER", "REFUSE"}),
    "granted": frozenset({"GRANT"}),
    "all": frozenset({"GRANT", "STANDARD", "REFER", "REFUSE"}),
}

Answer = Mapping[str, Any]


class LanePaper:
    """One lane's printer. `house` gives what the terminal is called, for the hour of an answer (ms UTC)."""

    def __init__(
        self, table: PrinterTable, printer: Printer, house: Callable[[int], House], *, errands: Errands
    ) -> None:
        self._itself = SELF[table.when]
        self._printer = printer
        self._house = house
        self._kept: OrderedDict[str, Answer] = OrderedDict()
        self._errands = errands

    @property
    def standing(self) -> Printed:
        """What was last heard of the printer."""
        return self._printer.standing

    def heard(self, told: Answer) -> None:
        """Take in an answer; print it if this printer does so by itself."""
        if told.get("intent") in ("quote", "check") or told.get("repeat"):
            return
        self._kept[told.get("redemption") or told.get("notice") or f"at-{told['at_ms']}"] = told
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        if told["outcome"] in self._itself:
            self._errands.send("slip", self.print(told))

    def answer(self, name: str | None) -> Answer | None:
        """Return the answer of a redemption or notice, the last one without a name; None if it is not here."""
        if name is None:
            return next(reversed(self._kept.values()), None)
        return self._kept.get(name)

    async def print(self, answer: Answer) -> Printed:
        """Print one answer."""
        return await self._printer.print(slip_of(answer, self._house(answer["at_ms"])))
