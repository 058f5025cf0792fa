"""The register of people and files into it: shown first, taken in as one act, undone as one act."""

from typing import Final, NamedTuple

from aiohttp import BodyPartReader, web

from central.books.reports import sites_and_scenes
from central.console.doors import DESK, REFUSALS, language, person_of
from central.console.rendering import city_of, page, refused
from central.office.approving import grants
from central.office.approving.grants import Grant
from central.office.desk import Desk
from central.office.drafts import deciding
from central.office.drafts.deciding import Asked
from central.office.drafts.keeping import Draft
from central.office.drafts.rulebooks import titles
from central.office.entries import known_subject
from central.office.holders.receipts import PAGE, OwnReceipt
from central.office.holders.receipts import listed as own_receipts
from central.office.importing import residents, rule_files
from central.office.importing.columns import KINDS, read_rows
from central.office.importing.reading import MAX_BYTES, read_table
from central.office.refusals import RefusedError
from central.register.accounts.duties import Person
from central.register.registry import register

WHAT: Final = ("residents", "measures")
BRINGING: Final = {"residents": "register.import", "measures": "measure.propose", "sites": "sites.propose"}
BRINGING_RULES: Final = "rules.propose"
ACTS: Final = ("register.import", "sites.propose", BRINGING_RULES)
MAX_PARTS: Final = 16
MAX_SUBJECT: Final = 100
PERSONS: Final = ("person.export", "person.forget")


async def show(request: web.Request) -> web.Response:
    """Show the imports of a city and the form to bring a file."""
    desk, who = request.app[DESK], person_of(request)
    city = city_of(request, who)
    try:
        who.check("names.read", city)
        found = await residents.listed(desk, city)
    except REFUSALS as refusal:
        return refused(request, refusal)
    may = {act: who.may(act, city) for act in ("register.import", "register.undo", "member.propose", *PERSONS)}
    may["measures"] = bool(who.authorities("measure.propose", city))
    return page(request, "registers", imports=found, may=may, preview=None, heads=_heads())


async def receipts(request: web.Request) -> web.Response:
    """Show what one person was approved and given, with what is left: for whoever comes to the desk without a phone."""
    desk, who = request.app[DESK], person_of(request)
    city, subject = city_of(request, who), request.query.get("subject", "").strip()[:MAX_SUBJECT]
    before, error, found = request.query.get("before", "")[:64], "", _Own()
    try:
        who.check("names.read", city)
        if subject:
            found = await _own(desk, city, subject, before)
    except RefusedError as refusal:
        error = str(refusal)
    except REFUSALS as refusal:
        return refused(request, refusal)
    named = await desk.run(lambda: titles(desk.folder, city, language(request)))
    last = found.receipts[-1].redemption if len(found.receipts) == PAGE else ""
    return page(request, "receipts", subject=subject, found=found, error=error, titles=named, last=last)


class _Own(NamedTuple):
    """What is one person's own: their masked name, grants and receipts."""

    shown: str = ""
    grants: tuple[Grant, ...] = ()
    receipts: tuple[OwnReceipt, ...] = ()


async def _own(desk: Desk, city: str, subject: str, before: str) -> _Own:
    def known() -> tuple[str, str]:
        with register(desk.folder) as conn:
            key, shown = known_subject(conn, city, subject)
        return key.hex(), shown

    key, shown = await desk.run(known)
    granted = await grants.listed(desk, city, subject=key)
    given = await desk.books.read(lambda tx: own_receipts(tx, city, key, before=before))
    return _Own(shown, tuple(granted), tuple(given))


def _heads() -> dict[str, str]:
    return {name: "、".join(column.heads[0] for column in KINDS[name]) for name in WHAT}


async def _fields(request: web.Request) -> tuple[dict[str, str], bytes]:
    """Return the small fields of a form and its file, read whole only up to its bound."""
    fields: dict[str, str] = {}
    data = b""
    reader, parts = await request.multipart(), 0
    while (part := await reader.next()) is not None:
        parts += 1
        if not isinstance(part, BodyPartReader) or parts > MAX_PARTS:
            raise RefusedError("上传有误 · the upload is wrong")
        most = MAX_BYTES if part.name == "file" else 2_000
        read = b""
        while chunk := await part.read_chunk(65_536):
            read += chunk
            if len(read) > most:
                raise RefusedError("文件超过 16 MB，请分几次导入 · more than 16 MB; bring it in parts")
        if part.name == "file":
            data = read
        else:
            fields[str(part.name)] = read.decode("utf-8", "replace")
    return fields, data


async def _drafted(desk: Desk, who: Person, what: str, city: str, data: bytes, asked: Asked) -> Draft:
    """Make a draft of a file of measures, merchants or calendars; it is read in a thread, once the duty is known."""
    if what == "measures":
        read = await desk.run(lambda: read_rows(read_table(data), KINDS["measures"]))
        if read.wrong:
            raise RefusedError(residents.told(read.wrong))
        return await deciding.propose_measures(desk, who, city, read.rows, asked)
    kind = "rules" if who.may(BRINGING_RULES, city) else "sites"
    who.check(BRINGING_RULES if what == "calendars" else f"{kind}.propose", city)
    there, _scenes = await desk.books.read(sites_and_scenes)
    files = await desk.run(lambda: rule_files.changed(desk.folder, city, what, data, there=there))
    return await deciding.propose_rules(desk, who, city, files, asked, kind=kind)


def _check(who: Person, what: str, city: str) -> None:
    """Raise ForbiddenError unless somebody may bring this file here."""
    if what == "measures" and who.authorities("measure.propose", city):
        return
    if not (what in ("sites", "calendars") and who.may(BRINGING_RULES, city)):
        who.check(BRINGING.get(what, BRINGING_RULES), city)


async def bring(request: web.Request) -> web.StreamResponse:
    """Show what a file would do (dry run), or take it in."""
    desk, who = request.app[DESK], person_of(request)
    try:
        if not any(who.may(act, city) for act in ACTS for city in who.cities()) and not any(
            who.authorities("measure.propose", city) for city in who.cities()
        ):
            who.check("register.import", "")  # before a byte of the file is read
        fields, data = await _fields(request)
        city, what = fields.get("city", ""), fields.get("what", "residents")
        _check(who, what, city)
        asked = Asked(why=fields.get("why", ""), once=fields.get("once"), force=fields.get("force") == "true")
        if what in ("measures", *rule_files.FILES):
            draft = await _drafted(desk, who, what, city, data, asked)
            return web.Response(status=303, headers={"Location": f"/drafts/{draft.number}"})
        if fields.get("dry") == "true":
            told = await residents.preview(desk, who, city, data)
            found = await residents.listed(desk, city)
            may = {"register.import": True, "register.undo": who.may("register.undo", city), "measures": False}
            may |= dict.fromkeys(("member.propose", *PERSONS), False)
            return page(request, "registers", imports=found, may=may, preview=told, heads=_heads())
        done = await residents.take(desk, who, city, data, asked)
    except (ValueError, AssertionError) as error:
        return refused(request, RefusedError(f"上传有误 · the upload is wrong: {error}"))
    except REFUSALS as refusal:
        return refused(request, refusal)
    where = "/registers" if done["draft"] is None else f"/drafts/{done['draft']}"
    return web.Response(status=303, headers={"Location": where})


ROUTES: Final = (web.get("/registers", show), web.get("/registers/receipts", receipts), web.post("/registers", bring))
