"""Reading the steps of a case file: presentations and events (contract.md §6).

Rules of this file:

- each step is checked by itself and against what stood before it: terminals, earlier steps, growing time;
- a `publish` is compiled while reading, so that a wrong list is an error of the file and not of the story.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from credit.inputs import Intent, Override, Place, Request, SecondResult
from credit.reasons import Outcome, Reason
from credit.rules.documents import parse_entry
from credit.rules.reading import CatalogueError, Node
from credit.rules.terms import instant_ms
from edge.simulator.case import (
    OF_A_STEP,
    OF_AN_ENTRY,
    OF_TERMINALS,
    Event,
    EventKind,
    Published,
    SecondSpec,
    Show,
)
from edge.simulator.publications import published_from, read_listed
from edge.simulator.token_spec import MAX_HEADS, read_presented

LISTS = ("catalogue", "measures", "calendars", "mapping", "site_sets", "sites", "ages")
STEP = ("at", "terminal", "token", "request", "expect", "shown_at", "nonce", "audience", "challenged", "title", "why")
EVENT = (
    "at",
    "event",
    "terminal",
    "all",
    "of",
    "amount_fen",
    "order",
    "heads",
    "entry",
    "issuer",
    "subject",
    "id",
    "site",
    "on",
    "offset_s",
    "reach",
    "expect",
    "title",
    "why",
    "by",
    "override",
    "from",
    *LISTS,
)
REQUEST = ("intent", "amount_fen", "heads", "asset", "second", "override", "confirmed", "pledge", "of", "request_id")
EXPECT = (
    "outcome",
    "benefit",
    "benefits",
    "offer",
    "obligations",
    "reasons",
    "left",
    "error",
    "conflicts",
    "offline",
    "clock",
    "not_reasons",
    "repeat",
)
ENTRY_KEYS = ("issuer", "subject", "code", "id")
MAX_FEN = 10**12
ALL = "all"


class Reader:
    """Reads the steps in their order, remembering what stands before each."""

    def __init__(self, *, zone: str, terminals: Mapping[str, Place], published: Published) -> None:
        self._zone = zone
        self._terminals = terminals
        self._published = published
        self._last_ms: int | None = None

    def steps(self, node: Node) -> tuple[Show | Event, ...]:
        """Return every step; raise CatalogueError for the first that is wrong."""
        return tuple(self._step(number, one) for number, one in enumerate(node.items(), start=1))

    def _step(self, number: int, node: Node) -> Show | Event:
        named = node.get("event")
        node.members(*(EVENT if named else STEP))
        at = node.need("at")
        at_ms = instant_ms(at)
        if self._last_ms is not None and at_ms < self._last_ms:
            raise at.wrong("lies before the step before it; put the steps in order of time")
        self._last_ms = at_ms
        base = {"number": number, "at": at.text(), "at_ms": at_ms, "path": node.path, "expect": _expect(node)}
        return self._event(node, named.choice(EventKind), base) if named else self._show(node, base)

    def _show(self, node: Node, base: dict[str, Any]) -> Show:
        token, request = node.get("token"), node.get("request")
        read, seconds, of = _request(request, base["number"])
        named = request.get("request_id") if request else None
        if token is None and not (read.asset or of):
            raise CatalogueError(f"{node.path}.token", "is missing; only close and give_back do without one")
        return Show(
            terminal=self._terminal(node.need("terminal")),
            token=read_presented(token, node) if token else None,
            request=read,
            seconds=seconds,
            of=of,
            request_id=named.text() if named else None,
            **base,
        )

    def _terminal(self, node: Node) -> str:
        name = node.text()
        if name not in self._terminals:
            raise node.wrong(f"terminal {name!r} is unknown; known are {', '.join(sorted(self._terminals))}")
        return name

    def _named(self, node: Node) -> tuple[str, ...]:
        """Return the terminals that an event names: one, several, or all."""
        every, named = node.get("all"), node.get("terminal")
        if every and every.flag():
            return tuple(self._terminals)
        if named is None:
            raise CatalogueError(f"{node.path}.terminal", 'is missing; name a terminal, or "all"')
        if isinstance(named.value, list):
            return tuple(self._terminal(one) for one in named.items())
        return tuple(self._terminals) if named.value == ALL and ALL not in self._terminals else (self._terminal(named),)

    def _event(self, node: Node, kind: EventKind, base: dict[str, Any]) -> Event:
        event = Event(kind=kind, **base)
        if kind in OF_A_STEP:
            return _of_a_step(event, node)
        if kind in OF_AN_ENTRY:
            return replace(event, entry=self._entry(kind, node.need("entry")))
        if kind in OF_TERMINALS:
            event = replace(event, terminals=self._named(node))
        on, offset, source = node.get("on"), node.get("offset_s"), node.get("from")
        if source is not None and (kind is not EventKind.CUT_NETWORK or source.text() != "platform"):
            raise source.wrong('only cut_network takes it, and only "platform"')
        event = replace(event, hub_answers=source is not None)
        if kind is EventKind.SET_CLOCK:
            offset = node.need("offset_s")
        elif kind is EventKind.KILL_KEY:
            event = replace(event, issuer=node.need("issuer").text())
        elif kind is EventKind.REVOKE:
            identity = node.get("id")
            event = replace(
                event,
                issuer=node.need("issuer").text(),
                subject=node.need("subject").text(),
                identity=identity.text() if identity else "1",
            )
        elif kind is EventKind.STOP_ENTRY:
            event = replace(event, site=self._site(node.need("site")))
        elif kind is EventKind.PUBLISH:
            event = self._publish(event, node)
        seconds = _signed(offset) if offset else 0
        return replace(event, on=on.flag() if on else True, offset_ms=seconds * 1000)

    def _site(self, node: Node) -> str:
        sites = {place.site for place in self._terminals.values()}
        if node.text() not in sites:
            raise node.wrong(f"no terminal stands at {node.text()!r}; known sites are {', '.join(sorted(sites))}")
        return node.text()

    def _publish(self, event: Event, node: Node) -> Event:
        if not any(node.get(name) for name in LISTS):
            raise node.wrong(f"publishes nothing; name one of {', '.join(LISTS)}")
        reach = node.get("reach")
        self._published = published_from(node, self._published, self._zone)
        named = tuple(self._terminal(one) for one in reach.items()) if reach else None
        return replace(event, reach=named, parts=_published_members(node, self._published))

    def _entry(self, kind: EventKind, node: Node) -> Mapping[str, Any]:
        if kind is EventKind.RESTRICT:
            return {"listed": read_listed(node)}
        if isinstance(node.value, int):
            return {"index": node.whole()}
        parse_entry(node) if node.get("code") and node.get("issuer") else node.members(*ENTRY_KEYS)
        wanted = {name: node.need(name).value for name in ENTRY_KEYS[:3] if node.get(name)}
        if not wanted:
            raise node.wrong("names no entry; give issuer, subject and code")
        return {"wanted": wanted}


_MEMBERS = {"catalogue": "benefits", "calendars": "calendars", "mapping": "mapping"}


def _published_members(node: Node, after: Published) -> dict[str, Any]:
    """Return the members of `Published` that a publish replaces."""
    found = {member: getattr(after, member) for name, member in _MEMBERS.items() if node.get(name)}
    measures = node.get("measures")
    if measures:
        found |= {"codes": after.codes} if measures.get("codes") else {}
        found |= {"entries": after.entries} if measures.get("entries") else {}
    if node.get("site_sets") or node.get("sites"):
        found["sites"] = after.sites
    if node.get("ages"):
        found["ages"] = after.ages
    return found


def _signed(node: Node) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise node.wrong("must be a whole number of seconds, negative for a clock that is behind")
    return node.value


def _of_a_step(event: Event, node: Node) -> Event:
    of, amount, heads, by = node.get("of"), node.get("amount_fen"), node.get("heads"), node.get("override")
    order = node.get("order")
    number = None
    if of is not None and of.value != "last":
        number = of.whole(1)
        if number >= event.number:
            raise of.wrong(f'step {number} does not lie before this one; name an earlier step or "last"')
    if event.kind in (EventKind.CLAIM, EventKind.PAID) and amount is None:
        node.need("amount_fen")
    return replace(
        event,
        of=number,
        amount_fen=amount.whole(0, MAX_FEN) if amount else None,
        order=order.text() if order else None,
        heads=heads.whole(1, MAX_HEADS) if heads else None,
        by=_override(by) if by else None,
    )


def _request(node: Node | None, number: int) -> tuple[Request, tuple[SecondSpec, ...], int | None]:
    if node is None:
        return Request(), (), None
    node.members(*REQUEST)
    intent, amount, heads, asset = node.get("intent"), node.get("amount_fen"), node.get("heads"), node.get("asset")
    override, confirmed, pledge, of = node.get("override"), node.get("confirmed"), node.get("pledge"), node.get("of")
    seen = set(confirmed.texts()) if confirmed else set()
    if pledge and pledge.flag():
        seen.add("pledge")
    if of is not None and of.whole(1) >= number:
        raise of.wrong("does not lie before this step; name an earlier one")
    request = Request(
        intent=intent.choice(Intent) if intent else Intent.ENTER,
        amount_fen=amount.whole(0, MAX_FEN) if amount else None,
        heads=heads.whole(1, MAX_HEADS) if heads else 1,
        heads_named=heads is not None,
        asset=asset.text() if asset else None,
        override=_override(override) if override else None,
        confirmed=frozenset(seen),
        named=node.get("request_id") is not None,
    )
    return request, _seconds(node.get("second")), of.whole(1) if of else None


def _override(node: Node) -> Override:
    node.members("by", "why")
    return Override(by=node.need("by").text(), why=node.need("why").text())


def _seconds(node: Node | None) -> tuple[SecondSpec, ...]:
    if node is None:
        return ()
    many = node.items() if isinstance(node.value, list) else (node,)
    return tuple(_second(one) for one in many)


def _second(node: Node) -> SecondSpec:
    if isinstance(node.value, str):
        return SecondSpec(text=node.text())
    check, result, code = node.get("check"), node.get("result"), node.get("code")
    name = check.text() if check else None
    if result or code:
        node.members("check", "result", "code")
        return SecondSpec(
            check=name, text=code.text() if code else None, result=result.choice(SecondResult) if result else None
        )
    return SecondSpec(presented=read_presented(node), check=name)


def _expect(node: Node) -> Mapping[str, Any]:
    expected = node.get("expect")
    if expected is None:
        return {}
    expected.members(*EXPECT)
    outcome, reasons, error = expected.get("outcome"), expected.get("reasons"), expected.get("error")
    if outcome:
        outcome.choice(Outcome)
    for reason in reasons.items() if reasons else ():
        reason.choice(Reason)
    if error:
        error.choice(Reason)
    return {name: value for name, value in expected.value.items() if name in EXPECT}
