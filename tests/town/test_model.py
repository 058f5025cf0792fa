"""Every story of a small town is played: with all rules nothing breaks, and without any of them something does."""

import pytest

from tests.tools.pages import cells, table
from tests.town.model import claims, leases, wide
from tests.town.model.exploring import BrokenError, explore

TOWNS = {1: (2, 2), 2: (3, 1)}  # bound -> visits, faults: with every kind, as whole as it ends
LARGE = ("restore", "ends")  # of these two visits are enough for many states
CALM = "nothing"  # no fault at all


def kinds(kind):
    return "" if kind == CALM else kind


def whole(kind, bound, alone):
    visits, faults = (2, 2) if kind in LARGE else TOWNS[bound]
    model = claims.Model(kinds(kind), bound=bound, alone=alone)
    return explore(model.start(visits, faults), model.steps)


@pytest.mark.parametrize("kind", [CALM, *claims.FAULTS])
def test_no_story_of_two_gates_breaks_anything(kind, record_property):
    states = [whole(kind, bound, alone) for bound in TOWNS for alone in (True, False)]

    assert min(states) > 20
    record_property("states", sum(states))


@pytest.mark.parametrize("model", [claims, leases, wide])
def test_a_fault_or_rule_that_is_none_is_refused_and_not_played_as_nothing(model):
    with pytest.raises(ValueError, match="no such kind or rule"):
        model.Model("writtenoff")
    with pytest.raises(ValueError, match="no such kind or rule"):
        model.Model(off={"a rule"})


SHARED = {CALM: (3, 2), "lost": (2, 2), "crash": (2, 2), "lowered": (3, 2), "cut": (2, 2)}  # kind -> visits, quota


@pytest.mark.parametrize("kind", [CALM, *leases.FAULTS])
def test_no_story_of_two_gates_that_share_a_quota_breaks_anything(kind, record_property):
    visits, quota = SHARED.get(kind, (2, 1))
    model = leases.Model(kinds(kind), quota=quota)
    states = explore(model.start(visits), model.steps)

    assert states > 800
    record_property("states", states)


def behind_a_hub(kind, visits):
    found = 0
    for key in (True, False):
        for alone in (True, False):
            model = wide.Model(kinds(kind), wide=key, alone=alone)
            found += explore(model.start(visits), model.steps)
    return found


@pytest.mark.parametrize("kind", [CALM, *wide.FAULTS])
def test_no_story_of_a_hub_before_the_platform_breaks_anything(kind, record_property):
    states = behind_a_hub(kind, 2)

    assert states > 150
    record_property("states", states)


@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", wide.FAULTS)
def test_no_story_of_a_hub_and_one_more_visitor_breaks_anything(kind, record_property):
    record_property("states", behind_a_hub(kind, 3))


def counting(rule, alone):
    happens, visits, bound = claims.RULES[rule]
    return visits, claims.Model(happens, bound=bound, alone=alone, off=[rule])


def leasing(rule, alone):
    happens, visits, quota = leases.RULES[rule]
    return visits, None if alone else leases.Model(happens, quota=quota, off=[rule])


def forwarding(rule, alone):
    happens, visits, key = wide.RULES[rule]
    return visits, wide.Model(happens, wide=key, alone=alone, off=[rule])


RULES = {
    (model, rule): town
    for model, (rules, town) in {
        "claims": (claims.RULES, counting),
        "leases": (leases.RULES, leasing),
        "wide": (wide.RULES, forwarding),
    }.items()
    for rule in rules
}


OF_TWO_FAULTS = {"also a silent one is waited for", "a start gives back what the run before held"}
LONG = {"a start gives back what the run before held"}  # tens of thousands of states before its story


def broken(model, rule):
    """Return the shortest story that a town without a rule tells, with as few faults as it takes."""
    for faults in (2,) if rule in OF_TWO_FAULTS else (1, 2):
        for alone in (False, True):
            visits, town = RULES[model, rule](rule, alone)
            if town is None:
                continue
            try:
                explore(town.start(visits, faults), town.steps)
            except BrokenError as story:
                return str(story).splitlines()
    return []


@pytest.mark.parametrize(
    ("model", "rule"), [pytest.param(*one, marks=[pytest.mark.e2e] * (one[1] in LONG)) for one in RULES]
)
def test_without_any_rule_a_short_story_breaks_the_town(model, rule):
    [steps] = [steps for *which, steps in written_down() if which == [model, rule]]

    assert len(broken(model, rule)) - 1 == int(steps)


def written_down():
    """Return (model, rule, steps) of docs/claims.md."""
    rows = [cells(row) for row in table("claims.md", "| rule that is left out |")]
    return [(model.strip("`"), rule, steps) for rule, model, steps, *_ in rows]


def test_each_rule_of_the_models_has_its_row_and_each_row_its_rule():
    assert sorted((model, rule) for model, rule, _steps in written_down()) == sorted(RULES)
