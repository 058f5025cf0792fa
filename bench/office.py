"""How fast the office is: credentials issued a second, and its pages over a year's books while journals come in.

    python bench/office.py issue|print [--many 50000]
    python bench/office.py pages [--redemptions 1160000] [--terminals 1000] [--facts 1000]

`print` is `xinguan central issue-all` for that many people, after they were imported. `issue` makes as many credentials
one by one, by the office's own call (duty, register, signature, two rows of its journal). `pages` fills the books with
what so many redemptions leave in them, brings `--facts` a second beside, and asks for each page 40 times as a browser
that is logged in; one process, as `central serve --console` is. JSON lines.
"""

import argparse
import asyncio
import gzip
import itertools
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientSession
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import example_town
from central.books.intake import take_in
from central.books.settling.accounts import FIGURES
from central.cli import main as main_of_central
from central.console.app import console_serving
from central.office.calls import call
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.importing import residents
from central.platform_state import create_state
from central.register.accounts import operators, sessions
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Duty, Person, Role
from central.register.enrolment import make_code
from central.store import sqlite_books
from credit.records import Record, chain_next, chain_start, encode
from storage.jobs import JobStore, Tx
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import open_batch, seal_batch

NOW = 1_790_000_000_000
CITY = example_town.HOME
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SITES, BENEFITS, DAYS, BATCH, TIMES, ACTS = 40, 6, 31, 100, 40, 20_000
WARM = 3
PAGES = ("/", "/drafts", "/applications", "/rules", "/registers", "/money", "/fleet", "/acts")
DAY_MS = 86_400_000


def percentile(times: list[float], share: float) -> float:
    """Return a percentile in milliseconds."""
    return round(sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000, 1)


def founded(folder: Path) -> Path:
    """Return a founded city."""
    create_state(folder / "state")
    example_town.found(folder / "state", now_ms=NOW)
    return folder / "state"


async def issue(folder: Path, many: int) -> dict[str, Any]:
    """Issue credentials one by one, as a file of residents or a city's app asks for them."""
    at = SimpleNamespace(ms=NOW)
    clerk = Person(operator="clerk", title="x", duties=(Duty(CITY, Role.CLERK),), via="page")
    marks = []
    async with sqlite_books(folder / "central.db") as books:
        desk = Desk(founded(folder), books, lambda: at.ms)
        brought = await bring(folder, desk, many)
        began, cpu = time.perf_counter(), time.process_time()
        for number in range(many):
            at.ms += 1
            form = {"city": CITY, "subject": f"resident {number}", "max_uses": 10, "why": "bench"}
            await call(desk, clerk, "issue", form)
            if number % max(1, many // 5) == 0:
                marks.append(round(time.perf_counter() - began, 1))
        took = time.perf_counter() - began
    used = time.process_time() - cpu
    return {
        "people brought": many,
        "in s": round(brought, 1),
        "issued": many,
        "s": round(took, 1),
        "ms each": round(took / many * 1000, 2),
        "cpu s": round(used, 1),
    } | {"at each fifth": marks}


async def bring(folder: Path, desk: Desk, many: int) -> float:
    """Import so many people; return how long it took."""
    clerk = Person(operator="clerk", title="x", duties=(Duty(CITY, Role.CLERK),), via="page")
    people = "姓名\n" + "".join(f"resident {number}\n" for number in range(many))
    (folder / "people.csv").write_text(people)
    began = time.perf_counter()
    await residents.take(desk, clerk, CITY, people.encode(), Asked(why="bench"))
    return round(time.perf_counter() - began, 1)


async def people_of(folder: Path, many: int) -> float:
    """Found a city and import so many people; return how long the import took."""
    async with sqlite_books(folder / "central.db") as books:
        return await bring(folder, Desk(founded(folder), books, lambda: NOW), many)


def print_codes(folder: Path, many: int) -> dict[str, Any]:
    """Issue a printed code for everybody in a file, as the command does."""
    brought = asyncio.run(people_of(folder, many))
    words = ["--state", str(folder / "state"), "--city", CITY, "--max-uses", "10"]
    words += ["--from", str(folder / "people.csv"), "--out", str(folder / "codes.csv")]
    began, cpu = time.perf_counter(), time.process_time()
    if main_of_central(["issue-all", *words]):
        sys.exit(1)
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return {"people brought": many, "in s": brought, "codes": many, "s": round(took, 1), "cpu s": round(used, 1)}


def profile(number: int) -> Profile:
    """Return the profile of a terminal."""
    text = {"site": f"s{number % SITES}", "title": {"zh": "z"}, "issuer": CITY, "lanes": [{"id": "A", "scene": "gate"}]}
    return decode(json.dumps(text).encode(), Profile)


LINE = (
    f"INSERT INTO daily (day, site, issuer, benefit, local, {', '.join(FIGURES)}) VALUES ($1, $2, $3, $4, 0, "  # noqa: S608 - columns of our own
    + ", ".join(f"${n}" for n in range(5, 5 + len(FIGURES)))
    + ")"
)
MANY = (
    "INSERT INTO redemptions (redemption, terminal, epoch, seq, kind, site, at_ms, received_ms, state, keys, holder)"
    " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
    " SELECT 'r' || i, 't' || (i % $2), 'e', i, 'granted', 's' || (i % $3), $4 - i, $4 - i, 'passed', '[]',"
    " 'c:' || (i % 50000) FROM n"
)
REASONS = ("limit_used", "expired", "wrong_time", "not_eligible", "damaged_code")


async def fill(books: JobStore, redemptions: int, terminals: int) -> None:
    """Put into the books what so many redemptions of so many terminals leave there, and a long office journal."""
    today, each = NOW // DAY_MS, max(1, redemptions // (SITES * BENEFITS * DAYS))

    async def enrol(tx: Tx) -> None:
        for number in range(terminals):
            await make_code(tx, terminal=f"t{number}", profile=profile(number), now_ms=NOW)
            await tx.execute("INSERT INTO journals (terminal, records) VALUES ($1, 1160)", f"t{number}")
            await tx.execute("INSERT INTO epochs VALUES ($1, 'e', 1, 1160, 1160)", f"t{number}")

    async def lines(tx: Tx) -> None:
        for day, site, one in itertools.product(range(today - DAYS, today + 1), range(SITES), range(BENEFITS)):
            await tx.execute(LINE, day, f"s{site}", CITY, f"{CITY}/b{one}", *[each] * len(FIGURES))
        await tx.execute(MANY, redemptions, terminals, SITES, NOW)

    async def refused(tx: Tx) -> None:
        for quarter, site in itertools.product(range(NOW // 900_000 - 96 * DAYS, NOW // 900_000), range(SITES)):
            reason = REASONS[(quarter + site) % len(REASONS)]
            await tx.execute("INSERT INTO refusals VALUES ($1, $2, $3, 7)", quarter, f"s{site}", reason)

    async def acted(tx: Tx) -> None:
        who = Person(operator="clerk", title="x", duties=(), via="page")
        for _ in range(ACTS):
            await append(tx, who, Act(act="credential.issue", city=CITY, why="bench", after={"x": 1}), now_ms=NOW)

    for job in (enrol, lines, refused, acted):
        await books.write(job)


def batch(number: int, first: int, prev: bytes) -> tuple[bytes, bytes]:
    """Return a sealed batch of BATCH grants of one terminal, and the head after it."""
    terminal, raw, head = f"t{number}", [], prev
    for seq in range(first, first + BATCH):
        name = f"{terminal}-{seq:08d}"
        given = [{"benefit": f"{CITY}/b0", "issuer": CITY, "offer": {"kind": "percent", "off_fen": 3000}}]
        uses = [{"key": f"u|{CITY}/b0|subject:{CITY}:{name}|ever", "n": 1, "max": 1}]
        body = {"issuer": CITY, "subject": f"{seq:032x}", "class": "bound", "heads": 1, "given": given, "uses": uses}
        raw.append(encode(Record(seq=seq, id=name, at_ms=NOW, kind="granted", redemption=name, body=body)))
        head = chain_next(head, raw[-1])
    seal = Seal(
        terminal=terminal,
        epoch="f",
        first=first,
        last=first + BATCH - 1,
        count=BATCH,
        prev_hash=prev.hex(),
        head_hash=head.hex(),
    )
    return gzip.decompress(seal_batch(seal, raw, KEY)), head


async def intake(books: JobStore, facts: int, taken: list[int], ready: list[bytes]) -> None:
    """Bring `facts` a second for as long as it runs."""
    began = asyncio.get_running_loop().time()
    for number, one in enumerate(ready):
        sealed = open_batch(one, terminal=f"t{number}", key=KEY.public_key())
        await books.write(lambda tx, sealed=sealed: take_in(tx, sealed, now_ms=NOW))  # type: ignore[misc]
        taken[0] += BATCH
        await asyncio.sleep(max(0.0, began + taken[0] / facts - asyncio.get_running_loop().time()))


async def pages(folder: Path, redemptions: int, terminals: int, facts: int) -> list[dict[str, Any]]:
    """Ask for each page while journals come in."""
    told, secret, taken = [], sessions.fresh_secret(), [0]
    async with sqlite_books(folder / "central.db") as books:
        began = time.perf_counter()
        await fill(books, redemptions, terminals)
        ready = [batch(number, 1, chain_start(f"t{number}", "f"))[0] for number in range(terminals)]

        async def enter(tx: Tx) -> None:
            duties = tuple(Duty(CITY, role, "x") for role in Role)
            await operators.add(tx, "all", title="x", password="-", duties=duties, now_ms=NOW)  # noqa: S106 - nobody logs in with it
            await sessions.begin(tx, "all", secret, "device", now_ms=NOW)

        await books.write(enter)
        print(json.dumps({"filled": redemptions, "s": round(time.perf_counter() - began, 1)}))
        desk = Desk(founded(folder), books, lambda: NOW)
        async with console_serving(desk, host="127.0.0.1", port=0) as url, ClientSession() as browser:
            beside = asyncio.create_task(intake(books, facts, taken, ready)) if facts else None
            for path in PAGES:
                before, start, times = taken[0], time.perf_counter(), []
                for number in range(TIMES + WARM):
                    at = time.perf_counter()
                    headers = {"Cookie": f"__Host-xg-session={secret}"}
                    async with browser.get(url + path, headers=headers) as answer:
                        answer.raise_for_status()
                        await answer.read()
                    times += [time.perf_counter() - at] if number >= WARM else []
                rate = round((taken[0] - before) / (time.perf_counter() - start))
                one = {"page": path, "p50 ms": percentile(times, 0.5), "p95 ms": percentile(times, 0.95)}
                told.append(one | {"facts a second beside": rate})
            if beside is not None:
                beside.cancel()
    return told


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("issue", "print", "pages"))
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--redemptions", type=int, default=1_160_000)
    parser.add_argument("--terminals", type=int, default=1_000)
    parser.add_argument("--facts", type=int, default=1_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xg-bench-office-") as folder:
        if args.what == "issue":
            told = [asyncio.run(issue(Path(folder), args.many))]
        elif args.what == "print":
            told = [print_codes(Path(folder), args.many)]
        else:
            told = asyncio.run(pages(Path(folder), args.redemptions, args.terminals, args.facts))
    for one in told:
        print(json.dumps(one))
    print(json.dumps({"rss MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}), file=sys.stderr)


if __name__ == "__main__":
    main()
