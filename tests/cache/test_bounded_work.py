"""Row 21: what is done each second, and each piece of housekeeping, costs the same with ten times as many facts.

Counted are steps of SQLite's machine, so that no busy disk and no busy processor has a say.
"""

from cache.journal import chain, proofs
from cache.ledger import upkeep
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import memory

NOW = Now(utc_ms=1_790_000_000_000)
FEW, MANY = 1_000, 10_000
SIGNED = "UPDATE cursor SET acked_through = ?, acked_at_ms = 1"
FACT = (
    "INSERT INTO journal (seq, id, at_ms, kind, redemption, body, hash)"
    " VALUES (?, 'id-' || ?, ?, 'passed', NULL, '{}', zeroblob(32))"
)


def box(many):
    """Return a database with so many facts that nobody has signed for."""
    conn = memory()
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="test")
    conn.executemany(FACT, [(seq, seq, NOW.utc_ms - many + seq) for seq in range(1, many + 1)])
    return conn


def steps(conn, work):
    """Return what `work` returns, and for how many thousand steps of the machine it ran (rounded down)."""
    taken = []
    conn.set_progress_handler(lambda: taken.append(1) and None, 1_000)
    try:
        return work(conn), len(taken)
    finally:
        conn.set_progress_handler(None, 0)


def test_counting_what_is_unsent_costs_nothing_however_much_there_is():
    found = {many: steps(box(many), chain.unsent) for many in (FEW, MANY)}

    assert {many: unsent.count for many, (unsent, _) in found.items()} == {FEW: FEW, MANY: MANY}
    assert max(taken for _, taken in found.values()) <= 1


def test_facts_leave_in_pieces_whatever_waits_to_leave():
    costs = {}
    for many in (FEW, MANY):
        conn = box(many)
        conn.execute(SIGNED, (many,))
        chain.signed_at(conn, many, 1)
        left, costs[many] = steps(conn, lambda conn: chain.retire(conn, signed_before_ms=NOW.utc_ms, at_most=200))
        assert left == 200
    assert costs[MANY] <= 2 * costs[FEW] + 2


def lent(conn, many):
    """Write so many loans that fell due a moment ago, as far as the schema asks for their members."""
    columns = list(conn.execute("PRAGMA table_info(redemptions)"))
    usual = {row[1]: b"x" if "BLOB" in row[2] else 0 if "INT" in row[2] else "" for row in columns if row[3]}
    due = {"state": "open", "due_ms": NOW.utc_ms - 1, "answer": "{}", "heads": 1, "intent": "lend"}
    for number in range(many):
        one = usual | due | {"id": f"r{number}"}
        insert = f"INSERT INTO redemptions ({', '.join(one)}) VALUES ({', '.join('?' * len(one))})"
        conn.execute(insert, [*one.values()])


def test_what_falls_due_is_marked_in_pieces():
    costs = {}
    for many in (FEW // 10, FEW):
        conn = box(FEW)
        lent(conn, many)

        def mark(conn):
            pen = Pen(conn, NOW, lambda _ms: f"o-{conn.total_changes}")
            return len(upkeep.mark_overdue(pen, at_most=20))

        marked, costs[many] = steps(conn, mark)
        assert marked == 20
    assert costs[FEW] <= 2 * costs[FEW // 10] + 2


def with_proofs(many):
    """Return a database in which so many proofs wait, whose redemptions are gone (a copy, a rescued card)."""
    conn = box(many)
    for seq in range(1, many + 1):
        proofs.keep(conn, f"r-{seq}", seq, b"shown")
    return conn


def test_proofs_that_arrived_leave_in_one_walk_whether_their_redemptions_are_known_or_not():
    sent = [f"r-{seq}" for seq in range(1, 501)]
    costs = {}
    for many in (FEW, MANY):
        conn = with_proofs(many)
        highest, asked = steps(conn, lambda conn: proofs.highest(conn, sent))
        _, left = steps(conn, lambda conn: proofs.forget(conn, sent))
        assert (highest, proofs.oldest(conn)) == (500, 501)
        costs[many] = asked + left
    assert costs[MANY] <= costs[FEW] + 2


def test_proofs_told_a_second_time_cost_one_walk_and_not_one_each():
    conn = with_proofs(MANY)
    sent = [f"r-{seq}" for seq in range(1, 501)]
    proofs.forget(conn, sent)

    one_walk = steps(conn, lambda conn: proofs.forget(conn, sent[:1]))[1]
    all_again = steps(conn, lambda conn: proofs.forget(conn, sent))[1]

    assert all_again <= 3 * one_walk + 20
    assert proofs.oldest(conn) == 501
