"""A batch that came over HTTP: taken in, and what there is to tell its terminal, in one transaction.

Batches that wait are taken in together (`storage.jobs.JointJob`): a town's gates that come home at once, each with a
few facts, cost a few statements, not a few hundred.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from central.books.arriving.chains import GapError
from central.books.bounds import Bounds
from central.books.intake import Batch, Taken, take_all
from central.http.answers import Told, to_tell_each, to_tell_former
from central.http.asked import Caller
from central.lives import twins
from central.register.former import note_former
from storage.jobs import JointJob, Tx
from sync.wire.seals import Sealed

SEEN = "UPDATE terminals SET seen_ms = $1 WHERE terminal = $2"


@dataclass(frozen=True, slots=True, eq=False)
class Arrival(JointJob[tuple[Taken, Told]]):
    """A sealed batch: who brought it, whose it is, when it came, and what was in force then."""

    sealed: Sealed
    asker: Caller
    caller: Caller
    now_ms: int
    lists: int | None
    bounds: Bounds

    @property
    def kind(self) -> tuple[type, int | None, int, bool]:
        """Return what those have in common that are taken in together; a former key's are taken in alone."""
        return type(self), self.lists, id(self.bounds), self.caller.former is None

    @property
    def whose(self) -> str:
        """Return the terminal whose batch it is."""
        return self.caller.terminal

    @property
    def weight(self) -> int:
        """Return how many facts it brings."""
        return len(self.sealed.links)

    async def together(self, tx: Tx, jobs: Sequence[Self]) -> list[tuple[Taken, Told] | Exception]:
        """Take batches in; return what is answered to each."""
        await twins.hear_each(tx, [one.asker.claims for one in jobs if one.asker.former is None], now_ms=self.now_ms)
        batches = [Batch(one.sealed, one.now_ms, one.caller.former is not None) for one in jobs]
        found = await take_all(tx, batches, self.bounds)
        here = [one for one, taken in zip(jobs, found, strict=True) if not isinstance(taken, GapError)]
        told = iter(await self._told(tx, here))
        return [taken if isinstance(taken, GapError) else (taken, next(told)) for taken in found]

    async def _told(self, tx: Tx, jobs: Sequence[Self]) -> list[Told]:
        if self.caller.former is None:
            await tx.execute_many(SEEN, sorted((one.now_ms, one.caller.terminal) for one in jobs))
            return await to_tell_each(tx, [one.caller.terminal for one in jobs], self.lists)
        found = []
        for one in jobs:
            former = one.caller.former
            if former is not None:
                await note_former(tx, one.sealed, former, now_ms=one.now_ms)
                found.append(await to_tell_former(tx, one.caller.terminal, former))
        return found
