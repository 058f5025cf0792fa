"""The platform's keys as a terminal or hub holds them, and how it hears of the next ones (docs/protocol.md).

Rules of this file:

- an answer whose key is not known here sends us to ask who came after; nothing of it is read before its key is known;
- links are on disk before what they made readable is taken in. A disk that does not take them lets them count until
  the next start, which asks again;
- a link that does not follow changes nothing, and is one line in the log however often it comes (illness.md 2).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from storage.files import replace_file
from sync.enrol.successors import MAX_LINKS, Chain, LinksAnswer
from sync.transport import RefusedError
from sync.wire.hubs import SITE
from sync.wire.jws import head_of
from sync.wire.memory import MEMORY
from sync.wire.messages import WireError, decode
from sync.wire.seals import ANSWER, TIME

KEYS_FILE: Final = "platform-keys.json"
SAID_BY_A_PLATFORM: Final = frozenset({ANSWER, TIME, MEMORY, SITE})
Ask = Callable[[str], Awaitable[bytes]]

log = logging.getLogger("xinguan.platform_keys")


class KeysHeld:
    """The chain in force, in a folder beside `enrolment.json`. It is the other part of an identity that changes."""

    def __init__(self, folder: Path, enrolled: Chain) -> None:
        self._file = folder / KEYS_FILE
        self._asking = asyncio.Lock()
        self._refused: set[str] = set()
        self.chain = self._kept(enrolled)

    def _kept(self, chain: Chain) -> Chain:
        """Return the chain with the links of the file that follow: those before an enrolment anew do not."""
        try:
            links = decode(self._file.read_bytes(), _Kept).links
        except (OSError, WireError):
            return chain  # there is none, or it was edited: the platform tells it again
        for text in links:
            try:
                chain = chain.followed_by(text)
            except WireError:
                continue
        return chain

    async def meet(self, said: bytes | str, ask: Ask) -> None:
        """Before something signed is opened: ask for the links where a key signed it that is not known here.

        `ask` gets a path of the platform and gives its answer; what it raises is raised, but a refusal.
        """
        text = said if isinstance(said, str) else said.decode("ascii", "replace")
        typ, kid = head_of(text)
        if typ not in SAID_BY_A_PLATFORM or kid is None or kid in self.chain.known:
            return
        async with self._asking:
            more = True
            while more and kid not in self.chain.known:
                try:
                    raw = await ask(f"/v1/platform-keys?after={self.chain.newest}")
                    links = decode(raw, LinksAnswer).links
                except (RefusedError, WireError) as error:
                    self._say_once(str(error))
                    return
                more = await self.take(links) and len(links) == MAX_LINKS

    async def take(self, links: Iterable[str]) -> bool:
        """Take in the links that follow; return whether there were any."""
        before = chain = self.chain
        for text in links:
            try:
                chain = chain.followed_by(text)
            except WireError as error:
                self._say_once(str(error))
                break
        if chain is before:
            return False
        try:
            await asyncio.to_thread(replace_file, self._file, msgspec.json.encode(_Kept(links=list(chain.links))))
        except OSError as error:
            self._say_once(f"not kept: {error}")
        self.chain = chain
        log.warning("platform_keys_followed", extra={"number": chain.number, "kid": chain.newest})
        return True

    def _say_once(self, detail: str) -> None:
        if detail not in self._refused and len(self._refused) < MAX_LINKS:
            self._refused.add(detail)
            log.warning("platform_keys_refused", extra={"detail": detail})


class _Kept(msgspec.Struct, frozen=True):
    links: list[str]
