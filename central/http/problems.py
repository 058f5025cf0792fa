"""Error answers, one shape everywhere (RFC 9457), and the one place where exceptions become them."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from central.books.arriving.chains import GapError
from central.http.inflate import NotGzipError, TooLargeError
from storage.jobs import BadValueError, JobWithdrawnError, StoreFailedError
from sync.wire.messages import Held, Problem, WireError

log = logging.getLogger("central")

CODES = {
    "bad_message": 400,
    "bad_proof": 400,
    "bad_seal": 422,
    "bad_token": 401,
    "bad_short": 400,
    "clock": 401,
    "code_used": 409,
    "gap": 409,
    "hash_mismatch": 409,
    "invalid_grant": 400,
    "invalid_nonce": 400,
    "invalid_token": 401,
    "learning": 503,
    "not_active": 403,
    "not_found": 404,
    "refused": 400,
    "store_failed": 500,
    "too_large": 413,
    "too_many_tries": 429,
    "too_slow": 408,
    "unknown_bound": 409,
    "unknown_code": 404,
    "unknown_lease": 409,
    "unknown_short": 404,
    "unknown_terminal": 401,
    "withdrawn": 503,
    "wrong_operator": 401,
}
"""The protocol's words for what went wrong, and their status (docs/protocol.md)."""
OTHER = ("http", "fault")  # what the server itself refuses, by its status; a fault of ours, 500
TITLES = {
    400: "the request is not as the protocol says",
    401: "who asks is not proven",
    403: "who asks may not",
    404: "there is no such thing",
    408: "the request takes too long",
    409: "this does not fit what is held here",
    413: "too large",
    422: "the seal does not hold",
    429: "too many tries",
    500: "the platform is ill",
    503: "not now",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(
    code: str,
    detail: str,
    *,
    held: list[Held] | None = None,
    server_time: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    """Return the error answer for `code`, whose status stands in the table."""
    status = CODES.get(code, 400)
    body = Problem(
        title=TITLES[status], status=status, code=code, detail=detail, held=held or [], server_time=server_time
    )
    return web.Response(
        status=status, body=msgspec.json.encode(body), content_type="application/problem+json", headers=headers
    )


@web.middleware
async def answer_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what handlers raise into problems. A fault of ours is logged with its trace and answered without it."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _plain(error.status, error.reason)
    except Exception as error:  # noqa: BLE001 - what is not foreseen is logged there
        return _problem_of(error, request)


def _problem_of(error: Exception, request: web.Request) -> web.Response:
    match error:
        case WireError():
            return problem(error.code, error.detail)
        case GapError():
            return problem(error.code, str(error), held=error.held)
        case TooLargeError():
            return problem("too_large", str(error))
        case NotGzipError() | BadValueError():  # the latter: a name in the call that nothing is kept under
            return problem("bad_message", str(error))
        case StoreFailedError():
            return _store_failed(error, request)
        case _:
            log.error("a fault of ours at %s %s", request.method, request.path, exc_info=error)
            return _plain(500, "the platform's log has the details", code="fault")


def _store_failed(error: StoreFailedError, request: web.Request) -> web.Response:
    if isinstance(error, JobWithdrawnError):
        return problem("withdrawn", "no answer was possible in time; nothing was taken")
    log.error("the database failed at %s %s", request.method, request.path, exc_info=error)
    return problem("store_failed", "the database failed; nothing was stored")


def _plain(status: int, detail: str, code: str = "http") -> web.Response:
    body = Problem(title=TITLES.get(status, detail), status=status, code=code, detail=detail)
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/problem+json")
