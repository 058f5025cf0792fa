"""Conflicts in the simulated town: each gate ends by believing what the facts say, and every planted fault is found."""

import pytest

from tests.town import told_played

SEEDS = 200
WITHIN = 600


@pytest.mark.parametrize("tenth", range(5))
def test_no_gate_keeps_a_conflict_that_does_not_stand(tenth):
    for seed in range(tenth, SEEDS, 5):
        told_played.play(seed)


@pytest.mark.parametrize("fault", sorted(told_played.FAULTS))
def test_a_planted_fault_is_found(fault, record_property):
    for seed in range(WITHIN):
        if told_played.breaks(seed, fault):
            record_property("seeds", seed + 1)
            return
    pytest.fail(f"{fault}: not found within {WITHIN} seeds")
