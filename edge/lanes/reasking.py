"""A negative of our own lists, asked about once more where it would bar somebody (contract.md §8).

Rules of this file:

- asked beside the claim and before the transaction, within the same budget; no answer in time changes nothing;
- an answer can only take negatives away, for this one decision: an entry of ours goes when no entry of its code is in
  force any more. What the answer says beyond that is for the next lists to say;
- revocations and ages of lists stay as they are: lists too old for a benefit are too old for a repaired visitor too;
- bringing back and leaving ask no list, so nobody is asked for them.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Protocol

from cache.ledger.visit import Lists, Visit
from credit.inputs import ENDING
from credit.rules.measures import EntryState, MeasureEntry
from sync.reask import ReaskFailedError

log = logging.getLogger("xinguan.reask")

REASK_S = 0.15  # the budget of the claim that it is asked beside


class Asks(Protocol):
    """Who can say what stands now."""

    async def standing(self, issuer: str, subject: bytes) -> frozenset[int]:
        """Return the codes in force against `subject` now; raise ReaskFailedError."""
        ...


@dataclass(frozen=True, slots=True)
class Repaired:
    """The trusted lists, without the entries of one subject that are no longer in force."""

    lists: Lists
    who: tuple[str, bytes]
    codes: frozenset[int]
    lifted: tuple[int, ...]

    def measures(self, issuer: str, subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return the entries about `subject`; of the one who was asked about, those whose code still stands."""
        found = self.lists.measures(issuer, subject)
        return tuple(one for one in found if one.code in self.codes) if (issuer, subject) == self.who else found

    def revoked(self, issuer: str, token_id: bytes, status_index: int | None) -> bool:
        """Return what the trusted lists say."""
        return self.lists.revoked(issuer, token_id, status_index)

    def age_s(self, issuer: str, now_s: int) -> int:
        """Return what the trusted lists say."""
        return self.lists.age_s(issuer, now_s)


def denied(visit: Visit, lists: Lists) -> frozenset[int]:
    """Return the codes in our own lists that may turn this visit away; none where somebody ends what was begun."""
    if visit.request.intent in ENDING:
        return frozenset()
    found = lists.measures(visit.token.issuer, visit.token.subject)
    return frozenset([one.code for one in found if one.state is EntryState.ACTIVE])


async def asked_again(asks: Asks, visit: Visit, lists: Lists) -> Lists:
    """Return the lists for this one decision: as they are, or without what is known to be lifted."""
    who, ours = (visit.token.issuer, visit.token.subject), denied(visit, lists)
    try:
        async with asyncio.timeout(REASK_S):
            codes = await asks.standing(*who)
    except (TimeoutError, ReaskFailedError) as error:
        log.info("not_asked_again", extra={"lane": visit.place.lane, "detail": str(error) or "no answer in time"})
        return lists
    if ours <= codes:
        return lists
    lifted = tuple(sorted(ours - codes))
    log.info("negative_lifted", extra={"lane": visit.place.lane, "codes": lifted})
    return Repaired(lists, who, codes, lifted)
