"""Clones, for the runner of restores: one name borne by two machines, one state answered for by two platforms.

Rules of this file:

- two machines begin from the same files and serve side by side, with the network or without; what both gave the same
  visitor is a conflict at the platform, and nothing else is given twice;
- once the network is well both learn that they are two, and refer everybody (`twin`), until one act of the office: one
  of them, or a new box, is enrolled with a new key. What either of them gave stands at the platform by then;
- two platforms begin from the same state, and the way leads now to the one, now to the other; all that was given is at
  the first of them in the end, though it was the second one that signed for it;
- whoever restores a copy afterwards took it afterwards: before, the name had another key.
"""

import asyncio
import contextlib
import shutil
import sqlite3

from cache.journal.chain import unsent
from cache.ledger.facts import TWIN, switched
from central.http.app import serving
from central.platform_state import open_state
from sync.enrol.enrolling import DATABASE_FILE, enrol
from sync.transport import open_session
from tests.ill.folders import copied, given_in

KNOWN_S = 120.0
NOTICED = "SELECT count(*) FROM conflicts WHERE redemption IN (?, ?)"
FEW, MANY = 12, 10_000


async def of_the_gate(played):
    """Run a second machine from the gate's files until both know, and the office lets one, or a third, go on."""
    if played.unseen or played.declared:
        await played.home()
    copied(played.made.folder, played.folder / "clone")
    await played.gate_killed(played.as_it_was)
    second, closing = await played.machine(played.folder / "clone")
    machines, before = (played.gate, second), set(played.same)
    played.two = frozenset(one.identity.instance for one in machines)
    async with closing:
        for _ in range(played.random.randrange(1, 4)):
            await both_serve(played, machines)
        await connected(played)
        await both_know(played, machines)
    check_books(played, machines, {one: played.same[one] for one in set(played.same) - before})
    played.two = frozenset()
    await one_goes_on(played)
    await played.home()
    played.keep()


async def connected(played):
    if played.cut:
        played.cut = False
        await played.town.relay.start()


@contextlib.contextmanager
def standing_at(played, machine):
    """Let visitors and the network meet this machine."""
    gate, played.gate = played.gate, machine
    try:
        yield
    finally:
        played.gate = gate


async def both_serve(played, machines):
    """Show somebody at each machine: the same at both, one who was here before, or somebody new."""
    same = played.random.randrange(MANY)
    for machine in played.random.sample(machines, 2):
        with standing_at(played, machine):
            await played.show(played.random.choice((same, played.random.randrange(FEW), played.random.randrange(MANY))))


async def both_know(played, machines):
    """Let both serve and send until both refer everybody and have nothing left to send."""
    errors, silent = [], []
    try:
        async with asyncio.timeout(KNOWN_S):
            while len(silent) < len(machines):
                await both_serve(played, machines)
                silent = [one for one in machines if await is_silent(played, one, errors)]
    except TimeoutError:
        told = [await one.store.read(lambda conn: (switched(conn, TWIN), unsent(conn))) for one in machines]
        raise AssertionError(f"two machines do not learn of each other: {told}, {errors[-3:]}") from None


async def is_silent(played, machine, errors):
    with standing_at(played, machine):
        await played.arrives(errors)
        return await machine.store.read(lambda conn: switched(conn, TWIN) and unsent(conn).count == 0)


def check_books(played, machines, doubled):
    """Hold all that either gave, and each double use as a conflict, against the platform's books."""
    there = given_in(played.town.state.database, "facts")
    for machine in machines:
        missing = given_in(machine.folder / DATABASE_FILE, "journal") - there
        assert not missing, f"of a machine that is a twin {missing} did not arrive"
    with contextlib.closing(sqlite3.connect(played.town.state.database)) as conn:
        silent = [pair for pair in doubled.items() if conn.execute(NOTICED, pair).fetchone() == (0,)]
    assert not silent, f"two machines gave {silent}, and nobody hears of it"


async def one_goes_on(played):
    """Enrol one of both, or a new box, with a new key; the other one is gone."""
    await played.closing.aclose()
    who = played.random.choice(("the first", "the clone", "a new box"))
    played.story.append(f"{who} is enrolled")
    if who == "the clone":
        copied(played.folder / "clone", played.made.folder)
    elif who == "a new box":
        shutil.rmtree(played.made.folder)
    ticket = played.town.ticket(played.town.code(played.gate.identity.terminal))
    async with open_session() as session:
        now_ms = played.made.clock.at_ms
        await enrol(ticket, folder=played.made.folder, session=session, now_ms=now_ms, again=who != "a new box")
    await played.starts()


async def of_the_platform(played):
    """Serve a copy of the platform's state beside it; the way leads now here and now there, then here for good."""
    if played.unseen:
        await played.home()
    await connected(played)
    folder = played.folder / "platform-clone"
    copied(played.town.state.folder, folder)
    async with serving(open_state(folder), host="127.0.0.1", port=0, now_ms=played.town.clock.now_ms) as url:
        ports, errors = (played.port, int(url.rpartition(":")[2])), []
        for _ in range(played.random.randrange(2, 6)):
            await leads_to(played, played.random.choice(ports))
            await played.show(played.random.randrange(FEW))
            await played.show(played.random.randrange(MANY))
            await played.arrives(errors)
        await leads_to(played, played.port)
    await played.home()


async def leads_to(played, port):
    """Let the network lead to another platform, as a name that is looked up anew does."""
    relay = played.town.relay
    await relay.cut()
    relay._target = port
    await relay.start()
