"""The seam for limits beyond this terminal (journal.md, "Claims").

Rules of this file:

- `ask` returns what a whole site knows, or None within the budget: then this terminal counts alone, within the
  offline bounds of each benefit;
- `tell` hands on what was written here; whoever keeps the site's counts applies the same values (cache.ledger.entries);
- `ThisTerminal` is the implementation of a terminal without a hub; the simulator has one that is shared per site.
"""

from typing import Protocol

from cache.ledger.entries import Written
from credit.claims import Token
from credit.facts import Facts
from credit.inputs import Now, Place, Request
from credit.weighing.questions import Questions

BUDGET_MS = 150


class Claims(Protocol):
    """Limits beyond this terminal."""

    def ask(
        self, asked: Questions, *, token: Token | None, request: Request, place: Place, now: Now, budget_ms: int
    ) -> Facts | None:
        """Return what the site knows, None when it does not answer within `budget_ms`."""
        ...

    def tell(self, written: Written) -> None:
        """Hand on what this terminal wrote."""
        ...


class ThisTerminal:
    """No one beyond this terminal: it counts alone."""

    def ask(
        self, asked: Questions, *, token: Token | None, request: Request, place: Place, now: Now, budget_ms: int
    ) -> Facts | None:
        """Return None: there is nobody to ask."""
        del asked, token, request, place, now, budget_ms
        return None

    def tell(self, written: Written) -> None:
        """Do nothing: the journal already has it."""
        del written
