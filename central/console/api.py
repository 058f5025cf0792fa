"""The office's calls over HTTP: as JSON for API tokens (`/v1/office/NAME`), as forms for our pages (`/do/NAME`).

Both come through the one table `central.office.calls`; what a page can do, a token with that scope can, and nothing
else.
"""

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import BodyPartReader, web

from central.console.doors import DESK, REFUSALS, form_of, person_of
from central.console.rendering import refused
from central.office.approving.evidence import MAX_FILE, add_evidence
from central.office.calls import CALLS, call
from central.office.forms import FormData
from central.office.refusals import NotThereError, RefusedError
from sync.wire.messages import WireError, decode

MAX_JSON: Final = 6 * 1024 * 1024
NEXT: Final[Mapping[str, str]] = {
    "measure": "/drafts/{number}",
    "member": "/drafts/{number}",
    "repair": "/drafts/{number}",
    "rules": "/drafts/{number}",
    "sites": "/drafts/{number}",
    "approve": "/drafts/{number}",
    "reject": "/drafts/{number}",
    "withdraw": "/drafts/{number}",
    "roll-back": "/drafts/{number}",
    "dispute": "/measures/{entry}",
    "settle": "/measures/{entry}",
    "apply": "/applications/{application}",
    "decide": "/applications/{application}",
    "ask": "/applications/{application}",
    "complete": "/applications/{application}",
    "take-back": "/applications/{application}",
    "withdraw-grant": "/applications",
    "terminal": "/fleet",
    "undo-import": "/registers",
    "kill": "/",
    "look-over": "/",
    "forget-person": "/registers",
    "settle-conflict": "/money",
}
"""Where a page goes after a call; a call that is neither here nor a file is made by tokens alone."""
FILES: Final[Mapping[str, str]] = {"export-person": "person.json"}
"""Calls whose answer a person keeps as a file."""


async def by_token(request: web.Request) -> web.StreamResponse:
    """Make a call with a JSON object."""
    name = request.match_info["name"]
    if name not in CALLS:
        return refused(request, NotThereError(f"没有此操作 · there is no call {name[:40]!r}"))
    try:
        raw = await _bounded(request)
        given = decode(raw, object)
        told = await call(request.app[DESK], person_of(request), name, given)
    except WireError as error:
        return refused(request, RefusedError(f"不是 JSON · not JSON: {error}"))
    except REFUSALS as error:
        return refused(request, error)
    return web.json_response(told)


async def _bounded(request: web.Request) -> bytes:
    raw = await request.content.read(MAX_JSON + 1)
    while len(raw) <= MAX_JSON and (more := await request.content.read(MAX_JSON + 1 - len(raw))):
        raw += more
    if len(raw) > MAX_JSON:
        raise RefusedError("请求过大 · the request is too large")
    return raw


async def by_form(request: web.Request) -> web.StreamResponse:
    """Make a call with a form of ours, and say where to go next."""
    name = request.match_info["name"]
    try:
        if name not in NEXT and name not in FILES:
            raise NotThereError("没有此操作 · there is no such form")
        told = await call(request.app[DESK], person_of(request), name, FormData.of(await form_of(request)))
    except REFUSALS as error:
        return refused(request, error)
    if name in FILES:
        return web.json_response(told, headers={"Content-Disposition": f'attachment; filename="{FILES[name]}"'})
    return gone(request, NEXT[name].format_map(_Hidden(told)))


class _Hidden(dict[str, Any]):
    """What a call answered; a name that is not there stands for nothing."""

    def __missing__(self, key: str) -> str:
        return ""


def gone(request: web.Request, where: str) -> web.Response:
    """Send a browser on, or tell our script where to go."""
    if "json" in request.headers.get("Accept", ""):
        return web.json_response({"next": where})
    return web.Response(status=303, headers={"Location": where})


async def upload(request: web.Request) -> web.StreamResponse:
    """Take a file in as evidence; it is read whole only up to its bound."""
    application = request.match_info["application"]
    try:
        reader = await request.multipart()
        part = await reader.next()
        while part is not None and getattr(part, "name", None) != "file":
            part = await reader.next()
        if not isinstance(part, BodyPartReader):
            raise RefusedError("请选择文件 · choose a file")
        content = b""
        while chunk := await part.read_chunk(65_536):
            content += chunk
            if len(content) > MAX_FILE:
                raise RefusedError("文件超过 5 MB · the file has more than 5 MB")
        await add_evidence(
            request.app[DESK], person_of(request), application, name=part.filename or "", content=content
        )
    except (ValueError, AssertionError) as error:
        return refused(request, RefusedError(f"上传有误 · the upload is wrong: {error}"))
    except REFUSALS as error:
        return refused(request, error)
    return gone(request, f"/applications/{application}")


ROUTES: Final = (
    web.post("/v1/office/{name}", by_token),
    web.post("/do/{name}", by_form),
    web.post("/applications/{application}/evidence", upload),
)
