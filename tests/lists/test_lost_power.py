"""The power fails at two hundred places: what was not synced is lost, torn or there by chance; names go their own way.

A terminal and a publisher run as processes whose every write is recorded (`tests/tools/recorded_disk.c`); the record is
played back to a place and cut there by one of three policies (`tests/tools/cut_disk.py`). `XINGUAN_CUTS` says how many.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from central.example_town import HOME
from central.lists import keyed
from central.lists.issuing import make_key
from central.lists.publishing import Repository
from credit.rules.listing import role_of
from sync.pull.examine import Draft, examine
from tests.tools import cut_disk

CUTS = int(os.environ.get("XINGUAN_CUTS", "200"))
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]

TERMINAL = textwrap.dedent("""
    import asyncio, json, sys
    from pathlib import Path

    import aiohttp

    from cache.ids import uuid7
    from cache.journal.chain import begin_epoch
    from cache.lists.files import ListFiles
    from cache.lists.store import ListStore
    from storage.sqlite import Store
    from sync.pull.puller import Puller

    folder, url, root = json.loads(sys.argv[1])


    class Clock:
        ms = 0

        def now_ms(self):
            return self.ms

        def signed_ms(self):
            return None


    async def main():
        clock = Clock()
        async with Store(Path(folder) / "terminal.db") as store, aiohttp.ClientSession() as session:
            lists = ListStore(store, ListFiles(Path(folder) / "lists"), home="yunling", ids=uuid7)
            async with Puller(
                lists, session, base_url=url, trust_root=bytes.fromhex(root), clock=clock
            ) as puller:
                await store.write(lambda conn: begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled"))
                await puller.restore()
                with open(Path(folder) / "ACKNOWLEDGED", "ab", buffering=0) as book:
                    while line := await asyncio.to_thread(sys.stdin.readline):
                        clock.ms, night = json.loads(line)
                        if night:
                            await puller._mender.night(url)
                        await puller.once()
                        assert not lists.current.problems, lists.current.problems
                        book.write(json.dumps(lists.current.versions).encode())
                        print("done", flush=True)

    asyncio.run(main())
""")
PUBLISHER = textwrap.dedent("""
    import json, sys
    from datetime import date
    from pathlib import Path

    from central.lists import measure_calls
    from central.lists.publishing import Repository
    from central.register.warrants import Warrant
    from tests.lists.test_publishing_cut import replace, take_in

    state, now_ms = json.loads(sys.argv[1])
    state, by = Path(state), Warrant.by_two("li", "han")


    def measure(code):
        return measure_calls.Measure(code=code, until=date(2027, 12, 31), authority="云岭文旅局")


    def later():
        global now_ms
        now_ms += 1000
        return now_ms


    WORK = [
        lambda: measure_calls.restrict(state, "yunling", "wang", measure(302), warrant=by, now_ms=later()),
        lambda: Repository(state).publish({"rules/yunling/sites.json": SITES}, now_ms=later()),
        lambda: Repository(state).rekey_city("yunling", "lists", now_ms=later()),
        lambda: measure_calls.repair(state, "yunling", "wang", warrant=by, now_ms=later()),
        lambda: take_in(Repository(state), "third", now_ms=later()),
        lambda: Repository(state).rotate("timestamp", now_ms=later()),
        lambda: replace(Repository(state), later()),
        lambda: Repository(state).rotate("targets", now_ms=later()),
        lambda: Repository(state).expel_city("linhai", now_ms=later()),
        lambda: Repository(state).freshen(now_ms=later()),
    ]
    SITES = b'{"issuer": "yunling", "site_sets": {}}'
    with open(state / "ACKNOWLEDGED", "ab", buffering=0) as book:
        for work in WORK:
            work()
            timestamp = json.loads((state / "public/metadata/timestamp.json").read_bytes())
            book.write(str(timestamp["signed"]["version"]).encode())
""")


def places(steps):
    """Return after how many steps the power fails, with the policy of each: spread over all that was recorded."""
    told = [number for number, step in enumerate(steps, 1) if step.path.name != cut_disk.ACKNOWLEDGED]
    for number in range(CUTS):
        yield told[number * len(told) // CUTS], cut_disk.POLICIES[number % len(cut_disk.POLICIES)]


def cuts(first, root, steps, out):
    """Yield each (place, policy, what was promised by then), with `out` as the disk then is."""
    disk, done = cut_disk.CutDisk(first, root), 0
    for place, policy in places(steps):
        for step in steps[done:place]:
            disk.play(step)
        done = place
        disk.cut(out, policy=policy, seed=place)
        yield place, policy, disk.promised[-1] if disk.promised else None


@pytest.fixture
def recorder(tmp_path):
    return cut_disk.build(tmp_path)


async def test_a_terminal_loses_no_list_that_it_had_in_force_and_starts_whole(
    platform, terminal, tmp_path, recorder, monkeypatch
):
    monkeypatch.setattr(keyed, "REBASE_LEAST", 0)  # bases are made anew and brought home, not only deltas
    wang = platform.issue("wang").subject
    first = tmp_path / "first"  # nothing: its folders are made with the power on and may be gone with it
    shutil.copytree(terminal.folder, first)
    script = tmp_path / "terminal.py"
    script.write_text(TERMINAL)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        json.dumps([str(terminal.folder), terminal.url, terminal.trust_root.hex()]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | cut_disk.recording(recorder, terminal.folder, tmp_path / "log"),
    )
    changes = [
        lambda: None,
        lambda: platform.restrict("wang"),
        lambda: make_key(platform.state, HOME, now_s=platform.clock.ms // 1000),
        lambda: platform.member(3, (12,), subject="lin"),
        lambda: platform.repository.rotate("timestamp", now_ms=platform.later()),
        lambda: platform.repair("wang"),
        lambda: platform.restrict("wang"),
    ]
    for number, change in enumerate(changes):
        await asyncio.to_thread(change)
        process.stdin.write(json.dumps([platform.later(), number % 2 == 0]).encode() + b"\n")
        assert await process.stdout.readline() == b"done\n"
    process.stdin.close()
    await process.wait()
    steps, seen = cut_disk.read(tmp_path / "log"), dict.fromkeys(cut_disk.POLICIES, 0)

    for place, policy, promised in cuts(first, terminal.folder, steps, tmp_path / "after"):
        shutil.rmtree(terminal.folder)
        shutil.copytree(tmp_path / "after", terminal.folder)
        async with terminal.open() as t:
            assert dict(t.lists.current.problems) == {}, (place, policy)
            held = t.lists.current.versions
            for role, version in json.loads(promised or "{}").items():
                assert held.get(role, 0) >= version, (place, policy, role)
            await t.puller.once()
            assert dict(t.lists.current.problems) == {}, (place, policy)
            assert t.lists.current.measures(HOME, wang), (place, policy)
        seen[policy] += 1
    print(f"{sum(seen.values())} cuts in {len(steps)} records: {seen}")


def test_a_publisher_loses_nothing_that_it_published_and_goes_on(platform, tmp_path, recorder):
    platform.issue("wang")
    first, state = tmp_path / "first", platform.state
    shutil.copytree(state, first)
    script = tmp_path / "publisher.py"
    script.write_text(PUBLISHER)
    root = Path(cut_disk.__file__).parents[2]
    subprocess.run(
        [sys.executable, str(script), json.dumps([str(state), platform.clock.ms])],
        env=os.environ | cut_disk.recording(recorder, state, tmp_path / "log") | {"PYTHONPATH": str(root)},
        check=True,
        timeout=300,
    )
    shutil.rmtree(tmp_path / "copy-stick")
    steps, now_ms = cut_disk.read(tmp_path / "log"), platform.clock.ms + 60_000
    seen = dict.fromkeys(cut_disk.POLICIES, 0)

    for place, policy, promised in cuts(first, state, steps, tmp_path / "after"):
        again, told = Repository(tmp_path / "after"), (place, policy)
        public = json.loads((again.public / "metadata" / "timestamp.json").read_bytes())["signed"]["version"]
        assert public >= int(promised or 0), told
        as_terminals_see(again, now_ms)
        again.freshen(now_ms=now_ms)
        again.rekey_city(HOME, "lists", now_ms=now_ms + 1000)
        as_terminals_see(again, now_ms + 1000)
        seen[policy] += 1
    print(f"{sum(seen.values())} cuts in {len(steps)} records: {seen}")


def as_terminals_see(repository, now_ms):
    roles = [role_of(kind, city) for city in repository.cities() for kind in ("issuers", "lists", "rules")]
    first = (repository.public / "metadata" / "1.root.json").read_bytes()
    examine(Draft(repository.public), trust_root=first, now_ms=now_ms, roles=roles)
