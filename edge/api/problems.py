"""How errors look at the local API (RFC 9457), and the stable word of each.

`code` is for programs and never changes; `detail` is for people and may. A 409 has a word of its own for each cause.
"""

from typing import Final, Literal

from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

KIND: Final = "application/problem+json"
CODES: Final[dict[int, str]] = {
    400: "bad_request",
    401: "no_token",
    403: "not_allowed",
    404: "not_there",
    405: "no_such_method",
    408: "too_slow",
    409: "not_now",
    413: "too_large",
    423: "locked_out",
    429: "too_many",
    500: "fault",
    503: "ill",
}
CONFLICTS: Final = ("step_refused", "other_request", "no_gate", "not_printed", "here_already", "not_now")
WORDS: Final = (*dict.fromkeys((*CODES.values(), *CONFLICTS)),)


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong with a call (RFC 9457): `code` is the stable word, `detail` is for people."""

    title: str
    status: int
    code: Literal[WORDS]  # type: ignore[valid-type]  # the words of the two tables
    detail: str | UnsetType = UNSET
    type: str | UnsetType = UNSET


class ConflictError(web.HTTPConflict):
    """A 409, by its word."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text=text)
        self.code = code


def other_request(request_id: object) -> ConflictError:
    """Return the answer to a request id that comes with another request."""
    return ConflictError("other_request", f"request_id {request_id} was used for another request. Give each its own")


def problem(status: int, title: str, detail: str = "", *, code: str | None = None) -> web.Response:
    """Return an RFC 9457 answer."""
    body = {"type": "about:blank", "title": title, "status": status, "code": code or CODES.get(status, "bad_request")}
    headers = {"WWW-Authenticate": "Bearer"} if status == web.HTTPUnauthorized.status_code else None
    return web.json_response(
        body | ({"detail": detail} if detail else {}), status=status, content_type=KIND, headers=headers
    )
