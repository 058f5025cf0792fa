"""How soon gates that were cut off bring their journals home, and what visitors feel meanwhile.

A platform on SQLite and one on a PostgreSQL of our own are processes, and so is each gate of a site, with a real store
and pusher; this one is the first of them and has a decider too. They have so many facts of which the platform knows
nothing: of each visitor a grant with what the phone showed, the attempt, and that the gate opened. At the first gate
somebody shows a code each 20 ms, before and while they go up. The proofs are random: they are carried and kept, and
judged as nobody's. The floor is what no order of work saves: each record sealed and opened once, its bytes synced once.

A gate is a box of its own, and so is the platform; here they share processors. So the first gate's threads, which the
visitors wait for, run as soon as they can (SCHED_RR), as if nobody else were there; all the others have what is left,
and the rate is of all. `--shared` leaves them alike: a thread that is woken then waits 3 to 4 ms for its turn, one time
in a hundred, whatever it does. They share one disk either way, and its syncs queue.

    python bench/drain.py [sqlite postgresql] [--facts 300000] [--gates 4] [--again 50] [--shared] [--folder DIR]

One JSON line a platform.
"""

import argparse
import asyncio
import json
import os
import runpy
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from functools import partial
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import aiohttp

from cache.ids import uuid7
from cache.journal import proofs
from cache.journal.batches import batch
from cache.journal.chain import NewFact, append, cursor, head
from central.demo.running.processes import Child, free_ports, python
from central.platform_state import create_state, keep_database_url, open_state
from central.register.enrolment import make_code, qr_text
from central.store import changed
from edge.commands.run import TURN_S
from edge.terminal import LOG_BYTES
from storage.collector import collecting_seldom
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE, enrol, read_ticket
from sync.peer import Peer
from sync.push.carrying import Carrier
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.transport import UnreachableError, open_session
from sync.wire.profiles import Lane, Profile
from sync.wire.seals import Seal, open_batch, seal_batch

HERE = Path(__file__).parent
grants = runpy.run_path(str(HERE / "grants.py"))  # this folder is not on the path: it has a token.py
uploads = runpy.run_path(str(HERE / "upload.py"))
books = runpy.run_path(str(HERE / "books.py"))
PROFILE = Profile(site="park", title={"zh": "园"}, issuer="wulong", lanes=[Lane(id="A", scene="gate")])
EACH_S = 0.02  # somebody comes
IDLE_S = 20.0  # a thousand visitors: ten are slower than the p99
PIECE = 5_000
APART_MS = 3_000  # one visitor after the other, while nobody answered
SHOWN = 288
FACTS_EACH = 3
PAGES = ("page_count", "freelist_count", "page_size")


def away(conn: Any, first: int, many: int, *, gate: str, again: int) -> None:
    """Write what `many` visitors leave in a gate's journal: a grant with its proof, the attempt, and that it opened.

    They are this gate's own, but each `again`th, who was at every gate and had at each what there is once.
    """
    for number in range(first, first + many):
        at_ms = uploads["NOW_MS"] + number * APART_MS
        name = "everywhere" if again and number % again == 0 else gate
        subject = sha256(f"{name} {number}".encode()).hexdigest()[:32]
        shown, redemption = secrets.token_bytes(SHOWN), uuid7(at_ms)
        uses = [{"key": f"u|wulong/first|subject:wulong:{subject}|ever", "n": 1, "max": 1}]
        body = uploads["BODY"] | {"uses": uses, "subject": subject, "proof": sha256(shown).hexdigest()}
        seq = append(conn, NewFact("granted", body, at_ms, uuid7(at_ms), redemption)).seq
        proofs.keep(conn, redemption, seq, shown)
        attempt = {"attempt": f"{redemption}.1"}
        append(conn, NewFact("actuating", attempt | {"lane": "A"}, at_ms, uuid7(at_ms), redemption))
        append(conn, NewFact("actuated", attempt, at_ms + 300, uuid7(at_ms + 300), redemption))


@contextmanager
def database(engine: str) -> Iterator[tuple[str | None, int, Callable[[], int]]]:
    """Give the address of a PostgreSQL of our own that syncs as one does, its process, and what says its size."""
    if engine == "sqlite":
        yield None, 0, lambda: 0
        return
    sys.path.insert(0, str(HERE.parent / "tests" / "tools"))
    server = import_module("postgres").Server(settings={}).create().start()
    try:
        size = partial(server.psql, "SELECT pg_database_size('postgres')")
        yield server.url("postgres"), server.process.pid, lambda: int(size())
    finally:
        server.remove()


async def visitors(gate: Any, first: int, until: Callable[[], bool]) -> list[float]:
    """Let somebody come each EACH_S until then; return how long each waited."""
    took: list[float] = []
    while not until():
        code, due = gate.visitors.code(), time.perf_counter() + EACH_S
        took.append(await grants["timed"](gate.grant(code, first + len(took))))
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
    return took


def floor_us(store: Path, key: Any, folder: Path) -> float:
    """Return what sealing and opening one batch takes, and syncing its bytes: microseconds a fact."""
    with closing(sqlite3.connect(store)) as conn:
        first = batch(conn, after=0)
    if first is None:
        raise RuntimeError("there is nothing to bring home")
    seal = Seal(
        terminal="gate-0",
        epoch=first.epoch,
        first=first.first,
        last=first.last,
        count=len(first.records),
        prev_hash=first.prev_hash.hex(),
        head_hash=first.head_hash.hex(),
    )
    began = time.process_time()
    body = seal_batch(seal, first.records, key)
    plain = import_module("gzip").decompress(body)
    open_batch(plain, terminal="gate-0", key=key.public_key())
    spent = time.process_time() - began
    return (spent + uploads["floor_ms"](folder, plain) / 1000) / len(first.records) * 1e6


async def started(folder: Path, url: str | None, gates: list[str], stack: AsyncExitStack) -> tuple[Child, list[str]]:
    """Start a platform; return its process, and what each of its terminals scans to enrol."""
    state = create_state(folder / "platform")
    if url is not None:
        keep_database_url(state, url)
    (state.public / "metadata").mkdir(parents=True)
    (state.public / "metadata" / "1.root.json").write_bytes(b"{}")
    now_ms, codes = time.time_ns() // 1_000_000, []
    for name in gates:
        enter = partial(make_code, terminal=name, profile=PROFILE, now_ms=now_ms)
        codes.append(await asyncio.to_thread(changed, open_state(state.folder), enter))
    (port,) = free_ports(1)
    words = ["--state", str(state.folder), "--listen", f"127.0.0.1:{port}"]
    child = await Child("platform", python("central", "serve", *words), folder / "platform.log").start()
    stack.push_async_callback(child.stop)
    address = f"http://127.0.0.1:{port}"
    async with aiohttp.ClientSession(trust_env=False) as session:

        async def answers() -> bool:
            try:
                async with session.get(f"{address}/healthz") as answer:
                    return answer.ok
            except aiohttp.ClientError:
                return False

        await child.until(answers, within_s=60)
    return child, [qr_text(code=code, platform=address, trust_root=b"{}") for code in codes]


class Away:
    """A gate that was cut off: its store, and its way home."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder, self._text = folder, text

    async def begin(self, stack: AsyncExitStack, facts: int, *, again: int) -> None:
        """Enrol, and write so many facts."""
        session, clock = await stack.enter_async_context(open_session()), uploads["Clock"]()
        ticket = read_ticket(self._text)
        self.identity = await enrol(ticket, folder=self.folder, session=session, now_ms=clock.now_ms())
        self.database = self.folder / DATABASE_FILE
        self.store = await stack.enter_async_context(Store(self.database, log_bytes=LOG_BYTES))
        visits = facts // FACTS_EACH
        for first in range(0, visits, PIECE):
            piece = partial(away, first=first, many=min(PIECE, visits - first), gate=self.folder.name, again=again)
            await self.store.write(piece)
        self.last = (await self.store.read(head)).seq
        line = Line(self.store, Peer(session, self.identity.platform), self.identity, clock)
        self._pusher = Pusher(line, carrier=Carrier(self.store, ripe_s=0, alone_s=0))

    async def home(self) -> None:
        """Send until the platform has signed for every grant and has every proof."""
        while True:
            with suppress(UnreachableError):  # an overrun machine: as its own pusher, it tries again at once
                await self._pusher.once()
            signed = (await self.store.read(cursor)).acked_through
            waits = await self.store.read(proofs.oldest)
            if signed >= self.last and (waits is None or waits > self.last):
                return


class Elsewhere:
    """Another gate, in a process of its own as on a box of its own."""

    def __init__(self, folder: Path, text: str) -> None:
        self._folder, self._text = folder, text
        self.last, self.spent_s = 0, 0.0

    async def begin(self, stack: AsyncExitStack, facts: int, *, again: int) -> None:
        """Start it, let it enrol and write so many facts."""
        words = ["--gate", str(self._folder), "--text", self._text, "--facts", str(facts), "--again", str(again)]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", __file__, *words, stdin=pipe, stdout=pipe
        )
        stack.push_async_callback(self._process.wait)
        stack.callback(self._end)
        self.last = (await self._says())["last"]

    async def home(self) -> None:
        """Say go, and wait until it is home."""
        if self._process.stdin is None:
            raise RuntimeError("started without a pipe")
        self._process.stdin.write(b"go\n")
        self.spent_s = (await self._says())["spent_s"]

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()

    async def _says(self) -> dict[str, Any]:
        if self._process.stdout is None or not (line := await self._process.stdout.readline()):
            raise RuntimeError(f"{self._folder.name} ended before it was home")
        found: dict[str, Any] = json.loads(line)
        return found


async def elsewhere(folder: Path, text: str, facts: int, again: int) -> None:
    """Be another gate: write, say so, wait for the word, go home, and say what it took."""
    gate = Away(folder, text)
    async with AsyncExitStack() as stack:
        await gate.begin(stack, facts, again=again)
        print(json.dumps({"last": gate.last}), flush=True)
        if not await asyncio.to_thread(sys.stdin.readline):
            return
        spent = time.process_time()
        await gate.home()
        print(json.dumps({"spent_s": time.process_time() - spent}), flush=True)


@contextmanager
def first_of_all() -> Iterator[None]:
    """Let the threads of this process run as soon as they can; raise PermissionError where that is not allowed."""
    _all_threads(os.SCHED_RR, 1)
    try:
        yield
    finally:
        _all_threads(os.SCHED_OTHER, 0)


def _all_threads(policy: int, priority: int) -> None:
    for thread in Path("/proc/self/task").iterdir():
        os.sched_setscheduler(int(thread.name), policy, os.sched_param(priority))


async def run(
    folder: Path, engine: str, facts: int, many: int, *, again: int = 0, shared: bool = False
) -> dict[str, Any]:
    """Bring so many facts home, each `again`th visitor's from every gate; return the figures."""
    async with AsyncExitStack() as stack:
        url, postmaster, size = stack.enter_context(database(engine))
        names = [f"gate-{number}" for number in range(many)]
        child, texts = await started(folder, url, names, stack)
        first = Away(folder / names[0], texts[0])
        others = [Elsewhere(folder / name, text) for name, text in zip(names[1:], texts[1:], strict=True)]
        gates: list[Away | Elsewhere] = [first, *others]
        await asyncio.gather(*(one.begin(stack, facts // many, again=again) for one in gates))
        served = stack.enter_context(grants["gate_over"](first.store, "20 benefits"))
        if not shared:
            stack.enter_context(first_of_all())
        os.sync()  # what was written to fill the journals is nobody's wait
        until = time.perf_counter() + IDLE_S
        idle = await visitors(served, 0, lambda: time.perf_counter() > until)
        floor = floor_us(first.database, first.identity.key, folder)
        before, used, platform = size(), time.process_time(), _cpu_s(child.pid, postmaster)
        began = time.perf_counter()
        going = asyncio.ensure_future(asyncio.gather(*(one.home() for one in gates)))
        going.add_done_callback(lambda _done: ends.append(time.perf_counter()))
        ends: list[float] = []
        beside = await visitors(served, len(idle), going.done)
        await going
        used, platform = time.process_time() - used, _cpu_s(child.pid, postmaster) - platform
        used += sum(one.spent_s for one in others)
        held = size() - before if url else _bytes_in(folder / "platform" / "central.db")
    p99 = [grants["quantiles"](took)["p99_ms"] for took in (idle, beside)]
    facts = sum(one.last for one in gates)
    each = (used + platform) / facts * 1e6
    return {
        "facts": facts,
        "gates": many,
        "again": again,
        "shared": shared,
        "facts_per_s": facts / (ends[0] - began),
        "cpu_us_a_fact": each,
        "of_it_platform": platform / facts * 1e6,
        "floor_us_a_fact": floor,
        "floors": each / floor,
        "db_bytes_a_fact": held / facts,
        "presents_idle": len(idle),
        "present_p99_idle_ms": p99[0],
        "present_p99_beside_ms": p99[1],
        "p99_ratio": p99[1] / p99[0],
        "presents_beside": len(beside),
    }


def _bytes_in(path: Path) -> int:
    """Return how many bytes of a database are in use."""
    with closing(sqlite3.connect(path)) as conn:
        pages, free, size = (conn.execute(f"PRAGMA {one}").fetchone()[0] for one in PAGES)
    return int((pages - free) * size)


def _cpu_s(pid: int | None, postmaster: int) -> float:
    said = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    own = sum(map(int, said[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + (books["server_cpu_s"](postmaster) if postmaster else 0.0)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", default=["sqlite", "postgresql"])
    parser.add_argument("--facts", type=int, default=300_000)
    parser.add_argument("--gates", type=int, default=4)
    parser.add_argument("--again", type=int, default=0, help="each so manyth visitor was at every gate: an overrun")
    parser.add_argument("--shared", action="store_true", help="let the first gate wait for processors as all do")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--gate", type=Path, help="be another gate of a run, in this folder; with --text")
    parser.add_argument("--text", help="what that gate scans to enrol")
    args = parser.parse_args()
    sys.setswitchinterval(TURN_S)  # as the terminal's is
    if args.gate is not None:
        asyncio.run(elsewhere(args.gate, args.text, args.facts, args.again))
        return
    for engine in args.engines:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder, collecting_seldom():
            going = run(Path(folder), engine, args.facts, args.gates, again=args.again, shared=args.shared)
            found = asyncio.run(going)
        figures = {name: round(one, 2) if isinstance(one, float) else one for name, one in found.items()}
        print(json.dumps({"bench": "drain", "engine": engine} | figures), flush=True)


if __name__ == "__main__":
    main()
