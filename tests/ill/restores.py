"""One gate and its platform, played from a seed: kills, cuts, lost answers; older, empty and cloned stores of both.

Everything is real but the processes: journals, receipts and ledgers on a disk, the HTTP platform, the way to it. A kill
is the files as they stood between two commits, with nothing closed before. After each event everybody who shows a code
is decided, by the ledger that stands; then, with the network well, everything goes home and this must hold:

- what was given and stands in any journal that is left is at the platform, once (lost 0);
- nobody was given the same twice (twice 0), but whom only a journal knew that nobody has any more: a *declared* loss;
- somebody new is let in: nobody is referred any longer than until all is at home;
- a store that does not know what it gave gives nothing that has a limit; an older folder shows that in touch alone;
- what two machines under one name both gave, before they knew of each other, is a conflict (tests/ill/clones.py).

    python -m tests.ill.restores --events 250 --seed 1 --runs 8 --totals build/restores.jsonl

plays eight runs of 250 events, seeds 1 to 8, and prints their sum. Each run that ended well is a line in the file of
totals: pieces that were played one after another, or elsewhere, add up there (`--runs 0` only adds up).
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

from cache.ids import uuid7
from cache.journal.chain import JournalError, unsent
from cache.ledger import settle
from cache.ledger.facts import STORE_LOST, switched
from cache.ledger.visit import Visit
from cache.pen import Pen
from cache.texts import BODY, clear
from central.http.app import serving
from central.platform_state import open_state
from credit.inputs import Now, Request
from credit.tokens import Token, TokenClass
from edge.beginning import Beginning
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import load_identity
from sync.push.upholding import Upholder
from sync.transport import RefusedError, UnreachableError, open_session
from sync.wire.messages import WireError
from tests.edge.lanes.test_openings import PLACE, POLICY, NoLists
from tests.ill import clones
from tests.ill.folders import copied, given_in
from tests.ill.totals import earlier, noted
from tests.sync.conftest import Commits, Terminal, build_town

HOLDERS = 12  # few: each comes again and again
NOBODY_YET = 1_000_000  # from here on, each comes once
STEP_MS = 700
HOME_S = 600.0
NOTED_EACH = 50
SUMMED = ("given", "referred", "lost", "twice", "doubled")


class BrokenError(AssertionError):
    """What must hold does not."""


@dataclass
class Figures:
    """What a run came to."""

    events: Counter = field(default_factory=Counter)
    given: int = 0
    declared: set = field(default_factory=set)
    referred: int = 0
    lost: int = 0
    twice: int = 0
    doubled: int = 0  # given by two clones, and a conflict

    def counted(self, seed, took_s):
        """Return a run as a line of the file of totals."""
        sums = {name: getattr(self, name) for name in SUMMED}
        return sums | {"seed": seed, "s": round(took_s), "declared": len(self.declared), "events": dict(self.events)}

    def told(self):
        kinds = ", ".join(f"{name} {many}" for name, many in sorted(self.events.items()))
        return (
            f"{self.events.total()} events ({kinds}): {self.given} given, {self.referred} referred while nothing was"
            f" known, lost {self.lost}, twice {self.twice}, declared as lost {len(self.declared)}, given by two clones"
            f" and a conflict {self.doubled}"
        )


def where(conn):
    """Return how a journal stands, for a story."""
    facts = conn.execute(f"SELECT seq, at_ms, kind, {BODY} FROM journal ORDER BY seq DESC LIMIT 12").fetchall()
    told = [(*row[:-1], clear(row[-1])) for row in facts]
    return unsent(conn), conn.execute("SELECT * FROM epoch").fetchall(), told


class Played:
    """One run: the platform, the gate, and what the harness knows was given."""

    def __init__(self, town, folder, seed):
        self.town, self.folder, self.random = town, folder, random.Random(seed)
        self.stack, self.platform = contextlib.AsyncExitStack(), contextlib.AsyncExitStack()
        self.figures, self.holders = Figures(), {}  # holder -> redemptions
        self.story, self.cut, self.unseen, self.declared = [], False, False, False
        self.givers, self.two = {}, frozenset()  # redemption -> instance that gave it; the instances of two clones
        self.newest = NOBODY_YET
        self.same = {}  # what the second of two clones gave -> what the first one gave the same visitor

    async def begin(self):
        terminal = await self.town.terminal("gate-a")
        await terminal.store.__aexit__(None, None, None)
        self.made = terminal
        self.port = int(self.town.url.rpartition(":")[2])
        await self.town.stack.aclose()  # the platform that the town began; from now on it is ours to begin and to end
        await self.platform_starts()
        await self.town.relay.start()
        self.made.session = await self.platform_session()
        await self.starts()
        self.keep()

    async def platform_session(self):
        return await self.stack.enter_async_context(open_session())

    # the gate

    async def starts(self):
        """Start the gate as a process does."""
        self.gate, self.closing = await self.machine(self.made.folder)

    async def machine(self, folder):
        """Start what stands in a folder: a new instance, and the steps of its beginning that ask nobody."""
        identity, commits = load_identity(folder), Commits()
        closing = contextlib.AsyncExitStack()
        store = await closing.enter_async_context(Store(folder / DATABASE_FILE, reached=commits.reached))
        parts = SimpleNamespace(decider=SimpleNamespace(now=self.made.clock.now))
        await store.write(Beginning(identity, parts)._started)
        await Upholder(store, identity, self.made.clock).once()
        return Terminal(folder, identity, store, self.made.session, self.made.clock, commits), closing

    @property
    def database(self):
        return self.made.folder / DATABASE_FILE

    def as_it_was(self):
        """Change nothing."""

    async def restored_folder(self):
        if self.declared:
            await self.home()
        await self.gate_killed(self.older_folder)

    async def gate_killed(self, change):
        """Take the files as they stand, close what is open without a trace, and go on from them."""
        copied(self.made.folder, self.folder / "killed")
        await self.closing.aclose()
        copied(self.folder / "killed", self.made.folder)
        before, self.declared = given_in(self.database, "journal"), self.declared or change != self.as_it_was
        change()
        after = given_in(self.database, "journal") if self.database.exists() else set()
        self.figures.declared |= before - after - given_in(self.town.state.database, "facts")
        await self.starts()

    def emptied(self):
        for path in self.made.folder.glob(f"{DATABASE_FILE}*"):
            path.unlink()

    def older_file(self):
        self.emptied()
        for path in (self.folder / "kept-gate").glob(f"{DATABASE_FILE}*"):
            shutil.copy2(path, self.made.folder / path.name)

    def older_folder(self):
        copied(self.folder / "kept-gate", self.made.folder)
        self.unseen = True

    # the platform

    async def platform_starts(self):
        state = open_state(self.town.state.folder)
        self.town.url = await self.platform.enter_async_context(
            serving(state, host="127.0.0.1", port=self.port, now_ms=self.town.clock.now_ms)
        )

    async def platform_killed(self, source=None):
        copied(self.town.state.folder, self.folder / "killed")
        await self.platform.aclose()
        copied(self.folder / "killed", self.town.state.folder)
        if source is not None:
            before = given_in(self.town.state.database, "facts")
            copied(source, self.town.state.folder)
            after = given_in(self.town.state.database, "facts")
            self.figures.declared |= before - after - given_in(self.database, "journal")
        await self.platform_starts()

    async def platform_emptied(self):
        """Begin without books: nobody is known there. Somebody notices, and restores."""
        before = given_in(self.town.state.database, "facts")
        await self.platform.aclose()
        for path in self.town.state.folder.glob("central.db*"):
            path.unlink()
        await self.platform_starts()
        if not self.cut:
            refused = []
            await self.arrives(refused)
            if "unknown_terminal" not in refused[0]:
                raise BrokenError(f"a platform without books said {refused}")
        await self.platform_killed(self.folder / "kept-platform")
        gone = before - given_in(self.town.state.database, "facts")
        self.figures.declared |= gone - given_in(self.database, "journal")

    async def network_cut(self):
        if not self.cut:
            self.cut = True
            await self.town.relay.cut()

    async def answer_lost(self):
        self.town.relay.lose_answers = 1

    async def nothing(self):
        """Visitors come anyway."""

    async def keep_copies(self):
        self.keep()

    def keep(self):
        copied(self.made.folder, self.folder / "kept-gate")
        copied(self.town.state.folder, self.folder / "kept-platform")

    # what happens

    async def event(self, name):
        self.figures.events[name] += 1
        self.story.append(f"{name}{' (network cut)' if self.cut else ''}")
        await EVENTS[name][1](self)
        for _ in range(self.random.randrange(1, 4)):
            if not self.unseen:  # an older folder is seen at the first standing (THREAT_MODEL.md)
                await self.show(self.random.randrange(HOLDERS if self.random.random() < 0.8 else 10_000))
        if not self.cut or self.random.random() < 0.5 or self.unseen:
            await self.home()

    async def show(self, holder):
        name = f"holder-{holder:08d}".encode()[:16]
        self.made.clock.at_ms = self.town.clock.at_ms = self.town.clock.at_ms + STEP_MS
        token = Token(
            issuer="wulong",
            kid=b"k" * 8,
            token_id=name[-8:],
            token_class=TokenClass.BOUND,
            subject=name.ljust(16, b"-"),
            tier=3,
            issued_at=0,
            expires=2**40,
            groups=frozenset(),
            nonce=self.random.randbytes(8),
        )
        visit, now = Visit(token, Request(), PLACE), Now(utc_ms=self.made.clock.at_ms, grace_ms=0)

        def job(conn):
            return settle.settle(Pen(conn, now, uuid7), visit, NoLists(), POLICY)

        settled = await self.gate.store.write(job)
        if settled.decision.outcome.name == "GRANT" and settled.redemption and not settled.repeat:
            self.figures.given += 1
            self.givers[settled.redemption] = self.gate.identity.instance
            before = self.holders.setdefault(holder, [])
            before.append(settled.redemption)
            self.check_twice(holder, before)
        elif settled.decision.outcome.name == "REFER":
            self.figures.referred += 1
        return settled.decision

    async def somebody_new(self):
        """Let in who was never here: with all at home, nobody is referred for what somebody else did."""
        self.newest += 1
        if (decision := await self.show(self.newest)).outcome.name != "GRANT":
            raise BrokenError(f"all is at home, and somebody new is told {decision}: {self.story[-12:]}")

    def check_twice(self, holder, redemptions):
        known = {self.same.get(one, one) for one in redemptions if one not in self.figures.declared}
        if len(known) > 1 and {self.givers[one] for one in known} == self.two:
            first, second = sorted(known, key=redemptions.index)
            self.same[second] = first
            self.figures.doubled += 1
        elif len(known) > 1:
            self.figures.twice += 1
            raise BrokenError(f"holder {holder} was given it as {known}: {self.story[-12:]}")

    async def home(self):
        """With the network well, everything goes home; then look at both books."""
        if self.cut:
            self.cut = False
            await self.town.relay.start()
        errors = []
        try:
            async with asyncio.timeout(HOME_S):
                while not await self.arrives(errors):
                    continue
        except TimeoutError:
            raise BrokenError(
                f"facts do not arrive: {errors[-3:]}, {await self.gate.store.read(where)}: {self.story[-12:]}"
            ) from None
        self.unseen = False
        self.look()
        await self.somebody_new()
        if self.declared:  # a folder older than a declared life is a twin's (tests/ill/test_memory.py): whoever
            self.declared = False  # restores takes a copy afterwards
            copied(self.made.folder, self.folder / "kept-gate")

    async def arrives(self, errors):
        """Send once what there is, with a peer that knows of no trouble; return whether all of it is there."""
        try:
            await self.gate.bring_home()
            await self.gate.line().ask()
        except (UnreachableError, RefusedError, WireError, JournalError, StoreFailedError) as error:
            errors.append(repr(error))  # an answer was lost: sent again, as in life
            return False
        return await self.at_home()

    async def at_home(self):
        return await self.gate.store.read(lambda conn: unsent(conn).count == 0 and not switched(conn, STORE_LOST))

    def look(self):
        here, there = given_in(self.database, "journal"), given_in(self.town.state.database, "facts")
        given = {one for redemptions in self.holders.values() for one in redemptions}
        if lost := here - there:
            self.figures.lost += len(lost)
            raise BrokenError(f"{sorted(lost)} did not arrive: {self.story[-12:]}")
        if strange := there - given:
            raise BrokenError(f"the platform holds what nobody was given: {sorted(strange)}")
        if silent := given - there - self.figures.declared:
            self.figures.lost += len(silent)
            raise BrokenError(f"{sorted(silent)} is in no journal, and nothing was restored: {self.story[-12:]}")


EVENTS = {  # how often, and what is done
    "visitors": (8, Played.nothing),
    "gate killed": (2, lambda played: played.gate_killed(played.as_it_was)),
    "gate restored, older file": (1, lambda played: played.gate_killed(played.older_file)),
    "gate restored, older folder": (2, Played.restored_folder),
    "gate emptied": (1, lambda played: played.gate_killed(played.emptied)),
    "platform killed": (1, Played.platform_killed),
    "platform restored, older": (1, lambda played: played.platform_killed(played.folder / "kept-platform")),
    "platform emptied, then restored": (1, Played.platform_emptied),
    "gate cloned": (1, clones.of_the_gate),
    "platform cloned": (1, clones.of_the_platform),
    "network cut": (2, Played.network_cut),
    "answer lost": (1, Played.answer_lost),
    "copies kept": (1, Played.keep_copies),
}


async def play(folder, seed, events, say=lambda _text: None):
    """Play so many events of a seed in an empty folder; return the figures, or raise BrokenError."""
    async with build_town(folder / "town") as town:
        played = Played(town, folder, seed)
        await played.begin()
        try:
            names, weights = list(EVENTS), [often for often, _done in EVENTS.values()]
            for number in range(1, events + 1):
                await played.event(played.random.choices(names, weights)[0])
                if number % NOTED_EACH == 0:
                    say(played.figures.told())
            await played.home()
        finally:
            await played.closing.aclose()
            await played.platform.aclose()
            await played.stack.aclose()
            with contextlib.suppress(Exception):
                await town.relay.cut()
        return played.figures


def sum_of(lines):
    """Return in words what the runs of a file of totals come to; a seed that stands twice counts once."""
    runs = {(one["seed"], sum(one["events"].values())): one for one in map(json.loads, lines)}.values()
    events = Counter()
    for one in runs:
        events.update(one["events"])
    kinds = ", ".join(f"{name} {many}" for name, many in sorted(events.items()))
    figures = ", ".join(f"{name} {sum(one[name] for one in runs)}" for name in (*SUMMED, "declared"))
    return f"{len(runs)} runs, {events.total()} events ({kinds}): {figures}; {sum(one['s'] for one in runs)} s"


def play_one(seed, events):
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        say = lambda text: print(f"seed {seed}: {text}", flush=True)  # noqa: E731
        figures = asyncio.run(play(Path(folder), seed, events, say))
    return figures.counted(seed, time.monotonic() - began)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=250)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--totals", type=Path)
    asked = parser.parse_args()
    lines = earlier(asked.totals)
    for seed in range(asked.seed, asked.seed + asked.runs):
        lines.append(noted(asked.totals, json.dumps(play_one(seed, asked.events))))
    print(sum_of(lines))


if __name__ == "__main__":
    main()
