"""The plug is pulled (SIGKILL) at each point between download and switch; the next start has all or nothing."""

import asyncio
import json
import signal
import subprocess
import sys
import textwrap

import pytest

from central.example_town import HOME
from central.lists.issuing import make_key

CHILD = textwrap.dedent("""
    import asyncio, json, os, signal, sys
    from pathlib import Path

    import aiohttp

    from cache.ids import uuid7
    from cache.lists.files import ListFiles
    from cache.lists.store import ListStore
    from storage.sqlite import Store
    from sync.pull.puller import Puller

    at, times, folder, url, root, now_ms = json.loads(sys.argv[1])


    class Clock:
        def now_ms(self):
            return now_ms

        def signed_ms(self):
            return None


    def reached(point):
        global times
        times -= point == at
        if times == 0:
            os.kill(os.getpid(), signal.SIGKILL)


    async def main():
        async with Store(Path(folder) / "terminal.db", reached=reached) as store, aiohttp.ClientSession() as session:
            lists = ListStore(store, ListFiles(Path(folder) / "lists", reached=reached), home="yunling", ids=uuid7)
            async with Puller(
                lists, session, base_url=url, trust_root=bytes.fromhex(root), clock=Clock()
            ) as puller:
                await puller.restore()
                await puller.once()

    asyncio.run(main())
""")


@pytest.mark.parametrize(
    ("point", "times", "in_force"),
    [
        ("before-rename", 1, False),
        ("after-rename", 1, False),
        ("before-commit", 1, False),
        ("after-commit", 1, False),  # the keys' stage is through, the lists' is not
        ("before-commit", 2, False),
        ("after-commit", 2, True),
    ],
)
async def test_the_plug_is_pulled(platform, terminal, point, times, in_force, tmp_path):
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
    make_key(platform.state, HOME, now_s=platform.clock.ms // 1000)
    platform.restrict("wang")
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    what = json.dumps([point, times, str(terminal.folder), terminal.url, terminal.trust_root.hex(), platform.clock.ms])

    child = await _run(script, what)

    assert child.returncode == -signal.SIGKILL, child.stderr
    async with terminal.open() as t:
        assert dict(t.lists.current.problems) == {}
        assert bool(t.lists.current.measures(HOME, wang)) is in_force
        await t.puller.once()
        assert t.lists.current.measures(HOME, wang)


async def _run(script, what):
    return await asyncio.to_thread(
        subprocess.run, [sys.executable, str(script), what], capture_output=True, timeout=60, check=False
    )
