"""Visitors at both gates of a site without a pause while its processes end, and what must hold when all is at rest.

- what a gate answered stands in its journal: it is told after the disk has it, whoever ends it then;
- every record of gates and hub is on the platform once, at its place in the chain, byte for byte, and nothing else is;
- each redemption is booked once; whoever was let in at one gate is not let in anew, at either.
"""

import asyncio
import contextlib
import shutil
import sqlite3
import tempfile
from pathlib import Path

import aiohttp

from central.demo import audit
from tests.town.two_gates import PATIENCE_S, codes, until

WAITING = 40
KEPT = 20  # of them for the time in which none are
STEP_S = 0.02  # from one visitor to the next: what was ended needs the processor to start
ASKED_AGAIN = 4
ENDS = "SELECT terminal, max(seq) FROM facts WHERE terminal LIKE 'gate-%' GROUP BY terminal"
BOOKED = "SELECT redemption FROM redemptions WHERE terminal LIKE 'gate-%'"
FACTS = "SELECT terminal, epoch, seq, hash, raw, id, kind, redemption FROM facts"
SIGNED = "SELECT acked_through FROM cursor"


def rows(path, sql):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchall()


class Line:
    """Who waits before the gates. Tokens come from the platform's register: none are issued while that is `shut`."""

    def __init__(self, site):
        self.site, self.people, self.office, self.is_shut = site, asyncio.Queue(WAITING), asyncio.Lock(), False

    async def run(self):
        while True:
            async with self.office:
                who = await asyncio.to_thread(self.site.resident)
            await self.people.put(who)

    def next(self):
        """Return somebody new, or None; some are kept for the time in which none can be issued."""
        return self.people.get_nowait() if self.people.qsize() > (0 if self.is_shut else KEPT) else None

    @contextlib.asynccontextmanager
    async def shut(self):
        """Issue nothing for the time of the block."""
        async with self.office:
            self.is_shut = True
            yield
            self.is_shut = False


class Load:
    """Visitors at one gate, one after the other; `granted` are (who, redemption) of those who were let in.

    Where nobody new waits, somebody who was let in comes again.
    """

    def __init__(self, site, gate, line):
        self.site, self.gate, self.line, self.granted, self.answered = site, gate, line, [], 0

    async def run(self):
        while True:
            await asyncio.sleep(STEP_S)
            who = self.line.next()
            if who is None:
                await self.known()
                continue
            answer = await self.shown(who)
            if answer is not None and answer["outcome"] == "GRANT":
                self.granted.append((who, answer["redemption"]))

    async def shown(self, who):
        """Show a fresh code; None where nobody answers: the gate was ended, or is starting."""
        try:
            answer = await self.site.present(self.gate, who)
        except (aiohttp.ClientError, TimeoutError):
            return None
        self.answered += 1
        return answer

    async def known(self):
        """Show whoever was let in last once more, at the same gate: nothing new is given."""
        if not self.granted:
            return
        who, redemption = self.granted[-1]
        answer = await self.shown(who)
        assert answer is None or answer["outcome"] != "GRANT" or answer["redemption"] == redemption, answer


class SqliteBooks:
    """The books of a platform on SQLite, read beside it."""

    def __init__(self, path):
        self.path = path

    def rows(self, sql):
        return rows(self.path, sql)

    def facts(self):
        return audit.read_platform(self.path)

    def at_rest(self, sql):
        """Read what lies on the disk, from a copy: nobody has opened it since the end, and nobody does now."""
        with tempfile.TemporaryDirectory() as folder:
            for one in self.path.parent.glob(f"{self.path.name}*"):
                shutil.copy(one, folder)
            with contextlib.closing(sqlite3.connect(Path(folder) / self.path.name)) as conn:
                return conn.execute(sql).fetchall()


@contextlib.asynccontextmanager
async def under_load(site):
    """Let visitors come at both gates for the time of the block; yields (line, loads)."""
    line = Line(site)
    loads = [Load(site, gate, line) for gate in site.gates]
    tasks = [asyncio.create_task(one.run()) for one in (line, *loads)]
    try:
        yield line, loads
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in ended), ended


async def goes_on(loads):
    """Wait until one more was answered at each gate."""
    before = [load.answered for load in loads]
    await until(lambda: all(load.answered > one for load, one in zip(loads, before, strict=True)))


def let_in(loads):
    return sum(len(load.granted) for load in loads)


async def again(site, link):
    """Start what was ended, and wait until it answers."""
    if link is site.platform:
        await link.process.start()
        await link.process.until(link._answers, within_s=PATIENCE_S)
    else:
        await link.start()


def signed(site):
    """Return through where each gate holds the platform's signature."""
    return {gate.post.terminal: rows(gate.database, SIGNED)[0][0] for gate in site.gates}


def ends(site):
    return [rows(link.database, "SELECT max(seq) FROM journal")[0][0] for link in (*site.gates, site.hub)]


def laid_side_by_side(site, books):
    """Return the audit of both gates' and the hub's journals against the books; None where one of them was going on.

    Whoever writes a note between the two readings is ahead in the second, and nothing is wrong.
    """
    before = ends(site)
    journals = [audit.read_terminal(link.database) for link in (*site.gates, site.hub)]
    kept = books.facts()
    return audit.compare(journals, kept, {}) if ends(site) == before else None


async def home(site, books):
    """Wait until nothing is left to send; return the audit."""

    async def arrived():
        found = await asyncio.to_thread(laid_side_by_side, site, books)
        return found if found is not None and found.unsent == 0 else None

    return await until(arrived)


def journal(gate):
    return [row[0] for row in rows(gate.database, "SELECT redemption FROM journal WHERE kind = 'granted'")]


def told_of(site, redemption):
    """Return what the site knows of a redemption, for whoever reads a failure."""
    asked = f"SELECT seq, kind, at_ms FROM journal WHERE redemption = '{redemption}'"
    return {link.database.parent.name: rows(link.database, asked) for link in (*site.gates, site.hub)}


async def all_holds(site, books, loads):
    """Raise AssertionError where something that was answered is lost, or counts twice."""
    found = await home(site, books)
    assert (found.lost, found.duplicated) == (0, 0), found
    for load in loads:
        missing = {redemption for _, redemption in load.granted} - set(journal(load.gate))
        assert not missing, {one: told_of(site, one) for one in missing}
    granted = [redemption for gate in site.gates for redemption in journal(gate)]
    assert sorted(row[0] for row in books.rows(BOOKED)) == sorted(granted)
    assert len(set(granted)) == len(granted)
    for gate in site.gates:  # who still goes on alone would rightly give what it cannot ask about
        await until(lambda gate=gate: site.speaks_with_hub(gate))
    for load, other in zip(loads, reversed(loads), strict=True):
        for who, _ in load.granted[-ASKED_AGAIN:]:
            await until(lambda who=who, other=other: used(other, who))


async def used(load, who):
    """Return whether somebody who was let in at the other gate is told so at this one; never let in."""
    answer = await load.shown(who)
    assert answer is None or answer["outcome"] != "GRANT", answer
    return answer is not None and "limit_used" in codes(answer)
