"""The ill states with the figures of the table, where `make ill` plays short ones: rows 11 and 15.

.venv/bin/python -m pytest -m "e2e or root" tests/e2e/test_ill_figures.py -s
"""

import asyncio
import contextlib
import shutil
import subprocess
import time

import aiohttp
import pytest

from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street
from tests.ill.harness import Beat, code_of, enter, held, leave, line, readiness
from tests.processes.conftest import started_town

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HELD_S = 45.0
FROZEN_S = 12.0
LISTENERS = 1_000
ANSWERED_S = 1.0
LEFT_S = 0.3
PACE_S = 0.5


class Served:
    """What visitors met: how long presents and exits took, where the harness itself was not stalled."""

    def __init__(self):
        self.codes, self.entered, self.left, self.stalled = set(), [], [], 0

    async def for_a_while(self, town, beat, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            who = town.visitors.resident(town.now_s())
            for how, took in ((enter, self.entered), (leave, self.left)):
                began = time.monotonic()
                answer, took_s = await how(town, who)
                if how is enter:
                    self.codes.add(code_of(answer))
                else:
                    assert answer["obligations"] == {"open_gate": True}
                if beat.fair(began, took_s):
                    took.append(took_s)
                else:
                    self.stalled += 1
            await asyncio.sleep(PACE_S)

    def told(self, what):
        print(
            f"{what}: {len(self.entered)} presents, slowest {max(self.entered):.3f} s; {len(self.left)} exits, slowest"
            f" {max(self.left):.3f} s; {self.stalled} left out; {sorted(self.codes)}"
        )


async def test_the_database_is_held_for_45_seconds(tmp_path):
    async with started_town(tmp_path, gate=TerminalLink) as town, Beat() as beat:
        await town.gate.start()
        served = Served()
        with held(town):
            await served.for_a_while(town, beat, HELD_S)
            causes, ready = await readiness(town)
        served.told("held for 45 s")
        await line(town, "store", "store.well")
        again, _ = await enter(town, town.visitors.resident(town.now_s()))

        assert (served.codes, causes["store"], ready) == ({"store_failed"}, "store.busy", False)
        assert max(served.entered) < ANSWERED_S
        assert max(served.left) < LEFT_S
        assert again["outcome"] == "GRANT"


@contextlib.contextmanager
def disk_of_its_own(folder, image):
    """Mount an ext4 of 64 MB at a folder, from a file; gives what freezes it."""
    run = lambda *words: subprocess.run(words, check=True, timeout=60, capture_output=True)  # noqa: E731
    with image.open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    run("mkfs.ext4", "-q", "-F", str(image))
    folder.mkdir(parents=True)
    run("mount", "-o", "loop", str(image), str(folder))
    try:
        (folder / "lost+found").rmdir()
        yield lambda how: run("fsfreeze", how, str(folder))
    finally:
        run("umount", "--lazy", str(folder))


@pytest.mark.root
@pytest.mark.skipif(shutil.which("fsfreeze") is None, reason="needs Debian's util-linux")
async def test_the_file_system_is_frozen_for_12_seconds(tmp_path):
    with disk_of_its_own(tmp_path / "town" / street.GATE.terminal, tmp_path / "disk.img") as frozen:
        async with started_town(tmp_path / "town", gate=TerminalLink) as town, Beat() as beat:
            await town.gate.start()
            pid, served = town.gate.process.pid, Served()
            frozen("--freeze")
            try:
                await served.for_a_while(town, beat, FROZEN_S)
                causes, ready = await readiness(town)
            finally:
                frozen("--unfreeze")
            served.told("frozen for 12 s")
            await line(town, "store", "store.well")
            again, _ = await enter(town, town.visitors.resident(town.now_s()))

            assert (served.codes, causes["store"], ready) == ({"store_failed"}, "store.busy", False)
            assert max(served.entered) < ANSWERED_S
            assert max(served.left) < LEFT_S
            assert (again["outcome"], town.gate.process.pid) == ("GRANT", pid)


async def test_a_thousand_listeners_cost_nobody_time(tmp_path):
    async with started_town(tmp_path, gate=TerminalLink) as town, Beat() as beat:
        await town.gate.start()
        usual = Served()
        await usual.for_a_while(town, beat, 5.0)
        headers = {"Authorization": f"Bearer {town.gate.tokens['display']}"}
        answers, crowded = [], Served()
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            contextlib.AsyncExitStack() as stack,
        ):
            for _ in range(LISTENERS):
                answer = await stack.enter_async_context(session.get(f"{town.gate.url}/v1/events", headers=headers))
                answers.append(answer.status)
            await crowded.for_a_while(town, beat, 10.0)
        usual.told("nobody listens")
        crowded.told(f"{LISTENERS} listeners, {answers.count(200)} let in, {answers.count(429)} turned away")

        assert set(answers) == {200, 429}
        assert crowded.codes == {"ok"}
        assert max(crowded.entered) <= max(3 * max(usual.entered), 0.1)
