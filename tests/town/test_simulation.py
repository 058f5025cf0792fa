"""The town holds over many seeds, and every fault that is put in on purpose is found."""

import pytest

from tests.town import simulation

SEEDS = 300
WITHIN = 1_500  # seeds within which a planted fault must show


@pytest.mark.parametrize("tenth", range(10))
def test_no_seed_breaks_an_invariant(tenth):
    for seed in range(tenth, SEEDS, 10):
        simulation.play(seed)


@pytest.mark.parametrize("fault", sorted(simulation.FAULTS))
def test_a_planted_fault_is_found(fault, record_property):
    for seed in range(WITHIN):
        if simulation.breaks(seed, fault):
            record_property("seeds", seed + 1)
            return
    pytest.fail(f"{fault}: not found within {WITHIN} seeds")


def test_a_failing_seed_tells_the_same_story_again():
    def story():
        with pytest.raises(simulation.BrokenError) as broken:
            for seed in range(WITHIN):
                simulation.play(seed, "excess not counted")
        return str(broken.value)

    assert story() == story()
