"""Keys that are wider than a site, in the simulated town: hub and platform agree, and every planted fault is found."""

import pytest

from tests.town import wide_played

SEEDS = 60
WITHIN = 600


@pytest.mark.parametrize("tenth", range(5))
def test_no_seed_breaks_an_invariant_at_hub_or_platform(tenth):
    for seed in range(tenth, SEEDS, 5):
        wide_played.play(seed)


@pytest.mark.parametrize("fault", sorted(wide_played.FAULTS))
def test_a_planted_fault_is_found(fault, record_property):
    for seed in range(WITHIN):
        if wide_played.breaks(seed, fault):
            record_property("seeds", seed + 1)
            return
    pytest.fail(f"{fault}: not found within {WITHIN} seeds")
