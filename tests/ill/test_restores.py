"""Restores on both sides, played from a seed in this process; by hand also 2 000 of them, and with real processes."""

import json
import os

import pytest

from tests.ill.restores import Figures, play, sum_of

EVENTS = int(os.environ.get("XINGUAN_RESTORES", "25"))
SEED = 20261127


@pytest.mark.timeout(3000)
async def test_kills_cuts_and_restores_lose_nothing_and_serve_nobody_twice_but_what_is_declared_as_lost(tmp_path):
    figures = await play(tmp_path, SEED, EVENTS)

    print(figures.told())
    assert (figures.lost, figures.twice) == (0, 0)
    assert figures.events.total() == EVENTS
    assert figures.given > EVENTS / 4


def test_runs_in_pieces_add_up_and_a_seed_that_was_played_twice_counts_once():
    pieces = [Figures(), Figures()]
    for seed, figures in enumerate(pieces, 1):
        figures.given = 10 * seed
        figures.declared = {f"r{number}" for number in range(seed)}
        figures.events.update({"gate killed": seed, "visitors": 2})
    lines = [json.dumps(figures.counted(seed, 3.2)) for seed, figures in enumerate(pieces, 1)]

    told = sum_of([*lines, lines[0]])

    assert told == (
        "2 runs, 7 events (gate killed 3, visitors 4): given 30, referred 0, lost 0, twice 0, doubled 0, declared 3;"
        " 6 s"
    )
