"""How fast the office is: credentials issued a second, and its pages over a year's books while journals come in.

    python bench/office.py issue|print [--many 50000]
    python bench/office.py pages [--store sqlite|postgres|postgresql://…] [--redemptions 1160000] [--terminals 1000]

`print` is `xinguan central issue-all` for that many people, after they were imported. `issue` makes as many credentials
one by one, by the office's own call (duty, register, signature, two rows of its journal). `pages` fills the books with
what so many redemptions and a year of office work leave in them, brings `--facts` a second beside, and asks for every
page of the console 40 times as a browser that is logged in, and for the half-year report thrice; one process, as
`central serve --console` is. It ends with 1 where a page takes longer than 200 ms (p95), or a report than 10 s. JSON
lines.
"""

import argparse
import asyncio
import json
import resource
import runpy
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from aiohttp import ClientSession

from central import example_town
from central.books.intake import take_in
from central.cli import main as main_of_central
from central.console import entrance
from central.console.app import console_serving
from central.console.pages import approvals, desk_pages, letters, overviews, registers, settlement
from central.office.calls import call
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.importing import residents
from central.platform_state import create_state
from central.register.accounts import operators, sessions
from central.register.accounts.duties import Duty, Person, Role
from central.store import SCHEMAS, sqlite_books
from credit.records import chain_start
from storage.jobs import JobStore, Tx
from storage.postgres import PostgresJobs
from sync.wire.seals import open_batch

made = runpy.run_path(str(Path(__file__).parent / "_office_books.py"))  # this folder is not on the path
CITY, AUTHORITY, NOW, KEY, BATCH = (made[one] for one in ("CITY", "AUTHORITY", "NOW", "KEY", "BATCH"))
SOMEBODY, SUBJECT, APPLICATION, EVIDENCE = (made[one] for one in ("SOMEBODY", "SUBJECT", "APPLICATION", "EVIDENCE"))
TIMES, WARM = 40, 3
REPORT = "/money/report."
MOST_PAGE_MS, MOST_REPORT_MS = 200, 10_000


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


async def intake(books: JobStore, facts: int, taken: list[int], ready: list[bytes]) -> None:
    """Bring `facts` a second for as long as it runs."""
    began = asyncio.get_running_loop().time()
    for number, one in enumerate(ready):
        sealed = open_batch(one, terminal=f"t{number}", key=KEY.public_key())
        await books.write(lambda tx, sealed=sealed: take_in(tx, sealed, now_ms=NOW))  # type: ignore[misc]
        taken[0] += BATCH
        await asyncio.sleep(max(0.0, began + taken[0] / facts - asyncio.get_running_loop().time()))


def addresses() -> dict[str, str]:
    """Return an address for each page of the console, by its route; a page that is missing here ends the program."""
    found = {
        "/measures/{number}": "/measures/1",
        "/drafts/{number}": "/drafts/50",
        "/applications/{application}": f"/applications/{APPLICATION}",
        "/applications/{application}/evidence/{sha256}": f"/applications/{APPLICATION}/evidence/{EVIDENCE.hex()}",
        "/letters/measure/{number}": "/letters/measure/1",
        "/letters/case/{number}": "/letters/case/1",
        "/registers/receipts": f"/registers/receipts?subject={quote(SOMEBODY)}",
        "/money/report.{kind}": "/money/report.xlsx?half=2026H2",
    }
    more = {
        "/measures of one person": f"/measures?subject={quote(SOMEBODY)}",
        "/drafts that wait": "/drafts?state=open",
        "/applications that wait": "/applications?state=entered",
        "/rules, calendars": "/rules?file=calendars.json",
        "/money, one day": "/money?first=2026-09-21&last=2026-09-21",
        "/fleet, page 9": "/fleet?page=8",
        "/acts, from further back": "/acts?before=5000",
        "/money/report.csv": "/money/report.csv?half=2026H2",
        "/money/report.json": "/money/report.json?half=2026H2",
    }
    table = (
        one
        for each in (entrance, approvals, desk_pages, letters, overviews, registers, settlement)
        for one in each.ROUTES
        if one.method == "GET"
    )
    every = {one.path: found.get(one.path, one.path) for one in table}
    if nowhere := [path for path in every.values() if "{" in path]:
        sys.exit(f"these pages have no address here: {nowhere}")
    return every | more


async def asked(browser: ClientSession, url: str, secret: str, taken: list[int]) -> dict[str, Any]:
    """Ask for one page TIMES times; return what it took. A report is a file of half a year: it is asked for thrice."""
    before, start, times = taken[0], time.perf_counter(), []
    for number in range(3 if REPORT in url else TIMES + WARM):
        at = time.perf_counter()
        async with browser.get(url, headers={"Cookie": f"__Host-xg-session={secret}"}) as answer:
            answer.raise_for_status()
            size = len(await answer.read())
        times += [time.perf_counter() - at] if number >= WARM or REPORT in url else []
    rate = round((taken[0] - before) / (time.perf_counter() - start))
    told = {"p50 ms": percentile(times, 0.5), "p95 ms": percentile(times, 0.95), "KB": size // 1024}
    return told | {"facts a second beside": rate}


async def pages(folder: Path, opening: AbstractAsyncContextManager[JobStore], args: argparse.Namespace) -> bool:
    """Ask for each page while journals come in; print what it took, and return whether all keep the bound."""
    secret, taken, good = sessions.fresh_secret(), [0], True
    async with opening as books:
        began = time.perf_counter()
        await made["fill"](books, args.redemptions, args.terminals)
        desk = Desk(founded(folder), books, lambda: NOW)
        made["fill_register"](desk.folder)
        ready = [
            made["batch"](number, chain_start(f"t{number}", "f"), subject="" if number else SUBJECT.hex())
            for number in range(args.terminals)
        ]

        async def enter(tx: Tx) -> None:
            duties = tuple(Duty(CITY, role, AUTHORITY) for role in Role)
            await operators.add(tx, "all", title="x", password="-", duties=duties, now_ms=NOW)  # noqa: S106 - nobody logs in with it
            await sessions.begin(tx, "all", secret, "device", now_ms=NOW)

        await books.write(enter)
        print(json.dumps({"store": args.store, "filled": args.redemptions, "s": round(time.perf_counter() - began, 1)}))
        async with console_serving(desk, host="127.0.0.1", port=0) as url, ClientSession() as browser:
            beside = asyncio.create_task(intake(books, args.facts, taken, ready)) if args.facts else None
            for name, path in addresses().items():
                told = await asked(browser, url + path, secret, taken)
                most = MOST_REPORT_MS if REPORT in path else MOST_PAGE_MS
                good = good and told["p95 ms"] <= most
                print(json.dumps({"page": name} | told | {"bound": "kept" if told["p95 ms"] <= most else "MISSED"}))
            if beside is not None and beside.done():
                beside.result()
                print(json.dumps({"note": "the batches ran out before the pages; give more --terminals"}))
            if beside is not None:
                beside.cancel()
    return good


@contextmanager
def opened(folder: Path, store: str) -> Iterator[AbstractAsyncContextManager[JobStore]]:
    """Give the books on SQLite, or on a PostgreSQL of our own that syncs as one does; `store` may be its address."""
    if store == "sqlite":
        yield sqlite_books(folder / "central.db")
    elif store == "postgres":
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tools"))
        server = import_module("postgres").Server(settings={}).create().start()
        try:
            yield PostgresJobs(server.url("postgres"), SCHEMAS["postgres"])
        finally:
            server.remove()
    else:
        yield PostgresJobs(store, SCHEMAS["postgres"])


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("issue", "print", "pages"))
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument("--redemptions", type=int, default=1_160_000)
    parser.add_argument("--terminals", type=int, default=1_000)
    parser.add_argument("--facts", type=int, default=1_000)
    parser.add_argument("--store", default="sqlite", help="sqlite, postgres (one of our own) or postgresql://…")
    args = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory(prefix="xg-bench-office-") as folder:
        if args.what == "issue":
            told = [asyncio.run(issue(Path(folder), args.many))]
        elif args.what == "print":
            told = [print_codes(Path(folder), args.many)]
        else:
            with opened(Path(folder), args.store) as opening:
                good = asyncio.run(pages(Path(folder), opening, args))
            told = []
    for one in told:
        print(json.dumps(one))
    print(json.dumps({"rss MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}), file=sys.stderr)
    sys.exit(not good)


if __name__ == "__main__":
    main()
