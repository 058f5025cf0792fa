"""Kills of an update, a swap and a restore at random moments (`kills.py`); each says what must hold after it.

`XINGUAN_KILLS`, 100 of each kind; the seed is said, `XINGUAN_SEED` takes another.
"""

import os

import pytest

from tests.update.kills import PLAYS, line_of, play, sum_of

KILLS = int(os.environ.get("XINGUAN_KILLS", "100"))
SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))


@pytest.mark.e2e
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("what", PLAYS)
async def test_a_box_that_is_killed_at_any_moment_serves_on_gives_nothing_twice_and_loses_nothing(tmp_path, what):
    figures = await play(tmp_path, what, kills=KILLS, seed=SEED, say=print)

    print(f"seed {SEED}, {what}: {dict(figures)}")
    assert figures["killed"] == KILLS


def test_runs_in_pieces_add_up():
    lines = [line_of(what, seed, {"killed": 25, "early": 1}, 60) for what in ("swap", "update") for seed in (1, 2)]

    told = sum_of([*lines, lines[0]])

    assert told == "4 runs, killed: update 50, swap 50; 4 more were done before their moment; 240 s"
