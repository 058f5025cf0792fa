"""Keeping the key files of the lists whole and small: scrubbed, healed, compacted (lists.md).

Rules of this file:

- every night each bucket is hashed again; one that went bad is a problem that shows, and is fetched by its place in the
  file (HTTP Range, RFC 9110 §14.2): what comes must hash to the leaf in memory, so anybody may send it;
- a file whose head or length went bad is given up and fetched whole with the next refresh;
- what is pending is brought home by a child process at low priority into the very file that the index names, or into
  nothing: another content is not accepted. A full disk or a dead child leaves everything as it is.
"""

import asyncio
import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from tuf.api.exceptions import DownloadError

from cache.lists.files import DocumentRefusedError
from cache.lists.index import BASE, DELTA
from cache.lists.keyed import Listed
from cache.lists.keyfile.layout import KeyFileError
from cache.lists.store import ListStore
from sync.pull.fetcher import ListFetcher

log = logging.getLogger(__name__)

NIGHT: Final = range(2, 5)  # hours of the city's day
CHILD_S: Final = 600.0
COMPACTING: Final = "cache.lists.keyfile.compacting"


class Clock(Protocol):
    """Trusted time."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        ...


class Mender:
    """Looks after the key files of `lists`. `fetcher` gives a fetcher with a deadline of its own."""

    def __init__(self, lists: ListStore, fetcher: Callable[[], ListFetcher], clock: Clock) -> None:
        self._lists = lists
        self._fetcher = fetcher
        self._clock = clock
        self._night: str | None = None

    def due(self) -> bool:
        """Tell whether it is night and this night's work is not done; the work is then taken as begun."""
        zone: ZoneInfo = self._lists.current.policy.default_zone
        here = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).astimezone(zone)
        tonight = (here - timedelta(hours=NIGHT.start)).date().isoformat()
        if here.hour not in NIGHT or self._night == tonight:
            return False
        self._night = tonight
        return True

    async def night(self, base_url: str) -> bool:
        """Scrub, heal and compact everything; return whether a refresh shall follow."""
        for (role, _name), listed in self._lists.listed.items():
            bad = await asyncio.to_thread(_bad, listed)
            if bad is None or bad:
                self._lists.unreadable(role, "the nightly look" if bad is None else f"bucket {bad[0]}")
        again = await self.heal(base_url)
        for (role, name), listed in self._lists.listed.items():
            again |= await self.compact(role, name, listed, base_url)
        return again

    async def heal(self, base_url: str) -> bool:
        """Fetch what went bad of lists with a problem; return whether a whole file has to be fetched."""
        again, hurt = False, dict(self._lists.hurt)
        for (role, name), listed in self._lists.listed.items():
            if role not in hurt:
                continue
            bad = await asyncio.to_thread(_bad, listed)
            if bad is None:
                self._lists.files.drop(listed.pile[0].sha256)
                self._lists.let_go(role)
                again = True
            elif not bad or await self._mended(listed, name, bad, base_url):
                log.info("list healed", extra={"role": role, "buckets": len(bad)})
                hurt[role] = ""
        for role in (role for role, text in hurt.items() if not text):
            self._lists.healed(role)
        return again

    async def _mended(self, listed: Listed, name: str, bad: list[int], base_url: str) -> bool:
        base, fetcher = listed.view.base, self._fetcher()
        url = f"{base_url}targets/lists/{listed.city}/{listed.pile[0].sha256}.{name}.{BASE}"
        try:
            for bucket in bad:
                first, size = base.span(bucket)
                rows = await fetcher.piece(url, first=first, size=size)
                await asyncio.to_thread(base.mend, bucket, rows)
        except (DownloadError, KeyFileError, OSError) as error:
            log.warning("list not healed", extra={"city": listed.city, "problem": str(error)})
            return False
        return True

    async def compact(self, role: str, name: str, listed: Listed, base_url: str) -> bool:
        """Make the base that the index names out of the one before it, if that is what lies here."""
        signed, files, here = listed.signed, self._lists.files, listed.pile[0].sha256
        before = signed.before
        if before is None or here == signed.base.sha256 or before.start != listed.view.base.root.hex():
            return False
        url = f"{base_url}targets/lists/{listed.city}/{before.sha256}.{name}.{DELTA}"
        try:
            if not files.has(before.sha256):
                path = files.incoming(before.sha256)
                await asyncio.to_thread(self._fetcher().download_document, url, path, before.size)
                files.accept(before.sha256, before.size)
            files.may_begin(f"the next base of {role}", signed.base.sha256, signed.base.size)
            out = files.incoming(signed.base.sha256)
            given = map(str, (files.place(here), files.place(before.sha256), out))
            problem = await _run(sys.executable, "-I", "-m", COMPACTING, *given)
            if problem:
                log.warning("list not compacted", extra={"role": role, "problem": problem})
                return False
            await asyncio.to_thread(files.accept, signed.base.sha256, signed.base.size)
        except (DownloadError, DocumentRefusedError, OSError) as error:
            log.warning("list not compacted", extra={"role": role, "problem": str(error)})
            return False
        log.info("list compacted", extra={"role": role, "rows": listed.view.count})
        return True


def _bad(listed: Listed) -> list[int] | None:
    """Return the bad buckets of a base, None where its head or length is bad."""
    base = listed.view.base
    return list(base.bad_buckets()) if base.head_is_whole() else None


async def _run(*command: str) -> str:
    """Run a child to its end; return what it complained of."""
    child = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(CHILD_S):
            _out, complaint = await child.communicate()
    except TimeoutError:
        return f"not done within {CHILD_S:g} s"
    finally:
        with suppress(ProcessLookupError):
            if child.returncode is None:
                child.kill()
                await child.wait()
    return complaint.decode(errors="replace").strip() or ("" if child.returncode == 0 else f"exit {child.returncode}")
