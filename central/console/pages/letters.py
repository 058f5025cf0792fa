"""Letters to the person whom a measure or a dispute is about, as pages to print: told once, with everything in them.

A letter names its person; so only who may read names sees one, and it is kept by nobody but the printer. Both languages
stand on the paper, whatever the screen speaks.
"""

from typing import Any, Final

from aiohttp import web

from central.console.doors import DESK, REFUSALS, person_of
from central.console.pages.desk_pages import number_of
from central.console.rendering import city_of, page, refused
from central.office import affected, cases, entries
from central.office.refusals import NotThereError

KINDS: Final = {
    "measure": ("信用措施告知书", "Notice of a measure"),
    "open": ("异议受理通知书", "Your objection was taken in"),
    "upheld": ("异议成立、措施解除通知书", "Your objection was upheld: the measure is lifted"),
    "rejected": ("异议不成立通知书", "Your objection was not upheld"),
}


async def measure(request: web.Request) -> web.Response:
    """Give the letter that tells somebody of a measure against them."""
    return await _letter(request, None)


async def case(request: web.Request) -> web.Response:
    """Give the letter about a dispute: taken in, or how it was settled."""
    desk = request.app[DESK]
    try:
        number = number_of(request.match_info["number"])
        one = await desk.books.read(lambda tx: cases.get(tx, number))
    except REFUSALS as refusal:
        return refused(request, refusal)
    return await _letter(request, one)


async def _letter(request: web.Request, about: cases.Case | None) -> web.Response:
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    try:
        who.check("names.read", city)
        if about is not None and about.city != city:
            raise NotThereError("没有此案件 · there is no such case")
        number = number_of(request.match_info["number"]) if about is None else about.entry
        entry = await desk.run(lambda: entries.get(desk.folder, city, number))
        whom = await desk.run(lambda: entries.name_of(desk.folder, city, entry.subject))
        codes, _longest = await desk.run(lambda: entries.catalogue(desk.folder, city))
        decisions = await affected.by_entry(desk, entry)
    except REFUSALS as refusal:
        return refused(request, refusal)
    kind = "measure" if about is None else about.state
    values: dict[str, Any] = {"kind": kind, "titles": KINDS[kind], "whom": whom, "code": codes.get(entry.code)}
    return page(request, "letter", entry=entry, case=about, decisions=decisions, **values)


ROUTES: Final = (web.get("/letters/measure/{number}", measure), web.get("/letters/case/{number}", case))
