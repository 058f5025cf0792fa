"""What a terminal tidies away by itself, on a real journal in memory."""

from cache.ids import uuid7
from cache.journal import chain
from cache.journal.batches import batch
from cache.pen import Pen
from credit.inputs import Now
from edge.housekeeping import pieces
from storage.sqlite import immediate, memory

T0 = 1_790_000_000_000
DAY_MS = 86_400_000


def days(conn):
    return [row[0] // DAY_MS for row in conn.execute("SELECT at_ms - ? FROM journal ORDER BY seq", (T0,))]


def test_what_the_platform_signed_for_leaves_after_half_a_year_and_nothing_else_does():
    conn = memory()
    with immediate(conn):
        chain.begin_epoch(conn, epoch="e1", terminal="t1", reason="enrolled")
        for day in (0, 1, 170, 171, 172):
            Pen(conn, Now(utc_ms=T0 + day * DAY_MS), uuid7).fact("note", {"day": day})
        for many, day in ((2, 1), (4, 173)):  # the second batch came home a day late
            signed, at_ms = batch(conn, after=0, max_records=many), T0 + day * DAY_MS
            chain.acknowledge(conn, through=many, head_hash=signed.head_hash, receipt="r", at_ms=at_ms)
            chain.signed_at(conn, many, at_ms)

    for piece, _most in pieces(Now(utc_ms=T0 + 190 * DAY_MS)):
        with immediate(conn):
            piece(conn)

    assert days(conn) == [170, 171, 172]
    chain.verify(conn)
