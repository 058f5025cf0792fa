"""What was learned beyond this terminal before the transaction began (house.md, "Ask, then write"; claims.md).

The hard idea: a job may not wait for a network. So whoever counts for a whole site is asked first, with a deadline, and
what he said comes in as a plain value. Telling him afterwards is a reader of the journal, never a call in a job.

Rules of this file:

- `ALONE` is the permit of a terminal that has nobody to ask: its own ledger counts;
- what others know stands beside the own counts, and the larger wins: the own ledger is a second lock. Only who shares
  one memory with us (the simulator's site) may stand `instead` of it;
- who is inside while nobody answers: the figure last told, and what this terminal let in and out since (claims.md);
- grace, and the switches of this terminal, are its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, TypeVar

from msgspec.structs import replace

from credit.decision import Decision
from credit.facts import Bought, Facts, NonceUse, OpenThing, PassState, Used
from credit.inputs import Now
from credit.weighing.questions import Questions

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


class Leased(NamedTuple):
    """What is reserved of a lease for one visit: under which number, and what to say when the visit is settled."""

    number: int
    ticket: int


class ToldInside(NamedTuple):
    """How many were inside when somebody last said so, and how many of them this terminal itself counted then."""

    n: int
    own: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """What may be taken: `redemption` is the id under which `keys` are held, None where nothing is.

    `ended` are redemptions of ours that somebody brought back elsewhere, each with the keys that are free now;
    `alone_since_ms`: since when nobody answers for a count that was wanted; `word`: whose refusal a denial rests on, as
    its fact says it; `for_site`: whoever answered counts every nonce of this site, as its hub does and the platform
    does not (claims.md 11). `elsewhere`: first redemptions of passes under which another gate let in. `leases`: the
    quotas of which this terminal holds a share with room for this visit. `inside`: what was last told of occupancy,
    for a terminal that nobody answers.
    """

    claim: ClaimWord | None = None
    redemption: str | None = None
    keys: frozenset[str] = frozenset()
    hub_no: int | None = None
    known: Known | None = None
    ended: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alone_since_ms: int | None = None
    word: Mapping[str, Any] | None = None
    for_site: bool = True
    elsewhere: frozenset[str] = frozenset()
    leases: Mapping[str, Leased] = field(default_factory=dict)
    inside: Mapping[str, ToldInside] = field(default_factory=dict)

    @property
    def binding(self) -> bool:
        """Whether somebody answered for all that counts beyond this terminal: what he does not hold is not taken."""
        return self.hub_no is not None and self.claim not in (ClaimWord.ALONE, ClaimWord.DOUBTFUL)

    def moment(self, now: Now) -> Now:
        """Return the moment with what silence makes of it: nobody answers, so the offline bounds count."""
        if self.alone_since_ms is None or now.offline:
            return now
        return replace(now, offline_since_ms=self.alone_since_ms)

    def over(self, own: Facts) -> Facts:
        """Return this terminal's own facts with what others know."""
        if self.known is None and self.claim is None and self.hub_no is None:
            return own
        known = self.known or Known()
        stopped, reached = own.entry_stopped or known.entry_stopped, known.site_reached
        claimed = self.for_site and (self.claim in (ClaimWord.HELD, ClaimWord.SITE) or self.binding)
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
                nonce_claimed=claimed,
            )
        return replace(
            own,
            used={
                **self._since_told(own.used),
                **{key: _more(key, own.used.get(key), used) for key, used in known.used.items()},
            },
            nonce=own.nonce or known.nonce,
            open=_united(own.open, known.open),
            bought=_more_returned(own.bought, known.bought),
            passes={**own.passes, **known.passes},
            entry_stopped=stopped,
            site_reached=reached,
            nonce_claimed=claimed,
        )

    def _since_told(self, own: Mapping[str, Used]) -> Mapping[str, Used]:
        """Return the own counts; of who is inside, the figure last told with what was let in and out here since."""
        if self.claim is not ClaimWord.ALONE:
            return own
        now = {key: max(0, told.n + own[key].n - told.own) for key, told in self.inside.items() if key in own}
        return {**own, **{key: replace(own[key], n=n) for key, n in now.items()}}


ALONE = Permit()


class Dry(NamedTuple):
    """What a decision would come to, and under each key that counts beyond this terminal the own redemptions.

    `mine` are the living ones, each with how much it takes; `back` those given back whose facts are still on their way.
    `inside`: how many are inside by the own count. `asked` is what the ledger was asked for it, by these rules.
    """

    decision: Decision
    mine: Mapping[str, tuple[tuple[str, int], ...]]
    back: Mapping[str, tuple[str, ...]]
    inside: Mapping[str, int] = {}
    asked: Questions | None = None


def _more(key: str, own: Used | None, known: Used) -> Used:
    """Return what stands under a key: the larger figure. Who is inside others know better: people leave anywhere.

    An answer without a figure of its own (`left` alone) leaves the own one.
    """
    if own is None or (key.startswith("i|") and (known.n or known.left is not None)):
        return known
    newest = known if known.at_ms is not None else own
    n = max(own.n, known.n)
    return replace(known, n=n, at_ms=newest.at_ms, where=newest.where)


def _more_returned(own: tuple[Bought, ...], known: tuple[Bought, ...]) -> tuple[Bought, ...]:
    """Return own and others' purchases; of an own one as much is returned as whoever knows most says."""
    told = {one.redemption: one for one in known}
    return _united(tuple([_returned(one, told.get(one.redemption)) for one in own]), known)


def _returned(own: Bought, told: Bought | None) -> Bought:
    if told is None:
        return own
    fen, heads = max(own.returned_fen, told.returned_fen), max(own.returned_heads, told.returned_heads)
    return replace(own, returned_fen=fen, returned_heads=heads)


def _united(own: tuple[T, ...], known: tuple[T, ...]) -> tuple[T, ...]:
    here = {one.redemption for one in own}
    return own + tuple(one for one in known if one.redemption not in here)
