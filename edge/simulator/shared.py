"""What terminals share while they have a network, in memory: the counts of a site, and those of the whole town.

The hard idea: a site keeps a ledger of its own, of the same schema, and so does the town for keys that are wider than a
site. Asking is the same `read_facts` and comes back as a `Permit`. Nobody tells them anything in a transaction: after
it they read the terminal's journal on from where they were, make the same values of its facts and apply them
(cache.ledger.entries). What a cut terminal wrote is read at its return; a bound that no longer holds then is a
conflict, and the fact is written all the same: facts are accepted.

Rules of this file:

- a cut terminal is answered nothing and counts alone; one that is cut from the platform only still has its site;
- steps of a redemption reach the other terminals of the site while they have a network.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cache.journal.chain import records
from cache.ledger.counting.holders import BY_KEY, BY_SHARED
from cache.ledger.counting.keys import counts, is_holders, used
from cache.ledger.entries import Change, Entry, Exit, Written, read_back
from cache.ledger.facts import open_things, read_facts
from cache.ledger.permit import ALONE, ClaimWord, Known, Permit
from cache.ledger.visit import Visit
from cache.ledger.writing import write
from credit.decision import Sum, Use
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.reasons import Reason
from credit.weighing.questions import questions
from storage.sqlite import memory

OFFLINE = "offline:"  # counts since a terminal's last contact are its own business
HOLDERS = f"SELECT DISTINCT redemption FROM uses WHERE {BY_KEY} AND given_back_by IS NULL"  # noqa: S608 - constants
SHARERS = f"SELECT DISTINCT redemption FROM uses WHERE {BY_SHARED} AND given_back_by IS NULL"  # noqa: S608 - constants
SUM_HOLDERS = "SELECT redemption FROM sums WHERE key = ? AND given_back_fen < fen"
NONCE = "SELECT 1 FROM nonces WHERE issuer = ? AND token = ? AND nonce = ? AND freed = 0 AND until_ms > ?"
NONCE_HOLDER = "SELECT id FROM redemptions WHERE issuer = ? AND token_id = ? ORDER BY at_ms"

Titles = Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A bound that a returning terminal has overrun: the redemptions that hold it now, its benefit, and what kind."""

    redemptions: tuple[str, ...]
    benefit: str
    kind: str


class Town:
    """The ledger of everybody, for keys that are wider than a site, and which keys those are."""

    def __init__(self) -> None:
        self.conn = memory()
        self.wide: set[str] = set()


class Site:
    """The shared ledger of one site, and the terminals at it."""

    def __init__(self, town: Town) -> None:
        self.conn = memory()
        self.town = town
        self.links: list[Link] = []

    def conflicts(self, entry: Entry, *, wide: bool) -> list[Conflict]:
        """Return the bounds inside the site, or the `wide` ones, that `entry`, told late, overruns now."""
        found: dict[tuple[str, str], set[str]] = {}
        conn = self.town.conn if wide else self.conn
        taking: tuple[Use | Sum, ...] = (*entry.uses(), *entry.consumption.sums)
        for one in taking:
            if (one.key in self.town.wide) != wide:
                continue
            taken = one.n if isinstance(one, Use) else one.fen
            room = (one.limit or 0) - used(conn, one.key, one.since_ms).n
            if one.limit is None or OFFLINE in one.key or room >= taken:
                continue
            asked = SUM_HOLDERS if isinstance(one, Sum) else HOLDERS if is_holders(one.key) else SHARERS
            holders = conn.execute(asked, (one.key,))
            found.setdefault((one.benefit, _kind(one).value), set()).update(row[0] for row in holders)
        burnt = (entry.issuer, entry.token_id, entry.nonce)
        if entry.nonce and not wide and self.conn.execute(NONCE, (*burnt, entry.at_ms)).fetchone():
            holders = self.conn.execute(NONCE_HOLDER, burnt[:2])
            found[(entry.benefit, Reason.REPLAYED.value)] = {row[0] for row in holders}
        return [
            Conflict(redemptions=(*sorted(held), entry.id), benefit=benefit, kind=kind)
            for (benefit, kind), held in sorted(found.items())
        ]


def _kind(one: Use | Sum) -> Reason:
    """Return what it means to overrun a bound, as its key tells (credit.weighing.demands)."""
    key = one.key
    if key.startswith("o|") and one.limit == 1:
        return Reason.ALREADY_OPEN
    if key.startswith("u|stock:"):
        return Reason.OUT_OF_STOCK
    if key.startswith("i|") or "|slot:" in key or "|day:" in key:
        return Reason.FULL
    return Reason.LIMIT_USED


class Told(NamedTuple):
    """How far somebody has read a terminal's journal."""

    site: int = 0
    town: int = 0


@dataclass
class Link:
    """One terminal's way to its site and, through it, to the town."""

    site: Site
    own: sqlite3.Connection
    terminal: str
    titles: Titles
    to_site: bool = True
    to_town: bool = True
    told: Told = field(default_factory=Told)

    def permit(self, visit: Visit, policy: Policy, now: Now) -> Permit:
        """Return what the site and the town know about a visit, that nobody was asked while the network is cut."""
        asked, town = questions(visit.token, visit.request, visit.place, policy, now), self.site.town
        town.wide |= asked.wide
        if not self.to_site:
            return Permit(claim=ClaimWord.ALONE)
        found = read_facts(self.site.conn, asked, visit, now)
        wide = {key: since_ms for key, since_ms in asked.keys.items() if key in asked.wide} if self.to_town else {}
        known = Known(
            used={**found.used, **counts(town.conn, wide)},
            nonce=found.nonce,
            open=found.open,
            bought=found.bought,
            passes=found.passes,
            entry_stopped=found.entry_stopped,
            instead=True,
            site_reached=True,
        )
        return Permit(claim=ClaimWord.HELD if self.to_town else ClaimWord.SITE, known=known)

    def known(self, request: Request, place: Place) -> Permit:
        """Return what the site knows of something brought back without a code."""
        del place
        if not self.to_site:
            return ALONE
        return Permit(known=Known(open=open_things(self.site.conn, None, request), instead=True))

    def tell(self) -> list[Conflict]:
        """Let site and town read on in this terminal's journal, as far as they are reached; return the conflicts."""
        found: list[Conflict] = []
        for record in records(self.own, after=min(self.told)):
            written = read_back(record, self.terminal)
            if written is None:
                continue
            fresh = self.to_site and record.seq > self.told.site
            late = self.to_town and record.seq > self.told.town
            for reached, wide in ((fresh, False), (late, True)):
                if reached and isinstance(written, Entry):
                    found += self.site.conflicts(written, wide=wide)
                if reached:
                    self._apply(self.site.town.conn if wide else self.site.conn, written)
        self._read_through()
        return found

    def _read_through(self) -> None:
        last = self.own.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()[0]
        self.told = Told(last if self.to_site else self.told.site, last if self.to_town else self.told.town)

    def _apply(self, conn: sqlite3.Connection, written: Written) -> None:
        if isinstance(written, Entry):
            write(conn, written._replace(answer=self._titled(written.answer)))
            return
        write(conn, written)
        if conn is self.site.conn:
            self._pass_on(written)

    def _pass_on(self, written: Change | Exit) -> None:
        for link in self.site.links:
            if link is not self and link.to_site:
                write(link.own, written)

    def _titled(self, answer: Mapping[str, Any]) -> Mapping[str, Any]:
        given = [{**one, "title": self.titles(one["benefit"])} for one in answer["offers"]]
        return {**answer, "offers": given}
