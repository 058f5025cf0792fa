"""Who is asking, and what a browser may do with the answer.

Rules of this file:

- a session is a `__Host-` cookie: HttpOnly, Secure, SameSite=Strict, for this host alone. Browsers take Secure
  cookies from http on loopback, and nowhere else is http served;
- whatever changes something is a POST whose Origin is one of ours (or, from old browsers, whose Sec-Fetch-Site says
  same-origin); anything else is refused before its body is read. API tokens come in a header, never in an address, and
  no cookie counts for a program's call: no page can make one for its visitor;
- a form is read up to a bound of bytes and of fields (`form_of`): of somebody who is not logged in, 16 KB;
- pages load nothing but what we serve, run no inline script, and are framed by nobody; nothing is kept by caches;
- a person who is not logged in is shown the entrance, whatever they asked for, so that nobody learns what there is.
"""

import logging
from typing import Final
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web

from central.console.describing import problem
from central.http.problems import Handler
from central.office.desk import Desk
from central.office.drafts.states import NotNowError
from central.office.refusals import NotThereError, OfficeError, OvertakenError, RefusedError
from central.register.accounts import sessions
from central.register.accounts.acts import RepeatedError
from central.register.accounts.duties import ForbiddenError, Person
from central.register.accounts.watching import Watch
from storage.jobs import BadValueError, StoreFailedError

log = logging.getLogger("central.console")

SESSION: Final = "__Host-xg-session"
DEVICE: Final = "__Host-xg-device"
LANGUAGE: Final = "__Host-xg-lang"
DEVICE_S: Final = 180 * 86_400
DESK: Final = web.AppKey("desk", Desk)
JOURNAL: Final = web.AppKey("journal", Watch)
PERSON: Final = web.RequestKey("person", Person)
ORIGINS: Final = web.AppKey("origins", frozenset[str])
OPEN: Final = ("/login", "/static/", "/lang", "/healthz")
BEARER: Final = "Bearer "
PROGRAMS: Final = "/v1/"
MAX_SECRET: Final = 200
MAX_FORM: Final = 17 * 1024 * 1024  # 4 MB of a rule file, percent by percent
MAX_STRANGER: Final = 16 * 1024
MAX_FIELDS: Final = 64
HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer would make the Origin of our own forms "null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (ForbiddenError, 403),
    (NotThereError, 404),
    (OvertakenError, 409),
    (NotNowError, 409),
    (RepeatedError, 409),
    (OfficeError, 400),
    (msgspec.ValidationError, 400),
    (BadValueError, 400),
    (StoreFailedError, 503),
)
INTERNAL: Final = 500
REFUSALS: Final = tuple(kind for kind, _status in STATUS)


def status_of(error: Exception) -> int:
    """Return the HTTP status of a refusal."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def words_of(error: Exception) -> str:
    """Return what a person is told about a refusal."""
    if isinstance(error, msgspec.ValidationError):
        return f"表单有误 · the form is wrong: {error}"
    if isinstance(error, StoreFailedError):
        return "数据库暂不可用，请稍后再试 · the database does not answer now; try again"
    if isinstance(error, BadValueError):
        return "含不能存储的字符 · a character in it is none that can be stored"
    return str(error)


def cookie(response: web.StreamResponse, name: str, value: str, *, max_age: int | None = None) -> None:
    """Set one of our cookies; `__Host-` wants Secure, Path=/ and no Domain."""
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Strict", max_age=max_age)


def drop(response: web.StreamResponse, name: str) -> None:
    """Take a cookie away."""
    response.del_cookie(name, path="/", secure=True, httponly=True, samesite="Strict")


def language(request: web.Request) -> str:
    """Return the language of pages: Chinese unless somebody chose English."""
    return "en" if request.cookies.get(LANGUAGE) == "en" else "zh"


def person_of(request: web.Request) -> Person:
    """Return who is asking; only behind `door`."""
    return request[PERSON]


async def form_of(request: web.Request, most: int = MAX_FORM) -> dict[str, str]:
    """Return the fields of a form; raise RefusedError for one that is none, or too large.

    A browser sends ours urlencoded. Each of a million names in a body would be an object, so they are counted first.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise RefusedError("不是表单 · this is no form")
    raw = await request.content.read(most + 1)
    while len(raw) <= most and (more := await request.content.read(most + 1 - len(raw))):
        raw += more
    if len(raw) > most or raw.count(b"&") > MAX_FIELDS:
        raise RefusedError("表单过大 · the form is too large")
    return dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))


def _is_open(path: str) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in OPEN)


def same_origin(request: web.Request) -> bool:
    """Return whether a request that changes something comes from a page of ours."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    allowed = request.app[ORIGINS] or {f"{request.scheme}://{request.host}"}
    return origin in allowed


async def who_asks(request: web.Request) -> Person | None:
    """Return whose session or token this is; a session that was used is noted."""
    desk = request.app[DESK]
    given = request.headers.get("Authorization", "")
    if given.startswith(BEARER):
        secret = given.removeprefix(BEARER)[:MAX_SECRET]
        return await desk.books.read(lambda tx: sessions.of_token(tx, secret, now_ms=desk.now_ms()))
    secret = request.cookies.get(SESSION, "")[:MAX_SECRET]
    if not secret or request.path.startswith(PROGRAMS):
        return None
    found = await desk.books.read(lambda tx: sessions.found(tx, secret, now_ms=desk.now_ms()))
    if found is None:
        return None
    person, stale = found
    if stale:
        await desk.books.write(lambda tx: sessions.touch(tx, secret, now_ms=desk.now_ms()))
    return person


@web.middleware
async def door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let in who may come in, and put the rules for browsers on whatever goes out."""
    response = await _let_in(request, handler)
    if not response.prepared:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
    return response


async def _let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    headers_only = request.path.startswith(PROGRAMS) or request.headers.get("Authorization", "").startswith(BEARER)
    if request.method not in ("GET", "HEAD") and not headers_only and not same_origin(request):
        return web.Response(status=403, text="跨站请求被拒绝 · a request from another site is refused\n")
    try:
        if not _is_open(request.path):
            person = await who_asks(request)
            if person is None:
                return _entrance(request)
            request[PERSON] = person
            if request.method in ("GET", "HEAD") and person.scope is not None and "read" not in person.scope:
                return _plainly(request, 403, "令牌不含 read · the scope of this token does not let it read")
        return await handler(request)
    except web.HTTPException as error:
        return _plainly(request, error.status, f"{error.status} {error.reason}")
    except Exception as error:  # noqa: BLE001 - what is not foreseen is logged there
        return _ill(request, error)


def _ill(request: web.Request, error: Exception) -> web.Response:
    """Return what is said of an error that no handler has answered; what is no fault of the asker's is logged."""
    status = status_of(error)
    if status >= INTERNAL:
        log.error("%s at %s %s", type(error).__name__, request.method, request.path, exc_info=error)
    words = words_of(error) if status != INTERNAL else "平台故障，已记入日志 · the platform is ill; see its log"
    return _plainly(request, status, words)


def _plainly(request: web.Request, status: int, words: str) -> web.Response:
    """Return what the server itself refuses: a problem for a program, a line for everybody else."""
    if request.path.startswith(PROGRAMS):
        return problem(status, words)
    return web.Response(status=status, text=f"{words}\n")


def _entrance(request: web.Request) -> web.Response:
    words = "请登录或提供有效令牌 · log in, or bring a token that is good"
    if request.path.startswith(PROGRAMS):
        return problem(401, words)
    if "json" in request.headers.get("Accept", ""):
        return web.json_response({"error": words, "next": "/login"}, status=401)
    return web.Response(status=303, headers={"Location": "/login"})
