"""A few kills of the many that `tests/ill/kills.py` plays by hand: whoever was told GRANT has it, once.

Power cuts are played by `make e2e` (`tests/e2e/test_ill_figures.py`): they take root and a disk of their own.
"""

import pytest

from tests.ill.kills import line_of, play, sum_of

SEED = 20261127


@pytest.mark.timeout(300)
async def test_a_gate_that_is_killed_at_any_moment_loses_nothing_and_gives_nothing_twice(tmp_path):
    figures = await play(tmp_path, SEED, 3)

    assert (figures["ended"], figures["lost"], figures["twice"]) == (3, 0, 0)
    assert figures["given"] >= 3


def test_runs_in_pieces_add_up():
    figures = {"ended": 3, "given": 9, "answered": 20, "unanswered": 2, "lost": 0, "twice": 0}
    lines = [line_of(seed, cuts=seed == 2, figures=figures, took_s=5) for seed in (1, 2)]

    told = sum_of([*lines, lines[0]])

    assert told == "2 runs, 3 kills and 3 cuts: 18 given, 4 codes unanswered, lost 0, twice 0; 10 s"
