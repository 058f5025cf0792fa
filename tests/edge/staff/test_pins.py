"""PINs and persons: what is kept, and how long a guesser waits."""

import doctest

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.staff import persons, sessions
from edge.staff.persons import LOCK_MS, TRIES, Duty
from edge.staff.pins import WeakPinError, WrongPinError, check_pin, hash_pin, secret_of
from storage.sqlite import memory

SECRET = secret_of(Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOW_MS = 1_790_000_000_000


@pytest.fixture
def staffed():
    conn = memory()
    persons.add(conn, "wang", Duty.SUPERVISOR, "kept", NOW_MS)
    return conn


@pytest.mark.parametrize("module", [persons, sessions])
def test_the_examples_hold(module):
    assert doctest.testmod(module).failed == 0


def test_the_right_pin_is_right_and_another_is_wrong():
    kept = hash_pin("730195", SECRET)

    check_pin("730195", kept, SECRET)
    with pytest.raises(WrongPinError):
        check_pin("730194", kept, SECRET)


def test_under_another_terminal_s_key_no_pin_is_right():
    kept = hash_pin("730195", SECRET)

    with pytest.raises(WrongPinError):
        check_pin("730195", kept, secret_of(Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))))


def test_what_is_kept_neither_shows_the_pin_nor_repeats():
    first, second = hash_pin("730195", SECRET), hash_pin("730195", SECRET)

    assert first.startswith("$argon2id$")
    assert "730195" not in first
    assert first != second


@pytest.mark.parametrize("pin", ["12345", "123456", "987654", "000000", "12a456", "", "٧٣٠١٩٥", "7" * 17])
def test_a_weak_pin_is_not_taken(pin):
    with pytest.raises(WeakPinError):
        hash_pin(pin, SECRET)


def wrong(conn, times, now_ms=NOW_MS):
    return [persons.tried(conn, "wang", right=False, now_ms=now_ms) for _ in range(times)][-1]


def test_five_wrong_pins_lock_for_five_minutes_and_five_more_for_ten(staffed):
    assert wrong(staffed, TRIES - 1) == 0
    assert wrong(staffed, 1) == NOW_MS + LOCK_MS
    assert wrong(staffed, TRIES, NOW_MS + LOCK_MS) == NOW_MS + 3 * LOCK_MS


def test_a_right_pin_forgets_the_wrong_ones(staffed):
    wrong(staffed, TRIES - 1)
    persons.tried(staffed, "wang", right=True, now_ms=NOW_MS)

    assert wrong(staffed, TRIES - 1) == 0


def test_a_new_pin_lifts_the_lock(staffed):
    wrong(staffed, TRIES)
    persons.reset(staffed, "wang", "other", NOW_MS)

    assert persons.person(staffed, "wang").locked_until_ms == 0


def test_trying_a_name_nobody_has_writes_nothing(staffed):
    persons.tried(staffed, "li", right=False, now_ms=NOW_MS)

    assert [one.name for one in persons.persons(staffed)] == ["wang"]
