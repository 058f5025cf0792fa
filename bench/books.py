"""How much taking journals in costs: processor time and database bytes a fact, and a claim, on SQLite and PostgreSQL.

    python bench/books.py [sqlite postgresql postgresql://…] [--batch 400] [--only facts|singles]

`postgresql` is one of our own that syncs as one does. Batches are sealed beforehand; what is measured is open, check,
store and book; the floor is opening alone. One JSON line an engine. Then a thousand terminals send fact after fact, a
batch each; then every fact and every use is there, or it ends with an error. Of a PostgreSQL on this machine the
processor time of its server is told as well, and counted in the sum. Python looks for cycles as seldom as where books
are served.
"""

import argparse
import asyncio
import gzip
import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.bounds import Bounds
from central.books.intake import Batch, Taken, take_all
from central.hub.claims import Asker, answer_claim
from central.register.enrolment import make_code
from central.store import SCHEMAS, sqlite_books
from credit.records import Record, chain_next, chain_start, encode
from storage.collector import collecting_seldom
from storage.jobs import JobStore, JointJob, Tx
from storage.postgres import PostgresJobs
from sync.wire.claims import ClaimKey, ClaimRequest
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import Sealed, open_batch, seal_batch

TERMINALS = 40
BATCH = 400
FACTS = TERMINALS * BATCH
CLAIMS = 2_000
SHOWN = 288  # bytes that a phone shows
SINGLE_TERMINALS = 1_000
SINGLES = 8  # of each of them
NOW = 1_790_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PROFILE = decode(
    b'{"site": "s", "title": {"zh": "z"}, "issuer": "w", "lanes": [{"id": "A", "scene": "gate"}]}', Profile
)


class Brought(JointJob[Taken]):
    """A batch as it is taken in (central.http.journals.arrivals), and nothing told."""

    kind, whose, weight = "brought", "", 1

    def __init__(self, sealed: Sealed, bounds: Bounds) -> None:
        self.sealed, self.bounds = sealed, bounds
        self.whose, self.weight = sealed.seal.terminal, len(sealed.links)

    async def together(self, tx: Tx, jobs: Sequence[Self]) -> list[Taken | Exception]:
        """Take batches in."""
        return [*await take_all(tx, [Batch(one.sealed, NOW) for one in jobs], self.bounds)]


def batch(
    terminal: str, *, first: int = 1, many: int = BATCH, prev: bytes | None = None, carried: bool = False
) -> tuple[bytes, bytes]:
    """Return a sealed batch of `many` grants of one terminal, each of another visitor, and the head after it.

    `carried`: with what each phone showed.
    """
    raw, proofs = [], {}
    for seq in range(first, first + many):
        name = f"{terminal}-{seq:08d}"
        keys = [f"u|w/first|subject:w:{terminal}-{seq}|ever", "u|w/first|day:2026-09-21"]
        uses = [{"key": keys[0], "n": 1, "max": 1}, {"key": keys[1], "n": 1, "max": 1_000_000}]
        given = [{"benefit": "w/first", "issuer": "w", "offer": {"kind": "percent", "off_fen": 3000}}]
        shown = b"".join(hashlib.sha256(f"{name} {part}".encode()).digest() for part in range(SHOWN // 32))
        proof = hashlib.sha256(shown).hexdigest()
        if carried:
            proofs[name] = shown
        body = {"issuer": "w", "class": "bound", "heads": 1, "given": given, "uses": uses, "proof": proof}
        raw.append(encode(Record(seq=seq, id=name, at_ms=NOW, kind="granted", redemption=name, body=body)))
    head = prev = chain_start(terminal, "e") if prev is None else prev
    for one in raw:
        head = chain_next(head, one)
    seal = Seal(
        terminal=terminal,
        epoch="e",
        first=first,
        last=first + many - 1,
        count=many,
        prev_hash=prev.hex(),
        head_hash=head.hex(),
    )
    return gzip.decompress(seal_batch(seal, raw, KEY, proofs=proofs)), head


def one_by_one(terminal: str) -> list[bytes]:
    """Return SINGLES batches of one fact, which follow each other."""
    found, head = [], None
    for seq in range(1, SINGLES + 1):
        plain, head = batch(terminal, first=seq, many=1, prev=head)
        found.append(plain)
    return found


async def singles(jobs: JobStore, name: str) -> dict[str, float | str]:
    """Let a thousand terminals send fact after fact, and return how many a second were taken; raise if one is lost."""
    names = [f"s{number}" for number in range(SINGLE_TERMINALS)]
    for one in names:
        await jobs.write(lambda tx, one=one: make_code(tx, terminal=one, profile=PROFILE, now_ms=NOW))
    plain, bounds, public = {one: one_by_one(one) for one in names}, Bounds(), KEY.public_key()

    async def bring(one: str) -> None:
        for each in plain[one]:
            await jobs.write(Brought(open_batch(each, terminal=one, key=public), bounds))

    counted = "SELECT (SELECT count(*) FROM facts), (SELECT coalesce(max(spent), 0) FROM tallies WHERE key = $1)"
    day = "u|w/first|day:2026-09-21"
    before = (await jobs.read(lambda tx: tx.rows(counted, day)))[0]
    start, used = time.perf_counter(), cpu_s()
    await asyncio.gather(*(bring(one) for one in names))
    spent, used, facts = time.perf_counter() - start, cpu_s() - used, SINGLE_TERMINALS * SINGLES
    after = (await jobs.read(lambda tx: tx.rows(counted, day)))[0]
    if [now - then for now, then in zip(after, before, strict=True)] != [facts, facts]:
        raise RuntimeError(f"{facts} facts were sent, and there were {before} facts and uses, now {after}")
    told = {"single_facts_per_s": round(facts / spent), "cpu_us_each": round(used / facts * 1e6, 1)}
    return {"bench": "books", "engine": name, **told, "terminals": SINGLE_TERMINALS}


def cpu_s() -> float:
    """Return this process's processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def server_cpu_s(postmaster: int) -> float:
    """Return the processor time of a PostgreSQL's processes so far, of those that ended too."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, rest = path.read_text().rpartition(")")  # a name may hold anything
        except OSError:  # it ended meanwhile: its parent tells
            continue
        said = rest.split()
        if int(head.split(" ", 1)[0]) == postmaster:
            ticks += sum(map(int, said[11:15]))
        elif int(said[1]) == postmaster:
            ticks += sum(map(int, said[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


async def postmaster_of(jobs: JobStore) -> int:
    """Return the process that started the server behind `jobs`, 0 where it runs on another machine."""
    row = await jobs.read(lambda tx: tx.row("SELECT pg_backend_pid()"))
    return await asyncio.to_thread(parent_of, int(row[0]) if row else 0)


def parent_of(pid: int) -> int:
    """Return who started a process, 0 where it is none of this machine's."""
    stat = Path(f"/proc/{pid}/stat")
    return int(stat.read_text().rpartition(")")[2].split()[1]) if stat.exists() else 0


async def measure(
    jobs: JobStore, name: str, postmaster: int = 0, *, many: int = BATCH, carried: bool = False
) -> dict[str, float | str]:
    """Take FACTS in, `many` a batch, ask CLAIMS times, and return the figures."""
    names = [f"t{number}" for number in range(FACTS // many)]
    for one in names:
        await jobs.write(lambda tx, one=one: make_code(tx, terminal=one, profile=PROFILE, now_ms=NOW))
    plain = {one: batch(one, many=many, carried=carried)[0] for one in names}
    bounds, facts = Bounds(), len(names) * many
    opened = cpu_s()
    for one in names:
        open_batch(plain[one], terminal=one, key=KEY.public_key())
    opened = cpu_s() - opened

    async def bring(one: str) -> None:
        await jobs.write(Brought(open_batch(plain[one], terminal=one, key=KEY.public_key()), bounds))

    start, used, served = time.perf_counter(), cpu_s(), server_cpu_s(postmaster) if postmaster else 0.0
    await asyncio.gather(*(bring(one) for one in names))
    spent, used = time.perf_counter() - start, cpu_s() - used
    served = server_cpu_s(postmaster) - served if postmaster else 0.0
    took = []
    claims_cpu = cpu_s()
    for number in range(CLAIMS):
        key = ClaimKey(key=f"u|w/second|subject:w:{number}|ever", n=1, bound=1, borne="grant")
        ask = ClaimRequest(run="r", hub_no=1, redemption=f"R{number}", at_ms=NOW, keys=[key])
        begun = time.perf_counter()
        await jobs.write(lambda tx, ask=ask: answer_claim(tx, Asker("t0"), ask, bounds, now_ms=NOW))
        took.append((time.perf_counter() - begun) * 1000)
    took.sort()
    return {
        "bench": "books",
        "engine": name,
        "facts_a_batch": many,
        "facts_per_s": round(facts / spent),
        "cpu_us_a_fact": round((used + served) / facts * 1e6, 1),
        "of_it_postgresql": round(served / facts * 1e6, 1),
        "floor_opening_us": round(opened / facts * 1e6, 1),
        "floors": round((used + served) / opened, 1),
        "claim_p50_ms": round(took[CLAIMS // 2], 2),
        "claim_p99_ms": round(took[CLAIMS * 99 // 100], 2),
        "claim_cpu_ms": round((cpu_s() - claims_cpu) / CLAIMS * 1000, 3),
    }


@contextmanager
def addressed(engine: str) -> Iterator[str]:
    """Give the address of a PostgreSQL, of our own where none is named."""
    if engine != "postgresql":
        yield engine
        return
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "tools"))
    server = import_module("postgres").Server(settings={}).create().start()
    try:
        yield server.url("postgres")
    finally:
        server.remove()


async def on_sqlite(folder: Path, many: int, only: str | None) -> None:
    """Measure SQLite, with proofs and without."""
    for name, carried in (("sqlite", False), ("sqlite, proofs carried", True)) if only != "singles" else ():
        path = folder / f"{'proofs' if carried else 'central'}.db"
        async with sqlite_books(path) as jobs:
            found = await measure(jobs, name, many=many, carried=carried)
        found["bytes_a_fact"] = round(path.stat().st_size / FACTS)
        print(json.dumps(found), flush=True)
    if only != "facts":
        async with sqlite_books(folder / "singles.db") as jobs:
            print(json.dumps(await singles(jobs, "sqlite")), flush=True)


async def on_postgresql(engine: str, many: int, only: str | None) -> None:
    """Measure a PostgreSQL."""
    with addressed(engine) as url:
        async with PostgresJobs(url, SCHEMAS["postgres"]) as jobs:
            if only != "singles":
                print(json.dumps(await measure(jobs, "postgresql", await postmaster_of(jobs), many=many)), flush=True)
            if only != "facts":
                print(json.dumps(await singles(jobs, "postgresql")), flush=True)


async def main() -> None:
    """Read the arguments, and measure each engine that is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", default=["sqlite"])
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--only", choices=("facts", "singles"))
    args = parser.parse_args()
    for engine in args.engines:
        if engine == "sqlite":
            with tempfile.TemporaryDirectory() as folder:
                await on_sqlite(Path(folder), args.batch, args.only)
        else:
            await on_postgresql(engine, args.batch, args.only)


if __name__ == "__main__":
    with collecting_seldom():
        asyncio.run(main())
