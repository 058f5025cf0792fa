"""What an offer is worth for an amount: integer fen, rounded as written (contract.md §5).

Rules of this file:

- off = floor((amount * percent_off + 50) / 100), then the cap, then at most the amount; to_pay = amount - off;
- without an amount, percent and amount offers give no fen members; a deposit waiver's waived_fen is then its cap;
- nothing here is ever negative, and off + waived + later + to_pay = amount wherever an amount is given.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from credit.rules.catalogue import Offer, OfferKind

WHOLE = 1 << 60  # the worth of `free` without an amount: more than any sum


class Price(NamedTuple):
    """An offer in figures: it moves `fen` under the name `moves`, and of the amount `rest_fen` remains to pay.

    `worth` is what candidates compare by. Without an amount, `rest_fen` is None; `to_pay_fen` is what is shown.
    """

    moves: str | None = None
    fen: int = 0
    rest_fen: int | None = None
    worth: int = 0
    to_pay_fen: int | None = None

    @property
    def members(self) -> dict[str, int]:
        """Return the members of the offer that are money."""
        found = {} if self.moves is None else {self.moves: self.fen}
        return found if self.to_pay_fen is None else found | {"to_pay_fen": self.to_pay_fen}


def percent_of(amount: int, percent: int) -> int:
    """Return `percent` of `amount`, half a fen rounded up."""
    return (amount * percent + 50) // 100


def _capped(off: int, cap: int | None, amount: int) -> int:
    return min(off if cap is None else min(off, cap), amount)


def _off(amount: int, off: int, cap: int | None = None) -> Price:
    taken = _capped(off, cap, amount)
    return Price("off_fen", taken, amount - taken, taken, amount - taken)


def _free(_offer: Offer, amount: int | None, _heads: int) -> Price:
    return Price(worth=WHOLE) if amount is None else _off(amount, amount)


def _percent(offer: Offer, amount: int | None, _heads: int) -> Price:
    return NOTHING if amount is None else _off(amount, percent_of(amount, offer.percent_off), offer.cap_fen)


def _amount(offer: Offer, amount: int | None, _heads: int) -> Price:
    return NOTHING if amount is None else _off(amount, offer.off_fen, offer.cap_fen)


def _fixed_price(offer: Offer, amount: int | None, heads: int) -> Price:
    asked = offer.price_fen * heads
    return Price(to_pay_fen=asked) if amount is None else _off(amount, max(amount - asked, 0))


def _deposit_waiver(offer: Offer, amount: int | None, _heads: int) -> Price:
    if amount is None:
        cap = offer.cap_fen
        return NOTHING if cap is None else Price("waived_fen", cap, None, cap)
    taken = _capped(amount, offer.cap_fen, amount)
    return Price("waived_fen", taken, amount - taken, taken, amount - taken)


def _pay_later(offer: Offer, amount: int | None, _heads: int) -> Price:
    if amount is None:
        return NOTHING
    taken = _capped(amount, offer.cap_fen, amount)
    return Price("later_fen", taken, amount - taken, 0, amount - taken)


def _no_money(_offer: Offer, amount: int | None, _heads: int) -> Price:
    return NOTHING if amount is None else Price(rest_fen=amount)


NOTHING = Price()
Pricer = Callable[[Offer, int | None, int], Price]
PRICERS: Mapping[OfferKind, Pricer] = dict.fromkeys(OfferKind, _no_money) | {
    OfferKind.FREE: _free,
    OfferKind.PERCENT: _percent,
    OfferKind.AMOUNT: _amount,
    OfferKind.FIXED_PRICE: _fixed_price,
    OfferKind.DEPOSIT_WAIVER: _deposit_waiver,
    OfferKind.PAY_LATER: _pay_later,
}
"""By kind: the money side of an offer, for an amount (None: unknown) and so many heads."""


def price(offer: Offer, *, amount: int | None, heads: int) -> Price:
    """Return the money side of an offer for `amount` fen (None: unknown)."""
    return PRICERS[offer.kind](offer, amount, heads)


def figures(offer: Offer, *, tier: int | None, until: str | None) -> dict[str, Any]:
    """Return the members of an offer that are not money; `until` is the hold's end as text."""
    members: dict[str, Any] = {"kind": offer.kind.value}
    if offer.kind is OfferKind.RAISE_LIMIT:
        members["max_items"] = offer.table.at(tier)
    elif offer.kind is OfferKind.EXTEND_TIME:
        members[offer.unit] = offer.table.at(tier)
    elif offer.kind is OfferKind.PERCENT:
        members["percent_off"] = offer.percent_off
    elif offer.kind is OfferKind.LANE:
        members["lane"] = offer.lane
    elif offer.kind in (OfferKind.SERVICE, OfferKind.GIFT):
        if offer.item is not None:
            members["item"] = offer.item
    elif offer.kind is OfferKind.MULTIPLIER:
        members["multiplier"] = offer.times
    elif offer.kind is OfferKind.HOLD:
        members["until"] = until
    return members


def has_figure(offer: Offer, tier: int | None) -> bool:
    """Return whether a tier table has a number for `tier` (True for offers without a table)."""
    if offer.kind in (OfferKind.RAISE_LIMIT, OfferKind.EXTEND_TIME):
        return offer.table.at(tier) is not None
    return True


def below_min_spend(offer: Offer, amount: int | None) -> bool:
    """Return whether an amount is given and is too small."""
    return offer.min_spend_fen is not None and amount is not None and amount < offer.min_spend_fen


def moves_more(offer: Offer, most_fen: int, amount: int | None, heads: int) -> bool:
    """Return whether an offer moves more than `most_fen`; what has no figure yet may be any sum, a favour is none."""
    found = price(offer, amount=amount, heads=heads)
    if amount is None and found.moves is None and PRICERS[offer.kind] is not _no_money:
        return True
    return found.fen > most_fen


def share(whole: int, part: int, of: int) -> int:
    """Return the part/of share of `whole` fen, rounded down; all of it when part = of, and 0 of nothing."""
    return whole if part >= of else whole * part // of
