"""What an offer is worth for an amount: integer fen, rounded as written (contract.md §5).

Rules of this file:

- off = floor((amount * percent_off + 50) / 100), then the cap, then at most the amount; to_pay = amount - off;
- without an amount, percent and amount offers give no fen members; a deposit waiver's waived_fen is then its cap;
- nothing here is ever negative, and off + waived + later + to_pay = amount wherever an amount is given.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from credit.catalogue import Offer, OfferKind

WHOLE = 1 << 60  # the worth of `free` without an amount: more than any sum


class Price(NamedTuple):
    """An offer in figures. `rest_fen` is what remains to pay of the amount; `worth` is what candidates compare by."""

    members: Mapping[str, Any] = MappingProxyType({})
    off_fen: int = 0
    waived_fen: int = 0
    later_fen: int = 0
    rest_fen: int | None = None
    worth: int = 0

    @property
    def value_fen(self) -> int:
        """Return the money this moves, which amount limits count."""
        return self.off_fen + self.waived_fen + self.later_fen


def percent_of(amount: int, percent: int) -> int:
    """Return `percent` of `amount`, half a fen rounded up."""
    return (amount * percent + 50) // 100


def _capped(off: int, cap: int | None, amount: int) -> int:
    return min(off if cap is None else min(off, cap), amount)


def _off(offer: Offer, amount: int, off: int) -> Price:
    taken = _capped(off, offer.cap_fen, amount)
    rest = amount - taken
    return Price({"off_fen": taken, "to_pay_fen": rest}, taken, 0, 0, rest, taken)


def price(offer: Offer, *, amount: int | None, heads: int) -> Price:
    """Return the money side of an offer for `amount` fen (None: unknown)."""
    kind = offer.kind
    if amount is None:
        return _without_amount(offer, heads)
    if kind is OfferKind.DEPOSIT_WAIVER:
        taken = _capped(amount, offer.cap_fen, amount)
        members = {"waived_fen": taken, "to_pay_fen": amount - taken}
        return Price(members=members, waived_fen=taken, rest_fen=amount - taken, worth=taken)
    if kind is OfferKind.PAY_LATER:
        taken = _capped(amount, offer.cap_fen, amount)
        members = {"later_fen": taken, "to_pay_fen": amount - taken}
        return Price(members=members, later_fen=taken, rest_fen=amount - taken)
    off = _reduction(offer, amount, heads)
    return Price(rest_fen=amount) if off is None else _off(offer, amount, off)


def _reduction(offer: Offer, amount: int, heads: int) -> int | None:
    """Return what an offer takes off before its cap, None for an offer that takes nothing off."""
    kind = offer.kind
    if kind is OfferKind.FREE:
        return amount
    if kind is OfferKind.PERCENT:
        return percent_of(amount, offer.percent_off)
    if kind is OfferKind.AMOUNT:
        return offer.off_fen
    return max(amount - offer.price_fen * heads, 0) if kind is OfferKind.FIXED_PRICE else None


def _without_amount(offer: Offer, heads: int) -> Price:
    if offer.kind is OfferKind.FREE:
        return Price(worth=WHOLE)
    if offer.kind is OfferKind.FIXED_PRICE:
        return Price(members={"to_pay_fen": offer.price_fen * heads})
    if offer.kind is OfferKind.DEPOSIT_WAIVER and offer.cap_fen is not None:
        return Price(members={"waived_fen": offer.cap_fen}, waived_fen=offer.cap_fen, worth=offer.cap_fen)
    return Price()


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


def share(whole: int, part: int, of: int) -> int:
    """Return the part/of share of `whole` fen, rounded down; all of it when part = of, and 0 of nothing."""
    return whole if part >= of else whole * part // of
