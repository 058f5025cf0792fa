"""What decisions cost while a change of 100 000 measures is applied beside them, and while nothing is.

One JSON object a line. Rounds of both are taken in turn, so that a busy machine slows both; once with the interpreter's
usual turns between threads (5 ms) and once with the terminal's (`edge.commands.run`).

    python bench/beside_delta.py [--changes 100000] [--rounds 5] [--decisions 200]
"""

import argparse
import asyncio
import json
import runpy
import statistics
import sys
import tempfile
import time
from pathlib import Path

from cache.journal import chain
from cache.lists.keyfile import beside
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import ordered_buckets, write_buckets
from cache.lists.keyfile.layout import MEASURES, Layout, bits_for
from cache.lists.keyfile.view import View
from cache.lists.payloads import PAYLOAD_BYTES
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from edge.commands.run import TURN_S
from storage.sqlite import Store

HERE = Path(__file__).parent
keyed = runpy.run_path(str(HERE / "_keyed.py"))  # this folder is not on the path: it has a token.py
presents = runpy.run_path(str(HERE / "present.py"))
USUAL_TURN_S = 0.005


def list_of(folder: Path, entries: int) -> tuple[View, bytes]:
    """Return a list of so many measures, and a delta that changes all of them."""
    listed = keyed["keys"](entries)
    layout = Layout(kind=MEASURES, payload=PAYLOAD_BYTES[MEASURES], bits=bits_for(entries))
    rows = ((key, keyed["PAYLOAD"]) for key in listed)
    root = write_buckets(ordered_buckets(rows, layout), layout=layout, out=folder / "base")
    view = View.over(Base.open(folder / "base", root=root, fresh=False))
    return view, view.delta(dict.fromkeys(listed, keyed["OTHER"])).written()


async def decisions(
    store: Store, made: tuple[object, Policy], codes: list[str], while_: asyncio.Future[object] | None
) -> list[float]:
    """Return what each presentation took; while something else goes on, only as long as it does."""
    took = []
    for code in codes:
        if while_ is not None and while_.done():
            break
        began = time.perf_counter()
        await presents["present"](store, *made, code)
        took.append(time.perf_counter() - began)
    return took


def told(took: list[float]) -> dict[str, float]:
    """Return p50 and p99 in milliseconds."""
    ordered = sorted(took)
    p99 = ordered[max(0, -(-99 * len(ordered) // 100) - 1)]
    return {"n": len(took), "p50_ms": round(statistics.median(ordered) * 1e3, 2), "p99_ms": round(p99 * 1e3, 2)}


async def measure(folder: Path, changes: int, rounds: int, many: int) -> None:
    """Measure and print."""
    view, data = await asyncio.to_thread(list_of, folder, changes)
    delta = folder / "delta"
    delta.write_bytes(data)

    def apply() -> View:
        return beside.laid(view, until_now=(), more=[data], new=[delta])

    visitors = presents["Visitors"]()
    made = (visitors, Policy.compile(benefits=parse_benefits([presents["BENEFIT"]])))
    async with Store(folder / "terminal.db") as store:
        await store.write(lambda conn: chain.begin_epoch(conn, epoch="e", terminal="gate1", reason="bench"))
        for turn_s in (USUAL_TURN_S, TURN_S):
            sys.setswitchinterval(turn_s)
            idle: list[float] = []
            applied: list[float] = []
            for _ in range(rounds):
                idle += await decisions(store, made, [visitors.code() for _ in range(many)], None)
                codes = [visitors.code() for _ in range(20 * many)]
                applying = asyncio.ensure_future(asyncio.to_thread(apply))
                applied += await decisions(store, made, codes, applying)
                await applying
            one, two = told(idle), told(applied)
            ratio = round(two["p99_ms"] / one["p99_ms"], 2)
            print(json.dumps({"turn_ms": turn_s * 1e3, "idle": one, "beside": two, "p99_ratio": ratio}), flush=True)


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--changes", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decisions", type=int, default=200)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder), args.changes, args.rounds, args.decisions))


if __name__ == "__main__":
    main()
