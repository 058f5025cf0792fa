"""Two gates of a site with real deciders and ledgers, and one real authority in memory that counts for both."""

import zlib
from contextlib import asynccontextmanager

from cache.ids import uuid7
from cache.journal.batches import batch
from cache.journal.chain import begin_epoch, mark_sent
from cache.ledger.steps import annul, write_overdue
from cache.pen import Pen
from central.books.bounds import Bounds
from central.books.intake import take_in
from central.hub import claims
from central.hub.leases import answer_lease
from central.store import SCHEMAS, provisional_sql
from credit.inputs import ClockState, Now, Place
from credit.policy import Policy
from credit.records import chain_next
from credit.rules.benefits import parse_benefits
from edge.lanes import decider
from storage.driven import driven
from storage.migrations import statements
from storage.sqlite import Store, immediate, memory
from sync.beyond import asking
from sync.beyond.asking import AuthorityError, open_asking
from sync.beyond.rounds import Asker
from sync.wire.messages import Seal
from sync.wire.seals import Link, Sealed
from tests.edge.deciding import NOW_S, UNHURRIED_S, Phones, Town

SITE = "park"
SCENES = {"A": "gate", "S": "stand", "T": "shop"}


def benefit(code, name, kind, **more):
    return {"id": name, "code": code, "issuer": "wulong", "offer": {"kind": kind} | more.pop("offer", {})} | more


class Authority:
    """The real counting, as a hub or a platform does it, without a network. Facts come when `hear` fetches them."""

    def __init__(self, benefits, gates):
        self.conn = memory(SCHEMAS["sqlite"])
        for statement in statements(provisional_sql()):
            self.conn.execute(statement)
        for name in gates:
            self.conn.execute("INSERT INTO terminals (terminal, site, profile) VALUES (?, ?, '{}')", (name, SITE))
        self.bounds = Bounds(parse_benefits(benefits))
        self.now_ms, self.silent, self.asked = NOW_S * 1000, False, []

    def job(self, job):
        with immediate(self.conn):
            return driven(job)(self.conn)

    def claim(self, terminal, ask):
        if self.silent:
            raise AuthorityError("nobody there")
        self.asked.append(ask)
        return self.job(
            lambda tx: claims.answer_claim(tx, claims.Asker(terminal), ask, self.bounds, now_ms=self.now_ms)
        )

    def lease(self, terminal, ask):
        if self.silent:
            raise AuthorityError("nobody there")
        return self.job(lambda tx: answer_lease(tx, terminal, ask, self.bounds))

    async def hear(self, *gates):
        """Take in what each gate has written and not sent, and say so to it."""
        for gate in gates:
            while (found := await gate.store.read(lambda conn, gate=gate: batch(conn, after=gate.sent))) is not None:
                self.take_in(gate.terminal, found)
                gate.sent = found.last
                await gate.store.write(lambda conn, gate=gate: mark_sent(conn, gate.sent))

    def take_in(self, terminal, found):
        links, at = [], found.prev_hash
        for number, raw in enumerate(found.records, found.first):
            at = chain_next(at, raw)
            links.append(Link(number, raw, at))
        seal = Seal(
            terminal=terminal,
            epoch=found.epoch,
            first=found.first,
            last=found.last,
            count=len(links),
            prev_hash=found.prev_hash.hex(),
            head_hash=at.hex(),
        )
        sealed = Sealed(seal, "", tuple(links))
        self.job(lambda tx: take_in(tx, sealed, now_ms=self.now_ms, bounds=self.bounds, nonces=True))

    def row(self, sql, *values):
        return self.conn.execute(sql, values).fetchone()


class _Call:
    def __init__(self, authority, terminal):
        self.authority, self._terminal = authority, terminal

    async def claim(self, request):
        return self.authority.claim(self._terminal, request)

    async def lease(self, request):
        return self.authority.lease(self._terminal, request)


class Gate(Town):
    def __init__(self, store, authority, terminal, benefits):
        super().__init__(store)
        self.phones = Phones(zlib.crc32(terminal.encode()))  # no gate is shown a nonce that another was shown
        self.terminal, self.sent, self.authority = terminal, 0, authority
        self.lists.policy = Policy.compile(benefits=parse_benefits(benefits))
        self.asker = Asker(run=f"run-{terminal}", hub_no=3, terminal=terminal, ids=uuid7)
        self.call = _Call(authority, terminal)
        self.asking = open_asking(self.call, lambda: self.asker, self.clock.now, store)
        self.made = super().decider(beyond=self.asking)
        self.made._places = {
            lane: Place(site=SITE, scene=scene, lane=lane, terminal=terminal) for lane, scene in SCENES.items()
        }

    async def shows(self, holder=1, lane="A", **request):
        """Let somebody show a fresh code here, and return the answer."""
        code = self.phones.code(holder, at_s=self.clock.at_ms // 1000)
        return await self.made.decide(self.show(code, lane=lane, asking=None, **request))

    def answers_to(self, authority):
        self.call.authority = authority

    async def overdue(self, redemption):
        """Let something lent here fall due, as its own housekeeping would."""
        now = Now(utc_ms=self.clock.at_ms, clock=ClockState.TRUSTED)
        await self.store.write(lambda conn: write_overdue(Pen(conn, now, uuid7), redemption))

    async def annul(self, redemption):
        now = Now(utc_ms=self.clock.at_ms, clock=ClockState.TRUSTED)
        await self.store.write(lambda conn: annul(Pen(conn, now, uuid7), redemption))

    async def begin(self):
        await self.store.write(
            lambda conn: begin_epoch(conn, epoch=self.terminal, terminal=self.terminal, reason="test")
        )
        return self


@asynccontextmanager
async def two_gates(folder, benefits, monkeypatch):
    """Open an authority and its gates `one` and `two`; the time that asking may take is no matter here."""
    monkeypatch.setattr(asking, "BUDGET_S", UNHURRIED_S)
    monkeypatch.setattr(decider, "ASK_S", UNHURRIED_S)
    authority = Authority(benefits, ("one", "two"))
    async with Store(folder / "1.db") as first, Store(folder / "2.db") as second:
        made = [
            await Gate(store, authority, name, benefits).begin() for name, store in (("one", first), ("two", second))
        ]
        yield authority, *made
    authority.conn.close()
