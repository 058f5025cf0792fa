"""Rows 9 and 10: a boot without a network, under the box's own clock: years off, half a day off, right.

Nothing irreversible happens, and a visitor has a way in: by a clock that is near what it was, or by the challenge.
"""

import asyncio
import contextlib
import json
import sqlite3

import pytest

from cache.texts import BODY, clear
from tests.sync.test_certificates import LATER, Authority

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.root]

YEAR_S = 31_536_000


@pytest.mark.parametrize("wall", [("--wall", YEAR_S), ("--wall", 10 * YEAR_S), ("--wall-at", 0)], ids=str)
async def test_a_wrong_clock_erases_nothing_makes_nobody_overdue_and_blames_no_visitor(town, ill, wall):
    if lacks := ill.other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    who = town.visitors.resident(town.now_s())
    await ill.enter(town, who)
    await town.all_arrived()
    before = len(ill.facts(town))
    town.network.cut()
    await town.gate.process.stop()
    process = town.gate.process

    ill.run_under(town, "--reboot", *wall)
    try:
        await ill.start_ill(town)
        causes, _ready = await ill.readiness(town)
        other, _ = await ill.enter(town, town.visitors.resident(town.now_s()))
        left, _ = await ill.leave(town, who)
        await town.until(lambda: ill.facts(town)[-1][0] != "started")
        kinds = [kind for kind, _cause in ill.facts(town)]
        await town.gate.process.stop()
    finally:
        town.gate.process = process
        town.network.restore()
    await town.gate.start()

    assert causes["clock"] in ("clock.challenge", "clock.untrusted")
    assert (other["outcome"], ill.code_of(other)) == ("REFER", "clock_not_trusted")
    assert left["obligations"] == {"open_gate": True}
    assert len(kinds) >= before
    assert "overdue" not in kinds
    figures = await town.all_arrived()
    assert (figures.lost, figures.duplicated) == (0, 0)


@contextlib.asynccontextmanager
async def booted_alone(town, ill, *clock):
    """Start the gate after a power cut, without a network, under another clock; afterwards all is as it was."""
    if lacks := ill.other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    await town.all_arrived()
    town.network.cut()
    await town.gate.process.stop()
    process = town.gate.process
    ill.run_under(town, "--reboot", *clock)
    try:
        await ill.start_ill(town)
        yield
        await town.gate.process.stop()
    finally:
        town.gate.process = process
        town.network.restore()
    await town.gate.start()


def clocks(town):
    """Return what the facts of grants say of the clock, the oldest first."""
    with contextlib.closing(sqlite3.connect(f"file:{town.gate.database}?mode=ro", uri=True)) as conn:
        rows = conn.execute(f"SELECT {BODY} FROM journal WHERE kind = 'granted' ORDER BY seq").fetchall()
    return [json.loads(clear(body))["clock"] for (body,) in rows]


def ahead(town, by_s):
    """Return how somebody shows a phone whose clock is fast."""
    who = town.visitors.resident(town.now_s())
    return lambda: town.gate.present(who.code(town.now_s() + by_s), intent="enter")


def answering(town, who):
    """Return how somebody answers what the screen shows."""

    async def show():
        return await town.gate.present(who.code(town.now_s(), challenge=await town.gate.challenge()), intent="enter")

    return show


async def test_with_the_right_clock_of_the_box_a_visitor_is_let_in_also_with_a_phone_that_is_fast(town, ill):
    await ill.let_in(town, town.visitors.resident(town.now_s()))

    async with booted_alone(town, ill):
        causes, ready = await ill.readiness(town)
        usual = await ill.let_in(town, town.visitors.resident(town.now_s()))
        fast = [await ill.decided(ahead(town, by_s)) for by_s in (6, 20, 28)]
        told = clocks(town)

    assert (causes["clock"], ready) == ("clock.rtc", True)
    assert usual["outcome"] == "GRANT"
    assert [one["outcome"] for one in fast] == ["GRANT"] * 3  # this gate is the site's only lane
    assert told[-4:] == ["rtc"] * 4


async def test_half_a_day_off_the_screens_challenge_is_the_way_in(town, ill):
    who = town.visitors.resident(town.now_s())
    await ill.let_in(town, town.visitors.resident(town.now_s()))

    async with booted_alone(town, ill, "--wall", 13 * 3600):
        causes, ready = await ill.readiness(town)
        asked = await ill.let_in(town, who)
        answered = await ill.decided(answering(town, who))
        told = clocks(town)

    assert (causes["clock"], ready) == ("clock.challenge", True)
    assert (asked["outcome"], ill.code_of(asked)) == ("REFER", "clock_not_trusted")
    assert answered["outcome"] == "GRANT"
    assert told[-1] == "unsure"


@contextlib.asynccontextmanager
async def behind_tls(town, authority, dates):
    """Stand before the platform with a certificate of these dates; the gate's file names that door and its CA."""

    async def passed(reader, writer):
        there, back = await asyncio.open_connection("127.0.0.1", town.network.port)
        with contextlib.suppress(OSError):
            await asyncio.gather(flows(reader, back), flows(there, writer))

    async def flows(source, target):
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    text = town.gate.config.read_text()
    async with await asyncio.start_server(passed, "127.0.0.1", 0, ssl=authority.server(*dates)) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        named = text.replace(f'"{town.network_url}"', f'"{url}"\nca = "{authority.path}"')
        assert named != text
        town.gate.config.write_text(named)
        try:
            yield
        finally:
            town.gate.config.write_text(text)


async def test_a_box_that_boots_in_1970_is_told_the_time_by_a_platform_behind_tls(town, ill, tmp_path):
    """Its certificate is judged at the floor, and may be newer; a visitor is let in by a clock that was signed for."""
    if lacks := ill.other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    await town.all_arrived()
    await town.gate.process.stop()
    process = town.gate.process
    async with behind_tls(town, Authority(tmp_path), LATER):
        ill.run_under(town, "--reboot", "--wall-at", 0)
        try:
            await ill.start_ill(town)
            await ill.line(town, "clock", "clock.well")
            answer = await ill.let_in(town, town.visitors.resident(town.now_s()))
            figures = await town.all_arrived()
            await town.gate.process.stop()
        finally:
            town.gate.process = process
    await town.gate.start()

    assert answer["outcome"] == "GRANT"
    assert (figures.lost, figures.duplicated) == (0, 0)
