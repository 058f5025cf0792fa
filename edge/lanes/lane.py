"""One lane: codes in, decisions out, the gate after the commit (architecture.md, "The decision step").

Rules of this file:

- its own reader hands over one presentation at a time; a code held before the camera is one until it was out of sight
  for 2.5 s. Those of several tills are decided side by side (`edge.lanes.codes.turns`);
- a passage that needs a second check holds the first code for HOLD_MS; the next foreign code is taken as the second;
- two codes that come into view together are nobody's turn: a friendly notice until one of them is taken away;
- what is no code of this programme gets a friendly notice, at most one every `NOTICE_EVERY_MS`;
- every event about a code names it (`presented`, a fingerprint), so that whoever shows codes knows which one is meant;
- the gate opens only for an answer with `open_gate`, after the commit (`edge.lanes.openings`).
"""

import logging
import time
from dataclasses import dataclass
from hashlib import sha256

from msgspec.structs import replace

from cache.ledger.paying import UNPAID
from cache.ledger.recall import Asking
from credit.decision import Decision
from credit.inputs import ENTERING, Intent, Request
from credit.reasons import Reason
from edge.actuators.gate import Gate
from edge.events import Events
from edge.lanes.challenge import Challenge
from edge.lanes.codes.turns import NoTurnError, Turns
from edge.lanes.decider import Decider
from edge.lanes.gates.opening import Opening
from edge.lanes.openings import Openings
from edge.lanes.payments import Payments
from edge.lanes.presented import Answer, Presented, discreet
from edge.lanes.second_check import Second, Verifiers
from edge.metrics import Metrics
from edge.terms import Terms
from scanner.cleaning import PREFIX, clean
from scanner.seen import SeenJustNow
from storage.sqlite import Store

log = logging.getLogger("xinguan.lane")

NOTICE_EVERY_MS = 3_000
APART_MS = 1_000  # a code that came together with another counts once it was alone in view for so long
MAX_TOGETHER = 64  # codes
HOLD_MS = 10_000  # how long a first code waits for its second check


@dataclass(frozen=True, slots=True)
class _Held:
    """A first code that waits for its second check: what was presented, the check's name, and until when it waits."""

    text: str
    request: Request
    ticket: str | None
    until_ms: int


class Lane:
    """Serves one lane."""

    def __init__(
        self,
        terms: Terms,
        *,
        decider: Decider,
        store: Store,
        gate: Gate | None,
        events: Events,
        metrics: Metrics,
        verifiers: Verifiers,
    ) -> None:
        self.terms = terms
        self.id = terms.id
        self._decider = decider
        self._events = events
        self._metrics = metrics
        self._turns = Turns()
        self.openings = Openings(terms.id, gate=gate, decider=decider, store=store, told=self._opening_told)
        self._challenge = Challenge()
        self._verifiers = verifiers
        self._held: _Held | None = None
        self._seen = SeenJustNow()
        self._shown: dict[str, str] = {}  # redemption → text, while it may be annulled
        self._noticed_ms = -NOTICE_EVERY_MS
        self._together_ms: dict[str, int] = {}  # code → when it was last seen together with another new one
        within_s = lambda: self.terms.pay_within_s  # noqa: E731 - what is in force when the time begins
        self.payments = Payments(within_s=within_s, clock=decider, store=store, told=self._opening_told)

    @property
    def challenge(self) -> str:
        """What this lane shows for a phone to answer, in hex."""
        return self._challenge.shown(self._decider.boot_ms()).hex()

    async def seen(
        self, text: str, at_ms: int, beside: tuple[str, ...] = (), raw: bytes | None = None
    ) -> Answer | None:
        """Take in a text that the lane's own scanner read, `beside` others of the same frame, `raw` the bytes of it.

        None when it is still the presentation before, or when nobody can tell whose turn it is.
        """
        if self._two_at_once(text, at_ms, beside):
            self._notice(at_ms, "two_codes", text)
            return None
        if not self._seen.fresh(text, at_ms):
            return None
        if text.startswith(PREFIX):
            return await self._present(text, Request(intent=self.terms.intent))
        held = self._held
        if held is not None and self._decider.boot_ms() < held.until_ms:
            second = Second(text, raw)
            return await self._present(held.text, held.request, ticket=held.ticket, second=second)
        self._notice(at_ms, "not_a_code", text)
        return None

    def _two_at_once(self, text: str, at_ms: int, beside: tuple[str, ...]) -> bool:
        """Return whether this code came into view together with another: two that disagree (credential.md).

        A code that was answered a moment ago and is still in view disagrees with nobody. Of two that came together,
        either counts once it was seen alone for APART_MS.
        """
        if not text.startswith(PREFIX) or self._seen.knows(text, at_ms):
            return False
        if any(other.startswith(PREFIX) and not self._seen.knows(other, at_ms) for other in beside):
            self._together_ms[text] = at_ms
            while len(self._together_ms) > MAX_TOGETHER:
                del self._together_ms[next(iter(self._together_ms))]
        return abs(at_ms - self._together_ms.get(text, -APART_MS)) < APART_MS

    def _notice(self, at_ms: int, code: str, text: str | None = None) -> None:
        if at_ms - self._noticed_ms >= NOTICE_EVERY_MS:
            self._noticed_ms = at_ms
            about = {} if text is None else {"presented": fingerprint(text)}
            self._events.publish("notice", {"lane": self.id, "code": code, "at_ms": at_ms} | about)

    def dropped(self, why: str) -> None:
        """Hear that the lane's scanner sent what cannot be a code; whoever holds it should not wait for an answer."""
        log.warning("scan_dropped", extra={"lane": self.id, "why": why})
        self._notice(self._decider.now().utc_ms, "scanner")

    async def present(
        self,
        text: str,
        request: Request,
        *,
        ticket: str | None = None,
        second: str | None = None,
        asking: Asking | None = None,
    ) -> Answer:
        """Decide, tell the screens, have the gate opened; returns as soon as the answer is committed.

        `second` is the second code of a passage that needs two; `asking` the caller's id of this request. Both texts
        are cleaned as a scanner's are: a till's own reader or an input method stands behind them.
        """
        cleaned = clean(text)
        for name in cleaned.found:
            self._metrics.cleaned.labels(self.id, name).inc()
        other = None if second is None else Second(clean(second).text, None)
        return await self._present(cleaned.text, request, ticket=ticket, second=other, asking=asking)

    async def referred(self, request: Request, reason: Reason) -> Answer:
        """Answer somebody about whom nobody could be asked; whoever leaves is let out all the same."""
        grace_s = self.terms.grace_s
        presented = Presented(text="", lane=self.id, request=request, grace_s=grace_s, refusal=reason)
        return self._told("", await self._decider.decide(presented))

    async def _present(
        self,
        text: str,
        request: Request,
        *,
        ticket: str | None = None,
        second: Second | None = None,
        asking: Asking | None = None,
    ) -> Answer:
        if ticket is None and request.amount_fen is None and request.intent in ENTERING:
            ticket = self.terms.ticket
        price = self.terms.price_fen(ticket, request.heads)
        if price is not None and request.amount_fen is None:
            request = replace(request, amount_fen=price)
        presented = Presented(
            text=text,
            lane=self.id,
            request=request,
            ticket=ticket,
            list_price_fen=request.amount_fen,
            challenges=self._challenge.accepted(self._decider.boot_ms()),
            grace_s=self.terms.grace_s,
            asking=asking,
            approach=self.openings.approach_soon if self.openings.gated else None,
        )
        if request.intent is Intent.EXIT:  # whoever leaves waits for nobody
            return self._told(text, await self._decider.decide(presented))
        shown = text or f"{request.asset} {request.redemption}"
        try:
            async with self._turns.of(shown, until=self._decider.before(presented)):
                return self._told(text, await self._decide(presented, second))
        except NoTurnError:
            return self._told(text, self._decider.too_late(presented))

    def _told(self, text: str, answer: Answer) -> Answer:
        """Have the gate opened, tell the screens, and return the answer; of one from before they were told."""
        if answer.before is None:  # screens first: their turn on the loop is shorter than the gate's
            told = answer.to_json() | {"presented": fingerprint(text)}
            public = None if self.terms.notice == "full" else discreet(told)
            self._events.publish("decision", told, public=public)
        if answer.open_gate:
            self.openings.ask(Opening.of(answer))
        if answer.before is not None:
            return answer
        if answer.redemption is not None:
            self._shown[answer.redemption] = text
            while len(self._shown) > 64:  # noqa: PLR2004 - far more than can be annulled at one lane
                del self._shown[next(iter(self._shown))]
        waits = not (answer.open_gate or answer.repeat) and answer.decision.obligations.get("pay_fen")
        if answer.redemption is not None and waits:
            self.payments.await_(answer.redemption)
        return answer

    async def _decide(self, presented: Presented, second: Second | None) -> Answer:
        answer = await self._decider.decide(presented)
        name = awaited_check(answer.decision)
        if name is None:
            self._held = None
            return answer
        if second is None:
            until_ms = self._decider.boot_ms() + HOLD_MS
            self._held = _Held(presented.text, presented.request, presented.ticket, until_ms)
            return answer
        self._held = None
        check = await self._verifiers.check(name, second, lane=self.id)
        request = replace(presented.request, second=(check,))
        return await self._decider.decide(replace(presented, request=request, arrived=time.monotonic()))

    def _opening_told(self, redemption: str, state: str) -> None:
        """Hear what came of an opening; what the gate gave back is not looked at again while it is held there."""
        if state in ("failed", "unknown"):
            self._metrics.actuator_faults.labels(self.id).inc()
        if state in ("annulled", UNPAID):
            self.ended(redemption, state)
        else:
            self._gate(redemption, "annulled" if state == "given_back" else state)

    def tell_emergency(self, *, open_: bool) -> None:
        """Tell the screens that the gate is held open, or that this is over."""
        self._events.publish("emergency", {"lane": self.id, "open": open_})

    def _gate(self, redemption: str, state: str) -> None:
        self._events.publish("gate", {"lane": self.id, "redemption": redemption, "state": state})

    def ended(self, redemption: str, state: str) -> None:
        """Hear that a redemption of this lane passed or was annulled; annulled, its code is looked at again at once."""
        text = self._shown.get(redemption)
        self.payments.ended(redemption)
        if text is not None and state in ("annulled", UNPAID):
            self._seen.forget(text)
        self._gate(redemption, state)

    def stepped(self, redemption: str, step: str, state: str) -> None:
        """Hear that somebody took a redemption of this lane a step; what is paid for is opened."""
        if step != "paid":
            self.ended(redemption, state)
            return
        self.payments.ended(redemption)
        self._gate(redemption, step)
        self.openings.ask(Opening(redemption, redemption))

    def again(self) -> None:
        """Forget what was just seen: staff pressed "again"."""
        self._seen = SeenJustNow()
        self._together_ms.clear()


def fingerprint(text: str) -> str:
    """Return the name that events give to a presented text: the first 8 octets of its SHA-256, in hex."""
    return sha256(text.encode()).digest()[:8].hex()


def awaited_check(decision: Decision) -> str | None:
    """Return the name of the second check that this decision waits for, None when it waits for none."""
    for finding in decision.findings:
        if finding.reason is Reason.NEEDS_SECOND_CHECK and finding.facts.get("result") == "missing":
            return str(finding.facts["check"])
    return None
