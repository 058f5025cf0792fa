"""What lists support as they grow old: the home city's signed word, from its desk to a terminal off for a month."""

import asyncio
import doctest
import json

import pytest

from cache.lists.trusted import ALL, NO_LIST_AGE_S, NOTHING, SOME
from central.example_town import FOREIGN, HOME
from central.lists.cities import publish, put_rules
from central.lists.publishing import PublishingError
from central.register.warrants import Warrant
from credit.rules import ages as module
from credit.rules.ages import NOT_GIVEN, USUAL, parse_ages
from credit.rules.reading import CatalogueError

DAY_S = 86_400
MONTH = {"24": {}, "72": {"max_fen": {"deposit_waiver": 20000}}, "960": {"offers": ["lane", "free"]}}


def sign(platform, ages, *, city=HOME, **more):
    document = json.dumps({"issuer": city, "ages": ages, **more}).encode()
    put_rules(
        platform.state, city, {"list-ages.json": document}, warrant=Warrant.by_two("li", "han"), now_ms=platform.later()
    )
    publish(platform.state, now_ms=platform.later())


async def test_a_terminal_that_was_off_for_a_month_starts_says_so_and_is_current_with_its_first_look(
    platform, site, terminal, until
):
    sign(platform, MONTH)
    wang = platform.issue("wang").subject
    platform.restrict("wang")
    async with terminal.open() as t:
        await t.puller.once()
    platform.later(30 * DAY_S * 1000)
    platform.repository.freshen(now_ms=platform.clock.ms)
    platform.restrict("li")
    site.answers["metadata/timestamp.json"] = 503
    async with terminal.open() as t:
        now_s = platform.clock.ms // 1000
        lists = t.lists.current

        assert lists.age_s(HOME, now_s) // DAY_S == 30
        assert {lists.allows(role, age) for role, age in lists.ages(platform.clock.ms).items()} == {SOME}
        assert [lists.policy.ages.most_fen(kind, 30 * DAY_S) for kind in ("lane", "pay_later")] == [None, NOT_GIVEN]
        assert lists.measures(HOME, wang), "what restricted before restricts still"

        site.answers.clear()
        running = asyncio.create_task(t.puller.run())
        await until(lambda: t.lists.current.age_s(HOME, platform.clock.ms // 1000) < 60)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

        assert t.puller.turns <= 1, "the first look was enough: no pause lies before it"
        assert t.lists.current.measures(HOME, platform.issue("li").subject)


async def test_without_a_word_all_is_given_for_fourteen_days_and_nothing_after(platform, terminal):
    (platform.state / "cities" / FOREIGN / "list-ages.json").unlink(missing_ok=True)
    sign(platform, {"24": {"offers": []}}, city=FOREIGN)
    async with terminal.open() as t:
        await t.puller.once()
        lists = t.lists.current

        assert lists.policy.ages.steps[0].up_to_s == 24 * 3600, "the example city's own"
        assert lists.allows(f"lists.{FOREIGN}", 3600) == ALL, "another city's word counts at its own gates alone"
    assert (USUAL.kept_s("free"), USUAL.last_s) == (14 * DAY_S, 14 * DAY_S)


async def test_a_kind_of_list_that_is_older_than_it_may_be_by_itself_counts_as_none(platform, terminal):
    sign(platform, {"336": {}}, lists={"lists": {"max_h": 48}})
    async with terminal.open() as t:
        await t.puller.once()
        now_ms = platform.later(49 * 3_600_000)
        lists = t.lists.current

        assert lists.age_s(HOME, now_ms // 1000) == NO_LIST_AGE_S
        told = {role: lists.allows(role, age) for role, age in lists.ages(now_ms).items() if role.endswith(HOME)}
        assert told == {f"issuers.{HOME}": ALL, f"lists.{HOME}": NOTHING, f"rules.{HOME}": ALL}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ages": {}}, "names no age"),
        ({"ages": {"0": {}}}, "'0' is no age"),
        ({"ages": {"2161": {}}}, "'2161' is no age"),
        ({"ages": {"1e3": {}}}, "is no age"),
        ({"ages": {"²": {}}}, "is no age"),
        ({"ages": {"24": {"offer": []}}}, "is unknown here"),
        ({"ages": {"24": {"offers": ["gifts"]}}}, "'gifts' is unknown"),
        ({"ages": {"24": {"max_fen": {"free": -1}}}}, "must be from 0"),
        ({"ages": {"24": {"max_fen": {"frei": 1}}}}, "'frei' is unknown"),
        ({"ages": {"24": {}}, "lists": {"index": {"max_h": 1}}}, "'index' is no kind of list"),
        ({"ages": {"24": {}}, "lists": {"lists": {"max_h": 0}}}, "must be from 1"),
        ({"ages": [{}]}, "must be an object"),
    ],
)
def test_what_a_terminal_would_refuse_is_refused_at_the_desk_and_names_the_mend(platform, wrong, said):
    with pytest.raises(CatalogueError, match=said):
        parse_ages({"issuer": HOME, **wrong})
    before = (platform.public / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(PublishingError, match=said):
        sign(platform, wrong["ages"], **{name: value for name, value in wrong.items() if name != "ages"})
    assert (platform.public / "metadata" / "timestamp.json").read_bytes() == before


def test_a_step_that_is_less_strict_than_a_younger_one_gives_again():
    policy = parse_ages({"ages": {"24": {"offers": ["lane"]}, "48": {}}})

    assert (policy.kept_s("lane"), policy.kept_s("free"), policy.given_s("free")) == (48 * 3600, -1, -1)
    assert [policy.most_fen("free", hours * 3600) for hours in (24, 25, 49)] == [NOT_GIVEN, None, NOT_GIVEN]


def test_the_example_in_the_module_runs():
    assert doctest.testmod(module).attempted > 2
    assert doctest.testmod(module).failed == 0
