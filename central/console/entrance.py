"""Logging in and out. The slow part (Argon2id) runs in a thread, AT_ONCE of them side by side.

Nobody is told whether the account, the password or a lock was the reason; whoever has to wait is told to wait only
where the account exists on their own device, else hears the same "not known" after the same time.

Strangers cannot fill the queue for others: whoever was logged in on this device before has a turn that strangers never
take, and of strangers no address has more than QUEUED tries waiting, all of them no more than ALL_QUEUED. Who is one
too many is told so at once (429), and nothing is compared.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from central.console.doors import (
    DESK,
    DEVICE,
    DEVICE_S,
    LANGUAGE,
    MAX_SECRET,
    MAX_STRANGER,
    SESSION,
    cookie,
    drop,
    form_of,
)
from central.console.rendering import page
from central.office.refusals import RefusedError
from central.register.accounts import sessions
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Person
from central.register.accounts.passwords import MAX_CHARS, holds
from storage.jobs import Tx

MAX_NAME: Final = 32
AT_ONCE: Final = 4  # passwords compared side by side: each takes 19 MB and a tenth of a second of a processor
OWN: Final = 1  # of them for people at a device of their own
QUEUED: Final = 8  # tries of one address, those that are being compared included
ALL_QUEUED: Final = 64
RETRY_S: Final = 5
NOT_KNOWN: Final = ("账号或密码不对，或需稍候再试", "account or password are not right, or you have to wait a little")


class QueueFullError(Exception):
    """Too many tries wait already; the text says so in both languages."""


class Turns:
    """Whose password is compared when."""

    def __init__(self) -> None:
        self._strangers, self._known = asyncio.Semaphore(AT_ONCE - OWN), asyncio.Semaphore(OWN)
        self._waiting: Counter[str] = Counter()

    def waiting(self, address: str) -> int:
        """Return how many tries of strangers at an address are waiting or being compared."""
        return self._waiting[address]

    @asynccontextmanager
    async def turn(self, address: str, *, known_device: bool) -> AsyncIterator[None]:
        """Wait for a turn; raise QueueFullError instead where too many wait."""
        name = "known" if known_device else address
        if not known_device and (self._waiting[name] >= QUEUED or self._waiting.total() >= ALL_QUEUED):
            raise QueueFullError("登录请求过多，请稍候再试 · too many tries are waiting; try again in a little while")
        self._waiting[name] += 1
        try:
            async with self._known if known_device else self._strangers:
                yield
        finally:
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name]


TURNS: Final = web.AppKey("turns", Turns)


async def show(request: web.Request) -> web.Response:
    """Show the form."""
    return page(request, "login", error="")


async def log_in(request: web.Request) -> web.Response:
    """Begin a session under a fresh secret, whatever the browser brought along."""
    try:
        form = await form_of(request, MAX_STRANGER)
    except RefusedError as error:
        return page(request, "login", status=400, error=str(error))
    name, password = form.get("operator", "")[:MAX_NAME], form.get("password", "")[: MAX_CHARS + 1]
    desk, device = request.app[DESK], request.cookies.get(DEVICE, "")[:MAX_SECRET] or None
    tried = await desk.books.read(lambda tx: sessions.trying(tx, name, device, now_ms=desk.now_ms()))
    try:
        async with request.app[TURNS].turn(request.remote or "", known_device=tried.known_device):
            good = await asyncio.to_thread(holds, password, tried.kept)
    except QueueFullError as error:
        return page(request, "login", status=429, error=str(error), headers={"Retry-After": str(RETRY_S)})
    if tried.wait_ms or not good:
        if not tried.wait_ms:
            await desk.books.write(lambda tx: sessions.wrong(tx, name, device, now_ms=desk.now_ms()))
        zh, en = NOT_KNOWN
        return page(request, "login", status=403, error=f"{zh} · {en}")
    session, mark = sessions.fresh_secret(), device or sessions.fresh_secret()
    who = Person(operator=name, title=name, duties=(), via="page")

    async def begin(tx: Tx) -> None:
        await sessions.begin(tx, name, session, mark, now_ms=desk.now_ms())
        await append(tx, who, Act(act="operator.login", city=""), now_ms=desk.now_ms())

    await desk.books.write(begin)
    response = web.Response(status=303, headers={"Location": "/"})
    cookie(response, SESSION, session)
    cookie(response, DEVICE, mark, max_age=DEVICE_S)
    return response


async def log_out(request: web.Request) -> web.Response:
    """End the session."""
    desk, secret = request.app[DESK], request.cookies.get(SESSION, "")[:MAX_SECRET]
    await desk.books.write(lambda tx: sessions.end(tx, secret))
    response = web.Response(status=303, headers={"Location": "/login"})
    drop(response, SESSION)
    return response


async def choose_language(request: web.Request) -> web.Response:
    """Show pages in the other language from now on."""
    try:
        form = await form_of(request, MAX_STRANGER)
    except RefusedError as error:
        return web.Response(status=400, text=f"{error}\n")
    response = web.Response(status=303, headers={"Location": "/"})
    cookie(response, LANGUAGE, "en" if form.get("to") == "en" else "zh", max_age=DEVICE_S)
    return response


ROUTES: Final = (
    web.get("/login", show),
    web.post("/login", log_in),
    web.post("/logout", log_out),
    web.post("/lang", choose_language),
)
