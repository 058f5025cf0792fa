"""The desk: where whatever the office does comes through, whether by page, call or command.

Rules of this file:

- an act is written into the office journal in the same transaction as what it changes in the books;
- what changes lists as well is `begun` in the journal, done in a thread, then `done` or `failed`: between the two a
  power cut leaves a visible trace, and the act can be tried again;
- one draft at a time is put in force: the page that approved it and the schedule may come to it in the same moment;
- whoever asks is asked for their duty before anything else is looked at, so a refusal tells nobody what there is.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from central.lists.metadata_files import PublishingError
from central.lists.role_keys import KeyFolderError
from central.office.refusals import OfficeError, RefusedError
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Person
from central.register.registry import RegistryError
from central.register.warrants import UnwarrantedError
from storage.jobs import JobStore, Tx

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """The platform's folder and books, for whoever works in the office."""

    folder: Path
    books: JobStore
    now_ms: Callable[[], int]
    applying: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, compare=False, repr=False)

    async def run(self, work: Callable[[], T]) -> T:
        """Run what reads or signs files in a thread; raise RefusedError with the words of whoever refused."""
        try:
            return await asyncio.to_thread(work)
        except (RegistryError, PublishingError, KeyFolderError, UnwarrantedError) as error:
            raise RefusedError(str(error)) from error

    async def write(self, who: Person, act: Act, job: Callable[[Tx], Awaitable[T]]) -> T:
        """Write an act and what it changes in the books as one transaction; raise RepeatedError."""
        now_ms = self.now_ms()

        async def whole(tx: Tx) -> T:
            await append(tx, who, act, now_ms=now_ms)
            return await job(tx)

        return await self.books.write(whole)

    async def effect(
        self,
        who: Person,
        act: Act,
        work: Callable[[], T],
        told: Callable[[T], Any],
        then: Callable[[Tx, T], Awaitable[None]] | None = None,
    ) -> T:
        """Do what changes more than the books, between two rows of the journal; raise RefusedError, RepeatedError.

        `then` is what the books say once it is done: one transaction with the row that says so.
        """
        now_ms = self.now_ms()
        number = await self.books.write(lambda tx: append(tx, who, replace(act, outcome="begun"), now_ms=now_ms))
        ended = replace(act, of=number, once=None)
        try:
            done = await self.run(work)
        except OfficeError as error:
            failed = replace(ended, outcome="failed", after={"error": str(error)[:500]})
            await self.books.write(lambda tx: append(tx, who, failed, now_ms=self.now_ms()))
            raise

        async def over(tx: Tx) -> None:
            await append(tx, who, replace(ended, after=told(done)), now_ms=self.now_ms())
            if then is not None:
                await then(tx, done)

        await self.books.write(over)
        return done
