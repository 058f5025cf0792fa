import pytest

from cache.journal.chain import JournalError, NewFact, acknowledge, append, begin_epoch, current_epoch, head, verify
from cache.journal.orders import Order, contradicted, obey, standing, uphold
from cache.ledger.facts import SUSPENDED, switched
from storage.sqlite import memory


@pytest.fixture
def conn():
    made = memory()
    begin_epoch(made, epoch="e1", terminal="gate-a", reason="enrolled")
    return made


def order(number, action="suspend"):
    return Order(number=number, action=action, reason="")


def test_suspending_throws_the_switch_and_resuming_throws_it_back(conn):
    obey(conn, order(1), at_ms=1)
    suspended = switched(conn, SUSPENDED)
    obey(conn, order(2, "resume"), at_ms=2)

    assert (suspended, switched(conn, SUSPENDED)) == (True, False)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_old_order_is_passed_over(conn, number):
    obey(conn, order(3, "revoke"), at_ms=1)

    assert obey(conn, order(number, "resume"), at_ms=2) is False
    assert (switched(conn, SUSPENDED), standing(conn)) == (True, "revoke")


def test_an_old_order_told_again_is_written_down_once_until_the_platform_has_signed_for_it(conn):
    obey(conn, order(1), at_ms=1)
    obey(conn, order(2, "resume"), at_ms=2)
    waiting = head(conn)
    obey(conn, order(1), at_ms=3)
    assert head(conn) == waiting

    acknowledge(conn, through=waiting.seq, head_hash=waiting.hash, receipt="r", at_ms=4)
    for at_ms in (5, 6):
        obey(conn, order(1), at_ms=at_ms)

    assert (head(conn).seq, switched(conn, SUSPENDED)) == (waiting.seq + 1, False)


def test_that_there_are_two_of_us_is_told_again_and_again_and_is_written_down_once(conn):
    obey(conn, order(1, "twin"), at_ms=1)
    said = head(conn)
    acknowledge(conn, through=said.seq, head_hash=said.hash, receipt="r", at_ms=2)

    for at_ms in (3, 4):
        obey(conn, order(1, "twin"), at_ms=at_ms)

    assert head(conn) == said


@pytest.mark.parametrize("damage", ["x'7b226f'", "x'22ff22'", '\'{"contradicts":"x"}\''])
def test_a_note_that_was_damaged_on_the_disk_keeps_no_order_from_being_obeyed_or_upheld(conn, damage):
    obey(conn, Order(number=7, action="suspend", reason="r"), at_ms=1)
    append(conn, NewFact("note", {"order": 7, "action": "suspend", "known": True}, 2, "note-1"))
    conn.execute(f"UPDATE journal SET body = CAST({damage} AS TEXT) WHERE kind = 'note'")
    conn.execute("UPDATE switches SET state = 0 WHERE name = 'suspended'")  # by somebody who has the disk

    assert uphold(conn, lambda _signed: None, at_ms=3)
    assert contradicted(conn) is None
    obey(conn, Order(number=7, action="resume", reason="r"), at_ms=4)
    obey(conn, Order(number=7, action="suspend", reason="r"), at_ms=5)
    assert contradicted(conn) == 7


def test_a_new_epoch_begins_with_the_fact_that_names_the_order(conn):
    obey(conn, order(1), at_ms=1)
    obey(conn, order(2, "new_epoch"), at_ms=2)

    epoch = current_epoch(conn)

    assert (epoch.from_seq, epoch.terminal, epoch.id != "e1") == (2, "gate-a", True)
    assert verify(conn).seq == 2
    assert switched(conn, SUSPENDED) is True


def test_an_unknown_action_changes_nothing(conn):
    with pytest.raises(Exception, match="CHECK"):
        obey(conn, order(1, "explode"), at_ms=1)

    assert head(conn).seq == 0


def test_without_an_epoch_a_new_one_is_not_begun():
    with pytest.raises(JournalError):
        obey(memory(), order(1, "new_epoch"), at_ms=1)
