"""How many grants a terminal commits, how soon, and what each writes: floors in the same run. One JSON line a figure.

    one       one caller: presentation → commit, p50 and p99, in turn with fdatasync and two raw signature checks
    crowd     32 callers at once: grants a second, beside the rate of two raw checks on one core
    ledger    one caller with a million redemptions in the ledger, with 200 000 facts unsent, and with neither, in turn
    bytes     what a grant sends to the disk on a ledger of 40 000, alone with the attempt's fact and 32 at once: with
              pseudonyms in a row, and drawn as a city's are, of which no two lie on one page; and what of it lasts

The decider and the store are the terminal's own, every presentation has a really signed code of a new visitor and a
request id; with one benefit and with twenty offered, of which one is given. In `ledger` each is decided dry first, as
where somebody is asked. A store that is filled gets rows of one real grant, told apart by their ids.

    python bench/grants.py [one crowd ledger bytes] [--rounds 400] [--redemptions 1000000] [--unsent 200000]
                           [--folder DIR]                                        DIR decides which disk is measured
"""

import argparse
import asyncio
import contextlib
import json
import os
import runpy
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal import chain
from cache.ledger.permit import ALONE, Permit
from cache.ledger.recall import Asking
from cache.ledger.visit import Visit
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from edge.commands.run import TURN_S
from edge.lanes.beyond import ThisTerminal, Weigh
from edge.lanes.decider import Decider
from edge.lanes.presented import Answer, Presented
from edge.metrics import Metrics
from edge.terminal import LOG_BYTES
from edge.watch.bounds import Bounds
from edge.watch.disk import Disk
from storage.collector import collecting_seldom
from storage.sqlite import Store, connect
from sync.wire.profiles import Lane, Profile

HERE = Path(__file__).parent
presents = runpy.run_path(str(HERE / "present.py"))  # this folder is not on the path: it has a token.py
decides = runpy.run_path(str(HERE / "decide.py"))
fillings = runpy.run_path(str(HERE / "_filled.py"))
NOW_S, PLACE = presents["NOW"], Place(site="park", scene="gate", lane="A", terminal="gate1")
PROFILE = Profile(site="park", title={"zh": "园"}, issuer="wulong", lanes=[Lane(id="A", scene="gate")])
CALLERS = 32
CHECKED = 2_000  # raw signature checks, for the rate of a core
MANY = 40_000  # redemptions in the ledger where bytes are counted
KEPT = frozenset({"journal", "redemptions", "uses"})  # beyond the first day, and the proof's way to the platform
OFFERED = {"1 benefit": lambda: Policy.compile(benefits=parse_benefits([presents["BENEFIT"]])), "20 benefits": None}
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
MESSAGE = bytes(200)  # about as long as what an issuer signs
SIGNATURE = KEY.sign(MESSAGE)


class Lists(presents["FreshLists"]):  # type: ignore[misc]
    """Lists of this minute in which nobody stands, with keys and rules."""

    def __init__(self, keyring: Any, policy: Policy) -> None:
        self.keyring, self.policy = keyring, policy

    @property
    def current(self) -> "Lists":
        """Return the lists in force."""
        return self

    def versions_about(self, city: str) -> dict[str, int]:
        """Return versions."""
        return {f"lists.{city}": 7}

    def missing(self, _city: str) -> tuple[str, ...]:
        """Return that nothing is missing."""
        return ()

    def seen(self, token: Any) -> Any:
        """Return the token: no list names anybody."""
        return token


class Clock:
    """The moment at which every code was shown."""

    def now(self) -> Now:
        """Return it."""
        return Now(utc_ms=NOW_S * 1000)


class Weighed(ThisTerminal):
    """Whoever is asked: he has the visit weighed, as all who ask others do, and counts for nobody."""

    async def permit(self, visit: Visit, weigh: Weigh) -> Permit:
        """Return that this terminal counts alone."""
        del visit
        await weigh(ALONE)
        return ALONE


class Gate(NamedTuple):
    """A decider over its store, and its visitors."""

    decider: Decider
    store: Store
    visitors: Any

    async def grant(self, code: str, number: int, *, gated: bool = False) -> Answer:
        """Present a code under a request id, on a lane with a gate or without; raise where nothing is given."""
        asking = Asking(f"r-{number}", number.to_bytes(32, "big"))
        shown = Presented(
            text=code, lane="A", request=Request(named=True), asking=asking, approach=(lambda: None) if gated else None
        )
        answer = await self.decider.decide(shown)
        if answer.redemption is None or answer.repeat:
            raise RuntimeError(f"not granted: {answer.decision.reasons}")
        return answer


def policy_of(offered: str) -> Policy:
    """Return rules by which one benefit or twenty are offered here."""
    made = OFFERED[offered]
    return made() if made is not None else decides["policy"](decides["OFFERED"], decides["plain"])


@contextlib.contextmanager
def gate_over(store: Store, offered: str, *, weighed: bool = False, drawn: bool = False) -> Iterator[Gate]:
    """Give a gate over a store whose journal has begun."""
    visitors = presents["Visitors"](drawn=drawn)
    bounds = Bounds(clock=Clock(), disk=Disk(Path("/")), answer_s=0.9)  # type: ignore[arg-type]
    bounds.health.begin()
    decider = Decider(
        store=store,
        bounds=bounds,
        lists=Lists(visitors.keyring, policy_of(offered)),
        profile=PROFILE,
        places={"A": PLACE},
        metrics=Metrics(),
        beyond=Weighed() if weighed else ThisTerminal(),
    )
    yield Gate(decider, store, visitors)
    decider.close()


@contextlib.asynccontextmanager
async def gate_at(folder: Path, offered: str, *, weighed: bool = False, drawn: bool = False) -> AsyncIterator[Gate]:
    """Open a gate in a folder."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    async with Store(folder / "terminal.db", log_bytes=LOG_BYTES) as store:
        with contextlib.suppress(sqlite3.IntegrityError):  # it has begun before
            await store.write(lambda conn: chain.begin_epoch(conn, epoch="e", terminal="gate1", reason="bench"))
        with gate_over(store, offered, weighed=weighed, drawn=drawn) as gate:
            yield gate


def tell(what: str, **figures: float | str) -> None:
    """Print one line."""
    rounded = {name: round(one, 3) if isinstance(one, float) else one for name, one in figures.items()}
    print(json.dumps({"bench": "grants", "what": what} | rounded), flush=True)


def quantiles(took: list[float]) -> dict[str, float]:
    """Return middle and 99th of a hundred, in milliseconds."""
    took = sorted(took)
    return {"p50_ms": statistics.median(took) * 1e3, "p99_ms": took[len(took) * 99 // 100] * 1e3}


async def timed(work: Awaitable[object]) -> float:
    """Return how long something took."""
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def check() -> None:
    """Check one raw signature."""
    KEY.public_key().verify(SIGNATURE, MESSAGE)


def checks_a_second() -> float:
    """Return how often a core checks two raw signatures."""
    began = time.thread_time()
    for _ in range(CHECKED):
        check()
    return CHECKED / 2 / (time.thread_time() - began)


async def one(folder: Path, rounds: int) -> None:
    """Measure one caller."""
    for offered in OFFERED:
        floors, took = [], []
        descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        async with gate_at(folder / f"one-{offered[:2].strip()}", offered) as gate:
            codes = [gate.visitors.code() for _ in range(rounds)]
            for number, code in enumerate(codes):
                synced, began = presents["sync_once"](descriptor), time.perf_counter()
                check()
                check()
                floors.append(synced + time.perf_counter() - began)
                took.append(await timed(gate.grant(code, number)))
        os.close(descriptor)
        floor, both = statistics.median(floors), quantiles(took)
        ratios = {"p50_floors": both["p50_ms"] / floor / 1e3, "p99_floors": both["p99_ms"] / floor / 1e3}
        tell(f"one caller, {offered}", floor_ms=floor * 1e3, **both, **ratios)


async def crowd(folder: Path, rounds: int) -> None:
    """Measure CALLERS at once, four times as many visitors."""
    for offered in OFFERED:
        async with gate_at(folder / f"crowd-{offered[:2].strip()}", offered) as gate:
            codes = list(enumerate(gate.visitors.code() for _ in range(4 * rounds)))[::-1]
            took: list[float] = []

            async def caller(gate: Gate, codes: list[tuple[int, str]], took: list[float]) -> None:
                while codes:
                    number, code = codes.pop()
                    took.append(await timed(gate.grant(code, number)))

            floor, commits = checks_a_second(), _counted(gate.store)
            began, used = time.perf_counter(), time.process_time()
            await asyncio.gather(*(caller(gate, codes, took) for _ in range(CALLERS)))
            spent, used = time.perf_counter() - began, time.process_time() - used
        each = {"cpu_ms_each": used / len(took) * 1e3, "commits_each": commits[0] / len(took)}
        rate = len(took) / spent
        floor = statistics.mean([floor, checks_a_second()])
        tell(f"{CALLERS} callers, {offered}", per_s=rate, of_the_floor=rate / floor, **each, **quantiles(took))


def _counted(store: Store) -> list[int]:
    """Return where the commits of a store are counted from now on."""
    found = [0]

    def reached(point: str) -> None:
        found[0] += point == "after-commit"

    store._reached = reached  # noqa: SLF001 - what tests set when they make one
    return found


async def ledger(folder: Path, rounds: int, sizes: dict[str, tuple[int, int]]) -> None:
    """Measure one caller with little and with much in the ledger, in turn."""
    async with contextlib.AsyncExitStack() as stack:
        gates, took, used = {}, {name: list[float]() for name in sizes}, dict.fromkeys(sizes, 0.0)
        for name, (redemptions, unsent) in sizes.items():
            place = folder / name.replace(" ", "-")
            async with gate_at(place, "20 benefits") as gate:
                await gate.grant(gate.visitors.code(), 0)
            began = time.perf_counter()
            await asyncio.to_thread(fillings["fill"], place / "terminal.db", redemptions, unsent)
            tell(f"filled: {name}", s=time.perf_counter() - began, mb=_mb(place))
            gates[name] = await stack.enter_async_context(gate_at(place, "20 benefits", weighed=True))
        for number in range(1, rounds + 1):
            for name, gate in gates.items():
                code = gate.visitors.code() if number > 1 else (gate.visitors.code(), gate.visitors.code())[1]
                before = time.process_time()
                took[name].append(await timed(gate.grant(code, number)))
                used[name] += time.process_time() - before
    base = statistics.median(next(iter(took.values())))
    for name, times in took.items():
        each = {"of_the_first": statistics.median(times) / base, "cpu_ms_each": used[name] / rounds * 1e3}
        tell(f"one caller, {name}", **quantiles(times), **each)


def _mb(place: Path) -> float:
    return sum(path.stat().st_size for path in place.iterdir()) / 1e6


def written() -> int:
    """Return the bytes that this process has had written to disk."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


async def bytes_each(folder: Path, rounds: int) -> None:
    """Count what a grant writes: alone, with its attempt's fact, and CALLERS at once; and what of it lasts."""
    for drawn in (False, True):
        place = folder / f"bytes-{drawn}"
        async with gate_at(place, "20 benefits", drawn=drawn) as gate:
            await gate.grant(gate.visitors.code(), 0)
        await asyncio.to_thread(fillings["fill"], place / "terminal.db", MANY, 0)
        async with gate_at(place, "20 benefits", drawn=drawn) as gate:
            codes = list(enumerate(gate.visitors.code() for _ in range(3 * rounds + 1)))[1:]
            parts = {"alone": 1, "alone, with its attempt": 1, f"{CALLERS} at once": CALLERS}
            for number, (what, together) in enumerate(parts.items()):
                part = codes[number * rounds : (number + 1) * rounds]
                before, commits, pages = written(), _counted(gate.store), _pages(place)
                for first in range(0, rounds, together):
                    some = part[first : first + together]
                    await asyncio.gather(*(gate.grant(code, number, gated="attempt" in what) for number, code in some))
                each, lasting = (written() - before) / rounds / 1000, (_pages(place) - pages) / rounds / 1000
                who = "drawn" if drawn else "in a row"
                tell(f"written a grant, {what}, {who}", kb=each, lasting_kb=lasting, commits=commits[0] / rounds)
            tell(f"kept, {who}", **_kept(place))


def _pages(place: Path) -> int:
    """Return how many bytes of a database are in use."""
    with contextlib.closing(connect(place / "terminal.db", writing=False)) as conn:
        said = [conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")]
    return int((said[0] - said[1]) * said[2])


def _kept(place: Path) -> dict[str, float]:
    """Return how many bytes a redemption each table has with its indexes: of a ledger nearly all of which is old."""
    with contextlib.closing(connect(place / "terminal.db", writing=False)) as conn:
        [(redemptions,)] = conn.execute("SELECT count(*) FROM redemptions")
        rows = conn.execute(
            "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name GROUP BY m.tbl_name"
        ).fetchall()
    return {f"{table}_bytes": size / redemptions for table, size in rows if table in KEPT}


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["one", "crowd", "ledger", "bytes"])
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--redemptions", type=int, default=1_000_000)
    parser.add_argument("--unsent", type=int, default=200_000)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    sizes = {
        "little": (1_000, 0),
        f"{args.redemptions} redemptions": (args.redemptions, 0),
        f"{args.unsent} unsent": (args.unsent, args.unsent),
    }
    parts: dict[str, Callable[[Path], Awaitable[None]]] = {
        "one": partial(one, rounds=args.rounds),
        "crowd": partial(crowd, rounds=args.rounds),
        "ledger": partial(ledger, rounds=args.rounds, sizes=sizes),
        "bytes": partial(bytes_each, rounds=args.rounds),
    }
    sys.setswitchinterval(TURN_S)  # as the terminal's is, and its collector
    for part in args.parts:
        with tempfile.TemporaryDirectory(dir=args.folder) as folder, collecting_seldom():
            asyncio.run(parts[part](Path(folder)))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
