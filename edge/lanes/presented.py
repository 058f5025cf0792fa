"""What somebody shows at a lane, and what he is answered: the two values that travel through this folder."""

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from cache.ledger.recall import Answered, Asking, Given
from cache.ledger.visit import Settled
from credit.decision import Decision
from credit.inputs import Intent, Now, Request
from credit.reasons import Reason
from credit.telling.answers import from_json, to_json

BRINGING_BACK = frozenset({Intent.CLOSE, Intent.GIVE_BACK})


class Presented(Struct, frozen=True, kw_only=True):
    """What somebody shows at a lane: the text, what they ask for, and what the lane knows about the price."""

    text: str
    lane: str
    request: Request
    ticket: str | None = None
    list_price_fen: int | None = None
    challenges: tuple[bytes, ...] = ()
    grace_s: int = 10
    asking: Asking | None = None
    approach: Callable[[], None] | None = None  # on any thread: has the gate connected to; None on a lane without one
    refusal: Reason | None = None  # no code could be had: this is the answer, but to whoever leaves
    arrived: float = field(default_factory=time.monotonic)  # freshness and the deadline count from here

    @property
    def without_code(self) -> bool:
        """Whether something is brought back by its asset or redemption id alone (contract.md §3)."""
        named = self.request.asset is not None or self.request.redemption is not None
        return not self.text and named and self.request.intent in BRINGING_BACK


class Answer(Struct, frozen=True, kw_only=True):
    """What the visitor is told, and whether the lane may open (`edge.lanes.openings` opens once for a redemption)."""

    lane: str
    at_ms: int
    decision: Decision
    redemption: str | None = None
    journal_seq: int | None = None
    repeat: bool = False
    open_gate: bool = False
    attempt: int | None = None  # written with the grant, and to be sent now
    heads: int = 1
    shown: Mapping[str, Any] = field(default_factory=dict)
    before: Answered | None = None  # the same request was given this before a restart: nothing was decided now
    kept: Mapping[str, Any] | None = None  # the decision as an object, where it was put together to be kept
    _told: dict[str, Any] = field(default_factory=dict)  # once it was written

    def to_json(self) -> dict[str, Any]:
        """Return the answer of `POST /v1/present`: the simulator's object and what only a terminal knows."""
        if not self._told:
            self._told.update(to_json(self.decision) if self.kept is None else self.kept, **self.beside())
        return dict(self._told)

    def beside(self) -> dict[str, Any]:
        """Return what only a terminal knows."""
        return {
            "redemption": self.redemption,
            "journal_seq": self.journal_seq,
            "lane": self.lane,
            "at_ms": self.at_ms,
            "repeat": self.repeat,
            **self.shown,
        }

    def given(self) -> Given:
        """Return it as what a request was given: of a grant just written its redemption says the decision."""
        whole = self.repeat or self.decision.ends is not None
        return Given(str(self.redemption), self.to_json() if whole else self.beside(), whole)


def answer_of(presented: Presented, settled: Settled, now: Now, *, lists_age_s: int | None) -> Answer:
    """Return the answer to what was presented; `lists_age_s` is how old the lists are that it rests on."""
    return Answer(
        lane=presented.lane,
        at_ms=now.utc_ms,
        decision=settled.decision,
        redemption=settled.redemption,
        journal_seq=settled.journal_seq,
        repeat=settled.repeat,
        open_gate=settled.open_gate,
        attempt=settled.attempt,
        before=settled.before,
        kept=settled.told,
        heads=presented.request.heads,
        shown={
            "ticket": presented.ticket,
            "list_price_fen": presented.list_price_fen,
            "intent": str(presented.request.intent),
            "amount_fen": presented.request.amount_fen,
            "lists_age_s": lists_age_s,
        }
        | ({} if settled.notice is None else {"notice": settled.notice}),
    )


def told_before(known: Answered) -> Settled:
    """Return that a request was answered before a restart; a gate that did not move for it yet may move now."""
    said = json.loads(known.answer)
    opens = known.in_grace and bool(said["obligations"].get("open_gate"))
    return Settled(decision=from_json(said), redemption=known.redemption, repeat=True, open_gate=opens, before=known)


def discreet(told: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as a public screen may have it: why somebody is denied, without whose word, what and until when.

    >>> discreet({"outcome": "REFUSE", "reasons": [{"code": "restricted", "facts": {"authority": "a court"}}]})
    {'outcome': 'REFUSE', 'reasons': [{'code': 'restricted', 'facts': {}}]}
    """
    return {**told, "reasons": [{**reason, "facts": {}} for reason in told["reasons"]]}
