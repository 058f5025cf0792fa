"""The counts of a whole site, shared by its terminals while they have a network: the executable `Claims` of a hub.

The hard idea: the site keeps a ledger of its own, of the same schema. Asking it is the same `read_facts`, telling it
applies the same written values (cache.ledger.entries). What a cut terminal writes is kept in order and told at its
return; a bound that no longer holds then is a conflict, and the fact is written all the same: facts are accepted.

Rules of this file:

- a cut terminal is answered nothing and counts alone;
- steps of a redemption reach the terminal that made it, while that has a network.
"""

import sqlite3
from dataclasses import dataclass, field

from cache.ledger.entries import Change, Entry, Exit, Written, standing, write, write_change, write_exit
from cache.ledger.facts import nonce_of, open_things, read_facts, used
from credit.claims import Token
from credit.decision import Sum, Use
from credit.facts import Facts
from credit.inputs import Now, Place, Request
from credit.lifecycle import after
from credit.reasons import Reason
from credit.weighing.questions import Questions
from storage.sqlite import memory

OFFLINE = "offline:"  # counts since a terminal's last contact are its own business
HOLDERS = "SELECT DISTINCT redemption FROM uses WHERE key = ? AND given_back_by IS NULL"
SUM_HOLDERS = "SELECT redemption FROM sums WHERE key = ? AND given_back_fen < fen"
NONCE = "SELECT 1 FROM nonces WHERE issuer = ? AND token = ? AND nonce = ?"
NONCE_HOLDER = "SELECT id FROM redemptions WHERE issuer = ? AND token_id = ? ORDER BY at_ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """A bound that a returning terminal has overrun: the redemptions that hold it now, its benefit, and what kind."""

    redemptions: tuple[str, ...]
    benefit: str
    kind: str


class Site:
    """The shared ledger of one site, and the terminals at it."""

    def __init__(self) -> None:
        self.conn = memory()
        self.terminals: list[SiteClaims] = []

    def apply(self, written: Written, *, sender: "SiteClaims") -> None:
        """Write what a terminal wrote, and pass steps on to the terminal whose redemption it is."""
        write(self.conn, written)
        if isinstance(written, Entry):
            return
        for terminal in self.terminals:
            if terminal is not sender and terminal.connected:
                pass_on(terminal.own, written)

    def conflicts(self, entry: Entry) -> list[Conflict]:
        """Return the bounds that `entry`, made while its terminal was cut, overruns now."""
        found: dict[tuple[str, str], set[str]] = {}
        taking: tuple[Use | Sum, ...] = (*entry.uses(), *entry.decision.consumption.sums)
        for one in taking:
            taken = one.n if isinstance(one, Use) else one.fen
            if one.limit is None or OFFLINE in one.key or self._room(one) >= taken:
                continue
            holders = self.conn.execute(HOLDERS if isinstance(one, Use) else SUM_HOLDERS, (one.key,))
            found.setdefault((one.benefit, one.reason.value), set()).update(row[0] for row in holders)
        nonce, token = nonce_of(entry.token), entry.token
        if nonce and self.conn.execute(NONCE, (token.issuer, token.token_id, nonce)).fetchone():
            holders = self.conn.execute(NONCE_HOLDER, (token.issuer, token.token_id))
            found[(entry.decision.benefit or "", Reason.REPLAYED.value)] = {row[0] for row in holders}
        return [
            Conflict(redemptions=(*sorted(held), entry.id), benefit=benefit, kind=kind)
            for (benefit, kind), held in sorted(found.items())
        ]

    def _room(self, one: Use | Sum) -> int:
        return (one.limit or 0) - used(self.conn, one.key, one.since_ms).n


def pass_on(own: sqlite3.Connection, written: Change | Exit) -> None:
    """Apply a step or an exit to another terminal's ledger, where it fits."""
    if isinstance(written, Exit):
        write_exit(own, written)
        return
    before = standing(own, written.redemption)
    if before is not None and not isinstance(after(before.state, written.step, passed=before.passed), Reason):
        write_change(own, written)


@dataclass
class SiteClaims:
    """One terminal's way to its site (implements `cache.ledger.claims.Claims`)."""

    site: Site
    own: sqlite3.Connection
    connected: bool = True
    waiting: list[Written] = field(default_factory=list)

    def ask(
        self, asked: Questions, *, token: Token | None, request: Request, place: Place, now: Now, budget_ms: int
    ) -> Facts | None:
        """Return what the site knows, None while the network is cut."""
        del budget_ms
        if not self.connected:
            return None
        if token is None:
            return Facts(place=place, open=open_things(self.site.conn, None, request))
        return read_facts(self.site.conn, asked, token=token, request=request, place=place, now=now)

    def tell(self, written: Written) -> None:
        """Hand on what was written, or keep it for the return."""
        if self.connected:
            self.site.apply(written, sender=self)
        else:
            self.waiting.append(written)

    def reconnect(self) -> list[Conflict]:
        """Tell the site everything that happened meanwhile, in order; return the conflicts."""
        self.connected = True
        conflicts: list[Conflict] = []
        for written in self.waiting:
            if isinstance(written, Entry):
                conflicts += self.site.conflicts(written)
                write(self.site.conn, written)
            else:
                self._tell_step(written)
        self.waiting.clear()
        return conflicts

    def _tell_step(self, written: Change | Exit) -> None:
        pass_on(self.site.conn, written)
        for terminal in self.site.terminals:
            if terminal is not self and terminal.connected:
                pass_on(terminal.own, written)
