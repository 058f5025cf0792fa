"""A merchant's own offers: what the shop itself gives, beside what the city signed (scenes.md, row 11).

Rules of this file:

- an offer is read by the very check of the signed catalogue, and errors name path and mend; it is bound to this
  terminal's site and to one lane of it, and marked `local` wherever it shows;
- it never takes the place of a signed benefit: its id carries the terminal's name, its code lies above LOCAL_CODES (so
  a signed one wins a tie), it counts in its own scope alone, combines with nothing, and is left out where the city
  publishes the same id or code;
- one that this program cannot read any more is left out too, and `problem_of` says why: a terminal always starts;
- changes are rows and journal facts in one transaction; nothing is overwritten, and an undo is a change too;
- `stock` is how many there are from the change on that named it; editing anything else leaves the count alone.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from credit.rules.benefits import LOCAL_CODES, parse_local
from credit.rules.catalogue import Benefit
from credit.rules.reading import CatalogueError, Node

KINDS: Final = ("gift", "percent", "amount", "fixed_price")
TERMS: Final = ("title", "offer", "when", "limits", "who")
WHEN: Final = ("from", "until", "daily", "weekdays")
LIMIT: Final = ("per", "period", "max")
MAX_STOCK: Final = 1_000_000
COLUMNS: Final = "offer, change, in_force, version, stock, lane, terms, by, at_ms"
LATEST: Final = (
    f"SELECT {COLUMNS} FROM offer_changes WHERE number IN (SELECT max(number) FROM offer_changes GROUP BY offer)"  # noqa: S608
    " ORDER BY offer"
)


class Shop(NamedTuple):
    """Whose offers these are: the terminal, and the site it stands at."""

    terminal: str
    site: str

    def offer_id(self, number: int) -> str:
        """Return the id of an offer of this shop: no city's benefit is called so."""
        return f"local.{self.terminal}.{number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOffer:
    """An offer as the last change left it. `terms` is in the catalogue's syntax; `stock` None: without end."""

    offer: int
    change: str
    in_force: bool
    version: int
    stock: int | None
    lane: str
    terms: Mapping[str, Any]
    by: str
    at_ms: int

    @property
    def code(self) -> int:
        """Its code: after every signed one."""
        return LOCAL_CODES + self.offer

    @property
    def undoable(self) -> bool:
        """Whether its last change can be taken back: not an undo itself."""
        return self.change != "undone"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOffers:
    """The offers of a shop, withdrawn ones included."""

    shop: Shop
    offers: tuple[OwnOffer, ...] = ()

    def benefits(self, signed: Iterable[Benefit], *, issuer: str, zone: str) -> tuple[Benefit, ...]:
        """Return those in force as benefits; what the city publishes under the same id or code goes first."""
        known = tuple(signed)
        ids, codes = {one.id for one in known}, {one.code for one in known}
        readable = (
            benefit_of(one, self.shop, issuer=issuer, zone=zone)
            for one in self.offers
            if one.in_force and problem_of(one, self.shop, issuer=issuer, zone=zone) is None
        )
        return tuple(one for one in readable if one.id not in ids and one.code not in codes)


NO_OFFERS: Final = OwnOffers(shop=Shop("", ""))


def benefit_of(offer: OwnOffer, shop: Shop, *, issuer: str, zone: str) -> Benefit:
    """Return an offer as a benefit of the home issuer; raise CatalogueError naming path and mend."""
    check_terms(offer.terms)
    document = {
        "id": shop.offer_id(offer.offer),
        "code": offer.code,
        "version": offer.version,
        **offer.terms,
        "where": {"lanes": [offer.lane]},
    }
    try:
        [benefit] = parse_local([document], issuer=issuer, site=shop.site, default_zone=zone)
    except CatalogueError as error:
        raise CatalogueError(error.path.replace("$[0]", "$", 1), error.mend) from None
    return replace(benefit, offer=replace(benefit.offer, stock=offer.stock), path=shop.offer_id(offer.offer))


def problem_of(offer: OwnOffer, shop: Shop, *, issuer: str, zone: str) -> str | None:
    """Return what is wrong with an offer, path and mend; None when nothing is."""
    try:
        benefit_of(offer, shop, issuer=issuer, zone=zone)
    except CatalogueError as error:
        return str(error)
    return None


def check_terms(terms: Mapping[str, Any]) -> None:
    """Check what a shop may say at all; raise CatalogueError. What it means, the catalogue's own check says."""
    node = Node(terms).members(*TERMS)
    node.need("title").members("zh", "en").need("zh").text()
    kind = node.need("offer").need("kind")
    if kind.text() not in KINDS:
        raise kind.wrong(f"{kind.value!r} is not a shop's to give; use one of {', '.join(KINDS)}")
    if node.need("offer").get("stock") is not None:
        raise CatalogueError("$.offer.stock", "stands beside the offer; write it as $.stock")
    when, who, limits = node.get("when"), node.get("who"), node.get("limits")
    if when is not None:
        when.members(*WHEN)
    if who is not None:
        who.members("min_tier")
    for one in limits.items() if limits else ():
        one.members(*LIMIT)


def offers_of(conn: sqlite3.Connection, shop: Shop) -> OwnOffers:
    """Return the shop's offers as they stand, by number."""
    return OwnOffers(shop=shop, offers=tuple(map(own_offer, conn.execute(LATEST))))


def own_offer(row: tuple[Any, ...]) -> OwnOffer:
    """Return a row of `COLUMNS` as an offer."""
    number, change, in_force, version, stock, lane, terms, by, at_ms = row
    return OwnOffer(
        offer=number,
        change=change,
        in_force=bool(in_force),
        version=version,
        stock=stock,
        lane=lane,
        terms=json.loads(terms),
        by=by,
        at_ms=at_ms,
    )
