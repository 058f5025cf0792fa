"""Reading the body of a call: strict, and what is wrong with it names itself."""

from typing import Any

import msgspec
from aiohttp import web


async def body_of(request: web.Request, kind: type[Any]) -> Any:
    """Return the body as `kind`; raise 400 naming path and mistake. No body is an empty object."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise web.HTTPBadRequest(text=f"the body is not what this call takes: {error}") from error
