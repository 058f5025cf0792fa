"""A few kills of the many that `tests/ill/kills.py` plays by hand: whoever was told GRANT has it, once.

Power cuts are played by `make e2e` (`tests/e2e/test_ill_figures.py`): they take root and a disk of their own.
"""

import json

import pytest

from tests.ill.kills import READ, line_of, play, sum_of

SEED = 20261127


@pytest.mark.timeout(300)
async def test_a_gate_that_is_killed_at_any_moment_loses_nothing_and_gives_nothing_twice(tmp_path):
    figures = await play(tmp_path, SEED, 3)

    assert (figures["ended"], figures["lost"], figures["twice"]) == (3, 0, 0)
    assert figures["given"] >= 3
    assert figures["readings"] >= 12
    assert figures["exits"] + figures["left out"] >= 3


def test_runs_in_pieces_add_up():
    names = ("ended", "given", "answered", "unanswered", "lost", "twice", *READ)
    figures = {name: number for number, name in enumerate(names)} | {"ended": 3, "lost": 0, "twice": 0}
    lines = [line_of(seed, cuts=seed == 2, figures=figures, took_s=5) for seed in (1, 2)]
    lines[1] = json.dumps(json.loads(lines[1]) | {"slowest_s": 0.5, "slowest_exit_s": 0.25})
    lines[0] = json.dumps(json.loads(lines[0]) | {"slowest_s": 0.75, "slowest_exit_s": 0.125})

    told = sum_of([*lines, lines[0]])

    assert told == (
        "2 runs, 3 kills and 3 cuts: 2 given, 6 codes unanswered, lost 0, twice 0; readiness agreed with 12, 14 came"
        " late, 16 waited a moment; 18 presents, slowest 0.75 s, 20 exits, slowest 0.25 s, 22 left out; 10 s"
    )
