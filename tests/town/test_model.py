"""Every story of a small town is played: with all rules nothing breaks, and without any of them something does."""

import pytest

from tests.town.model import claims
from tests.town.model.exploring import BrokenError, explore

TOWNS = {1: (2, 2), 2: (3, 1)}  # bound -> visits, faults: with every kind, as whole as it ends
LARGE = ("restore", "ends")  # of these two visits are enough for many states
CALM = "nothing"  # no fault at all


def whole(kind, bound, alone):
    visits, faults = (2, 2) if kind in LARGE else TOWNS[bound]
    model = claims.Model("" if kind == CALM else kind, bound=bound, alone=alone)
    return explore(model.start(visits, faults), model.steps)


@pytest.mark.parametrize("kind", [CALM, *claims.FAULTS])
def test_no_story_of_two_gates_breaks_anything(kind, record_property):
    states = [whole(kind, bound, alone) for bound in TOWNS for alone in (True, False)]

    assert min(states) > 20
    record_property("states", sum(states))


def broken(rule):
    """Return the shortest story that a town without a rule tells, with as few faults as it takes."""
    kinds, visits, bound = claims.RULES[rule]
    for faults in (1, 2):
        for alone in (False, True):
            model = claims.Model(kinds, bound=bound, alone=alone, off=[rule])
            try:
                explore(model.start(visits, faults), model.steps)
            except BrokenError as story:
                return str(story)
    return ""


@pytest.mark.parametrize("rule", claims.RULES)
def test_without_any_rule_a_short_story_breaks_the_town(rule):
    story = broken(rule).splitlines()

    assert 2 <= len(story) <= 16
