"""What the ledger asks of others: the trusted lists, fresh ids, and limits beyond this terminal.

Rules of this file:

- Protocols only; `cache.lists.store` and the simulator implement `Lists`, a hub will implement `Claims`;
- a `Claims` answers within its time budget or returns None, and then this terminal counts alone (journal.md, "Claims").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from credit.decision import Decision
from credit.rules.measures import MeasureEntry

CLAIM_BUDGET_MS = 150

Ids = Callable[[int], str]
"""Makes a fresh record or redemption id for a time in milliseconds UTC; `cache.ids.uuid7` is one."""


class Lists(Protocol):
    """What the trusted lists say about one token."""

    def measures(self, issuer: str, subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return the entries about `subject` of `issuer`, disputed and expired ones included."""
        ...

    def revoked(self, issuer: str, token_id: bytes, status_index: int | None) -> bool:
        """Return whether the token is revoked, by its id or by its status index."""
        ...

    def age_s(self, issuer: str, now_s: int) -> int:
        """Return the age in seconds of the oldest list that decisions about `issuer` rest on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A decision and what was written of it: `redemption` and `journal_seq` are None where nothing was.

    `repeat` says that grace answered; `open_gate` whether the actuator may act on this answer (contract.md §2).
    """

    decision: Decision
    redemption: str | None
    journal_seq: int | None
    repeat: bool
    open_gate: bool
