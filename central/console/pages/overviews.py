"""Terminals, the register of people, and the office journal."""

from typing import Any, Final

import msgspec
from aiohttp import web
from msgspec import Struct

from central.books.reports import terminals
from central.console.doors import DESK, JOURNAL, REFUSALS, person_of
from central.console.rendering import city_of, page, refused
from central.register.accounts.acts import ActsBrokenError, newest_linked
from storage.jobs import Tx

SHOWN: Final = 100
WHOSE: Final = "SELECT terminal, profile FROM terminals"


def wanting(one: dict[str, Any]) -> tuple[int, str]:
    """Return where a terminal stands in the list: what lacks facts, forked or set something aside comes first."""
    ill = one["missing"] or one["forks"] or one["set_aside"] or one["state"] in ("suspended", "twin")
    return 0 if ill else 1, one["terminal"]


class _Own(Struct):
    """Whose a terminal is, of its profile."""

    issuer: str = ""


async def own_terminals(tx: Tx, city: str) -> list[dict[str, Any]]:
    """Return the terminals of a city; other cities' are no business of its office."""
    own = {name for name, profile in await tx.rows(WHOSE) if msgspec.json.decode(profile, type=_Own).issuer == city}
    return [one for one in await terminals(tx) if one["terminal"] in own]


async def fleet(request: web.Request) -> web.Response:
    """Show every terminal of the city: state, when it was last seen, how far its journal is held."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    found = sorted(await desk.books.read(lambda tx: own_terminals(tx, city)), key=wanting)
    given = request.query.get("page", "0")
    at = int(given) if given.isascii() and given.isdigit() and len(given) < 5 else 0  # noqa: PLR2004
    shown = found[at * SHOWN : (at + 1) * SHOWN]
    may = who.may("terminal.suspend", city)
    return page(request, "fleet", terminals=shown, many=len(found), at=at, each=SHOWN, may=may)


async def acts(request: web.Request) -> web.Response:
    """Show who did what, and whether the journal holds together."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    try:
        who.check("acts.read", city)
    except REFUSALS as refusal:
        return refused(request, refusal)
    given = request.query.get("before", "")
    before = int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 2**62  # noqa: PLR2004
    listed, broken = await desk.books.read(lambda tx: newest_linked(tx, city=city, before=before, many=SHOWN))
    try:
        held: Any = await request.app[JOURNAL].look(desk.books)
    except ActsBrokenError as error:
        held, broken = None, str(error)
    return page(request, "acts", acts=listed, held=held, broken=broken)


ROUTES: Final = (web.get("/fleet", fleet), web.get("/acts", acts))
