"""What is owed to whom: sums by site and benefit, and the half-year report as a file."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from central.books.settling.half_year import HalfYear, PeriodError, Settlement, half_year, read_half, settlement
from central.books.settling.sheets import as_csv, as_xlsx
from central.console.doors import DESK, REFUSALS, language, person_of
from central.console.rendering import ZONE, city_of, page, refused
from central.office import conflicts
from central.office.drafts.rulebooks import titles
from central.office.refusals import RefusedError
from storage.jobs import Tx

MAX_DAYS: Final = 400
KINDS: Final = {
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv",
    "json": "application/json",
}


def _days(request: web.Request, now_ms: int) -> tuple[date, date]:
    today = datetime.fromtimestamp(now_ms / 1000, tz=ZONE).date()
    try:
        last = date.fromisoformat(request.query.get("last", today.isoformat()))
        first = date.fromisoformat(request.query.get("first", (last - timedelta(days=30)).isoformat()))
    except ValueError as error:
        raise RefusedError("日期格式为 YYYY-MM-DD · a date is YYYY-MM-DD") from error
    if not 0 <= (last - first).days <= MAX_DAYS:
        raise RefusedError(f"期间 1 至 {MAX_DAYS} 天 · a period of 1 to {MAX_DAYS} days")
    return first, last


async def show(request: web.Request) -> web.Response:
    """Show the settlement of a period: what this city owes, by site and benefit."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    try:
        who.check("settlement.read", city)
        first, last = _days(request, desk.now_ms())
    except REFUSALS as refusal:
        return refused(request, refusal)

    async def job(tx: Tx) -> tuple[Settlement, list[conflicts.Conflict]]:
        sums = await settlement(tx, first=first, last=last, zone=str(ZONE), city=city)
        return sums, await conflicts.listed(tx, city)

    told, open_ones = await desk.books.read(job)
    named = await desk.run(lambda: titles(desk.folder, city, language(request)))
    values: dict[str, Any] = {"conflicts": open_ones, "decisions": conflicts.TITLES}
    values["may_settle"] = who.may("conflict.settle", city)
    return page(request, "money", **values, told=told, first=first, last=last, titles=named)


async def download(request: web.Request) -> web.Response:
    """Give the half-year report as a spreadsheet, as CSV, or as JSON."""
    desk, who = request.app[DESK], person_of(request)
    city, kind = city_of(request, who), request.match_info["kind"]
    try:
        who.check("settlement.read", city)
        if kind not in KINDS:
            raise RefusedError("xlsx、csv 或 json")
        first, last = read_half(request.query.get("half", ""))
    except PeriodError as error:
        return refused(request, RefusedError(str(error)))
    except REFUSALS as refusal:
        return refused(request, refusal)
    told = await desk.books.read(lambda tx: half_year(tx, first=first, last=last, zone=str(ZONE), city=city))
    named = await desk.run(lambda: titles(desk.folder, city))
    body = await desk.run(lambda: _written(told, kind, named))
    name = f"xinguan-{city}-{first}-{last}.{kind}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=body, content_type=KINDS[kind], headers=headers)


def _written(told: HalfYear, kind: str, named: dict[str, str]) -> bytes:
    if kind == "xlsx":
        return as_xlsx(told, named)
    if kind == "csv":
        return as_csv(told, named)
    return told.as_json()


ROUTES: Final[tuple[Any, ...]] = (web.get("/money", show), web.get("/money/report.{kind}", download))
