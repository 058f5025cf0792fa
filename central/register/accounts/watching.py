"""What a running platform knows of its office journal: verified up to a head, and looked over again by stretches.

A page that walked the whole chain on each view would take longer with every act there is. Rules of this file:

- the first look walks everything; later ones walk from the head that was kept, so an act is walked when it is new;
- each look walks STRETCH older acts as well, round and round: what is damaged later is seen within a round;
- what a page shows is checked against the act before it, whatever was walked when (`acts.newest_linked`);
- what does not fit is told at each look until it fits again: nothing is kept of a look that failed.

`xinguan central acts --verify` walks everything, always.
"""

from typing import Final

from central.register.accounts.acts import HASH, NOTHING, ActsBrokenError, Verified, further, verify
from storage.jobs import JobStore, Tx

STRETCH: Final = 250  # acts looked over again at each look


class Watch:
    """The journal of one platform, as this process has verified it."""

    def __init__(self) -> None:
        self._kept, self._again = NOTHING, NOTHING

    async def look(self, books: JobStore) -> Verified:
        """Return the head; raise ActsBrokenError."""
        kept, again = self._kept, self._again

        async def job(tx: Tx) -> tuple[Verified, Verified]:
            walked = await further(tx, again, many=STRETCH)
            return await verify(tx, since=await _still_there(tx, kept)), walked

        found, walked = await books.read(job)
        self._kept = found
        self._again = NOTHING if walked.number >= found.number else walked
        return found


async def _still_there(tx: Tx, kept: Verified) -> Verified:
    """Return what was kept, once its last act is seen to bear the hash it bore; raise ActsBrokenError."""
    row = await tx.row(HASH, kept.number) if kept.number else None
    if kept.number and (row is None or bytes(row[0]).hex() != kept.head):
        raise ActsBrokenError(f"act {kept.number} is not what it was when it was verified")
    return kept
