"""The operator's call about tokens: issue a static code (bearer operator token).

Measures, repairs, disputes and rules are not here: they need two people, and this token is nobody's.
"""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from central.http.asked import read_bounded
from central.http.description.answers import Issued
from central.http.problems import Handler
from central.lists.issuing import DAY_S, Wanted, issue
from central.lists.metadata_files import PublishingError
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Person
from central.register.registry import RegistryError
from credit.rules.reading import MAX_WHOLE
from credit.rules.terms import MAX_TIER
from storage.jobs import JobStore
from sync.wire.messages import WireError, decode

MAX_BODY_BYTES = 64 * 1024

Whole = Annotated[int, Meta(ge=0, le=MAX_WHOLE)]

T = TypeVar("T")
SAID: Final = web.RequestKey("said", object)
PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")  # a name stays out of the office journal
OPERATOR: Final = Person(operator="@operator-token", title="operator-token", duties=(), via="admin")


class IssueRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Issue a static code (printed). A bound credential needs the phone's key and goes through `central issue`."""

    city: str
    subject: str
    tier: Annotated[int, Meta(ge=0, le=MAX_TIER)] = 0
    groups: Annotated[list[Annotated[int, Meta(ge=0, lt=2**32)]], Meta(max_length=16)] = []
    days: Annotated[int, Meta(ge=1, le=3_660)] = 30
    max_uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    test: bool = False


class ListCalls:
    """Handlers over the platform's folder. Signing and syncing block, so each call runs in a thread."""

    def __init__(self, folder: Path, store: JobStore, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._store = store
        self._now_ms = now_ms

    def routes(self, guarded: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        """Return the routes of these calls, each behind `guarded`."""
        return [web.post("/v1/admin/issue", guarded(self._journalled("issue", self.issue)))]

    def _journalled(self, name: str, handler: Handler) -> Handler:
        """Return `handler` with a row in the office journal: this token goes past the office's people."""

        async def noted(request: web.Request) -> web.StreamResponse:
            response = await handler(request)
            asked = request[SAID]
            subject = str(getattr(asked, "subject", ""))
            told = {"code": getattr(asked, "code", None), "reject": getattr(asked, "reject", False)}
            act = Act(
                act=f"admin.{name}",
                city=getattr(asked, "city", None) or "",
                subject=subject if PSEUDONYM.fullmatch(subject) else "",
                after=told,
            )
            await self._store.write(lambda tx: append(tx, OPERATOR, act, now_ms=self._now_ms()))
            return response

        return noted

    async def issue(self, request: web.Request) -> web.Response:
        """Issue a static code."""
        asked = await _read(request, IssueRequest)
        wanted = Wanted(
            subject=asked.subject,
            tier=asked.tier,
            groups=asked.groups,
            valid_s=asked.days * DAY_S,
            max_uses=asked.max_uses,
            test=asked.test,
        )
        issued = await _run(lambda: issue(self._folder, asked.city, wanted, now_s=self._now_ms() // 1000))
        return _json(
            Issued(
                token=issued.text,
                token_id=issued.token_id.hex(),
                subject=issued.subject.hex(),
                expires=issued.expires_s,
            )
        )


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")


async def _read(request: web.Request, kind: type[T]) -> T:
    asked = decode(await read_bounded(request, MAX_BODY_BYTES), kind)
    request[SAID] = asked
    return asked


async def _run(call: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(call)
    except (RegistryError, PublishingError) as error:
        raise WireError("bad_message", str(error)) from error
