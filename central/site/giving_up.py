"""What gates gave up and the platform has not heard: an id whose place there nobody else would end (claims.md 1, 10).

Rules of this file:

- a gate says it until we have answered, then it forgets; so it is kept in the ask's own transaction, past our restart;
- what was asked for here alone never went up, and is not released there. Of an id that we do not know, because an
  earlier start of this hub was asked, the platform is told: a release of what it never heard of does nothing;
- it is forgotten once the platform has answered; to say it again after a power cut does nothing either.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from storage.jobs import JobStore, Tx
from sync.wire.claims import MAX_ROWS

MOST_HERE: Final = 10_000  # ids; of an older one it is no more known that it was asked for here alone
KEPT: Final = "SELECT redemption, terminal, run FROM given_up"
KEEP: Final = "INSERT INTO given_up (redemption, terminal, run) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
FORGET: Final = "DELETE FROM given_up WHERE redemption = $1"
Whose = tuple[str, str]  # a terminal and its run


class GivenUp:
    """Ids to be released at the platform, by whose they are."""

    def __init__(self, books: JobStore) -> None:
        self._books = books
        self._here: dict[str, None] = {}
        self._ids: dict[str, Whose] = {}
        self._heard: list[str] = []

    async def recall(self) -> None:
        """Recall what was given up before this start. Raises StoreFailedError."""
        rows = await self._books.read(lambda tx: tx.rows(KEPT))
        self._ids |= {redemption: (terminal, run) for redemption, terminal, run in rows}

    def note_here(self, redemption: str) -> None:
        """Note that an id was asked for here alone."""
        self._here[redemption] = None
        if len(self._here) > MOST_HERE:
            del self._here[next(iter(self._here))]

    def fresh(self, released: Iterable[str], whose: Whose) -> dict[str, Whose]:
        """Return what of a gate's releases is to be said at the platform and is not kept yet."""
        return {one: whose for one in released if one not in self._here and one not in self._ids}

    async def keep(self, tx: Tx, fresh: Mapping[str, Whose]) -> None:
        """Write down what is to be said, in the transaction of the ask that said it."""
        if fresh:
            await tx.execute_many(KEEP, [(one, *whose) for one, whose in fresh.items()])

    def kept(self, fresh: Mapping[str, Whose]) -> None:
        """Note what was written down."""
        self._ids |= fresh

    def whose(self) -> list[Whose]:
        """Return of whom something is to be said."""
        return sorted(set(self._ids.values()))

    def of(self, whose: Whose) -> list[str]:
        """Return what to say in the name of one run of a terminal, as much as one ask bears."""
        return [one for one, held in self._ids.items() if held == whose][:MAX_ROWS]

    def heard(self, ids: Iterable[str]) -> None:
        """Note that the platform has heard these."""
        self._heard += [one for one in ids if self._ids.pop(one, None) is not None]

    async def forget(self) -> None:
        """Write down that the platform has heard. Raises StoreFailedError."""
        heard, self._heard = self._heard, []
        if heard:
            await self._books.write(lambda tx: tx.execute_many(FORGET, [(one,) for one in heard]))
