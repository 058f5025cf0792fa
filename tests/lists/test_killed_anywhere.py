"""SIGKILL at two hundred places of a refresh, in whichever thread: the next start has all of it or nothing, never half.

The terminal's process is forked from one that has loaded everything, and kills itself at the n-th executed line of the
code that fetches, verifies, keeps and switches lists. `XINGUAN_CUTS` says how many places.
"""

import asyncio
import json
import os
import shutil
import sys
import textwrap
from pathlib import Path

import pytest

import cache.lists.store
from central.example_town import HOME
from central.lists.issuing import make_key

CUTS = int(os.environ.get("XINGUAN_CUTS", "200"))
SOURCES = ("sync/pull", "cache/lists", "storage")
TERMINAL = textwrap.dedent("""
    import asyncio, json, os, signal, sys, threading
    from pathlib import Path

    import aiohttp

    from cache.ids import uuid7
    from cache.lists.files import ListFiles
    from cache.lists.store import ListStore
    from storage.sqlite import Store
    from sync.pull.puller import Puller


    class Clock:
        def now_ms(self):
            return job["now_ms"]

        def signed_ms(self):
            return None


    async def refresh():
        folder = Path(job["folder"])
        async with Store(folder / "terminal.db") as store, aiohttp.ClientSession() as session:
            lists = ListStore(store, ListFiles(folder / "lists"), home="yunling", ids=uuid7)
            root = bytes.fromhex(job["root"])
            async with Puller(lists, session, base_url=job["url"], trust_root=root, clock=Clock()) as puller:
                await puller.restore()
                await puller.once()


    def die_at(place):
        done = 0

        def trace(frame, event, _arg):
            nonlocal done
            if not frame.f_code.co_filename.startswith(tuple(job["sources"])):
                return None
            if event == "line":
                done += 1
                if done == place:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        threading.settrace(trace)
        sys.settrace(trace)
        asyncio.run(refresh())
        sys.settrace(None)
        return done


    for line in sys.stdin:
        job = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.write(writing, str(die_at(job["place"])).encode())
            os._exit(0)
        os.close(writing)
        _pid, status = os.waitpid(child, 0)
        lines = os.read(reading, 64).decode()
        os.close(reading)
        print(json.dumps({"signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, "lines": lines}), flush=True)
""")


@pytest.mark.e2e
@pytest.mark.timeout(3600)
async def test_the_plug_is_pulled_at_two_hundred_places_of_a_refresh(platform, terminal, tmp_path):
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
    shutil.copytree(terminal.folder, tmp_path / "before")
    make_key(platform.state, HOME, now_s=platform.clock.ms // 1000)
    platform.restrict("wang")
    script = tmp_path / "terminal.py"
    script.write_text(TERMINAL)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    root = Path(cache.lists.store.__file__).parents[2]

    async def killed_at(place):
        shutil.rmtree(terminal.folder)
        shutil.copytree(tmp_path / "before", terminal.folder)
        job = {
            "place": place,
            "folder": str(terminal.folder),
            "url": terminal.url,
            "root": terminal.trust_root.hex(),
            "now_ms": platform.clock.ms,
            "sources": [str(root / source) for source in SOURCES],
        }
        process.stdin.write(json.dumps(job).encode() + b"\n")
        return json.loads(await process.stdout.readline())

    whole = int((await killed_at(0))["lines"])
    seen = {True: 0, False: 0}
    for number in range(CUTS):
        place = 1 + number * whole // CUTS
        died = await killed_at(place)
        assert died["signal"] in (0, 9)  # threads take turns: the last places may come or not
        async with terminal.open() as t:
            assert dict(t.lists.current.problems) == {}, place
            assert set(t.lists.current.versions) >= {f"{kind}.{HOME}" for kind in ("issuers", "lists", "rules")}, place
            seen[bool(t.lists.current.measures(HOME, wang))] += 1
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang), place
            assert dict(t.lists.current.problems) == {}, place
    process.stdin.close()
    await process.wait()
    print(f"{CUTS} places of {whole} lines: new {seen[True]}, old {seen[False]}")
    assert seen[False] > 0
