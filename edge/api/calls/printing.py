"""A slip on paper, asked for by staff or a till: `POST /v1/lanes/{lane}/print`."""

from collections.abc import Mapping

import msgspec
from aiohttp import web

from cache.ledger import listing
from edge.api.access import May
from edge.api.app import Route
from edge.api.bodies import body_of
from edge.api.messages import Id
from edge.api.problems import ConflictError
from edge.lanes.beside.slips import Answer, LanePaper
from storage.jobs import StoreFailedError
from storage.sqlite import Store


class PrintBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which answer: of a redemption, or of a denial by its notice; neither: the lane's last one."""

    redemption: Id | None = None
    notice: Id | None = None


class Printing:
    """The handler."""

    def __init__(self, papers: Mapping[str, LanePaper], store: Store) -> None:
        self._papers = papers
        self._store = store

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [("POST", "/v1/lanes/{lane}/print", May.ACT, self.print)]

    async def print(self, request: web.Request) -> web.Response:
        """Print a slip; 409 with why when the printer does not, 404 without a printer or such an answer."""
        body: PrintBody = await body_of(request, PrintBody)
        lane = request.match_info["lane"]
        paper = self._papers.get(lane)
        if paper is None:
            raise web.HTTPNotFound(text=f"lane {lane!r} has no printer; name one in [[lanes]] printer")
        answer = paper.answer(body.redemption or body.notice) or await self._from_ledger(body.redemption)
        if answer is None:
            raise web.HTTPNotFound(text="there is no such answer here")
        printed = await paper.print(answer)
        if not printed.well:
            raise ConflictError("not_printed", f"not printed: {printed.why}")
        return web.json_response({"lane": lane, "paper": printed.paper.value})

    async def _from_ledger(self, redemption: str | None) -> Answer | None:
        if redemption is None:
            return None
        try:
            found = await self._store.read(lambda conn: listing.redemption(conn, redemption))
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error
        return None if found is None else found.answer | {"redemption": found.id, "at_ms": found.at_ms}
