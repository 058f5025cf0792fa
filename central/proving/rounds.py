"""Judging in rounds, in the background: what has arrived, what is due, hubs' words, what is to be forgotten.

    books ──doubts──> register: which codes were issued ──> the judging process ──verdicts──> books

Rules of this file:

- of several platform processes one judges: the one for which `hold` says so;
- a round that fails is logged and tried again; the books are as before then;
- a round is at most MOST grants, so that no intake waits for a long job;
- after a round it rests REST times as long as that took: when gates that were cut off come home, facts come first.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from central.books.booking import FINDING
from central.books.bounds import Catalogue
from central.books.settling import hub_words
from central.proofs.issued import Issued, issued, registered
from central.proofs.judging import Case, IssuerRow, Judged
from central.proofs.keeping import drop_old, old
from central.proving.cases import Doubt, doubts, orphans
from central.proving.settle import JUDGED, settle
from central.proving.worker import Judges
from central.register.registry import RegistryError
from storage.jobs import JobStore, StoreFailedError, Tx

log = logging.getLogger("central.proving")

EVERY_S: Final = 2.0
REST: Final = 3.0
JUDGE: Final = "judge"
Judge = Callable[[Sequence[Case], tuple[IssuerRow, ...]], Awaitable[list[Judged]]]


class Rounds:
    """Judges the grants of one platform."""

    def __init__(self, books: JobStore, state: Path, now_ms: Callable[[], int]) -> None:
        self._books = books
        self._state = state
        self._now_ms = now_ms
        self._catalogue = Catalogue(state)

    async def run(self, judges: Judges, *, every_s: float = EVERY_S) -> None:
        """Judge for ever, looking every `every_s` seconds and sooner while there is something to do."""
        while True:
            began = time.monotonic()
            try:
                busy = await self._books.hold(JUDGE) and await self.once(judges.judged)
            except (StoreFailedError, RegistryError, OSError, RuntimeError):  # BrokenProcessPool is a RuntimeError
                log.exception("proofs could not be judged")
                busy = 0
            rest_s = REST * (time.monotonic() - began)
            await asyncio.sleep(min(rest_s, every_s) if busy else every_s)

    async def once(self, judge: Judge) -> int:
        """Judge one round; return how many grants were in it."""
        now_ms = self._now_ms()
        found = await self._books.read(lambda tx: doubts(tx, now_ms=now_ms))
        lonely = await self._books.read(orphans)
        if found:
            known = await asyncio.to_thread(self._looked_up, found)
            cases = [replace(one.case, registered=registered(known, one.case.body, one.text)) for one in found]
            verdicts = await judge(cases, known.keys)
            pairs, bounds = list(zip(found, verdicts, strict=True)), self._catalogue.bounds()
            await self._books.write(lambda tx: settle(tx, pairs, bounds, now_ms=now_ms))
        if lonely:
            await self._books.write(lambda tx: _disown(tx, lonely, now_ms=now_ms))
        if await self._books.read(lambda tx: hub_words.is_due(tx, now_ms=now_ms)):
            await self._books.write(lambda tx: hub_words.look(tx, now_ms=now_ms))
        if await self._books.read(lambda tx: old(tx, now_ms=now_ms)):
            await self._books.write(lambda tx: drop_old(tx, now_ms=now_ms))
        return len(found)

    def _looked_up(self, found: Sequence[Doubt]) -> Issued:
        return issued(self._state, [one.text for one in found if one.text is not None])


async def _disown(tx: Tx, lonely: Sequence[tuple[str, str]], *, now_ms: int) -> None:
    """Name proofs that belong to no grant of whoever sent them, and judge them no more."""
    for redemption, terminal in lonely:
        await tx.execute(JUDGED, redemption, terminal, now_ms)
        detail = f"a proof of redemption {redemption}, which this terminal never granted"
        await tx.execute(FINDING, terminal, "", 0, "foreign_proof", detail[:200], now_ms)
