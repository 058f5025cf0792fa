"""What the ledger writes, as values: a grant, a step of its life, an exit; and how each stands in the journal.

The hard idea: the terminal applies these values to its own ledger as it journals them. Whoever keeps the counts of a
whole site reads the journal, makes the very same values of it (`read_back`) and applies them to his own. So "this
terminal" and "this site" cannot differ in what a use is, and nothing has to be told in a transaction.

Rules of this file:

- values only; `cache.ledger.writing` applies them;
- `read_back(body(x))` is x, but for what only this terminal shows (the wording of the answer, the grace).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from cache.ledger.visit import Visit
from credit.claims import TokenClass
from credit.decision import Consumption, Decision, Given, Sum, Use
from credit.inputs import Intent, Place, Request
from credit.lifecycle import State, Step
from credit.records import Record
from credit.rules.periods import undated
from credit.telling.answers import given_json, to_json

GRANTING = frozenset({"granted", "opened"})
STEPPING = {
    "paid": Step.PAID,
    "passed": Step.PASSED,
    "annulled": Step.ANNULLED,
    "reversed": Step.REVERSED,
    "closed": Step.CLOSED,
    "overdue": Step.FELL_DUE,
}


class Entry(NamedTuple):
    """A grant to be written: whose, where, what, and what it takes. `answer` is what was shown."""

    id: str
    at_ms: int
    issuer: str
    subject: bytes
    token_id: bytes
    nonce: bytes | None
    request: Request
    place: Place
    benefit: str
    answer: Mapping[str, Any]
    consumption: Consumption
    grace_until_ms: int

    @property
    def state(self) -> State:
        """Return the state it starts in."""
        if self.consumption.opens:
            return State.OPEN
        return State.GRANTED if self.pay_fen is None else State.AWAITING

    @property
    def pay_fen(self) -> int | None:
        """Return what is to be paid before the gate opens, None for nothing."""
        due: int | None = self.answer.get("obligations", {}).get("pay_fen")
        return due

    def uses(self) -> tuple[Use, ...]:
        """Return the uses it takes, the entry of a pass included."""
        taken = self.consumption
        if taken.pass_of is None:
            return taken.uses
        key = f"p|{taken.pass_root or self.id}"
        return (*taken.uses, Use(key, self.request.heads, taken.pass_entries, self.benefit))


class Change(NamedTuple):
    """A step of a redemption's life. `fen` and `heads` are what a claim takes or a reversal returns."""

    redemption: str
    step: Step
    at_ms: int
    record: str
    fen: int | None = None
    heads: int = 0


class Exit(NamedTuple):
    """Somebody went out: what they took of the room inside is given back."""

    issuer: str
    subject: bytes
    site: str
    heads: int
    at_ms: int
    record: str


Written = Entry | Change | Exit


def entry_of(visit: Visit, decision: Decision, *, named: str, at_ms: int, grace_until_ms: int) -> Entry:
    """Return the grant of a visit."""
    token = visit.token
    return Entry(
        named,
        at_ms,
        token.issuer,
        token.subject,
        token.token_id,
        token.burns,
        visit.request,
        visit.place,
        decision.benefit or "",
        to_json(decision),
        decision.consumption,
        grace_until_ms,
    )


def base_body(visit: Visit, decision: Decision) -> dict[str, Any]:
    """Return what every fact about a visit says."""
    token, request, place = visit.token, visit.request, visit.place
    body: dict[str, Any] = {
        "issuer": token.issuer,
        "class": str(token.token_class),
        "site": place.site,
        "scene": place.scene,
        "lane": place.lane,
        "outcome": str(decision.outcome),
        "reasons": [str(one.reason) for one in decision.findings],
        "offline": decision.offline,
        "clock": str(decision.clock),
        "intent": str(request.intent),
        "heads": request.heads,
    }
    if request.asset is not None:
        body["asset"] = request.asset
    if request.amount_fen is not None:
        body["amount_fen"] = request.amount_fen
    return body


def grant_body(entry: Entry, visit: Visit, decision: Decision) -> dict[str, Any]:
    """Return the fact of a grant: all that anybody needs who counts it."""
    taken = entry.consumption
    body = base_body(visit, decision) | {
        "token": entry.token_id.hex(),
        "subject": entry.subject.hex(),
        "given": [_given_body(one) for one in decision.given],
        "uses": [_use_body(one, one.n, "n") for one in entry.uses()],
        "sums": [_use_body(one, one.fen, "fen") for one in taken.sums],
        "due_ms": taken.due_ms,
    }
    if entry.nonce is not None and entry.nonce != entry.token_id:
        body["nonce"] = entry.nonce.hex()
    if taken.grants:
        body["grants"] = [dict(one) for one in taken.grants]
    if len(decision.given) > 1 and decision.offer is not None:
        body["offer"] = dict(decision.offer)
    if taken.opens and taken.on_overdue != "flag":
        body["on_overdue"] = taken.on_overdue
    if taken.reversal_until_ms is not None:
        body["reversal_until_ms"] = taken.reversal_until_ms
    if not taken.gives_back:
        body["gives_back"] = False
    if entry.pay_fen is not None:
        body |= {"awaiting": True, "pay_fen": entry.pay_fen}
    if taken.pass_of is not None:
        body["pass"] = {"of": taken.pass_of, "root": taken.pass_root, "entries": taken.pass_entries}
    return body


def _given_body(one: Given) -> dict[str, Any]:
    told = given_json(one)
    del told["title"]  # the catalogue has it
    return told


def _use_body(one: Use | Sum, much: int, name: str) -> dict[str, Any]:
    told = {"key": one.key, name: much, "max": one.limit}
    return told if one.since_ms is None else told | {"since_ms": one.since_ms}


def read_back(record: Record, terminal: str) -> Written | None:
    """Return what a fact of `terminal` wrote, None for one that counts nothing.

    Facts of our own journal, or of one that a seal vouches for: a body of another form raises KeyError or ValueError.
    """
    body, named = record.body, record.redemption
    if record.kind in GRANTING and named is not None:
        return _entry_back(record, named, terminal)
    if record.kind == "exited":
        subject = bytes.fromhex(body["subject"])
        return Exit(body["issuer"], subject, body["site"], body["heads"], record.at_ms, record.id)
    step = STEPPING.get(record.kind)
    if step is None or named is None:
        return None
    step = Step(body.get("step", step.value))
    return Change(named, step, record.at_ms, record.id, body.get("fen"), body.get("heads", 0))


def _entry_back(record: Record, named: str, terminal: str) -> Entry:
    body = record.body
    token_id = bytes.fromhex(body["token"])
    burns = body["class"] != TokenClass.PRINTED.value
    nonce = bytes.fromhex(body["nonce"]) if "nonce" in body else token_id if burns else None
    given = tuple(Given(**one) for one in body["given"])
    request = Request(
        intent=Intent(body["intent"]), amount_fen=body.get("amount_fen"), heads=body["heads"], asset=body.get("asset")
    )
    shown = {"offers": body["given"], "offer": body.get("offer", dict(given[0].offer) if given else None)}
    if "pay_fen" in body:
        shown["obligations"] = {"pay_fen": body["pay_fen"]}
    return Entry(
        named,
        record.at_ms,
        body["issuer"],
        bytes.fromhex(body["subject"]),
        token_id,
        nonce,
        request,
        Place(site=body["site"], scene=body["scene"], lane=body["lane"], terminal=terminal),
        given[0].benefit if given else "",
        shown,
        _consumption_back(body, opens=record.kind == "opened", benefit=given[0].benefit if given else ""),
        record.at_ms,
    )


def _consumption_back(body: Mapping[str, Any], *, opens: bool, benefit: str) -> Consumption:
    passing = body.get("pass") or {}
    uses = [Use(undated(one["key"]), one["n"], one["max"], benefit, one.get("since_ms")) for one in body["uses"]]
    sums = [Sum(undated(one["key"]), one["fen"], one["max"], benefit, one.get("since_ms")) for one in body["sums"]]
    return Consumption(
        uses=tuple(one for one in uses if not one.key.startswith("p|")),
        sums=tuple(sums),
        opens=opens,
        due_ms=body.get("due_ms"),
        on_overdue=body.get("on_overdue", "flag"),
        reversal_until_ms=body.get("reversal_until_ms"),
        gives_back=body.get("gives_back", True),
        pass_of=passing.get("of"),
        pass_root=passing.get("root"),
        pass_entries=passing.get("entries"),
    )
