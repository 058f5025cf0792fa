"""`xinguan sync now` and `xinguan enrol --again` on a box where nothing runs: what waits goes home first, by itself."""

import asyncio
import contextlib
import json

import pytest

from cache.journal.chain import unsent
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import ENROLMENT_FILE, KEY_FILE, load_identity
from tests.tools.shell import xinguan


@pytest.fixture
async def stopped(town, tmp_path, unused_tcp_port):
    """A box that served, wrote that it stopped, and is off: the platform has none of it."""
    terminal = await town.terminal("gate-a")
    await terminal.write(redemption="r-1")
    await terminal.write(kind="stopped")
    await terminal.store.__aexit__(None, None, None)
    config = tmp_path / "terminal.toml"
    config.write_text(
        f"[terminal]\ndata = {json.dumps(str(terminal.folder))}\n[platform]\nurl = {json.dumps(town.relay_url)}\n"
        f'[api]\nlisten = "127.0.0.1:{unused_tcp_port}"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return terminal, config


async def typed(config, *words, given=""):
    return await asyncio.to_thread(xinguan, *words, "--config", config, typed=given)


def waiting(terminal):
    with contextlib.closing(connect(terminal.folder / DATABASE_FILE, writing=False)) as conn:
        return unsent(conn).count


async def test_sync_now_sends_what_waits_while_nothing_runs(town, stopped):
    terminal, config = stopped

    done = await typed(config, "sync", "now")

    assert (done.returncode, "sent 2, waiting 0" in done.stdout) == (0, True), done.stderr
    assert waiting(terminal) == 0
    assert [one["redemption"] for one in town.ledger()["redemptions"]] == ["r-1"]


async def test_a_box_that_has_served_is_enrolled_under_another_name_and_loses_no_fact(town, stopped):
    terminal, config = stopped

    done = await typed(config, "enrol", "-", "--again", given=f"{town.code('gate-b')}\n")

    assert done.returncode == 0, done.stderr
    assert "sent 3 facts first" in done.stdout  # the third: that it heard of the site's new profile
    assert load_identity(terminal.folder).terminal == "gate-b"
    assert [one["redemption"] for one in town.ledger()["redemptions"]] == ["r-1"]


async def test_while_the_platform_is_away_nothing_is_changed_and_the_mend_is_said(town, stopped):
    terminal, config = stopped
    code, before = town.code("gate-b"), [(terminal.folder / name).read_bytes() for name in (ENROLMENT_FILE, KEY_FILE)]
    await town.relay.cut()

    enrolled = await typed(config, "enrol", "-", "--again", given=f"{code}\n")
    synced = await typed(config, "sync", "now")

    assert (enrolled.returncode, synced.returncode) == (69, 69)
    assert "facts wait and could not be sent, nothing was changed" in enrolled.stderr
    assert "the facts could not be sent" in synced.stderr
    assert waiting(terminal) == 2
    assert [(terminal.folder / name).read_bytes() for name in (ENROLMENT_FILE, KEY_FILE)] == before
