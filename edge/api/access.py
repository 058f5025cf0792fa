"""Who may call the local API, and how errors look (contract.md §9, RFC 6750, RFC 9457).

Rules of this file:

- every call under /v1 needs a bearer token, on loopback too; there are no cookies;
- a token has one role, a role may do what `ALLOWED` says, and what is not in the table is forbidden;
- each call asks for one thing, and `MEANS` says in words which calls that is: a test holds words and routes equal;
- Host must be a name we were configured for (DNS rebinding), and Origin, if present, must be ours;
- every error is `application/problem+json`, also those of aiohttp itself, and whatever bytes a head holds: what
  cannot be understood is the caller's mistake (4xx), never a 500.
"""

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from aiohttp.typedefs import Middleware

from edge.api.problems import problem
from edge.staff.persons import Duty
from edge.staff.sessions import Session, Sessions
from storage.files import create_file
from sync.enrol.identity import is_loopback

log = logging.getLogger("xinguan.api")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TOKEN_FILE = "api-tokens.json"
TOKEN_BYTES = 24
MAX_HOSTS = 64  # that are remembered, right ones and others
MAX_NAME = 200  # characters of a name that an answer quotes


class TokensUnusableError(Exception):
    """The file of API tokens cannot be used; the text names the mend."""


class Role(StrEnum):
    """What a bearer of a token is."""

    DISPLAY = "display"
    DESK = "desk"
    INTEGRATOR = "integrator"
    SERVICE = "service"
    STAFF = "staff"  # a person who unlocked a screen; the token is theirs for five minutes


class May(StrEnum):
    """What a route asks for."""

    LOOK = "look"
    ACT = "act"
    OFFER = "offer"
    TEND = "tend"
    STAND = "stand"


MEANS: dict[May, str] = {
    May.LOOK: "status, readiness, events, a lane and its challenge, the offers, the lists, the counts: of a person "
    "only what a screen shows",
    May.ACT: "presenting, a step, the redemptions, the journal, again, a slip on paper, stopping entry, emergency "
    "opening, who works here, unlocking",
    May.OFFER: "a new offer, editing it, withdrawing it, taking that back",
    May.TEND: "the camera's picture, synchronising, a new person, striking one out, a new PIN: the service page, whose "
    "picture shows the faces of visitors",
    May.STAND: "locking, stopping entry by name, opening once: what a person does in their own name",
}
ALLOWED: dict[Role, frozenset[May]] = {
    Role.DISPLAY: frozenset({May.LOOK}),
    Role.DESK: frozenset({May.LOOK, May.ACT, May.OFFER}),
    Role.INTEGRATOR: frozenset({May.LOOK, May.ACT}),
    Role.SERVICE: frozenset({May.LOOK, May.ACT, May.OFFER, May.TEND}),
    Role.STAFF: frozenset({May.LOOK, May.ACT, May.OFFER, May.STAND}),
}
KEPT = frozenset(Role) - {Role.STAFF}  # whose tokens lie in the file


ROLE = web.RequestKey("role", Role)  # whose token a request under /v1 came with
SESSION = web.RequestKey("session", Session)  # of a staff token: who it is


def load_tokens(data: Path) -> dict[Role, str]:
    """Return this terminal's API tokens, made on first use in a file of their user's own; raise TokensUnusableError."""
    path = data / TOKEN_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[Role, str])
    except FileNotFoundError:
        return _new_tokens(path)
    except msgspec.DecodeError as error:
        if not path.stat().st_size:  # what a power cut leaves of a file that was being made
            path.unlink()
            return _new_tokens(path)
        raise TokensUnusableError(
            f"{path}: is no token file ({error}). Remove it; a new one is made at the next start"
        ) from error


def _new_tokens(path: Path) -> dict[Role, str]:
    """Make tokens; on a disk that keeps nothing they are good until the process ends."""
    tokens = {role: secrets.token_urlsafe(TOKEN_BYTES) for role in Role if role in KEPT}
    try:
        create_file(path, msgspec.json.encode(tokens))
    except OSError as error:
        log.error("tokens_not_kept", extra={"detail": str(error)})  # noqa: TRY400 - the disk's own line tells the rest
    return tokens


def role_of(request: web.Request, tokens: Mapping[Role, bytes], sessions: Sessions) -> Role | None:
    """Return the role of the request's bearer token, None when there is none or it is unknown."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    session = sessions.of(given.strip())
    if session is not None:
        request[SESSION] = session
        return Role.STAFF
    found = None
    said = given.strip().encode("utf-8", "surrogateescape")  # a head may hold any byte
    for role, token in tokens.items():  # no early exit: every comparison takes its time
        if hmac.compare_digest(said, token):
            found = role
    return found


@lru_cache(maxsize=MAX_HOSTS)
def _named(host: str) -> tuple[str, bool]:
    """Return the name in a Host, and whether it means this machine; raise ValueError for what is no address."""
    name = urlsplit(f"//{host}").hostname or ""
    return name, is_loopback(name)


def _host_problem(request: web.Request, hosts: frozenset[str]) -> web.Response | None:
    origin = request.headers.get("Origin")
    try:
        name, here = _named(request.host)
        page = None if origin is None else urlsplit(origin).netloc
    except ValueError:
        return problem(400, "Bad Request", "Host or Origin is no address")
    if name not in hosts and not here:
        return problem(403, "Forbidden", f"this terminal is not called {name[:MAX_NAME]!r}; name it in [api] hosts")
    if page is not None and page != request.host:
        return problem(403, "Forbidden", "pages of another origin may not call this terminal")
    return None


def override_problem(request: web.Request) -> str | None:
    """Return why this caller may not override a decision, None when they may."""
    role = request[ROLE]
    if role is Role.DESK:
        return "an override is a supervisor's: unlock the staff screen with name and PIN"
    if role is Role.STAFF and request[SESSION].duty is not Duty.SUPERVISOR:
        return "a supervisor may do this"
    return None


def guard(tokens: dict[Role, str], hosts: frozenset[str], needs: dict[str, May], sessions: Sessions) -> Middleware:
    """Return the middleware that holds the rules above; `needs` maps "METHOD path" to what it asks for."""
    said = {role: token.encode() for role, token in tokens.items()}

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (fault := _host_problem(request, hosts)) is not None:
            return fault
        resource = request.match_info.route.resource
        path = resource.canonical if resource else ""
        if request.path.startswith("/v1"):
            role = role_of(request, said, sessions)
            if role is None:
                return problem(401, "Unauthorized", "send Authorization: Bearer <token> from api-tokens.json")
            if path and needs.get(f"{request.method} {path}") not in ALLOWED[role]:
                return problem(403, "Forbidden", f"a {role} token may not do this")
            request[ROLE] = role
        return await shaped(request, handler)

    return middleware


async def shaped(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler; give every error the one shape. A bug is logged with its trace and answered with 500."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:  # noqa: PLR2004 - a redirect is no error
            raise
        answer = problem(error.status, error.reason, error.text or "", code=getattr(error, "code", None))
        if "Retry-After" in error.headers:
            answer.headers["Retry-After"] = error.headers["Retry-After"]
        return answer
    except Exception:
        log.exception("request_failed", extra={"path": request.path})
        return problem(500, "Internal Server Error", "the terminal's log has the details")
