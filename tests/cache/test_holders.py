"""What one holder did is found by a mark of the pseudonym: two who share it are told apart, and few rows are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.ledger import facts, writing
from cache.ledger.counting import keys
from cache.ledger.counting.holders import mark
from credit.decision import Use
from storage.sqlite import memory

WHOSE = "0f3a00000000000000000{}000067e9c26b"
TWINS = [f"u|wulong/first|subject:wulong:{WHOSE.format(letter)}|ever" for letter in "ab"]  # both have one mark
CONN = memory()
LAID = (
    "INSERT INTO redemptions (id, at_ms, terminal, site, scene, lane, issuer, subject, token_id, intent, heads,"
    " benefit, answer, state, gives_back, grace_until_ms) VALUES (?, ?, 'gate1', 'park', 'gate', 'A', 'wulong', ?,"
    " x'00', 'enter', 1, 'first', '{}', 'passed', 1, 0)"
)


@given(
    benefit=st.text("abc/|:@é中", max_size=8),
    issuer=st.text("abc:-", max_size=6),
    whose=st.text("0123456789abcdef|:", max_size=34),
    period=st.text("0123456789-W:|ever", max_size=12),
)
def test_a_mark_is_what_the_schema_makes_of_a_key(benefit, issuer, whose, period):
    key = f"u|{benefit}|subject:{issuer}:{whose}|{period}"
    with CONN:
        CONN.execute("DELETE FROM uses")
        writing.take(CONN, Use(key, 1, 1, ""), "r-1", 1)

    assert keys.counts(CONN, {key: None})[key].n == 1
    assert CONN.execute(keys.COUNTED.format("?", "?"), (mark(key), key)).fetchall() == [(key,)]


def test_two_holders_of_one_mark_have_their_own_counts_and_bounds():
    conn = memory()
    assert mark(TWINS[0]) == mark(TWINS[1])
    writing.take(conn, Use(TWINS[0], 1, 1, ""), "r-1", 1)

    assert [keys.counts(conn, dict.fromkeys(TWINS))[key].n for key in TWINS] == [1, 0]
    writing.take(conn, Use(TWINS[1], 1, 1, ""), "r-2", 2)
    assert [keys.living(conn, [key])[key] for key in TWINS] == [(("r-1", 1),), (("r-2", 1),)]


@pytest.mark.parametrize("since_ms", [None, 5])
def test_the_second_of_one_is_not_written_though_the_program_says_it_may_be(since_ms):
    conn = memory()
    writing.take(conn, Use(TWINS[0], 1, 1, "", since_ms), "r-1", 10)

    with pytest.raises(writing.sqlite3.IntegrityError, match="bound"):
        writing.take(conn, Use(TWINS[0], 1, 1, "", since_ms), "r-2", 11)


PSEUDONYMS = {
    "drawn": lambda n: (n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).to_bytes(16, "big"),
    "counted": lambda n: n.to_bytes(16, "big"),
}
MANY = 2_000
OF_SUBJECT = f"SELECT count(*) FROM redemptions WHERE {facts.BY_SUBJECT}"


@pytest.mark.parametrize("how", PSEUDONYMS)
def test_however_an_issuer_makes_pseudonyms_a_holder_is_found_without_reading_the_others(how):
    conn = memory()
    people = [PSEUDONYMS[how](number) for number in range(MANY)]
    of = [f"u|wulong/first|subject:wulong:{one.hex()}|ever" for one in people]
    conn.executemany(LAID, [(f"r-{number}", number, one) for number, one in enumerate(people)])
    for number, key in enumerate(of):
        writing.take(conn, Use(key, 1, 1, ""), f"r-{number}", number)
    taken = []
    conn.set_progress_handler(lambda: taken.append(1) and None, 100)

    assert keys.counts(conn, {of[7]: None})[of[7]].n == 1
    assert conn.execute(OF_SUBJECT, (people[7],)).fetchone() == (1,)
    assert len(taken) <= 3


def test_who_came_each_day_is_not_read_through_for_today():
    conn = memory()
    days = [
        f"u|wulong/first|subject:wulong:{WHOSE.format('a')}|2026-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}"
        for n in range(336)
    ]

    assert len({mark(day) for day in days}) == len(days)
    plan = [row[3] for row in conn.execute(f"EXPLAIN QUERY PLAN {keys.ROLLING_OF_HOLDER}", (days[0], 0))]
    assert plan == ["SEARCH uses USING INDEX uses_holder (<expr>=?)"]
