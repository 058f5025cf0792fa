"""Restores on both sides, played from a seed in this process; by hand also 2 000 of them, and with real processes."""

import os

import pytest

from tests.ill.restores import play

EVENTS = int(os.environ.get("XINGUAN_RESTORES", "25"))
SEED = 20261127


@pytest.mark.timeout(3000)
async def test_kills_cuts_and_restores_lose_nothing_and_serve_nobody_twice_but_what_is_declared_as_lost(tmp_path):
    figures = await play(tmp_path, SEED, EVENTS)

    print(figures.told())
    assert (figures.lost, figures.twice) == (0, 0)
    assert figures.events.total() == EVENTS
    assert figures.given > EVENTS / 4
