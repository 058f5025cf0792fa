"""What one redemption is worth after its facts, in fen. Pure; facts may come in any order.

Rules of this file:

- a grant's fact says what was asked for (`amount_fen`), what is left to pay, and what each benefit takes off, waives
  or defers; nothing is worked out again from a catalogue that may have changed since;
- the steps of a redemption are summed up in `Steps`, in which no order of arrival matters: two terminals may tell the
  end before the beginning;
- what waits for a payment at the gate counts when it is paid, not before (lane.md, "Money at the gate");
- a part that comes back takes its share of everything: of `returned` fen the visitor gets the share of what was to
  pay, rounded down, and the benefits get the rest back. So returned = refund + taken back, to the fen;
- pay-later is outstanding until the redemption is closed; overdue while it is not; a damage claim is money of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from operator import add, attrgetter, sub
from typing import Any, Final, NamedTuple

from msgspec import Struct

from central.books.counts import given_of
from credit.records import Record
from credit.rules.offers import share

MAX_FIGURE: Final = 2**53 - 1
MAX_NAME: Final = 129
UNPAID: Final = "unpaid"


class Item(NamedTuple):
    """One benefit that was given, and the money it moved."""

    benefit: str
    local: bool
    off_fen: int
    waived_fen: int
    later_fen: int


class Grant(Struct, frozen=True, kw_only=True):
    """What the fact of a grant says of money."""

    issuer: str
    site: str
    heads: int
    amount_fen: int
    to_pay_fen: int
    awaiting: bool
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """What has happened to a redemption, in whatever order it was heard."""

    annulled: bool = False
    unpaid: bool = False  # annulled because nobody paid in time
    passed: bool = False
    reversed: bool = False
    closed: bool = False
    overdue: bool = False
    paid: bool = False
    paid_fen: int = 0
    returned_fen: int = 0
    returned_heads: int = 0
    claims: int = 0
    claim_fen: int = 0

    @property
    def stands(self) -> bool:
        """Return whether anything of the redemption stands: who passed or paid after all, did."""
        lapsed = self.annulled and not self.passed and not (self.unpaid and self.paid)
        return not lapsed and not self.reversed

    @property
    def is_open(self) -> bool:
        """Return whether what was deferred or lent is still due."""
        return not self.closed and not self.claims


UNTOUCHED: Final = Steps()
"""Nothing was heard of it yet, as of nearly every grant that comes in: what it is worth is what its fact says."""


class Figures(Struct, frozen=True, kw_only=True):
    """What redemptions add to a line of the books; the names are the columns of `totals`.

    `off`, `waived`, `later` are what stands. `refund` went back to visitors, `back` is what benefits got back of it.
    `repaid` is pay-later that was settled, `overdue` what fell due and is not; `paid` was taken at a gate.
    """

    granted: int = 0
    heads: int = 0
    undone: int = 0
    off_fen: int = 0
    waived_fen: int = 0
    later_fen: int = 0
    repaid_fen: int = 0
    refund_fen: int = 0
    back_fen: int = 0
    returns: int = 0
    claims: int = 0
    claim_fen: int = 0
    overdue: int = 0
    overdue_fen: int = 0
    paid_fen: int = 0

    def __sub__(self, other: "Figures") -> "Figures":
        """Return the difference of each figure."""
        return Figures(**dict(zip(FIGURES, map(sub, values_of(self), values_of(other)), strict=True)))

    def __add__(self, other: "Figures") -> "Figures":
        """Return the sum of each figure."""
        return Figures(**dict(zip(FIGURES, map(add, values_of(self), values_of(other)), strict=True)))


FIGURES: Final = Figures.__struct_fields__
values_of: Callable[[Figures], tuple[int, ...]] = attrgetter(*FIGURES)
"""The figures in the order of FIGURES."""


def name_of(value: Any) -> str:
    """Return a name as the books keep it; "?" for what is none."""
    return value[:MAX_NAME] if isinstance(value, str) and value and "\0" not in value else "?"


def fen_of(value: Any) -> int:
    """Return a figure that somebody could have meant; anything else counts as nothing."""
    return value if type(value) is int and 0 <= value <= MAX_FIGURE else 0


def site_of(body: Mapping[str, Any], *, site: str) -> str:
    """Return where a grant happened: as the signed fact says, else `site`, where its terminal stands."""
    own = name_of(body.get("site"))
    return site if own == "?" else own


def grant_of(body: Mapping[str, Any], *, site: str) -> Grant:
    """Return what a granting fact says; `site` is where its terminal stands, for a fact that names no site itself."""
    given = given_of(body)
    whole = body.get("offer") if isinstance(body.get("offer"), dict) else _offer(given[0])
    return Grant(
        issuer=name_of(body.get("issuer")),
        site=site_of(body, site=site),
        heads=max(1, fen_of(body.get("heads"))),
        amount_fen=fen_of(body.get("amount_fen")),
        to_pay_fen=min(fen_of((whole or {}).get("to_pay_fen")), fen_of(body.get("amount_fen"))),
        awaiting=body.get("awaiting") is True,
        items=tuple(map(item_of, given)),
    )


def _offer(given: Mapping[str, Any]) -> Mapping[str, Any]:
    offer = given.get("offer")
    return offer if isinstance(offer, dict) else {}


def item_of(given: Mapping[str, Any]) -> Item:
    """Return one benefit of a grant."""
    offer = _offer(given)
    off, waived, later = fen_of(offer.get("off_fen")), fen_of(offer.get("waived_fen")), fen_of(offer.get("later_fen"))
    return Item(name_of(given.get("benefit")), given.get("local") is True, off, waived, later)


def stepped(steps: Steps, record: Record) -> Steps:
    """Return `steps` with one more fact in it; a fact of another kind changes nothing."""
    step = STEPPING.get(record.kind)
    return steps if step is None else step(steps, record.body)


def _annulled(steps: Steps, body: Mapping[str, Any]) -> Steps:
    unpaid = body.get("cause") == UNPAID
    return replace(steps, annulled=True, unpaid=unpaid and (steps.unpaid or not steps.annulled))


def _reversed(steps: Steps, body: Mapping[str, Any]) -> Steps:
    if body.get("whole", True):
        return replace(steps, reversed=True)
    heads, fen = fen_of(body.get("heads")), fen_of(body.get("fen"))
    return replace(steps, returned_fen=_sum(steps.returned_fen, fen), returned_heads=_sum(steps.returned_heads, heads))


def _closed(steps: Steps, body: Mapping[str, Any]) -> Steps:
    if body.get("step") != "claimed":
        return replace(steps, closed=True)
    return replace(steps, claims=steps.claims + 1, claim_fen=_sum(steps.claim_fen, fen_of(body.get("fen"))))


def _paid(steps: Steps, body: Mapping[str, Any]) -> Steps:
    return replace(steps, paid=True, paid_fen=_sum(steps.paid_fen, fen_of(body.get("amount_fen"))))


STEPPING: Final[Mapping[str, Callable[[Steps, Mapping[str, Any]], Steps]]] = {
    "annulled": _annulled,
    "reversed": _reversed,
    "closed": _closed,
    "paid": _paid,
    "passed": lambda steps, _body: replace(steps, passed=True),
    "overdue": lambda steps, _body: replace(steps, overdue=True),
}
"""What each kind of fact adds; a kind that is not here says nothing of money."""


def _sum(before: int, more: int) -> int:
    return min(before + more, MAX_FIGURE)


def packed(steps: Steps) -> dict[str, int]:
    """Return steps as the books store them: what is not the default."""
    return {one.name: int(getattr(steps, one.name)) for one in fields(Steps) if getattr(steps, one.name)}


def unpacked(stored: Mapping[str, int]) -> Steps:
    """Return steps from their stored form."""
    return replace(Steps(), **{name: type(getattr(Steps(), name))(value) for name, value in stored.items()})


def worth(grant: Grant, steps: Steps) -> dict[tuple[str, bool], Figures]:
    """Return what a redemption adds to each line (benefit, local); its own money stands at the first benefit."""
    found: dict[tuple[str, bool], Figures] = {}
    counts = steps.paid or not grant.awaiting
    back = _taken_back(grant, steps) if counts and steps is not UNTOUCHED else ()
    for index, item in enumerate(grant.items):
        if steps is UNTOUCHED and counts:
            off, waived, later = item.off_fen, item.waived_fen, item.later_fen
            figures = Figures(granted=1, heads=grant.heads, off_fen=off, waived_fen=waived, later_fen=later)
        else:
            money = _money(item, back[index], steps) if counts else {}
            own = _own(grant, steps, counts=counts) if index == 0 else {}
            figures = Figures(granted=1, heads=grant.heads, undone=int(not steps.stands), **money, **own)
        key = (item.benefit, item.local)
        found[key] = found[key] + figures if key in found else figures
    return found


def _money(item: Item, back: tuple[int, int, int], steps: Steps) -> dict[str, int]:
    """Return what stands of a benefit, and what it got back."""
    if steps.reversed:
        return {"back_fen": item.off_fen + item.waived_fen + item.later_fen}
    if not steps.stands:
        return {}
    off, waived, later = item.off_fen - back[0], item.waived_fen - back[1], item.later_fen - back[2]
    return {
        "off_fen": off,
        "waived_fen": waived,
        "later_fen": later,
        "repaid_fen": later if steps.closed else 0,
        "back_fen": sum(back),
        "overdue_fen": later if steps.overdue and steps.is_open else 0,
    }


def _own(grant: Grant, steps: Steps, *, counts: bool) -> dict[str, int]:
    """Return what belongs to the redemption and to none of its benefits alone."""
    returned = _returned(grant, steps) if steps.stands else 0
    refund = share(grant.to_pay_fen, returned, grant.amount_fen) if returned else 0
    return {
        "returns": int(steps.reversed or returned > 0 or steps.returned_heads > 0),
        "refund_fen": (grant.to_pay_fen if steps.reversed else refund) if counts else 0,
        "claims": steps.claims,
        "claim_fen": steps.claim_fen,
        "overdue": int(steps.stands and steps.overdue and steps.is_open),
        "paid_fen": steps.paid_fen,
    }


def _returned(grant: Grant, steps: Steps) -> int:
    return min(steps.returned_fen, grant.amount_fen)


def _taken_back(grant: Grant, steps: Steps) -> list[tuple[int, int, int]]:
    """Return what each benefit gets back (off, waived, later) of the part that came back."""
    returned, amount = _returned(grant, steps), grant.amount_fen
    moved = [(one.off_fen, one.waived_fen, one.later_fen) for one in grant.items]
    if not returned:
        return [(0, 0, 0)] * len(moved)
    parts = [[share(fen, returned, amount) for fen in one] for one in moved]
    rest = returned - share(grant.to_pay_fen, returned, amount) - sum(map(sum, parts))
    for row, most in zip(parts, moved, strict=True):
        for at, fen in enumerate(most):
            more = max(0, min(rest, fen - row[at]))
            row[at] += more
            rest -= more
    return [(row[0], row[1], row[2]) for row in parts]
