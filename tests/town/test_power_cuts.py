"""The power of each disk of a site under load is cut: gates, hub, platform on SQLite or on PostgreSQL, and its server.

    XINGUAN_CUTS=200 python -m pytest -m e2e tests/town/test_power_cuts.py -s        (as root; two of each otherwise)

Each process keeps its data on an ext4 of its own. A cut is ext4's own ioctl: what was not synced is gone, every write
fails from then on; a moment later the process is killed, and starts again on what is left. Each line that it prints is
one cut. Rules of this file:

- each disk has room for the long log of `storage.files.grow_file`. After the ioctl a sync under way may return without
  an error though a file that was growing lost its end: in 8 of 200 cuts of a bare writer, in none of 200 where the file
  was grown before;
- right after a cut of the platform's or its server's disk, before anybody can send again, everything is there that it
  had signed for;
- right after a cut of a gate's, whoever was let in last is shown once more: nothing new is given;
- in the end all of `under_load.py` holds.
"""

import asyncio
import contextlib
import json
import os
import random
import subprocess
import time

import pytest

from central.demo.audit import Fact
from central.demo.running.platform_link import PlatformLink
from tests.ill.disks import disk_of_its_own, missing
from tests.town.two_gates import two_gates
from tests.town.under_load import ENDS, SqliteBooks, again, all_holds, goes_on, let_in, signed, under_load

SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
EACH_S = 60.0
ON = {"sqlite": ("gate-1", "gate-2", "hub", "platform"), "postgres": ("gate-1", "hub", "platform", "server")}
TWICE = sum(2 * len(names) for names in ON.values())
CUTS = int(os.environ.get("XINGUAN_CUTS", str(TWICE)))
SERVER_MIB = 192
MIB = 160  # a log is made long where sixteen times its length is free
FOLDERS = {"gate-1": "gate-1", "gate-2": "gate-2", "hub": "hub-1", "platform": "platform"}
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.root,
    pytest.mark.postgres,
    pytest.mark.timeout(600 + CUTS * EACH_S),
    pytest.mark.skipif(bool(missing()), reason=f"a disk of its own needs {missing()}"),
]


class Kept:
    """A process of the site on a disk of its own."""

    def __init__(self, site, link, disk):
        self.site, self.link, self.disk = site, link, disk

    async def end(self, chance):
        self.disk.lose_power()
        await asyncio.sleep(chance.random() / 40)
        await self.link.process.pull_the_plug()
        await asyncio.to_thread(self.disk.power_returns)

    async def again(self):
        await again(self.site, self.link)


class Server:
    """PostgreSQL on a disk of its own, which syncs as a town's does."""

    def __init__(self, tool, stack, image):
        self.made = tool.Server(settings=tool.SMALL | {"fsync": "off"})
        stack.callback(self.made.remove)
        self.disk = stack.enter_context(disk_of_its_own(self.made.folder, image, SERVER_MIB))
        stack.callback(self.made.stop)
        own = tool.as_its_user()
        os.chown(self.made.folder, own["user"], own["group"])
        self.made.folder.chmod(0o700)
        self.made.create(*tool.SMALL_WAL).start().psql("CREATE DATABASE x")

    def syncs_from_now_on(self):
        """As a town's does. What was made before, a thousand files, is synced here: no checkpoint does it later."""
        self.made.stop()
        subprocess.run(["sync", "-f", self.made.folder], check=True)
        del self.made.settings["fsync"]
        self.made.start()

    @property
    def url(self):
        return self.made.url("x")

    def rows(self, sql):
        printed = self.made.psql(f"COPY ({sql}) TO STDOUT", "x")
        return [tuple(map(plain, line.split("\t"))) for line in printed.splitlines()]

    def at_rest(self, sql):
        """The platform was cut off from everybody when the server's power went, and still is."""
        return self.rows(sql)

    def facts(self):
        asked = "SELECT terminal, seq, encode(hash, 'hex'), encode(raw, 'hex'), id, kind, redemption FROM facts"
        return tuple(
            Fact(
                terminal=terminal,
                seq=seq,
                hash=bytes.fromhex(str(chained)),
                raw=bytes.fromhex(str(raw)),
                id=record,
                kind=kind,
                redemption=redemption,
            )
            for terminal, seq, chained, raw, record, kind, redemption in self.rows(asked)
        )

    async def end(self, chance):
        self.disk.lose_power()
        await asyncio.sleep(chance.random() / 40)
        await asyncio.to_thread(self.made.kill)
        await asyncio.to_thread(self.disk.power_returns)

    async def again(self):
        await asyncio.to_thread(self.made.start)


def plain(text):
    """Return a value as COPY prints it."""
    return None if text == "\\N" else int(text) if text.isdigit() else text


@contextlib.asynccontextmanager
async def on_disks(folder, books, tool):
    """A site whose every process has a disk of its own; yields it, {name: what can be cut}, and the books."""
    with contextlib.ExitStack() as stack:
        server = Server(tool, stack, folder / "server.img") if books == "postgres" else None
        kept_at = () if server is None else ("--database", server.url)
        disks = {
            name: stack.enter_context(disk_of_its_own(folder / "site" / data, folder / f"{name}.img", MIB))
            for name, data in FOLDERS.items()
        }
        async with two_gates(folder / "site", platform=type("Platform", (PlatformLink,), {"kept_at": kept_at})) as site:
            links = (*site.gates, site.hub, site.platform)
            cut = {name: Kept(site, link, disks[name]) for name, link in zip(FOLDERS, links, strict=True)}
            if server is None:
                yield site, cut, SqliteBooks(site.platform.state / "central.db")
            else:
                await asyncio.to_thread(server.syncs_from_now_on)
                yield site, cut | {"server": server}, server


async def cut(site, name, one, books, chance):
    """Cut one disk; what the platform had signed for, before its disk or its server's was cut, is on it."""
    await one.end(chance)
    told, held = signed(site), None
    if name == "server":
        site.cut_wan()
    if name == "platform":
        held = await asyncio.to_thread(books.at_rest, ENDS)
    await one.again()
    if name == "server":
        held = await asyncio.to_thread(books.at_rest, ENDS)
        site.restore_wan()
    if held is not None:
        assert all(dict(held).get(gate, 0) >= through for gate, through in told.items()), (name, held, told)


@pytest.mark.parametrize(("books", "names"), ON.items(), ids=ON)
async def test_whatever_loses_its_power_nothing_answered_is_lost_and_nothing_counts_twice(
    tmp_path, postgres_tool, books, names
):
    chance = random.Random(f"{SEED} {books}")
    async with on_disks(tmp_path, books, postgres_tool) as (site, disks, kept_in):
        async with under_load(site) as (line, loads):
            for number in range(CUTS // len(ON)):
                name = names[number % len(names)]
                await goes_on(loads)
                began = time.monotonic()
                async with line.shut() if name == "platform" else contextlib.nullcontext():
                    await asyncio.sleep(chance.random() / 4)
                    await cut(site, name, disks[name], kept_in, chance)
                took_s = round(time.monotonic() - began, 2)
                told = {"cut": number + 1, "of": name, "books": books, "granted": let_in(loads), "s": took_s}
                print(json.dumps(told), flush=True)
            await goes_on(loads)
        await all_holds(site, kept_in, loads)


def test_a_cut_takes_what_was_not_synced_and_leaves_what_was(tmp_path):
    """Else nothing above would prove anything."""
    with disk_of_its_own(tmp_path / "data", tmp_path / "disk.img") as disk:
        with (disk.folder / "synced").open("wb") as file:
            file.write(b"x" * 5000)
            file.flush()
            os.fsync(file.fileno())
        descriptor = os.open(disk.folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        (disk.folder / "written").write_bytes(b"x" * 5000)
        disk.lose_power()
        with pytest.raises(OSError, match="Input/output"):
            (disk.folder / "late").write_bytes(b"x")
        disk.power_returns()

        assert [one.name for one in disk.folder.iterdir() if one.name != "lost+found"] == ["synced"]
        assert (disk.folder / "synced").read_bytes() == b"x" * 5000
