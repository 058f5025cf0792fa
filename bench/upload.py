"""What bringing facts home costs: seal, send, check, store, sign, acknowledge, over real HTTP. JSON lines.

Terminal and platform share this process and this disk: a figure is the price of both sides together. The floor is one
synced write of the same bytes. Best of three runs.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Any

from cache.ids import uuid7
from cache.journal.batches import batch
from cache.journal.chain import NewFact, append
from central.http.app import serving
from central.platform_state import create_state
from central.register.enrolment import make_code, qr_text
from storage.driven import driven
from storage.sqlite import Store, connect, immediate
from sync.enrol.enrolling import DATABASE_FILE, enrol, read_ticket
from sync.peer import Peer
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.transport import open_session
from sync.wire.profiles import Lane, Profile

RUNS = 3
FACTS = 5_000
NOW_MS = 1_790_000_000_000
PROFILE = Profile(site="park", title={"zh": "园"}, issuer="wulong", lanes=[Lane(id="A", scene="gate")])
BODY = {
    "issuer": "wulong",
    "class": "bound",
    "site": "park",
    "scene": "gate",
    "lane": "A",
    "outcome": "GRANT",
    "reasons": ["ok"],
    "token": "00" * 8,
    "subject": "00" * 16,
    "given": [{"benefit": "wulong.first-visit", "issuer": "wulong", "code": 7, "offer": {"kind": "free"}}],
}


class Clock:
    """The wall clock, as the pusher asks for it."""

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        return time.time_ns() // 1_000_000


def write_facts(conn: Any, facts: int) -> None:
    """Append so many grants, each with a use key of its own."""
    for number in range(facts):
        uses = [{"key": f"u|wulong/first|subject:{number}|ever", "n": 1, "max": 1}]
        append(conn, NewFact("granted", BODY | {"uses": uses}, NOW_MS, uuid7(NOW_MS), uuid7(NOW_MS)))


def floor_ms(folder: Path, data: bytes) -> float:
    """Return what one synced write of `data` takes."""
    start = time.perf_counter()
    with (folder / "floor").open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return (time.perf_counter() - start) * 1000


async def run(folder: Path, facts: int) -> dict[str, float]:
    """Upload so many facts once and return the figures."""
    state = create_state(folder / "platform")
    (state.public / "metadata").mkdir(parents=True)
    (state.public / "metadata" / "1.root.json").write_bytes(b"{}")
    clock = Clock()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(state, host="127.0.0.1", port=0, now_ms=clock.now_ms))
        session = await stack.enter_async_context(open_session())
        with closing(connect(state.database, writing=True)) as conn, immediate(conn):
            code = driven(lambda tx: make_code(tx, terminal="gate", profile=PROFILE, now_ms=clock.now_ms()))(conn)
        ticket = read_ticket(qr_text(code=code, platform=url, trust_root=b"{}"))
        identity = await enrol(ticket, folder=folder / "gate", session=session, now_ms=NOW_MS)
        store = await stack.enter_async_context(Store(folder / "gate" / DATABASE_FILE))
        await store.write(lambda conn: write_facts(conn, facts))
        first = await store.read(lambda conn: batch(conn, after=0))
        plain = b"".join(first.records) if first else b""
        start, used = time.perf_counter(), time.process_time()
        await Pusher(Line(store, Peer(session, identity.platform), identity, clock)).drain()
        spent, used = time.perf_counter() - start, time.process_time() - used
        batches = -(-facts // (len(first.records) if first else 1))
        return {
            "ms_per_batch": spent * 1000 / batches,
            "facts_per_s": facts / spent,
            "cpu_us_a_fact": used / facts * 1e6,
            "records_per_batch": len(first.records) if first else 0,
            "floor_fsync_ms": floor_ms(folder, plain),
        }


def main() -> None:
    """Print the best of the runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--facts", type=int, default=FACTS)
    parser.add_argument("--runs", type=int, default=RUNS)
    args = parser.parse_args()
    found = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory() as name:
            found.append(asyncio.run(run(Path(name), args.facts)))
    best = min(found, key=lambda one: one["ms_per_batch"])
    figures = {name: round(value, 2) for name, value in best.items()}
    print(json.dumps({"bench": "upload", "facts": args.facts} | figures))


if __name__ == "__main__":
    main()
