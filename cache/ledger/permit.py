"""What was learned beyond this terminal before the transaction began (house.md, "Ask, then write"; claims.md).

The hard idea: a job may not wait for a network. So whoever counts for a whole site is asked first, with a deadline, and
what he said comes in as a plain value. Telling him afterwards is a reader of the journal, never a call in a job.

Rules of this file:

- `ALONE` is the permit of a terminal that has nobody to ask: its own ledger counts;
- what others know stands beside the own counts, and the larger wins: the own ledger is a second lock. Only who shares
  one memory with us (the simulator's site) may stand `instead` of it;
- grace, and the switches of this terminal, are its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from credit.facts import Bought, Facts, NonceUse, OpenThing, PassState, Used

T = TypeVar("T", OpenThing, Bought)


class ClaimWord(StrEnum):
    """How far somebody was asked (contract.md §10); None where nothing beyond this terminal was wanted."""

    HELD = "held"
    SITE = "site"
    ALONE = "alone"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What others know about a visit: counts by key, what is open, bought or under way, and the nonce."""

    used: Mapping[str, Used] = field(default_factory=dict)
    nonce: NonceUse | None = None
    open: tuple[OpenThing, ...] = ()
    bought: tuple[Bought, ...] = ()
    passes: Mapping[str, PassState] = field(default_factory=dict)
    entry_stopped: bool = False
    instead: bool = False
    site_reached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What may be taken: `redemption` is the id under which `keys` are held, None where nothing is."""

    claim: ClaimWord | None = None
    redemption: str | None = None
    keys: frozenset[str] = frozenset()
    hub_no: int | None = None
    known: Known | None = None

    def over(self, own: Facts) -> Facts:
        """Return this terminal's own facts with what others know."""
        known = self.known
        if known is None:
            return own
        stopped, reached = own.entry_stopped or known.entry_stopped, known.site_reached
        if known.instead:
            return replace(
                own,
                used=known.used,
                nonce=known.nonce,
                open=known.open,
                bought=known.bought,
                passes=known.passes,
                entry_stopped=stopped,
                site_reached=reached,
            )
        return replace(
            own,
            used={**own.used, **{key: _more(own.used.get(key), used) for key, used in known.used.items()}},
            nonce=own.nonce or known.nonce,
            open=_united(own.open, known.open),
            bought=_united(own.bought, known.bought),
            passes={**own.passes, **known.passes},
            entry_stopped=stopped,
            site_reached=reached,
        )


ALONE = Permit()


def _more(own: Used | None, known: Used) -> Used:
    return own if own is not None and own.n >= known.n else known


def _united(own: tuple[T, ...], known: tuple[T, ...]) -> tuple[T, ...]:
    here = {one.redemption for one in own}
    return own + tuple(one for one in known if one.redemption not in here)
