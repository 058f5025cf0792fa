"""Calls that look into what a terminal keeps: the signed lists, its journal, what was given lately (terminal.md).

Rules of this file:

- nothing is written, and each look is bounded: no caller makes a lane wait;
- lists and counts name nobody; the journal holds pseudonyms and is for software of the house, not for screens.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from aiohttp import web

from cache.ids import earliest
from cache.journal import chain
from cache.journal.bodies import said_in
from cache.lists.rows import stored
from cache.texts import BODY
from credit.inputs import Now
from credit.rules.ages import AgePolicy
from edge.api.access import May
from edge.api.app import Route
from edge.api.calls.lists_shown import report
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store, T

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MAX_HOURS: Final = 168
MAX_RECORDS: Final = 200
LOOKED_AT: Final = 5_000  # the newest denials that are counted
DAMAGED: Final = "damaged"  # the kind that is told of a row which is no record any more
GIVEN: Final = (
    "SELECT lane, benefit, state, count(*), sum(heads) FROM redemptions WHERE id >= ? AND at_ms >= ?"
    " GROUP BY lane, benefit, state ORDER BY lane, benefit, state"
)
DENIED: Final = f"SELECT at_ms, {BODY} FROM journal WHERE kind = 'not_granted' ORDER BY seq DESC LIMIT ?"  # noqa: S608 - constant columns


class Clock(Protocol):
    """What tells the time here."""

    def now(self) -> Now:
        """Return now."""
        ...


class Looking:
    """The handlers. `ages` gives the policy that is in force: what is given on lists how old."""

    def __init__(self, *, store: Store, clock: Clock, ages: Callable[[], AgePolicy]) -> None:
        self._store = store
        self._clock = clock
        self._ages = ages

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [
            ("GET", "/v1/lists", May.LOOK, self.lists),
            ("GET", "/v1/journal", May.ACT, self.journal),
            ("GET", "/v1/stats", May.LOOK, self.stats),
        ]

    async def lists(self, _request: web.Request) -> web.Response:
        """Tell every list in force, its age, and what is wrong with which."""
        now_ms = self._clock.now().utc_ms
        return web.json_response(report(await self._read(stored), now_ms=now_ms, policy=self._ages()))

    async def journal(self, request: web.Request) -> web.Response:
        """Tell records after `after`, oldest first, and how far the platform has signed for them."""
        after, many = _whole(request, "after", 0, 2**53 - 1), _whole(request, "many", 50, MAX_RECORDS)
        return web.json_response(await self._read(lambda conn: _records(conn, after, many)))

    async def stats(self, request: web.Request) -> web.Response:
        """Tell what was given in the last `hours`, and the reasons of the newest denials."""
        hours = _whole(request, "hours", 24, MAX_HOURS)
        since_ms = self._clock.now().utc_ms - hours * HOUR_MS
        return web.json_response(await self._read(lambda conn: _counts(conn, since_ms)))

    async def _read(self, job: Job[T]) -> T:
        try:
            return await self._store.read(job)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error


def _whole(request: web.Request, name: str, default: int, most: int) -> int:
    """Return a figure of the query; raise 400 for one that is none, and take the most for one that is beyond."""
    told = request.query.get(name, str(default))
    if not (told.isascii() and told.isdigit() and len(told) <= len(str(most))):
        raise web.HTTPBadRequest(text=f"{name}: must be a whole number from 0 to {most}")
    return min(int(told), most)


def _records(conn: sqlite3.Connection, after: int, many: int) -> dict[str, Any]:
    found = [_record(row) for row in conn.execute(chain.AFTER, (after + 1, many))]
    known = chain.cursor(conn)
    through = found[-1]["seq"] if found else after
    return {"records": found, "next": through, "last": chain.head(conn).seq, "acked_through": known.acked_through}


def _record(row: tuple[Any, ...]) -> dict[str, Any]:
    try:
        return msgspec.structs.asdict(chain.record_of(row))
    except ValueError:
        return {"seq": row[0], "id": "", "at_ms": 0, "kind": DAMAGED, "redemption": None, "body": {}}


def _counts(conn: sqlite3.Connection, since_ms: int) -> dict[str, Any]:
    names = ("lane", "benefit", "state", "n", "heads")
    given = [dict(zip(names, row, strict=True)) for row in conn.execute(GIVEN, (earliest(since_ms - DAY_MS), since_ms))]
    denied: Counter[tuple[str, str]] = Counter()
    for at_ms, text in conn.execute(DENIED, (LOOKED_AT,)):
        if at_ms < since_ms:
            break
        body = said_in(text)
        for reason in body.get("reasons", [])[:1]:
            denied[body.get("lane", ""), reason] += 1
        for reason, n in (body.get("refused", {}) | body.get("unverified", {})).items():
            denied[body.get("lane", ""), reason] += n
    told = [{"lane": lane, "reason": reason, "n": n} for (lane, reason), n in sorted(denied.items())]
    return {"since_ms": since_ms, "given": given, "denied": told}
