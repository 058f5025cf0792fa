"""A terminal of the story: its own ledger, the lists it has in force, its clock and its network.

Rules of this file:

- the ledger is the real one, in memory; every presentation is one real transaction (`cache.ledger.settle.settle`);
- lists come into force at the next step while there is a network, and at `restore_network` otherwise;
- the clock: below the highest signed time ever seen it is wrong; a step over 60 s makes it unsure until the network
  returns or an hour of trusted time has passed; then the signed time sets it right.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from cache.journal.chain import begin_epoch
from cache.pen import Pen
from credit.inputs import ClockState, Now, Place
from credit.policy import Policy
from credit.rules.measures import MeasureEntry
from edge.simulator.case import Published
from edge.simulator.shared import Conflict, Link, Site
from edge.simulator.token_spec import pseudonym, short
from storage.sqlite import immediate, memory

STEP_MS = 60_000
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class InForce:
    """What a terminal has in force: published lists and the policy compiled from them."""

    published: Published
    policy: Policy


class Terminal:
    """One terminal. All times are true times of the story unless they are called seen."""

    def __init__(self, place: Place, site: Site, lists: InForce, *, start_ms: int, grace_ms: int) -> None:
        self.place = place
        self.conn = memory()
        self.link = Link(site, self.conn, place.terminal, self._title)
        site.links.append(self.link)
        self.in_force = lists
        self.coming = lists
        self.cut_at_ms: int | None = None
        self._grace_ms = grace_ms
        self._offset_ms = 0
        self._floor_ms = start_ms
        self._unsure_since_ms: int | None = None
        self._numbers = itertools.count(1)
        with immediate(self.conn):
            begin_epoch(self.conn, epoch=f"{place.terminal}-1", terminal=place.terminal, reason="story")

    @contextmanager
    def writing(self, now: Now) -> Iterator[Pen]:
        """Run the body as one transaction; afterwards whoever is reached reads what was journalled."""
        with immediate(self.conn):
            yield Pen(self.conn, now, self.make_id)
        self.link.tell()

    def _title(self, benefit: str) -> Mapping[str, str]:
        found = [one.title for one in self.in_force.published.benefits if one.id == benefit]
        return found[0] if found else {}

    def make_id(self, at_ms: int) -> str:
        """Return a fresh id: the same story makes the same ids."""
        del at_ms
        return f"{self.place.terminal}-{next(self._numbers):06d}"

    def begin_step(self, at_ms: int) -> None:
        """Let published lists come into force, and an hour of trusted time set the clock right."""
        if self.cut_at_ms is not None:
            return
        self.in_force = self.coming
        if self._unsure_since_ms is not None and at_ms - self._unsure_since_ms >= HOUR_MS:
            self._trust()

    def end_step(self, at_ms: int) -> None:
        """Remember the signed time that a network brought."""
        if self.cut_at_ms is None:
            self._floor_ms = max(self._floor_ms, at_ms)

    def now(self, at_ms: int) -> Now:
        """Return the moment as this terminal sees it."""
        seen = at_ms + self._offset_ms
        clock = ClockState.TRUSTED if self._unsure_since_ms is None else ClockState.UNSURE
        if seen < self._floor_ms:
            clock = ClockState.WRONG
        return Now(utc_ms=seen, clock=clock, offline_since_ms=self.cut_at_ms, grace_ms=self._grace_ms)

    def set_clock(self, offset_ms: int, at_ms: int) -> None:
        """Set the clock; a step over a minute makes it unsure."""
        if abs(offset_ms - self._offset_ms) > STEP_MS:
            self._unsure_since_ms = at_ms
        self._offset_ms = offset_ms

    def cut(self, at_ms: int, *, hub_answers: bool = False) -> None:
        """Take the network away, or the platform alone: then the site still counts together."""
        if self.cut_at_ms is None:
            self.cut_at_ms = at_ms
        self.link.to_town = False
        self.link.to_site = self.link.to_site and hub_answers

    def restore(self) -> list[Conflict]:
        """Give the network back: lists come into force, signed time sets the clock right, conflicts come to light."""
        self.cut_at_ms = None
        self.in_force = self.coming
        self._trust()
        self.link.to_site = self.link.to_town = True
        return self.link.tell()

    def _trust(self) -> None:
        self._unsure_since_ms = None
        self._offset_ms = 0

    # The trusted lists as the ledger asks for them (implements cache.ledger.visit.Lists).

    def measures(self, issuer: str, subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return the entries about a subject."""
        return tuple(
            one.entry
            for one in self.in_force.published.entries
            if one.entry.issuer == issuer and pseudonym(one.subject) == subject
        )

    def revoked(self, issuer: str, token_id: bytes, status_index: int | None) -> bool:
        """Return whether a token is revoked."""
        del status_index
        return any(
            found == issuer and short("token", issuer, subject, identity) == token_id
            for found, subject, identity in self.in_force.published.revoked
        )

    def age_s(self, issuer: str, now_s: int) -> int:
        """Return how old the lists are: none while there is a network."""
        del issuer
        return 0 if self.cut_at_ms is None else max(now_s - self.cut_at_ms // 1000, 0)
