"""From "restrict" on the platform to "in force" on an online terminal, and what a start from the cache costs.

One JSON object a line. Floors: a bare fsync of the same folder, and one bare poll of timestamp.json. The terminal polls
every second with jitter, as the demo does; the measure is published at a random moment of the poll.

    python bench/lists.py [--rounds 30] [--entries 100000]

With --entries, first one list of so many measures as a key file and as a plain table; then the same town with so many
measures in force: what one more costs the publisher, the wire, and a terminal (ten million take minutes to record).
"""

import argparse
import asyncio
import json
import os
import random
import runpy
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from central import example_town
from central.lists.cities import publish
from central.lists.issuing import Wanted, issue
from central.lists.measure_calls import Measure, repair, restrict
from central.lists.publishing import Repository
from central.register.registry import pseudonym, register
from central.register.warrants import Warrant
from storage.sqlite import Store
from sync.pull.puller import Pace, Puller

keyed = runpy.run_path(str(Path(__file__).parent / "_keyed.py"))  # this folder is not on the path: it has a token.py
bench_entries, keys = keyed["bench_entries"], keyed["keys"]

POLL_S = 1.0
STARTS = 20
BY_TWO = Warrant.by_two("bench-maker", "bench-approver")
MEASURE = Measure(code=example_town.RESTRICT, until=date(2099, 12, 31), authority="bench")


class Clock:
    """The machine's clock is trusted here."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def signed_ms(self) -> int | None:
        """Return nothing: no platform signs time here."""
        return None


def say(case: str, samples: list[float], *, unit: str = "ms", factor: float = 1e3, **more: object) -> None:
    """Print one result."""
    ordered = sorted(samples)
    figures = {
        f"p50_{unit}": round(statistics.median(ordered) * factor, 2),
        f"p99_{unit}": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * factor, 2),
        f"max_{unit}": round(ordered[-1] * factor, 2),
    }
    print(json.dumps({"case": case, "n": len(samples), **figures, **more}), flush=True)


async def in_force(lists: ListStore, subject: bytes, *, present: bool) -> float:
    """Return when the measure is there, or gone."""
    while bool(lists.current.measures(example_town.HOME, subject)) is not present:  # noqa: ASYNC110 - a view has no event
        await asyncio.sleep(0.001)
    return time.perf_counter()


class Wire(AbstractAccessLogger):
    """Counts what the server sends: bodies and heads."""

    sent = 0

    def log(self, _request: web.BaseRequest, response: web.StreamResponse, _time: float) -> None:
        """Count one answer."""
        heads = sum(len(name) + len(value) + 4 for name, value in response.headers.items())
        Wire.sent += response.body_length + heads + 20


def fill(state: Path, entries: int) -> None:
    """Record so many measures, and publish them."""
    with register(state) as conn:
        rows = ((example_town.HOME, key, example_town.RESTRICT) for key in keys(entries))
        conn.executemany(
            "INSERT INTO entry (city, subject, code, from_day, until_day, authority, recorded_ms)"
            " VALUES (?, ?, ?, '2026-01-01', '2099-12-31', 'bench', 0)",
            rows,
        )
    publish(state, now_ms=Clock().now_ms())


async def bench(folder: Path, rounds: int, entries: int) -> None:
    """Run all cases in `folder`, with `entries` measures in force before."""
    state = folder / "central"
    await asyncio.to_thread(example_town.found, state, now_ms=Clock().now_ms())
    await asyncio.to_thread(fill, state, entries)
    wang = (
        await asyncio.to_thread(issue, state, example_town.HOME, Wanted(subject="wang"), now_s=int(time.time()))
    ).subject
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_static("/lists", state / "public")
        runner = web.AppRunner(app, access_log_class=Wire)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/lists/"
        session = await stack.enter_async_context(aiohttp.ClientSession())
        store = await stack.enter_async_context(Store(folder / "terminal.db"))
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="bench", reason="bench"))
        lists = ListStore(store, ListFiles(folder / "lists"), home=example_town.HOME, ids=uuid7)
        root = Repository(state).trust_root()
        puller = await stack.enter_async_context(
            Puller(lists, session, base_url=url, trust_root=root, clock=Clock(), pace=Pace(poll_s=POLL_S))
        )
        await puller.once()
        await floors(session, url, folder)
        await refreshes(state, puller, rounds)
        await starts(puller)
        await polled(state, puller, lists, wang, rounds)


async def floors(session: aiohttp.ClientSession, url: str, folder: Path) -> None:
    """Measure what nothing of ours can be faster than."""
    asked, synced = [], []
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT)
    for _ in range(STARTS):
        began = time.perf_counter()
        async with session.get(f"{url}metadata/timestamp.json") as answer:
            await answer.read()
        asked.append(time.perf_counter() - began)
        began = time.perf_counter()
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)
        synced.append(time.perf_counter() - began)
    os.close(descriptor)
    say("floor: one HTTP get", asked)
    say("floor: write and fsync 4 KiB", synced)


def taken_by_two(state: Path, city: str, subject: str, measure: Measure) -> None:
    """Take a measure against somebody whom the register knows from now on."""
    with register(state) as conn:
        pseudonym(conn, city, subject)
    restrict(state, city, subject, measure, warrant=BY_TWO, now_ms=Clock().now_ms())


def lifted_by_two(state: Path, city: str, subject: str) -> None:
    """Lift what stands against somebody."""
    repair(state, city, subject, warrant=BY_TWO, now_ms=Clock().now_ms())


async def refreshes(state: Path, puller: Puller, rounds: int) -> None:
    """Measure publication and refresh by themselves, without the wait for the poll."""
    published, refreshed, idle, wire = [], [], [], []
    for number in range(rounds):
        began = time.perf_counter()
        await asyncio.to_thread(taken_by_two, state, example_town.HOME, f"subject {number}", MEASURE)
        published.append(time.perf_counter() - began)
        began, sent = time.perf_counter(), Wire.sent
        await puller.once()
        refreshed.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)  # the server counts an answer after it was sent
        wire.append(Wire.sent - sent)
        began = time.perf_counter()
        await puller.once()
        idle.append(time.perf_counter() - began)
    say("restrict: record, sign, publish", published, target_ms=300)
    say("refresh: verify, switch, in force", refreshed, wire_bytes=statistics.median(wire), target_bytes=4096)
    say("idle poll", idle)


async def starts(puller: Puller) -> None:
    """Measure verifying everything stored again, as at a start without a network."""
    samples = []
    for _ in range(STARTS):
        began = time.perf_counter()
        await puller.restore()
        samples.append(time.perf_counter() - began)
    say("start from the cache, all verified again", samples, roles=6)


async def polled(state: Path, puller: Puller, lists: ListStore, subject: bytes, rounds: int) -> None:
    """Measure from the call on the platform to the view in force, under the running poll."""
    taken, lifted = [], []
    running = asyncio.create_task(puller.run())
    for _ in range(rounds):
        await asyncio.sleep(random.uniform(0, POLL_S))  # noqa: S311 - a moment, no secret
        for call, samples, present in ((taken_by_two, taken, True), (lifted_by_two, lifted, False)):
            began = time.perf_counter()
            more = (MEASURE,) if present else ()
            await asyncio.to_thread(call, state, example_town.HOME, "wang", *more)
            samples.append(await in_force(lists, subject, present=present) - began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    say("restrict to in force, 1 s polling", taken, target_ms=2000, met=max(taken) <= 2)
    say("repair to in force, 1 s polling", lifted, target_ms=2000, met=max(lifted) <= 2)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--entries", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if args.entries:
            bench_entries(Path(folder), args.entries, say)
        asyncio.run(bench(Path(folder), args.rounds, args.entries))
    return 0


if __name__ == "__main__":
    sys.exit(main())
