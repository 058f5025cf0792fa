"""Who counts for more than this terminal, as a lane sees it: asked before the transaction, never in it (house.md).

Rules of this file:

- `Beyond` is small and owned by the decider; today it is nobody (`ThisTerminal`), a hub's client comes beside it;
- an implementation asks for the keys that a decision would take (`weigh` says which), and answers in its time or is
  cancelled: then it sees to it that what it had asked for is released;
- who asks nobody answers at once, with a permit and no promise of one: then no time is kept.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol

from cache.ledger.permit import ALONE, Dry, Permit
from cache.ledger.visit import Visit
from credit.inputs import Place, Request

Weigh = Callable[[Permit], Awaitable[Dry]]
"""Says what a decision would come to on what the ledger says now, with a permit, and writes nothing."""


class Beyond(Protocol):
    """Who counts for more than this terminal. Whatever an implementation raises of its own is its bug."""

    def permit(self, visit: Visit, weigh: Weigh) -> Awaitable[Permit] | Permit:
        """Return what may be taken for a visit, or who will say so; cancelled when its time is over."""
        ...

    def known(self, request: Request, place: Place) -> Awaitable[Permit] | Permit:
        """Return what is known of something brought back without a code, or who will say so."""
        ...

    def settled(self, permit: Permit, redemption: str | None) -> None:
        """Hear what became of a permit: the redemption written under it, None when nothing was or ever will be."""
        ...


class ThisTerminal:
    """Nobody beyond this terminal: it counts alone, and loses no time over it."""

    def permit(self, visit: Visit, weigh: Weigh) -> Awaitable[Permit] | Permit:
        """Return that nobody was asked."""
        del visit, weigh
        return ALONE

    def known(self, request: Request, place: Place) -> Awaitable[Permit] | Permit:
        """Return that nobody was asked."""
        del request, place
        return ALONE

    def settled(self, permit: Permit, redemption: str | None) -> None:
        """Do nothing."""
