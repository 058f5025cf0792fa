"""The platform as a hub meets it: calls of its own, and calls of its terminals handed through unread.

Rules of this file:

- what a terminal says to the platform goes up as it came, with the terminal's own request token, and comes back as it
  was signed: a hub can carry an answer, not make one (illness.md 2);
- what the hub sends for a terminal, a batch that waited or a claim on wider keys, goes under its own token;
- a platform that is in trouble is not waited for: `Platform` says so at once, and the hub's own calls notice when it
  is back. By them alone it is ill: what it cannot do for one terminal says nothing about the others (`pauses`).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

import msgspec

from central.site.pauses import Pauses
from sync.auth import Authenticator
from sync.enrol.identity import Identity
from sync.peer import Peer, Trouble, is_busy
from sync.transport import SILENT_S, RefusedError, UnreachableError
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.hubs import LapsedClaim, LapsedClaims, SitePage, open_page
from sync.wire.messages import Answer, Problem, WireError, decode
from sync.wire.seals import open_answer

log = logging.getLogger("central.site")

WIDE_S: Final = 0.1  # of the 150 ms that a gate waits
UNAUTHORIZED: Final = 401
Method = Literal["GET", "POST"]


class PlatformAwayError(Exception):
    """Nobody answers, or not in time, or not as the protocol says."""


class RestingError(PlatformAwayError):
    """The platform could not do just this lately; it is asked again after a while."""


class Passed(NamedTuple):
    """What the platform answered to a call that was handed through."""

    body: bytes
    problem: Problem | None = None


class Platform:
    """The platform of this hub."""

    def __init__(self, peer: Peer, identity: Identity, auth: Authenticator) -> None:
        self.identity = identity
        self._peer = peer
        self._auth = auth
        self._pauses = Pauses()
        self._standing = f"/v1/terminals/{identity.terminal}/standing"
        self.doubted: Callable[[], None] = lambda: None  # asks for our own standing at once

    @property
    def well(self) -> bool:
        """Whether it answered us when it was last asked."""
        return self._peer.trouble is not Trouble.SILENT and not self._peer.is_ill_at(self._standing)

    async def pass_on(
        self, method: Method, path: str, headers: dict[str, str], body: bytes, *, silent_s: float = SILENT_S
    ) -> Passed:
        """Hand a terminal's call through; raise PlatformAwayError."""
        if not self.well:
            raise PlatformAwayError("the platform does not answer")
        try:
            return Passed(await self._exchange(method, path, headers, body, silent_s=silent_s))
        except RefusedError as error:
            return Passed(b"", error.problem)
        except UnreachableError as error:
            raise PlatformAwayError(str(error)) from error

    async def send_batch(self, terminal: str, body: bytes, *, through: int) -> Answer:
        """Send a terminal's batch under the hub's own token; `through`: the last record that is held of it here.

        Raises PlatformAwayError, RefusedError, WireError.
        """
        path, more = f"/v1/terminals/{terminal}/journal?through={through}", {"Content-Encoding": "gzip"}
        raw, jti = await self._call("POST", path, body, headers=more)
        return open_answer(raw, self.identity.keys_in_force, terminal=terminal, nonce=jti, body=body)

    async def claim(self, ask: ClaimRequest) -> ClaimAnswer:
        """Ask for wider keys within WIDE_S; raise PlatformAwayError."""
        if not self.well:
            raise PlatformAwayError("the platform does not answer")
        try:
            async with asyncio.timeout(WIDE_S):
                raw, _jti = await self._call("POST", "/v1/claims", msgspec.json.encode(ask), whose=ask.terminal)
            return decode(raw, ClaimAnswer)
        except (TimeoutError, RefusedError, WireError) as error:
            raise PlatformAwayError(str(error) or "no answer in time") from error

    async def lease(self, ask: LeaseRequest) -> LeaseAnswer:
        """Ask for a lease on a quota that is wider than the site; raise PlatformAwayError."""
        if not self.well:
            raise PlatformAwayError("the platform does not answer")
        try:
            async with asyncio.timeout(WIDE_S):
                raw, _jti = await self._call("POST", "/v1/leases", msgspec.json.encode(ask), whose=ask.terminal)
            return decode(raw, LeaseAnswer)
        except (TimeoutError, RefusedError, WireError) as error:
            raise PlatformAwayError(str(error) or "no answer in time") from error

    async def lapsed(self, claims: list[LapsedClaim]) -> None:
        """Tell which claims have lapsed here. Raises PlatformAwayError, RefusedError."""
        if not self.well:
            raise PlatformAwayError("the platform does not answer")
        body = msgspec.json.encode(LapsedClaims(claims=claims))
        await self._call("POST", f"/v1/hubs/{self.identity.terminal}/lapsed", body)

    async def page(self, after: str) -> SitePage:
        """Return a page of what stands at the site. Raises PlatformAwayError, RefusedError, WireError."""
        hub = self.identity.terminal
        raw, jti = await self._call("GET", f"/v1/hubs/{hub}/site?after={after}", b"")
        return open_page(raw.decode("ascii", "replace"), self.identity.keys_in_force, hub=hub, nonce=jti)

    async def _exchange(
        self,
        method: Method,
        path: str,
        headers: dict[str, str],
        body: bytes,
        *,
        silent_s: float = SILENT_S,
        whose: str | None = None,
    ) -> bytes:
        """Make one call in a terminal's name; raise UnreachableError, RefusedError, RestingError."""
        work = f"{path.partition('?')[0]} {whose or ''}"
        if self._pauses.rests(work):
            raise RestingError(f"the platform could not do this lately: {work}")
        try:
            raw = await self._peer.exchange(
                method, path, headers=headers, body=body or None, silent_s=silent_s, alone=True
            )
        except RefusedError as error:
            if not is_busy(error):
                self._pauses.done(work)
            elif self._pauses.failed(work, error.wait_s):
                log.warning("the platform cannot do %s: %s; whatever else is asked goes on", work, error)
                self.doubted()
            await self._meet(error.problem.server_time or "")
            raise
        self._pauses.done(work)
        await self._meet(raw)
        return raw

    async def _meet(self, said: bytes | str) -> None:
        """Hear of the platform's newer keys, where one of them signed."""
        await self.identity.keys.meet(said, lambda path: self._peer.exchange("GET", path, alone=True))

    async def _call(
        self, method: Method, path: str, body: bytes, *, headers: dict[str, str] | None = None, whose: str | None = None
    ) -> tuple[bytes, str]:
        """Make one call under the hub's name; return the answer and the token's `jti`. A wrong clock is corrected."""
        for last_try in (False, True):
            bearer = self._auth.bearer(body)
            try:
                raw = await self._exchange(method, path, (headers or {}) | bearer.header, body, whose=whose)
            except UnreachableError as error:
                raise PlatformAwayError(str(error)) from error
            except RefusedError as error:
                problem = error.problem
                if last_try or problem.status != UNAUTHORIZED or problem.server_time is None:
                    raise
                self._auth.correct(problem.server_time, bearer.jti)
            else:
                return raw, bearer.jti
        raise AssertionError("unreachable: the last try returns or raises")
