"""How many are inside: one figure for the whole site; while nobody tells it, the last one and what happened here."""

import pytest

from credit.inputs import Intent
from credit.reasons import Outcome, Reason
from tests.town.two_deciders import benefit, two_gates

MOST = 4
BENEFITS = [
    benefit(9, "cave", "free", where={"scenes": ["gate"]}, capacity=[{"per": "occupancy", "max": MOST}]),
]
GRANTED, FULL = (Outcome.GRANT, Reason.OK), Reason.FULL


@pytest.fixture
async def site(tmp_path, monkeypatch):
    async with two_gates(tmp_path, BENEFITS, monkeypatch) as made:
        yield made


def said(answer):
    return answer.decision.outcome, answer.decision.reasons[0]


async def test_all_gates_count_into_one_figure_and_an_exit_at_any_frees_room(site):
    authority, one, two = site
    for who, gate in enumerate([one, two, one, two], 1):
        assert said(await gate.shows(who)) == GRANTED
        await authority.hear(gate)
    assert said(await one.shows(9))[1] is FULL

    await two.shows(1, intent=Intent.EXIT)  # who came in at the other gate
    await authority.hear(two)

    assert said(await one.shows(9)) == GRANTED


async def test_with_nobody_to_ask_the_figure_last_told_counts_with_what_came_and_went_here_since(site):
    authority, one, two = site
    for who, gate in enumerate([one, two, one], 1):
        await gate.shows(who)
        await authority.hear(gate)
    authority.silent = True

    third_and_fourth = [said(await one.shows(who)) for who in (4, 5)]
    await one.shows(1, intent=Intent.EXIT)

    assert third_and_fourth[0] == GRANTED  # two told, and one let in when that was told: three, now four
    assert third_and_fourth[1][1] is FULL  # of these four one was let in at the other gate, of whom no own count knows
    assert said(await one.shows(6)) == GRANTED  # one left here
    assert said(await one.shows(7))[1] is FULL


async def test_a_figure_that_is_told_again_takes_the_place_of_what_was_reckoned(site):
    authority, one, two = site
    await one.shows(1)
    await authority.hear(one)
    authority.silent = True
    assert said(await one.shows(2)) == GRANTED
    await two.shows(1, intent=Intent.EXIT)
    authority.silent = False
    await authority.hear(one, two)

    for who in (3, 4):
        assert said(await one.shows(who)) == GRANTED
        await authority.hear(one)
    authority.silent = True

    assert [said(await one.shows(who))[1] for who in (5, 6)] == [Reason.OK, FULL]
