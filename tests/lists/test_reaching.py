"""From the office's click to the gate: measured for every entry at every terminal, and told."""

import asyncio
import doctest
import json

from prometheus_client import CollectorRegistry

from central.example_town import HOME
from central.lists.measure_calls import dispute
from central.register import reaching
from central.register.reaching import Click, Switch, clicks_of, times, told
from central.register.registry import register
from central.register.warrants import Warrant
from edge.metrics import ListFigures

NOW_MS = 1_795_000_000_000
BY_TWO = Warrant.by_two("li", "han")


def test_the_example_in_the_module_runs():
    assert doctest.testmod(reaching).failed == 0
    assert doctest.testmod(reaching).attempted > 0


def test_of_two_changes_that_one_publication_brings_the_older_took_longer():
    clicks = [Click(1, "take", 2_000), Click(2, "lift", 3_000)]
    switches = {"gate1": [Switch(1_000, 900), Switch(3_400, 3_000)]}

    assert [one.took_ms for one in times(clicks, switches)] == [1_400, 400]


def test_who_came_later_waited_for_nothing_and_who_has_not_come_is_told_as_waiting():
    clicks = [Click(1, "take", 2_000)]
    before = Switch(1_000, 900)
    switches = {"new": [Switch(2_500, 2_000)], "off": [before], "on": [before, Switch(2_100, 2_000)]}

    found = told(list(times(clicks, switches)))

    assert found["changes"] == [{"entry": 1, "what": "take", "at_ms": 2_000, "gates_s": {"off": None, "on": 0.1}}]
    assert (found["n"], found["p99_s"], found["waiting"]) == (1, 0.1, 1)


def test_a_terminal_that_took_an_older_publication_later_is_not_told_twice():
    switches = {"gate1": [Switch(1_000, 900), Switch(5_000, 4_000), Switch(6_000, 2_000), Switch(7_000, 6_500)]}

    assert [one.took_ms for one in times([Click(1, "lift", 1_500)], switches)] == [3_500]


async def test_every_click_is_there_with_the_very_moment_that_numbers_its_publication(platform, terminal):
    async with terminal.open() as t:
        await t.puller.once()
        platform.issue("wang")
        taken = platform.restrict("wang").published
        disputed = dispute(platform.state, HOME, "wang", warrant=BY_TWO, now_ms=platform.later()).published
        lifted = platform.repair("wang").published
        await t.puller.once()
        now_ms = platform.later(700)
        facts = await t.store.read(lambda conn: [json.loads(one) for one in switch_bodies(conn)])

    with register(platform.state) as conn:
        clicks = clicks_of(conn, HOME, since_ms=0)

    assert [(one.what, one.at_ms) for one in clicks] == [
        ("take", taken.at_ms),
        ("dispute", disputed.at_ms),
        ("lift", lifted.at_ms),
    ]
    versions = [body["versions"][f"lists.{HOME}"] for body in facts if f"lists.{HOME}" in body["versions"]]
    assert versions[-1] == lifted.at_ms
    switches = {"gate1": [Switch(taken.at_ms - 1, versions[0]), Switch(now_ms, versions[-1])]}
    assert [one.took_ms for one in times(clicks, switches)] == [now_ms - one.at_ms for one in clicks]


def switch_bodies(conn):
    return [body for (body,) in conn.execute("SELECT body FROM journal WHERE kind = 'lists_changed' ORDER BY seq")]


async def test_the_terminals_own_figure_counts_from_the_click_and_not_what_it_was_born_with(platform, terminal, until):
    figures = ListFigures(CollectorRegistry())
    async with terminal.open() as t:
        t.puller.switched = lambda versions: figures.switched(versions, platform.clock.ms)
        await t.puller.once()
        assert observed(figures) == {}

        platform.issue("wang")
        platform.restrict("wang")
        platform.clock.ms += 1_500
        running = asyncio.create_task(t.puller.run())
        await until(lambda: observed(figures))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    assert observed(figures) == {f"lists.{HOME}": (1.0, 1.5)}


def observed(figures):
    """Return (count, seconds) by list."""
    found = {}
    for sample in figures.reach.collect()[0].samples:
        at = {"_count": 0, "_sum": 1}.get(sample.name.removeprefix("xinguan_list_reach_seconds"))
        if at is not None:
            found.setdefault(sample.labels["list"], [0.0, 0.0])[at] = sample.value
    return {role: tuple(pair) for role, pair in found.items()}


def test_a_number_that_is_no_time_of_a_click_is_not_counted():
    figures = ListFigures(CollectorRegistry())

    figures.switched({"lists.a": 7, "lists.b": None, "lists.c": NOW_MS + 1}, NOW_MS)

    assert observed(figures) == {}
