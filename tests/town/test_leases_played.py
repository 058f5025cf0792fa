"""A leased capacity in the simulated town: never more than there is, and every planted fault is found."""

import pytest

from tests.town import leases_played

SEEDS = 100
WITHIN = 1_500


@pytest.mark.parametrize("tenth", range(5))
def test_no_seed_gives_more_than_there_is(tenth):
    for seed in range(tenth, SEEDS, 5):
        leases_played.play(seed)


@pytest.mark.parametrize("fault", leases_played.FAULTS)
def test_a_planted_fault_is_found(fault, record_property):
    for seed in range(WITHIN):
        if leases_played.breaks(seed, fault):
            record_property("seeds", seed + 1)
            return
    pytest.fail(f"{fault}: not found within {WITHIN} seeds")
