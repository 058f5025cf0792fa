"""Where books are served Python looks for cycles seldom, and afterwards as often as before."""

import gc

import pytest

from storage.collector import FRESH, collecting_seldom


@pytest.fixture(autouse=True)
def threshold():
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_a_batch_that_lives_and_goes_together_is_not_walked_through():
    looked = []

    def heard(phase, _about):
        looked.append(phase)

    def batch():
        gc.collect()
        gc.callbacks.append(heard)
        try:
            return len([{"body": [{}]} for _ in range(3_000)])
        finally:
            gc.callbacks.remove(heard)

    batch()
    often = len(looked)
    looked.clear()
    with collecting_seldom():
        batch()

    assert often > 1
    assert not looked


def test_cycles_are_still_found():
    class Node:
        pass

    with collecting_seldom():
        gc.collect()
        found = []
        gc.callbacks.append(lambda phase, about: found.append(about["collected"]) if phase == "stop" else None)
        try:
            for _ in range(FRESH):
                one, other = Node(), Node()
                one.to, other.to = other, one
        finally:
            gc.callbacks.pop()

    assert sum(found) > 0


def test_it_ends_with_what_was_set_before_and_leaves_no_collector_where_there_was_none():
    for before in ((700, 10, 10), (FRESH * 2, 5, 5), (0, 10, 10)):
        gc.set_threshold(*before)
        with collecting_seldom():
            assert gc.get_threshold()[0] == (max(FRESH, before[0]) if before[0] else 0)
        assert gc.get_threshold()[:2] == before[:2]
