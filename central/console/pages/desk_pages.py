"""Work list, measures, drafts and rules: the pages of clerk, checker and publisher."""

from typing import Any, Final

from aiohttp import web

from central.console.doors import DESK, REFUSALS, form_of, person_of
from central.console.rendering import city_of, page, refused
from central.office import affected, cases, entries
from central.office.approving import applications
from central.office.drafts import deciding, keeping, kinds, rulebooks
from central.office.drafts.states import State
from central.office.importing.columns import KINDS
from central.office.refusals import NotThereError, RefusedError
from central.office.urgent import emergencies, killing
from central.register.accounts.acts import newest
from central.register.accounts.duties import ForbiddenError
from storage.jobs import Tx

MAX_SUBJECT: Final = 100
SHOWN: Final = 100
FILES: Final = {
    "benefits.json": ("优惠", "benefits"),
    "calendars.json": ("日历", "calendars"),
    "measure-codes.json": ("措施目录", "measure codes"),
    "sites.json": ("场所与商户", "sites and merchants"),
    "mapping.json": ("互认对照", "mapping"),
    "list-ages.json": ("名单时效", "ages of lists"),
}
STOPPED: Final = 7 * 86_400_000  # a kill-switch is told on the work list for so long


async def work(request: web.Request) -> web.Response:
    """Show what waits for somebody: drafts, applications, cases."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)

    async def job(tx: Tx) -> dict[str, Any]:
        waiting = await keeping.listed(tx, city, state="open", many=SHOWN)
        return {
            "drafts": waiting,
            "applications": [
                one
                for state in ("entered", "completed")
                for one in await applications.listed(tx, city, state=state, many=SHOWN)
            ],
            "cases": await cases.listed(tx, city, state="open", many=SHOWN),
            "emergencies": await emergencies.unseen(tx, city),
            "stops": [
                one
                for one in await newest(tx, city=city, many=200)
                if one.act == "key.kill" and one.outcome == "done" and one.at_ms > desk.now_ms() - STOPPED
            ],
        }

    found = await desk.books.read(job)
    mine = [one for one in found["drafts"] if may_decide(request, one)]
    looks = who.may("emergency.look", city)
    return page(request, "work", mine=mine, looks=looks, **found)


def may_decide(request: web.Request, draft: keeping.Draft) -> bool:
    """Return whether whoever asks may approve a draft: with the duty for it, and not their own."""
    who = person_of(request)
    return who.operator != draft.maker and who.may(kinds.KINDS[draft.kind].approve, draft.city, draft.authority)


async def measures(request: web.Request) -> web.Response:
    """Show the newest measures, or those of one person."""
    desk, who = request.app[DESK], person_of(request)
    city, subject = city_of(request, who), request.query.get("subject", "").strip()[:MAX_SUBJECT]
    shown, error = "", ""
    try:
        who.check("names.read", city)
        codes, longest = await desk.run(lambda: entries.catalogue(desk.folder, city))
        if subject:
            shown, found = await desk.run(lambda: entries.of_subject(desk.folder, city, subject))
        else:
            found = await desk.run(lambda: entries.newest(desk.folder, city, many=SHOWN))
    except RefusedError as refusal:
        codes, longest, found, error = {}, {}, [], str(refusal)
    except REFUSALS as refusal:
        return refused(request, refusal)
    values: dict[str, Any] = {"codes": codes, "longest": longest, "entries": found, "subject": subject, "shown": shown}
    return page(request, "measures", error=error, authorities=who.authorities("measure.propose", city), **values)


async def entry(request: web.Request) -> web.Response:
    """Show one measure with its case."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    try:
        who.check("names.read", city)
        number = number_of(request.match_info["number"])
        one = await desk.run(lambda: entries.get(desk.folder, city, number))
    except REFUSALS as refusal:
        return refused(request, refusal)
    about = await desk.books.read(lambda tx: cases.about(tx, city, number))
    may = {act: who.may(act, city, one.authority) for act in ("repair.propose", "dispute.open", "dispute.settle")}
    decisions = await affected.by_entry(desk, one)
    return page(request, "entry", entry=one, cases=about, may=may, decisions=decisions)


def number_of(text: str) -> int:
    """Return a number that stands in a path; raise NotThereError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - digits of 2**53
        raise NotThereError("没有此编号 · there is no such number")
    return int(text)


async def drafts(request: web.Request) -> web.Response:
    """Show every draft of the city."""
    desk, city = request.app[DESK], city_of(request, person_of(request))
    state = request.query.get("state", "")
    state = state if state in set(State) else ""
    found = await desk.books.read(lambda tx: keeping.listed(tx, city, state=state, many=SHOWN))
    return page(request, "drafts", drafts=found, state=state)


async def draft(request: web.Request) -> web.Response:
    """Show one draft: what it changes in words, what speaks against it, and what can happen to it now."""
    desk, who = request.app[DESK], person_of(request)
    try:
        one = await deciding.seen(desk, who, number_of(request.match_info["number"]))
    except REFUSALS as refusal:
        return refused(request, refusal)
    kind = kinds.KINDS[one.kind]
    can = {
        "approve": one.state is State.OPEN and may_decide(request, one),
        "withdraw": one.state in (State.OPEN, State.APPROVED)
        and (who.operator == one.maker or who.may(kind.approve, one.city, one.authority)),
        "roll-back": one.state is State.IN_FORCE and who.may(kind.roll_back, one.city, one.authority),
    }
    return page(request, "draft", draft=one, can=can)


async def rules(request: web.Request) -> web.Response:
    """Show the rule files and the form to change one."""
    desk, who = request.app[DESK], person_of(request)
    city, name = city_of(request, who), request.query.get("file", "benefits.json")
    held = await desk.run(lambda: rulebooks.held_files(desk.folder, city)) if city else {}
    name = name if name in FILES else "benefits.json"
    text = held.get(name, b"").decode("utf-8", "replace")
    may = who.may("sites.propose" if name == "sites.json" else "rules.propose", city) or who.may("rules.propose", city)
    call = "rules" if who.may("rules.propose", city) else "sites"
    keys = await desk.run(lambda: killing.keys_of(desk.folder, city))
    values: dict[str, Any] = {"keys": keys, "may_kill": who.may("key.kill", city)}
    values["heads"] = "、".join(column.heads[0] for column in KINDS.get(name.removesuffix(".json"), ()))
    return page(request, "rules", **values, files=FILES, held=sorted(held), file=name, text=text, may=may, call=call)


async def propose_file(request: web.Request) -> web.StreamResponse:
    """Draft a change of one file from the text of the form."""
    who, desk = person_of(request), request.app[DESK]
    try:
        fields = await form_of(request)
        kind = "rules" if who.may("rules.propose", fields.get("city", "")) else "sites"
        asked = deciding.Asked(why=fields.get("why", ""), force=fields.get("force") == "true", once=fields.get("once"))
        if fields.get("city", "") not in who.cities():
            raise ForbiddenError("不是您的城市 · not a city of yours")
        files = {fields.get("file", ""): fields.get("text", "")}
        made = await deciding.propose_rules(desk, who, fields["city"], files, asked, kind=kind)
    except REFUSALS as refusal:
        return refused(request, refusal)
    if "json" in request.headers.get("Accept", ""):
        return web.json_response({"next": f"/drafts/{made.number}"})
    return web.Response(status=303, headers={"Location": f"/drafts/{made.number}"})


ROUTES: Final = (
    web.get("/", work),
    web.get("/measures", measures),
    web.get("/measures/{number}", entry),
    web.get("/drafts", drafts),
    web.get("/drafts/{number}", draft),
    web.get("/rules", rules),
    web.post("/rules", propose_file),
)
