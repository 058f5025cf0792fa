"""Error answers, one shape everywhere (RFC 9457), and the one place where exceptions become them."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from central.books.intake import GapError
from central.http.inflate import NotGzipError, TooLargeError
from storage.jobs import JobWithdrawnError, StoreFailedError
from sync.wire.messages import Held, Problem, WireError

log = logging.getLogger("central")

STATUS = {
    "bad_message": 400,
    "bad_proof": 400,
    "bad_seal": 422,
    "bad_token": 401,
    "bad_short": 400,
    "clock": 401,
    "code_used": 409,
    "gap": 409,
    "hash_mismatch": 409,
    "learning": 503,
    "not_active": 403,
    "not_found": 404,
    "too_large": 413,
    "too_many_tries": 429,
    "too_slow": 408,
    "unknown_bound": 409,
    "unknown_code": 404,
    "unknown_lease": 409,
    "unknown_short": 404,
    "unknown_terminal": 401,
    "wrong_operator": 401,
}
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
    status = STATUS.get(code, 400)
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
    except WireError as error:
        return problem(error.code, error.detail)
    except GapError as gap:
        return problem(gap.code, str(gap), held=gap.held)
    except (TooLargeError, NotGzipError) as error:
        return problem("too_large" if isinstance(error, TooLargeError) else "bad_message", str(error))
    except web.HTTPException as error:
        return _plain(error.status, error.reason)
    except StoreFailedError as error:
        return _store_failed(error, request)


def _store_failed(error: StoreFailedError, request: web.Request) -> web.Response:
    if isinstance(error, JobWithdrawnError):
        return _plain(503, "no answer was possible in time; nothing was taken")
    log.error("the database failed at %s %s", request.method, request.path, exc_info=error)
    return _plain(500, "the database failed; nothing was stored")


def _plain(status: int, detail: str) -> web.Response:
    body = Problem(title=TITLES.get(status, detail), status=status, code="http", detail=detail)
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/problem+json")
