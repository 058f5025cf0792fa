"""Very much of what a terminal keeps: unsent facts, old ones that may leave, loans that fell due. Visitors are served.

Rules of this file:

- everything is real: the facts are chained and go to the platform, which signs for them; only the time of its receipts
  is set back, so that they are old enough to leave;
- visitors come and leave all the while; how long each was with the terminal is what the terminal says itself.
"""

import contextlib
import sqlite3
import time

from cache.ids import uuid7
from cache.journal.chain import NewFact, append
from edge.housekeeping import RETAIN_MS
from storage.sqlite import connect, immediate
from tests.ill import readings
from tests.ill.harness import enter, leave

PIECE = 500  # facts that are written at a time: whoever comes meanwhile waits for no more
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
AT_LEAST = 10  # visitors in each phase


def write_unsent(database, many):
    """Write so many facts as the terminal does; return the last one's number."""
    with contextlib.closing(connect(database, writing=True)) as conn:
        for begun in range(0, many, PIECE):
            with immediate(conn):
                for _ in range(min(PIECE, many - begun)):
                    at_ms = time.time_ns() // 1_000_000
                    last = append(conn, NewFact("clock_jumped", {"by_ms": 1}, at_ms, uuid7(at_ms))).seq
    return last


def lend(conn, many, due_ms):
    """Write so many loans that fell due then, as far as the schema asks for their members."""
    columns = list(conn.execute("PRAGMA table_info(redemptions)"))
    usual = {row[1]: b"x" if "BLOB" in row[2] else 0 if "INT" in row[2] else "" for row in columns if row[3]}
    due = {"state": "open", "due_ms": due_ms, "answer": "{}", "heads": 1, "intent": "lend"}
    for number in range(many):
        one = usual | due | {"id": f"lent-{number}"}
        insert = f"INSERT INTO redemptions ({', '.join(one)}) VALUES ({', '.join('?' * len(one))})"
        conn.execute(insert, [*one.values()])


def grow_old(database, loans):
    """Let the platform have signed half a year ago, and so many loans be due since yesterday; the gate is down."""
    with contextlib.closing(connect(database, writing=True)) as conn, immediate(conn):
        back = "UPDATE receipts SET at_ms = at_ms - ?1, hour = hour - ?1 / ?2"
        conn.execute(back, (RETAIN_MS + DAY_MS, HOUR_MS))
        lend(conn, loans, time.time_ns() // 1_000_000 - DAY_MS)


def found_in(database, sql):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchone()[0]


def tidied(database, last, loans):
    """Return whether what is old has left up to `last`, and every loan was called overdue."""
    overdue = found_in(database, "SELECT count(*) FROM redemptions WHERE state = 'overdue'")
    return found_in(database, "SELECT min(seq) FROM journal") >= last and overdue == loans


async def serve_until(town, true):
    """Let somebody in and somebody out until `true()`; return how many came, and the slowest as the terminal says."""
    since, came = len(readings.MEASURED), 0
    while came < AT_LEAST or not await true():
        answer, _ = await enter(town, town.visitors.resident(town.now_s()))
        assert answer["outcome"] == "GRANT", answer
        await leave(town, town.visitors.resident(town.now_s()))
        came += 1
    return came, max(one.inside_s for one in readings.MEASURED[since:])


async def carried(town, *, unsent, loans):
    """Let a gate carry all of it, one after the other; return {phase: (visitors, slowest in seconds)}."""

    async def enough():
        return True

    async def sent():
        return found_in(town.gate.database, "SELECT acked_through FROM cursor") >= last

    async def tidy():
        return tidied(town.gate.database, last, loans)

    found = {"nothing": await serve_until(town, enough)}
    town.network.cut()
    last = write_unsent(town.gate.database, unsent)
    found[f"{unsent} unsent"] = await serve_until(town, enough)
    town.network.restore()
    found[f"{unsent} go out"] = await serve_until(town, sent)
    await town.gate.process.stop()
    grow_old(town.gate.database, loans)
    await town.gate.start()
    found[f"{unsent} leave, {loans} are overdue"] = await serve_until(town, tidy)
    for phase, (came, slowest_s) in found.items():
        print(f"{phase}: {came} came and left, slowest {slowest_s:.3f} s in the terminal")
    return found
