import pytest

from cache.ids import uuid7
from cache.ledger.recall import KEPT_MS, Asking, Given, OtherRequestError, answered, remember
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import memory

ASKING = Asking("till-7-000123", b"\x01" * 32)


@pytest.fixture
def conn():
    made = memory()
    given = Given("r1", {"outcome": "GRANT"}, whole=True)
    remember(Pen(made, Now(utc_ms=1_000), uuid7), ASKING, given, lane="A")
    return made


def test_the_answer_is_given_again(conn):
    known = answered(conn, ASKING, lane="A", at_ms=1_001)

    assert (known.answer, known.redemption, known.in_grace) == ('{"outcome":"GRANT"}', "r1", False)


def test_an_id_is_one_lane_s(conn):
    assert answered(conn, ASKING, lane="B", at_ms=1_001) is None


def test_another_request_under_the_same_id_is_a_mistake(conn):
    with pytest.raises(OtherRequestError, match="till-7-000123"):
        answered(conn, Asking(ASKING.id, b"\x02" * 32), lane="A", at_ms=1_001)


def test_after_a_day_the_id_is_free_again(conn):
    later = 1_000 + KEPT_MS

    assert answered(conn, ASKING, lane="A", at_ms=later - 1) is not None
    assert answered(conn, ASKING, lane="A", at_ms=later) is None
    remember(Pen(conn, Now(utc_ms=later), uuid7), ASKING, Given("r2", {}, whole=True), lane="A")
    assert answered(conn, ASKING, lane="A", at_ms=later).redemption == "r2"


def test_no_bytes_of_a_code_are_kept(conn):
    names = [row[1] for row in conn.execute("PRAGMA table_info(requests)")]

    assert names == ["bucket", "lane", "id", "asked", "redemption", "answer", "whole", "at_ms"]
