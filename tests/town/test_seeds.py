"""The closing run goes on where it stopped, begins anew for another form of the rules, and ends with a story."""

import pytest

from tests.tools.pages import cells, table
from tests.town import seeds


@pytest.fixture
def kept(tmp_path):
    return lambda: seeds.Kept(tmp_path / "seeds.json")


def test_a_run_goes_on_where_the_last_one_stopped(kept):
    played = []
    seeds.closing_run(played.append, kept(), "a", 250, say=lambda _text: None)

    seeds.closing_run(played.append, kept(), "a", 300, say=lambda _text: None)

    assert played == list(range(300))
    assert kept().through == {"a": 300}


def test_a_broken_seed_ends_the_run_and_is_the_next_run_s_first(kept):
    def play(seed):
        played.append(seed)
        if seed == 142:
            raise seeds.simulation.BrokenError("its story")

    for _ in range(2):
        played = []
        with pytest.raises(AssertionError, match="its story"):
            seeds.closing_run(play, kept(), "a", 200)

    assert (played[0], played[-1]) == (100, 142)


def test_another_form_of_the_rules_begins_anew_beside(kept):
    seeds.closing_run(lambda _seed: None, kept(), "a", 100, say=lambda _text: None)
    played = []
    seeds.closing_run(played.append, kept(), "b", 50, say=lambda _text: None)

    assert (len(played), kept().through) == (50, {"a": 100, "b": 50})


def test_each_planted_fault_has_its_row_and_each_row_its_fault():
    rows = [(cells(row)[0], cells(row)[1].strip("`")) for row in table("claims.md", "| planted fault |")]

    assert sorted(rows) == sorted((fault, name) for name, town in seeds.TOWNS.items() for fault in town.FAULTS)


def test_the_form_is_what_is_played(tmp_path):
    (tmp_path / "central" / "hub").mkdir(parents=True)
    rule = tmp_path / "central" / "hub" / "claims.py"
    rule.write_text("a rule")
    before = seeds.form(tmp_path)
    rule.write_text("another rule")

    assert seeds.form(tmp_path) != before
