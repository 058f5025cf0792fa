"""Reading the body of a call, and the caller's id of it: strict, and what is wrong names itself."""

import asyncio
import json
from typing import Any, Final

import msgspec
from aiohttp import web

from storage.jobs import storable

BODY_S: Final = 5.0  # from the head to the end of the body
KEY: Final = "Idempotency-Key"
MAX_KEY: Final = 64


async def body_of(request: web.Request, kind: type[Any]) -> Any:
    """Return the body as `kind`; raise 400 naming path and mistake, 408 for one that does not come. None is `{}`."""
    data = await (request.read() if request.content.is_eof() else _slow(request)) or b"{}"  # most came with its head
    try:
        found = msgspec.json.decode(data, type=kind)
        json.loads(data, object_pairs_hook=_once_each)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise web.HTTPBadRequest(text=f"the body is not what this call takes: {error}") from error
    return found


async def _slow(request: web.Request) -> bytes:
    """Wait for the rest of a body, and not for long; raise 408."""
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(text=f"the body was not here within {BODY_S:g} s") from error


def request_id_of(request: web.Request, said: str | None) -> str | None:
    """Return the caller's id of this request, from the body (`said`) or the header; raise 400 where they differ."""
    header = request.headers.get(KEY)
    readable = header is None or storable(header)  # a head may hold any byte, and a store no half of a character
    if header is not None and (not readable or not 1 <= len(header) <= MAX_KEY or said not in (None, header)):
        raise web.HTTPBadRequest(text=f"{KEY} has 1 to {MAX_KEY} characters of UTF-8, and equals request_id")
    return said or header


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object that names a member twice: nobody can tell which of the two was meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _value in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is there twice")
    return found
