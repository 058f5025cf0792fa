"""How the judging of proofs gives way: facts come first when gates that were cut off come home."""

import asyncio

import pytest

from central.proving import rounds
from central.proving.rounds import EVERY_S, REST, Rounds


class Store:
    """A platform's books of which this process is the one that judges."""

    async def hold(self, _name):
        return True


class Timed(Rounds):
    """Rounds of which each takes a known time and has a known number of grants in it."""

    def __init__(self, folder, took):
        super().__init__(Store(), folder, lambda: 0)
        self.took, self.at_s = list(took), 0.0

    async def once(self, _judge):
        seconds, grants = self.took.pop(0)
        self.at_s += seconds
        return grants


class Judges:
    judged = None


async def rests_after(monkeypatch, tmp_path, *took):
    """Return for how long it rested after each round."""
    timed, rested = Timed(tmp_path, took), []

    async def sleep(seconds):
        rested.append(seconds)
        if not timed.took:
            raise asyncio.CancelledError

    monkeypatch.setattr(rounds.time, "monotonic", lambda: timed.at_s)
    monkeypatch.setattr(rounds.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await timed.run(Judges())
    return rested


async def test_after_a_round_it_rests_thrice_as_long_but_never_longer_than_between_looks(monkeypatch, tmp_path):
    assert await rests_after(monkeypatch, tmp_path, (0.25, 200), (30.0, 200)) == [REST * 0.25, EVERY_S]


async def test_where_nothing_is_to_be_judged_it_looks_again_after_a_while(monkeypatch, tmp_path):
    assert await rests_after(monkeypatch, tmp_path, (0.25, 0)) == [EVERY_S]
