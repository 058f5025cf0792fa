"""`bench/lists.py --entries N`: one list of N measures as a key file, and as a plain SQLite table beside it."""

import os
import random
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import ordered_buckets, write_buckets
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import MEASURES, Layout, bits_for
from cache.lists.keyfile.view import View
from cache.lists.payloads import PAYLOAD_BYTES, pack_measure

Say = Callable[..., None]
LOOK_UPS = 20_000
PAYLOAD = pack_measure(302, None, authority=0, disputed=False)
OTHER = pack_measure(301, None, authority=0, disputed=False)


def keys(entries: int, seed: int = 1) -> list[bytes]:
    """Return so many pseudonyms, ascending."""
    drawn = random.Random(seed)  # noqa: S311 - a town of the bench
    return sorted(drawn.randbytes(16) for _ in range(entries))


def bench_entries(folder: Path, entries: int, say: Say) -> None:
    """Measure a key file of `entries` rows, then the table."""
    listed = keys(entries)
    draw = random.Random(2)  # noqa: S311 - a town of the bench
    asked = [draw.choice(listed) for _ in range(LOOK_UPS // 2)] + [draw.randbytes(16) for _ in range(LOOK_UPS // 2)]
    draw.shuffle(asked)
    changes = dict.fromkeys(draw.sample(listed, min(10000, entries // 2)), OTHER)
    _key_file(folder, listed, asked, changes, say)
    _table(folder, listed, asked, changes, say)


def _key_file(folder: Path, listed: list[bytes], asked: list[bytes], changes: dict[bytes, bytes], say: Say) -> None:
    layout = Layout(kind=MEASURES, payload=PAYLOAD_BYTES[MEASURES], bits=bits_for(len(listed)))
    path = folder / "base"
    started = time.perf_counter()
    root = write_buckets(ordered_buckets(((key, PAYLOAD) for key in listed), layout), layout=layout, out=path)
    say("key file: built", [time.perf_counter() - started], bytes_an_entry=round(path.stat().st_size / len(listed), 3))
    before = _resident()
    opened = []
    for _ in range(3):
        started = time.perf_counter()
        view = View.over(Base.open(path, root=root, fresh=False))
        opened.append(time.perf_counter() - started)
    say("key file: opened, every bucket hashed", opened, resident_mb=round((_resident() - before) / 1e6, 1))
    _apply(folder, view, dict(list(changes.items())[:100]), "100", say)
    view = _apply(folder, view, changes, "10 000", say)
    say("key file: look-up, with overlay", list(_timed(view.look_up, asked)), unit="us", factor=1e6)
    _floor(view, path, asked, say)
    say("key file: resident with overlay", [0.0], resident_mb=round((_resident() - before) / 1e6, 1))


def _floor(view: View, path: Path, asked: list[bytes], say: Say) -> None:
    spans = {key: view.base.span(view.layout.place(key)[0]) for key in asked}
    with path.open("rb", buffering=0) as file:
        number = file.fileno()
        read: Callable[[bytes], Any] = lambda key: os.pread(number, spans[key][1], spans[key][0])  # noqa: E731 - a name
        say("floor: a key hashed, its bucket read", list(_timed(read, asked)), unit="us", factor=1e6)


def _apply(folder: Path, view: View, changes: dict[bytes, bytes], many: str, say: Say) -> View:
    data = view.delta(changes).written()
    took, spent = [], []
    for number in range(3):
        path = folder / f"delta-{many}-{number}"
        started, working = time.perf_counter(), time.process_time()
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        after = view.applied(Delta.read(path.read_bytes()))
        took.append(time.perf_counter() - started)
        spent.append(time.process_time() - working)
    more = {"flash_bytes": len(data), "processor_ms": round(1e3 * sorted(spent)[1], 1)}
    say(f"key file: delta of {many} keys, durable and applied", took, **more)
    return after


def _table(folder: Path, listed: list[bytes], asked: list[bytes], changes: dict[bytes, bytes], say: Say) -> None:
    conn = sqlite3.connect(folder / "table.db", isolation_level=None)
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("CREATE TABLE entry (key BLOB PRIMARY KEY, payload BLOB NOT NULL) STRICT, WITHOUT ROWID")
    started = time.perf_counter()
    conn.execute("BEGIN")
    conn.executemany("INSERT INTO entry VALUES (?, ?)", ((key[:8], PAYLOAD) for key in listed))
    conn.execute("COMMIT")
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (folder / "table.db").stat().st_size
    say("SQLite WITHOUT ROWID: built", [time.perf_counter() - started], bytes_an_entry=round(size / len(listed), 3))
    query = "SELECT payload FROM entry WHERE key = ?"
    look_up: Callable[[bytes], Any] = lambda key: conn.execute(query, (key[:8],)).fetchone()  # noqa: E731 - a name for it
    say("SQLite WITHOUT ROWID: look-up", list(_timed(look_up, asked)), unit="us", factor=1e6)
    started = time.perf_counter()
    conn.execute("BEGIN")
    conn.executemany("UPDATE entry SET payload = ? WHERE key = ?", ((row, key[:8]) for key, row in changes.items()))
    conn.execute("COMMIT")
    took, written = time.perf_counter() - started, (folder / "table.db-wal").stat().st_size
    conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    say(f"SQLite WITHOUT ROWID: {len(changes)} changes", [took], flash_bytes=2 * written)
    conn.close()


def _timed(look_up: Callable[[bytes], Any], asked: list[bytes]) -> Iterator[float]:
    clock = time.perf_counter
    for key in asked[:2_000]:
        look_up(key)
    for key in asked:
        started = clock()
        look_up(key)
        yield clock() - started


def _resident() -> int:
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * resource.getpagesize()
