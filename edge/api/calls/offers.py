"""The local API's calls for a merchant's own offers (scenes.md, row 11; terminal.md, "Counter").

Rules of this file:

- who may act at the counter may write offers; a display may look at them;
- an offer is checked as the signed catalogue is (400 with path and mend), committed with its fact, and in force when
  the call returns; what can never apply is accepted and told as a warning, as `xinguan lists check` does;
- every screen hears of a change (event `offers`).
"""

import functools
import sqlite3
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from cache.ids import uuid7
from cache.lists.store import ListStore
from cache.offers import changes
from cache.offers.changes import KEEP, CannotChangeError, Change, Keep, NoSuchOfferError, left
from cache.offers.own import OwnOffer, Shop, benefit_of, offers_of, problem_of
from credit.checking.doubts import never_applies
from credit.rules.reading import CatalogueError
from edge.api.access import May
from edge.api.app import About, Route
from edge.api.bodies import body_of
from edge.api.calls.offer_bodies import ByBody, OfferBody
from edge.api.problems import ConflictError
from edge.events import Events
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store

WITHDRAWN_SHOWN_MS = 86_400_000  # a withdrawn offer can be found, and brought back, for a day


class Offers:
    """The handlers under /v1/offers. `lanes` are the lanes an offer can be bound to, the first without a word."""

    def __init__(
        self, *, shop: Shop, issuer: str, lists: ListStore, store: Store, events: Events, about: About, lanes: list[str]
    ) -> None:
        self._shop = shop
        self._issuer = issuer
        self._lists = lists
        self._store = store
        self._events = events
        self._about = about
        self._lanes = lanes

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [
            ("GET", "/v1/offers", May.LOOK, self.listed),
            ("POST", "/v1/offers", May.OFFER, self.create),
            ("PUT", "/v1/offers/{offer}", May.OFFER, self.edit),
            ("DELETE", "/v1/offers/{offer}", May.OFFER, self.withdraw),
            ("POST", "/v1/offers/{offer}/undo", May.OFFER, self.undo),
        ]

    async def listed(self, _request: web.Request) -> web.Response:
        """List the shop's offers, and what was withdrawn within the last day."""
        return web.json_response(await self._read(self._all))

    async def create(self, request: web.Request) -> web.Response:
        """Write a new offer."""
        return await self._write(request, None)

    async def edit(self, request: web.Request) -> web.Response:
        """Give an offer new terms."""
        return await self._write(request, self._number(request))

    async def withdraw(self, request: web.Request) -> web.Response:
        """Take an offer out of force."""
        body: ByBody = await body_of(request, ByBody)
        job = functools.partial(changes.withdraw, change=self._change(body.by), number=self._number(request))
        return await self._done(job)

    async def undo(self, request: web.Request) -> web.Response:
        """Take the last change of an offer back."""
        body: ByBody = await body_of(request, ByBody)
        job = functools.partial(changes.undo, change=self._change(body.by), number=self._number(request))
        return await self._done(job)

    async def _write(self, request: web.Request, number: int | None) -> web.Response:
        body: OfferBody = await body_of(request, OfferBody)
        lane = body.lane or self._lanes[0]
        if lane not in self._lanes:
            raise web.HTTPBadRequest(text=f"$.lane: there is no lane {lane!r}; there are {', '.join(self._lanes)}")
        stock = body.stock if body.stock is None or isinstance(body.stock, int) else KEEP
        self._check(body, lane, stock)
        wanted = changes.Wanted(terms=body.terms(), lane=lane, stock=stock)
        job = functools.partial(changes.write, change=self._change(body.by), wanted=wanted, number=number)
        return await self._done(job, status=201 if number is None else 200)

    def _check(self, body: OfferBody, lane: str, stock: int | Keep | None) -> None:
        """Read the offer as the catalogue is read, before anything is written."""
        drafted = OwnOffer(
            offer=1,
            change="created",
            in_force=True,
            version=1,
            stock=None if isinstance(stock, Keep) else stock,
            lane=lane,
            terms=body.terms(),
            by=body.by,
            at_ms=0,
        )
        try:
            benefit_of(drafted, self._shop, issuer=self._issuer, zone=self._zone)
        except CatalogueError as error:
            raise web.HTTPBadRequest(text=str(error)) from error

    @property
    def _zone(self) -> str:
        return self._lists.current.policy.default_zone.key

    def _number(self, request: web.Request) -> int:
        name, prefix = request.match_info["offer"], self._shop.offer_id(0)[:-1]
        number = name.removeprefix(prefix)
        if not name.startswith(prefix) or not (number.isascii() and number.isdigit()):
            raise web.HTTPNotFound(text=f"this terminal has no offer {name!r}")
        return int(number)

    def _change(self, by: str) -> Change:
        now = self._about.now()
        return Change(shop=self._shop, issuer=self._issuer, by=by, at_ms=now.utc_ms, ids=uuid7)

    async def _done(self, job: Job[OwnOffer], *, status: int = 200) -> web.Response:
        try:
            offer = await self._lists.change_offers(job)
        except NoSuchOfferError as error:
            raise web.HTTPNotFound(text="this terminal has no such offer") from error
        except CannotChangeError as error:
            raise ConflictError("not_now", str(error)) from error
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        shown = await self._read(functools.partial(self._shown, offer=offer))
        self._events.publish("offers", {"changed": shown["id"]})
        return web.json_response(shown, status=status)

    async def _read(self, job: Job[Any]) -> Any:
        try:
            return await self._store.read(job)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    def _all(self, conn: sqlite3.Connection) -> list[dict[str, Any]]:
        since_ms = self._about.now().utc_ms - WITHDRAWN_SHOWN_MS
        offers = offers_of(conn, self._shop).offers
        return [self._shown(conn, offer=one) for one in offers if one.in_force or one.at_ms >= since_ms]

    def _shown(self, conn: sqlite3.Connection, *, offer: OwnOffer) -> dict[str, Any]:
        """Return an offer as the calls give it."""
        problem = problem_of(offer, self._shop, issuer=self._issuer, zone=self._zone)
        return {
            "id": self._shop.offer_id(offer.offer),
            "code": offer.code,
            "version": offer.version,
            "local": True,
            **offer.terms,
            "stock": offer.stock,
            "left": left(conn, offer, issuer=self._issuer, shop=self._shop),
            "lane": offer.lane,
            "in_force": offer.in_force,
            "change": offer.change,
            "undoable": offer.undoable,
            "by": offer.by,
            "at_ms": offer.at_ms,
            "problem": problem,
            "warnings": [] if problem else self._warnings(offer),
        }

    def _warnings(self, offer: OwnOffer) -> list[dict[str, str]]:
        benefit = benefit_of(offer, self._shop, issuer=self._issuer, zone=self._zone)
        today = datetime.fromtimestamp(self._about.now().utc_s, UTC).astimezone(benefit.when.zone).date()
        found = never_applies(benefit, today)
        return [
            {"path": f"$.{one.path}", "zh": f"不会生效：{one.zh}", "en": f"never applies: {one.en}"} for one in found
        ]
