"""Most of what a platform hears are standings that nothing has changed: they cost it no write."""

import contextlib

import pytest

from central.http.asked import MAX_WAIT_S
from central.http.claim_calls import in_reach
from storage.sqlite import connect


@pytest.fixture
def writes(town):
    """Return whether anything was written since it was asked last."""
    with contextlib.closing(connect(town.state.database, writing=True)) as conn:
        seen = []

        def since():
            seen.append(conn.execute("PRAGMA data_version").fetchone()[0])
            return seen[-1] != seen[-2]

        seen.append(conn.execute("PRAGMA data_version").fetchone()[0])
        yield since


async def test_an_unchanged_standing_writes_nothing_for_a_minute(town, writes):
    gate = await town.terminal()
    line = gate.line()
    await line.ask()
    assert writes()

    town.clock.at_ms += 59_999
    await line.ask()

    assert not writes()


async def test_a_minute_later_it_is_written_down_that_a_terminal_was_seen(town, writes):
    line = (await town.terminal()).line()
    await line.ask()
    town.clock.at_ms += 60_000
    writes()

    await line.ask()

    assert writes()
    assert town.rows("SELECT seen_ms FROM terminals") == [(town.clock.at_ms,)]


async def test_what_is_told_to_be_held_for_the_first_time_is_told_after_a_commit_of_its_own(town, writes):
    gate = await town.terminal()
    line = gate.line()
    await line.ask()
    await gate.write()
    await gate.bring_home()
    town.clock.at_ms += 1
    writes()

    await line.ask()

    assert writes()


async def test_whoever_hangs_in_a_quiet_poll_is_waited_for_by_a_platform_that_starts(town):
    """Its last grants may be known to nobody but itself: unheard, its guest would be let in at another gate as well."""
    line = (await town.terminal()).line()
    await line.ask()
    town.clock.at_ms += 59_999
    await line.ask()
    town.clock.at_ms += MAX_WAIT_S * 1000

    assert town.change(lambda tx: in_reach(tx, now_ms=town.clock.at_ms)) == ["gate-a"]
