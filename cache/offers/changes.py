"""Changing a merchant's own offers: write, withdraw, undo (`cache.offers.own` says what they are).

Every function takes the connection of a transaction that its caller began, appends one row and one fact, and returns
the offer as it then stands. Whoever calls has checked the terms.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cache.ledger.counting.keys import used
from cache.offers.own import COLUMNS, OwnOffer, Shop, own_offer
from cache.pen import Pen
from credit.inputs import Now

MAX_IN_FORCE: Final = 50
INSERT: Final = f"INSERT INTO offer_changes ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - our own names
LAST_TWO: Final = f"SELECT {COLUMNS} FROM offer_changes WHERE offer = ? ORDER BY number DESC LIMIT 2"  # noqa: S608
IN_FORCE: Final = (
    "SELECT count(*) FROM offer_changes WHERE in_force"
    " AND number IN (SELECT max(number) FROM offer_changes GROUP BY offer)"
)
NEXT: Final = "SELECT coalesce(max(offer), 0) + 1 FROM offer_changes"
FACT: Final = "local_offer"


class NoSuchOfferError(LookupError):
    """This shop has no such offer."""


class CannotChangeError(Exception):
    """The change cannot be made; the text says why and what to do."""


class Keep:
    """In place of a stock: leave the count as it is."""


KEEP: Final = Keep()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changes an offer, in which shop, and when. `issuer` is the city on whose scale it is read."""

    shop: Shop
    issuer: str
    by: str
    at_ms: int
    ids: Callable[[int], str]


def left(conn: sqlite3.Connection, offer: OwnOffer, *, issuer: str, shop: Shop) -> int | None:
    """Return how many are left, None when there is no end to them."""
    if offer.stock is None:
        return None
    return max(0, offer.stock - used(conn, _stock_key(offer, issuer, shop), None).n)


def _stock_key(offer: OwnOffer, issuer: str, shop: Shop) -> str:
    return f"u|stock:{issuer}/{shop.offer_id(offer.offer)}:v{offer.version}"  # as credit.weighing.demands counts stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """How an offer is to stand: its terms, at which lane, and how many there are (KEEP: as counted)."""

    terms: Mapping[str, Any]
    lane: str
    stock: int | Keep | None


def write(conn: sqlite3.Connection, change: Change, wanted: Wanted, *, number: int | None) -> OwnOffer:
    """Make a new offer (`number` None) or give one new terms; a stock that is named counts anew."""
    terms, lane, stock = wanted.terms, wanted.lane, wanted.stock
    if number is None:
        kept = None if isinstance(stock, Keep) else stock
        offer = OwnOffer(
            offer=int(conn.execute(NEXT).fetchone()[0]),
            change="created",
            in_force=True,
            version=1,
            stock=kept,
            lane=lane,
            terms=terms,
            by=change.by,
            at_ms=change.at_ms,
        )
        return _append(conn, change, offer)
    before = _last(conn, number)[0]
    counted = before if isinstance(stock, Keep) else replace(before, stock=stock, version=before.version + 1)
    return _append(conn, change, replace(counted, change="edited", in_force=True, terms=terms, lane=lane))


def withdraw(conn: sqlite3.Connection, change: Change, *, number: int) -> OwnOffer:
    """Take an offer out of force; what was given stays given. Raises CannotChangeError when it is out already."""
    before = _last(conn, number)[0]
    if not before.in_force:
        raise CannotChangeError("this offer is withdrawn already; undo brings it back")
    return _append(conn, change, replace(before, change="withdrawn", in_force=False))


def undo(conn: sqlite3.Connection, change: Change, *, number: int) -> OwnOffer:
    """Take the last change of an offer back: it stands as before, less what was given meanwhile."""
    last, *older = _last(conn, number)
    if not last.undoable:
        raise CannotChangeError("the last change of this offer is taken back already")
    if not older:
        return _append(conn, change, replace(last, change="undone", in_force=False))
    before = older[0]
    if before.version != last.version:
        meanwhile = used(conn, _stock_key(last, change.issuer, change.shop), None).n
        remains = left(conn, before, issuer=change.issuer, shop=change.shop)
        stock = None if remains is None else max(0, remains - meanwhile)
        before = replace(before, version=last.version + 1, stock=stock)
    return _append(conn, change, replace(before, change="undone"))


def _last(conn: sqlite3.Connection, number: int) -> list[OwnOffer]:
    rows = conn.execute(LAST_TWO, (number,)).fetchall()
    if not rows:
        raise NoSuchOfferError
    return [own_offer(row) for row in rows]


def _append(conn: sqlite3.Connection, change: Change, offer: OwnOffer) -> OwnOffer:
    offer = replace(offer, by=change.by, at_ms=change.at_ms)
    text = json.dumps(offer.terms, ensure_ascii=False)
    conn.execute(
        INSERT,
        (
            offer.offer,
            offer.change,
            offer.in_force,
            offer.version,
            offer.stock,
            offer.lane,
            text,
            offer.by,
            offer.at_ms,
        ),
    )
    if conn.execute(IN_FORCE).fetchone()[0] > MAX_IN_FORCE:
        raise CannotChangeError(f"a shop has at most {MAX_IN_FORCE} offers; withdraw one first")
    body = {
        "benefit": change.shop.offer_id(offer.offer),
        "code": offer.code,
        "change": offer.change,
        "in_force": offer.in_force,
        "version": offer.version,
        "stock": offer.stock,
        "lane": offer.lane,
        "terms": dict(offer.terms),
        "by": offer.by,
        "local": True,
    }
    Pen(conn, Now(utc_ms=offer.at_ms), change.ids).fact(FACT, body)
    return offer
