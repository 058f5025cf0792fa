"""Applications, their evidence, and grants with what was used of them."""

from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from central.console.doors import DESK, REFUSALS, person_of
from central.console.rendering import city_of, page, refused
from central.office.approving import applications, grants
from central.office.approving.applications import TITLES
from central.office.approving.evidence import FILES, read_evidence
from central.office.refusals import NotThereError, RefusedError

SHOWN: Final = 100


async def show_all(request: web.Request) -> web.Response:
    """Show applications, the most urgent first, and grants."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    state = request.query.get("state", "")
    state = state if state in TITLES else ""
    found = await desk.books.read(lambda tx: applications.listed(tx, city, state=state, many=SHOWN))
    granted = await grants.listed(desk, city, many=SHOWN)
    try:
        benefits = await desk.run(lambda: applications.by_approval(desk, city))
    except RefusedError:
        benefits = []
    may = who.may("application.enter", city)
    values: dict[str, Any] = {"applications": found, "grants": granted, "benefits": benefits, "titles": TITLES}
    values |= {"state": state}
    return page(request, "applications", may=may, may_withdraw=who.may("grant.withdraw", city), **values)


async def show(request: web.Request) -> web.Response:
    """Show one application with its evidence and what can happen to it now."""
    desk, who = request.app[DESK], person_of(request)
    name = request.match_info["application"]
    try:
        one = await desk.books.read(lambda tx: applications.get(tx, name))
        if not who.may("read", one.city):
            raise NotThereError(f"没有申请 {name[:20]} · there is no such application")
    except REFUSALS as refusal:
        return refused(request, refusal)
    files = await desk.books.read(lambda tx: tx.rows(FILES, name))
    can = {
        "decide": who.may("application.decide", one.city) and who.operator != one.clerk,
        "enter": who.may("application.enter", one.city),
        "evidence": who.may("names.read", one.city),
    }
    steps = {step for (state, step) in applications.LIFE if state == one.state}
    listed = [(bytes(row[0]).hex(), *row[1:]) for row in files]
    return page(request, "application", application=one, files=listed, can=can, steps=steps, titles=TITLES)


async def download(request: web.Request) -> web.Response:
    """Give evidence back as a file to keep: never shown inside a page, never run."""
    name, digest = request.match_info["application"], request.match_info["sha256"]
    try:
        shown, _kind, content = await read_evidence(request.app[DESK], person_of(request), name, digest)
    except REFUSALS as refusal:
        return refused(request, refusal)
    headers = {
        "Content-Disposition": f"attachment; filename=\"evidence\"; filename*=UTF-8''{quote(shown, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, content_type="application/octet-stream", headers=headers)


ROUTES: Final = (
    web.get("/applications", show_all),
    web.get("/applications/{application}", show),
    web.get("/applications/{application}/evidence/{sha256}", download),
)
