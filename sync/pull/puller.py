"""Pull the signed lists: poll, verify in a thread, switch; keys and the kill-switch first (lists.md).

Rules of this file:

- a poll is one request (`sync.pull.polling`); only when the snapshot is another one is the rest verified, and at least
  every FULL_EVERY_S, so that new root keys are found whatever the timestamp says. One signed anew over the same
  snapshot makes the lists in force younger and changes nothing else;
- one refresh = one verifier session, one deadline, its own scratch folder; first the issuers' roles come into force,
  then lists and rules together;
- one city's fault is that city's problem: its old version stays in force, the others go on;
- trusted time is the latest of the clock, the newest signed list and the root from the enrolment; a timestamp past its
  expiry is a failure (somebody may be holding back news), and so is a platform that does not answer: the lists in
  force stay, and their age shows;
- a bundle that `xinguan lists import` handed over is taken in the same way, from a file instead of the network;
- a full or ill disk is a failed refresh like any other; at the start it is a problem that shows, never a reason not to
  start;
- `run` retries with jitter, in its `turn`, and never ends by itself; `wake` polls at once: what it was told is a hint.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Self, TypeVar

import aiohttp
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError

from cache.lists.store import Change, ListStore
from cache.lists.values import Chain, Stored, Verified
from credit.rules.listing import ISSUERS, LISTS, RULES
from storage.jobs import StoreFailedError
from sync.backoff import Backoff
from sync.pull.bundle import BASE, BundleFetcher
from sync.pull.fetcher import DocumentFetcher, ListFetcher
from sync.pull.handover import Answer, Handover
from sync.pull.looking import Examined, kind_of, look_at
from sync.pull.mending import Mender
from sync.pull.polling import EVERY_S, Chase, Clock, Poll, be_past, snapshot_version
from sync.pull.replay import Replayed, replay
from sync.pull.verify import ListRefusedError, Session, root_issued_ms

log = logging.getLogger(__name__)

STAGES: Final = ((ISSUERS,), (LISTS, RULES))
FULL_EVERY_S: Final = 3600.0
DEADLINE_S: Final = 30.0
POLL_JITTER: Final = 0.1
DISK: Final = "this terminal's disk does not do its part"

T = TypeVar("T")


class PullFailedError(Exception):
    """The lists could not be refreshed; what was in force stays in force. `unreachable`: nobody answered at all."""

    def __init__(self, text: str, *, unreachable: bool = False) -> None:
        super().__init__(text)
        self.unreachable = unreachable


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a refresh brought: versions by role (None: dropped), and every role's problem that stands now."""

    versions: Mapping[str, int | None] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often to look and how long one refresh may take (seconds); `uniform` draws the jitter."""

    poll_s: float = 60.0
    deadline_s: float = DEADLINE_S
    uniform: Callable[[float, float], float] = random.uniform


USUAL: Final = Pace()


class Puller:
    """Keeps a `ListStore` fresh from the static files below `base_url` (".../lists/"). Enter it to have its thread."""

    def __init__(
        self,
        lists: ListStore,
        session: aiohttp.ClientSession,
        *,
        base_url: str,
        trust_root: bytes,
        clock: Clock,
        pace: Pace = USUAL,
    ) -> None:
        self.turn: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)  # before each try: is it decent?
        self.refreshed: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(0)  # after each try that came through
        self.switched: Callable[[Mapping[str, int | None]], None] = lambda _versions: None  # after each switch
        self._lists = lists
        self._session = session
        self._trust_root = trust_root
        self._root_ms = root_issued_ms(trust_root)
        self._woken = asyncio.Event()
        self._chase = Chase()
        self.move(base_url)
        self._clock = clock
        self._pace = pace
        self._handover = Handover(lists.files.folder)
        self._mender = Mender(lists, self._fetcher, clock)
        self._full_at = 0.0
        self.last_ok_ms: int | None = None
        self.last_error: str | None = None
        self.refusal: str | None = None  # the last error, when somebody answered
        self.turns = 0

    async def __aenter__(self) -> Self:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lists")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._thread.shutdown(wait=True)

    @property
    def versions(self) -> Mapping[str, int]:
        """The versions in force, by role."""
        return self._lists.current.versions

    def wake(self, named: int | None = None) -> None:
        """Poll at once: somebody says that something changed, and which publication is the newest."""
        self._chase.name(named)
        self._woken.set()

    def move(self, base_url: str, pin: bytes | None = None) -> None:
        """Fetch from there from now on; `pin`: the hash of the one certificate that is good (a hub's)."""
        self._base_url, self._pin = base_url if base_url.endswith("/") else f"{base_url}/", pin
        self._poll = Poll(self._base_url, self._trust_root)
        self.wake()

    async def restore(self) -> Replayed:
        """Put the stored lists in force, verified again, without a network."""
        stored = await self._lists.stored()
        try:
            with TemporaryDirectory(prefix="xinguan-lists-") as folder:
                scratch = Path(folder)
                found = await self._blocking(
                    lambda: replay(stored, trust_root=self._trust_root, files=self._lists.files, scratch=scratch)
                )
        except OSError as error:
            found = Replayed(problems={"": f"{DISK}: {error}"})
        await self._lists.restore(stored, found.verified, problems=found.problems)
        for role, text in found.problems.items():
            log.error("stored list does not verify", extra={"role": role, "problem": text})
        return found

    async def run(self) -> None:
        """Refresh for ever."""
        backoff = Backoff(self._pace.uniform)
        while True:
            self._woken.clear()
            try:
                await self.take_handed()
                await self.turn()
                await self.once()
                behind = self._chase.on and self._chase.behind(snapshot_version(await self._lists.stored()))
            except (PullFailedError, StoreFailedError) as error:
                level = logging.WARNING if str(error) != self.last_error else logging.DEBUG  # a long outage is one line
                log.log(level, "lists not refreshed", extra={"problem": str(error), "failures": backoff.failures})
                self.last_error = str(error)
                unreachable = isinstance(error, PullFailedError) and error.unreachable
                self.refusal = None if unreachable else self.last_error
                pause_s = backoff.unreachable_s() if unreachable else min(backoff.refused_s(None), self._pace.poll_s)
            else:
                backoff.succeeded()
                usual_s = self._pace.poll_s * self._pace.uniform(1 - POLL_JITTER, 1 + POLL_JITTER)
                pause_s = min(usual_s, EVERY_S) if behind else usual_s
            self.turns += 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause_s)

    async def take_handed(self) -> None:
        """Take in the bundle that `xinguan lists import` put down, if one waits, and answer for it."""
        waiting = self._handover.waiting()
        if waiting is None:
            return
        try:
            pulled = await self.take_bundle(waiting)
        except PullFailedError as error:
            answer = Answer(error=str(error))
        else:
            answer = Answer(versions=dict(pulled.versions), problems=dict(pulled.problems))
        try:
            self._handover.answer(answer)
        except OSError as error:
            raise PullFailedError(f"{DISK}: {error}") from error

    async def take_bundle(self, path: Path) -> Pulled:
        """Refresh from a bundle file instead of the network; raise PullFailedError or StoreFailedError."""
        stored = await self._lists.stored()
        try:
            fetcher = BundleFetcher(path)
            with contextlib.closing(fetcher):
                return await self._verified(stored, fetcher, base_url=BASE, reference_ms=fetcher.issued_ms())
        except (ListRefusedError, DownloadError) as error:
            raise PullFailedError(str(error)) from error
        except OSError as error:
            raise PullFailedError(f"{DISK}: {error}") from error

    async def once(self) -> Pulled:
        """Refresh now and return what changed; raise PullFailedError or StoreFailedError."""
        await self._mend()
        stored = await self._lists.stored()
        fetcher = self._fetcher()
        reference_ms = max(self._clock.now_ms(), stored.newest_ms, self._root_ms)
        try:
            if await self._is_newest(stored, fetcher, reference_ms):
                pulled = Pulled(problems=self._lists.current.problems)
            else:
                pulled = await self._verified(stored, fetcher, base_url=self._base_url, reference_ms=reference_ms)
        except (ListRefusedError, DownloadError) as error:
            answered = isinstance(error, ListRefusedError | DownloadHTTPError | DownloadLengthMismatchError)
            raise PullFailedError(str(error), unreachable=not answered) from error
        except OSError as error:
            raise PullFailedError(f"{DISK}: {error}") from error
        self.last_ok_ms, self.last_error, self.refusal = self._clock.now_ms(), None, None
        await self.refreshed()
        return pulled

    async def _mend(self) -> None:
        """Heal what is known to be damaged; at night, look for damage and bring home what is pending."""
        if self._mender.due():
            again = await self._mender.night(self._base_url)
        else:
            again = bool(self._lists.hurt) and await self._mender.heal(self._base_url)
        self._full_at = 0.0 if again else self._full_at

    def _fetcher(self) -> ListFetcher:
        return ListFetcher(self._session, deadline_s=self._pace.deadline_s, pin=self._pin)

    async def _verified(self, stored: Stored, fetcher: DocumentFetcher, *, base_url: str, reference_ms: int) -> Pulled:
        with TemporaryDirectory(prefix="xinguan-lists-") as folder:
            session = Session(
                stored,
                trust_root=self._trust_root,
                base_url=base_url,
                fetcher=fetcher,
                files=self._lists.files,
                reference_ms=reference_ms,
                scratch=Path(folder),
            )
            return await self._refresh(session, fetcher)

    async def _is_newest(self, stored: Stored, fetcher: ListFetcher, reference_ms: int) -> bool:
        """Tell whether what is in force is the newest, and take in the timestamp that says so anew."""
        if asyncio.get_running_loop().time() >= self._full_at or self._lists.current.problems:
            return False
        polled = await self._poll.ask(stored, fetcher, reference_ms=reference_ms)
        if polled.renewal is not None:
            be_past(polled.renewal, self._clock.signed_ms())
            renewed = Verified(chain=polled.renewal, roles=(), floors={}, problems={})
            await self._lists.take_in(renewed, at_ms=self._clock.now_ms())
        return polled.unchanged

    async def _refresh(self, session: Session, fetcher: DocumentFetcher) -> Pulled:
        self._full_at = 0.0  # until this one has come to its end, the stored timestamp alone proves nothing
        chain = await self._blocking(session.top, fetcher)
        be_past(chain, self._clock.signed_ms())
        versions: dict[str, int | None] = {}
        for kinds in STAGES:
            roles = frozenset(role for role in chain.cities if kind_of(role) in kinds)
            while roles:
                examined = await self._blocking(lambda roles=roles: look_at(session, roles), fetcher)  # type: ignore[misc]
                last = kinds == STAGES[-1]
                change = await self._take_in(chain, examined, roles, more_to_come=not last)
                versions |= change.versions
                roles = change.astray - session.afresh  # once more, from the base
                session.afresh |= roles
        problems = self._lists.current.problems
        if not problems:
            self._full_at = asyncio.get_running_loop().time() + FULL_EVERY_S
            self._lists.files.give_up_downloads()
        return Pulled(versions=versions, problems=problems)

    async def _take_in(
        self, chain: Chain, examined: Examined, looked_at: frozenset[str], *, more_to_come: bool
    ) -> Change:
        before, had = self._lists.current.problems, self._lists.current.versions
        others = {role: text for role, text in before.items() if role in chain.cities - looked_at}
        problems = {**others, **examined.problems}
        verified = Verified(chain=chain, roles=examined.states, floors=examined.floors, problems=problems)
        change = await self._lists.take_in(verified, at_ms=self._clock.now_ms(), more_to_come=more_to_come)
        for role, text in change.problems.items():
            log.error("list refused; its old version stays in force", extra={"role": role, "problem": text})
        if change.versions:
            log.info("lists switched", extra={"versions": dict(change.versions)})
            self.switched({role: version for role, version in change.versions.items() if role in had})
        return change

    async def _blocking(self, job: Callable[[], T], fetcher: DocumentFetcher | None = None) -> T:
        """Run `job` in the list thread; when we are cancelled, its downloads end and the thread is waited for."""
        future = asyncio.get_running_loop().run_in_executor(self._thread, job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if isinstance(fetcher, ListFetcher):
                fetcher.cancel()
            await asyncio.wait([future])
            if not future.cancelled() and (error := future.exception()) is not None:  # asked, or the loop complains
                log.info("refresh_given_up", extra={"detail": str(error)})
            raise
