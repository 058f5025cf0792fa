"""What a short code that stands for nothing is answered with."""

from aiohttp import web

from sync.shorts import ShortRefusedError
from sync.wire.messages import WireError


def refused_short(error: ShortRefusedError | WireError) -> web.HTTPException:
    """Return the error answer: 400 read it again, 404 there is none, 429 wrong too often."""
    if isinstance(error, WireError):
        return web.HTTPBadRequest(text=error.detail)
    if error.wait_s:
        return web.HTTPTooManyRequests(text=str(error), headers={"Retry-After": str(error.wait_s)})
    return web.HTTPNotFound(text=str(error))
