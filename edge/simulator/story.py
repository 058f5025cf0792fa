"""Playing a case: the platform, the sites and their terminals, step by step.

Rules of this file:

- a step is a presentation (the real engine and ledger decide) or an event; each yields one `Played` line;
- an event that cannot happen yields its reason as `error` and changes nothing;
- `last` is the latest presentation that produced a redemption.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import structs

from cache.ledger import paying, settle, steps, upkeep
from cache.ledger.facts import STOP_ENTRY, SUSPENDED
from cache.ledger.visit import Settled, Visit
from cache.pen import Pen
from credit.claims import Token
from credit.codec.refusals import TokenError
from credit.decide import refused
from credit.decision import Decision
from credit.inputs import ENDING, ClockState, Now, Request, SecondCheck, SecondResult
from credit.reasons import Reason
from credit.telling.answers import to_json
from credit.tokens import open_token
from edge.simulator.case import OF_A_STEP, Case, Event, EventKind, Published, SecondSpec, Show
from edge.simulator.publications import changed_entries
from edge.simulator.shared import Conflict, Site, Town
from edge.simulator.terminal import InForce, Terminal
from edge.simulator.token_spec import Presented, Purse, TokenSpec, fresh_anyway, wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What a step came to, as it is printed; `decision` and `token` are there for explaining."""

    line: dict[str, Any]
    step: Show | Event
    decision: Decision | None = None
    terminal: Terminal | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """A redemption of the story: which step made it, where."""

    step: int
    terminal: str
    redemption: str


@dataclass
class Story:
    """The world of one case, while it is played."""

    case: Case
    published: Published
    sites: dict[str, Site] = field(default_factory=dict)
    terminals: dict[str, Terminal] = field(default_factory=dict)
    made: dict[int, Made] = field(default_factory=dict)
    last: Made | None = None
    purse: Purse = field(default_factory=Purse)
    answers: dict[tuple[str, str | None], Settled] = field(default_factory=dict)

    @classmethod
    def begin(cls, case: Case) -> "Story":
        """Set the stage: every site, every terminal, the first lists in force."""
        story = cls(case=case, published=case.published)
        lists = InForce(published=case.published, policy=case.published.compile(case.zone))
        start, town = case.steps[0].at_ms if case.steps else 0, Town()
        for name, place in case.terminals.items():
            site = story.sites.setdefault(place.site, Site(town))
            story.terminals[name] = Terminal(place, site, lists, start_ms=start, grace_ms=case.grace_ms)
        return story

    def play(self) -> Iterator[Played]:
        """Play every step."""
        for step in self.case.steps:
            for terminal in self.terminals.values():
                terminal.begin_step(step.at_ms)
            yield self._show(step) if isinstance(step, Show) else self._happen(step)
            for terminal in self.terminals.values():
                terminal.end_step(step.at_ms)

    # Presentations

    def _show(self, step: Show) -> Played:
        terminal = self.terminals[step.terminal]
        now = terminal.now(step.at_ms)
        with terminal.writing(now) as pen:
            _fall_due(pen)
        request = structs.replace(step.request, second=tuple(self._second(one, step, terminal) for one in step.seconds))
        if step.of is not None and step.of in self.made:
            request = structs.replace(request, redemption=self.made[step.of].redemption)
        settled = self._answered(step, terminal, request, now)
        if settled.redemption is not None:
            self._remember(step, settled, request)
        line = {"step": step.number, "at": step.at, "terminal": step.terminal, **to_json(settled.decision)}
        if settled.repeat:
            line["repeat"] = True
        return Played(line=line, step=step, decision=settled.decision, terminal=terminal)

    def _answered(self, step: Show, terminal: Terminal, request: Request, now: Now) -> Settled:
        """Return the answer of a request that was given something under its id, else decide."""
        asked = (step.terminal, step.request_id)
        if step.request_id is not None and (before := self.answers.get(asked)) is not None:
            return structs.replace(before, repeat=True, open_gate=False)
        settled = self._settle(step, terminal, request, now)
        if settled.redemption is not None:
            self.answers[asked] = settled
        return settled

    def _remember(self, step: Show, settled: Settled, request: Request) -> None:
        known = [one for one in self.made.values() if one.redemption == settled.redemption]
        made = Made(step.number, known[0].terminal if known else step.terminal, str(settled.redemption))
        self.made[step.number] = made
        if request.intent not in ENDING:
            self.last = made

    def _settle(self, step: Show, terminal: Terminal, request: Request, now: Now) -> Settled:
        place, policy = terminal.place, terminal.in_force.policy
        if step.token is None:
            permit = terminal.link.known(request, place)
            with terminal.writing(now) as pen:
                return settle.bring_back(pen, request, place, policy, permit)
        token = self._open(step.token, step, terminal, now, ending=request.intent in ENDING)
        if isinstance(token, Reason):
            return Settled(decision=refused(token, now))
        visit = Visit(token, request, place)
        permit = terminal.link.permit(visit, policy, now)
        with terminal.writing(now) as pen:
            return settle.settle(pen, visit, terminal, policy, permit)

    def _open(self, shown: Presented, step: Show, terminal: Terminal, now: Now, *, ending: bool) -> Token | Reason:
        """Return the token, or the reason why it does not open at this terminal."""
        killed = terminal.in_force.published.killed
        site = terminal.place.site
        if not isinstance(shown, TokenSpec):
            try:
                token = open_token(
                    shown.text,
                    self.case.keyring,
                    now=now.utc_s,
                    audience=site,
                    allow_expired=ending,
                    allow_test=self.case.test,
                )
            except TokenError as error:
                return error.reason
            return Reason.KEY_REVOKED if token.issuer in killed else token
        token = self.purse.token(shown, at_s=step.at_ms // 1000, step=step.number)
        if ending and now.clock is not ClockState.TRUSTED:  # a clock that cannot judge times bars nobody from leaving
            token = fresh_anyway(token, now.utc_s)
        reason = wrong(
            token,
            now_s=now.utc_s,
            site=site,
            killed=token.issuer in killed,
            allow_expired=ending,
            allow_test=self.case.test,
        )
        return token if reason is None else reason

    def _second(self, spec: SecondSpec, step: Show, terminal: Terminal) -> SecondCheck:
        name = spec.check or "*"
        if spec.result is not None:
            return SecondCheck(name=name, result=spec.result)
        if spec.presented is not None:
            if isinstance(spec.presented, TokenSpec):
                name = spec.presented.check or name
            opened = self._open(spec.presented, step, terminal, terminal.now(step.at_ms), ending=False)
            return SecondCheck(name=name, result=_word(not isinstance(opened, Reason)))
        verifiers = self.case.verifiers
        if not verifiers:  # a case without verifiers takes a second code as checked
            return SecondCheck(name=name, result=SecondResult.PASSED)
        asked = verifiers.get(name) or next(iter(verifiers.values()))
        named = name if name in verifiers else next(iter(verifiers))
        if asked.when_down is not None:
            return SecondCheck(name=named, result=asked.when_down)
        return SecondCheck(name=named, result=_word(asked.codes.get(spec.text or "", False)))

    # Events

    def _happen(self, event: Event) -> Played:
        line: dict[str, Any] = {
            "step": event.number,
            "at": event.at,
            "terminal": event.terminals[0] if len(event.terminals) == 1 else None,
            "event": event.kind.value,
            "outcome": None,
            "benefit": None,
            "offer": None,
            "obligations": {},
            "reasons": [],
            "error": None,
        }
        if event.kind in OF_A_STEP:
            line |= self._step_of(event)
        elif event.kind is EventKind.RESTORE_NETWORK:
            line["conflicts"] = self._restore(event)
        else:
            error = self._change(event)
            line["error"] = error.value if error else None
        return Played(line=line, step=event)

    def _step_of(self, event: Event) -> dict[str, Any]:
        made = self.last if event.of is None else self.made.get(event.of)
        if made is None:
            return {"error": Reason.NOTHING_OPEN.value}
        terminal = self.terminals[made.terminal]
        now = terminal.now(event.at_ms)
        with terminal.writing(now) as pen:
            _fall_due(pen)
            stepped = _apply(pen, event, made.redemption)
        return {
            "terminal": made.terminal,
            "of": made.step,
            "state": stepped.state.value if stepped.state else None,
            "error": stepped.error.value if stepped.error else None,
            "offline": now.offline,
            "clock": now.clock.value,
        }

    def _restore(self, event: Event) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for name in event.terminals:
            terminal = self.terminals[name]
            for conflict in terminal.restore():
                found.append(self._printed(conflict))
                with terminal.writing(terminal.now(event.at_ms)) as pen:
                    body = {"benefit": conflict.benefit, "kind": conflict.kind}
                    pen.fact("claim_conflict", body, of=conflict.redemptions[-1])
        return found

    def _printed(self, conflict: Conflict) -> dict[str, Any]:
        first: dict[str, int] = {}
        for made in self.made.values():
            first.setdefault(made.redemption, made.step)
        steps = sorted({first[one] for one in conflict.redemptions if one in first})
        return {"steps": steps, "benefit": conflict.benefit, "kind": conflict.kind}

    def _change(self, event: Event) -> Reason | None:
        if event.kind is EventKind.STOP_ENTRY:
            for terminal in self.terminals.values():
                if terminal.place.site == event.site:
                    self._switch(terminal, STOP_ENTRY + event.site, event)
        elif event.terminals:
            for name in event.terminals:
                self._at_terminal(self.terminals[name], event)
        else:
            return self._publish(event)
        return None

    def _switch(self, terminal: Terminal, name: str, event: Event) -> None:
        with terminal.writing(terminal.now(event.at_ms)) as pen:
            upkeep.switch(pen, name, on=event.on, by="story")

    def _at_terminal(self, terminal: Terminal, event: Event) -> None:
        if event.kind is EventKind.CUT_NETWORK:
            terminal.cut(event.at_ms, hub_answers=event.hub_answers)
        elif event.kind is EventKind.SET_CLOCK:
            terminal.set_clock(event.offset_ms, event.at_ms)
        elif event.kind is EventKind.SUSPEND:
            self._switch(terminal, SUSPENDED, event)
        else:
            now = terminal.now(event.at_ms)
            with terminal.writing(now):
                upkeep.renew_grace(terminal.conn, now)

    def _publish(self, event: Event) -> Reason | None:
        """Change what the platform has in force, and send it to the terminals within reach."""
        before = self.published
        if event.kind is EventKind.KILL_KEY:
            after = replace(before, killed=before.killed | {event.issuer})
        elif event.kind is EventKind.REVOKE:
            gone = (event.issuer, event.subject, event.identity)
            after = replace(before, revoked=before.revoked | {gone})
        elif event.kind is EventKind.PUBLISH:
            after = replace(before, **event.parts)
        else:
            entries = changed_entries(before.entries, event)
            if entries is None:
                return Reason.NOTHING_OPEN
            after = replace(before, entries=entries)
        self.published = after
        lists = InForce(published=after, policy=after.compile(self.case.zone))
        for name, terminal in self.terminals.items():
            if event.reach is None or name in event.reach:
                terminal.coming = lists
        return None


def _word(good: bool) -> SecondResult:
    return SecondResult.PASSED if good else SecondResult.FAILED


STEPS = {EventKind.PASSED: steps.passed, EventKind.NOT_TURNED: steps.annul, EventKind.CLOSE: steps.close}


def _apply(pen: Pen, event: Event, redemption: str) -> steps.Stepped:
    """Take the step that an event tells of."""
    if event.kind is EventKind.CLAIM:
        return steps.claim(pen, redemption, amount_fen=event.amount_fen or 0, by=event.by)
    if event.kind is EventKind.PAID:
        return paying.paid(pen, redemption, order=event.order or event.at, amount_fen=event.amount_fen or 0)
    if event.kind is EventKind.UNPAID:
        return paying.unpaid(pen, redemption) or steps.refuse(pen, redemption, "unpaid", Reason.NOTHING_OPEN)
    if event.kind is EventKind.REVERSE:
        return steps.reverse(pen, redemption, amount_fen=event.amount_fen, heads=event.heads, by=event.by)
    return STEPS[event.kind](pen, redemption)


def _fall_due(pen: Pen) -> None:
    """Note whatever is overdue by now."""
    upkeep.mark_overdue(pen)
