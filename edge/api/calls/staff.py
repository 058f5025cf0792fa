"""The calls for and about staff (lane.md, "Staff and service").

Rules of this file:

- who works here is written by the service token (`xinguan staff`); everybody else only unlocks a screen with a PIN;
- what a person does stands in the journal under their name, which comes from the session, never from the body;
- a locked person hears how long; a wrong PIN and an unknown name sound alike.
"""

import asyncio
import functools
import logging
import time
from collections.abc import Mapping
from typing import Protocol

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.ids import uuid7
from cache.ledger import facts, upkeep
from cache.pen import Pen
from credit.inputs import Now
from edge.api.access import SESSION, May
from edge.api.app import Route
from edge.api.bodies import body_of
from edge.api.calls.staff_bodies import OpenBody, PersonBody, PinBody, StopBody, UnlockBody
from edge.api.problems import ConflictError
from edge.lanes.gates.opening import Opening
from edge.lanes.lane import Lane
from edge.staff import persons
from edge.staff.persons import Duty, Person
from edge.staff.pins import WeakPinError, WrongPinError, check_pin, hash_pin, secret_of
from edge.staff.sessions import SESSION_S, Session, Sessions
from edge.watch.bounds import ANSWER_S
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store, T

log = logging.getLogger("xinguan.staff")

LOCKED = 423  # RFC 4918: the person is locked out for a while
WRONG = "the name or the PIN is wrong"


class Clock(Protocol):
    """What tells the time and the place here."""

    @property
    def site(self) -> str:
        """The site this terminal stands at."""
        ...

    def now(self) -> Now:
        """Return now."""
        ...


class StaffCalls:
    """The handlers."""

    def __init__(self, *, store: Store, clock: Clock, key: Ed25519PrivateKey, lanes: Mapping[str, Lane]) -> None:
        self._store = store
        self.sessions = Sessions()
        self._clock = clock
        self._secret = secret_of(key)
        self._lanes = lanes
        self._one_at_a_time = asyncio.Semaphore(1)

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [
            ("GET", "/v1/staff", May.ACT, self.listed),
            ("POST", "/v1/staff", May.TEND, self.add),
            ("DELETE", "/v1/staff/{person}", May.TEND, self.remove),
            ("POST", "/v1/staff/{person}/reset", May.TEND, self.reset),
            ("POST", "/v1/staff/unlock", May.ACT, self.unlock),
            ("POST", "/v1/staff/lock", May.STAND, self.lock),
            ("POST", "/v1/staff/entry", May.STAND, self.entry),
            ("POST", "/v1/lanes/{lane}/open", May.STAND, self.open),
        ]

    async def listed(self, _request: web.Request) -> web.Response:
        """List who works here, for the field one chooses one's name in."""
        found = await self._read(persons.persons)
        return web.json_response([{"person": one.name, "role": one.duty.value} for one in found])

    async def add(self, request: web.Request) -> web.Response:
        """Write a new person down."""
        body: PersonBody = await body_of(request, PersonBody)
        kept = await self._hashed(body.pin)
        at_ms, duty = self._clock.now().utc_ms, Duty(body.role)
        if not await self._write(lambda conn: persons.add(conn, body.person, duty, kept, at_ms)):
            raise ConflictError("here_already", f"{body.person} is here already. Give a new PIN with reset")
        return web.json_response({"person": body.person, "role": body.role}, status=201)

    async def reset(self, request: web.Request) -> web.Response:
        """Give a person a new PIN; ends what they have unlocked."""
        body: PinBody = await body_of(request, PinBody)
        name, kept, at_ms = request.match_info["person"], await self._hashed(body.pin), self._clock.now().utc_ms
        if not await self._write(lambda conn: persons.reset(conn, name, kept, at_ms)):
            raise web.HTTPNotFound(text="nobody of this name works here")
        self.sessions.dismiss(name)
        return web.json_response({"person": name})

    async def remove(self, request: web.Request) -> web.Response:
        """Strike a person out; ends what they have unlocked."""
        name = request.match_info["person"]
        if not await self._write(lambda conn: persons.remove(conn, name)):
            raise web.HTTPNotFound(text="nobody of this name works here")
        self.sessions.dismiss(name)
        return web.json_response({"person": name})

    async def unlock(self, request: web.Request) -> web.Response:
        """Unlock a screen for SESSION_S with one's name and PIN; the answer's token acts in that name."""
        body: UnlockBody = await body_of(request, UnlockBody)
        async with self._one_at_a_time:  # one hash at a time; and nobody tries two PINs at once
            known = await self._read(functools.partial(persons.person, name=body.person))
            self._not_locked(known)
            right = known is not None and await self._is_right(body.pin, known)
            now_ms = self._clock.now().utc_ms
            until_ms = await self._write(lambda conn: persons.tried(conn, body.person, right=right, now_ms=now_ms))
        if known is None or not right:
            log.warning("pin_wrong", extra={"locked": until_ms > now_ms})
            raise web.HTTPForbidden(text=WRONG)
        token = self.sessions.begin(known.name, known.duty)
        return web.json_response(
            {"token": token, "person": known.name, "role": known.duty.value, "seconds": int(SESSION_S)}
        )

    async def lock(self, request: web.Request) -> web.Response:
        """End one's own session."""
        self.sessions.end(request[SESSION].token)
        return web.json_response({})

    async def entry(self, request: web.Request) -> web.Response:
        """Stop entry to the site, or let it go on, in one's own name."""
        body: StopBody = await body_of(request, StopBody)
        session, now = request[SESSION], self._clock.now()
        name = facts.STOP_ENTRY + self._clock.site
        seq = await self._write(
            lambda conn: upkeep.switch(Pen(conn, now, uuid7), name, on=body.stopped, by=session.person)
        )
        return web.json_response({"stopped": body.stopped, "journal_seq": seq})

    async def open(self, request: web.Request) -> web.Response:
        """Open a lane once for somebody, without a code: the fact names who did and why, before the gate moves."""
        body: OpenBody = await body_of(request, OpenBody)
        lane = self._lanes.get(request.match_info["lane"])
        if lane is None:
            raise web.HTTPNotFound(text=f"there is no such lane; there are {', '.join(self._lanes)}")
        session, now = request[SESSION], self._clock.now()
        _only_supervisor(session)
        said = {"opened": lane.id, "by": session.person, "why": body.why}
        seq = await self._write(lambda conn: Pen(conn, now, uuid7).fact("note", said))
        lane.openings.ask(Opening(f"staff-{seq}", None, 1))
        return web.json_response({"lane": lane.id, "journal_seq": seq})

    def _not_locked(self, known: Person | None) -> None:
        wait_ms = 0 if known is None else known.locked_until_ms - self._clock.now().utc_ms
        if wait_ms > 0:
            answer = _Locked(text=f"locked for {wait_ms // 1000 + 1} s after too many wrong PINs")
            answer.headers["Retry-After"] = str(wait_ms // 1000 + 1)
            raise answer

    async def _is_right(self, pin: str, known: Person) -> bool:
        try:
            await asyncio.to_thread(check_pin, pin, known.pin_hash, self._secret)
        except WrongPinError:
            return False
        return True

    async def _hashed(self, pin: str) -> str:
        try:
            async with self._one_at_a_time:
                return await asyncio.to_thread(hash_pin, pin, self._secret)
        except WeakPinError as error:
            raise web.HTTPBadRequest(text=str(error)) from error

    async def _write(self, job: Job[T]) -> T:
        try:
            return await self._store.write(job, before=time.monotonic() + ANSWER_S)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    async def _read(self, job: Job[T]) -> T:
        try:
            return await self._store.read(job)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error


class _Locked(web.HTTPClientError):
    status_code = LOCKED


def _only_supervisor(session: Session) -> None:
    if session.duty is not Duty.SUPERVISOR:
        raise web.HTTPForbidden(text="a supervisor may do this")
