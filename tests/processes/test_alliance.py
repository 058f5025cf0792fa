"""Two cities with signers in two folders, root keys on three sticks, and a gate: all as processes, all by commands."""

import asyncio
import json
import subprocess
import sys
import time

import aiohttp
import pytest

from central.demo.office import open_pair
from central.demo.running.platform_link import PlatformLink
from central.demo.street import town as street

STICKS = ("A", "B", "C")


def central(*words):
    """Run a command of the platform; return what it says. Raises CalledProcessError."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "central", *map(str, words)], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout) if done.stdout.startswith(b"{") else {}


class Alliance(PlatformLink):
    """A platform that has no root key, and of each city the keys only while its operator's disk is there."""

    def __init__(self, folder, port, session):
        super().__init__(folder, port, session)
        self.sticks = {name: folder / f"stick-{name}" for name in STICKS}
        self.disks = {city: folder / f"disk-{city}" for city in (street.CITY, street.PARTNER)}

    async def start(self):
        roots = [word for stick in self.sticks.values() for word in ("--offline-root", stick)]
        await asyncio.to_thread(central, "init", "--state", self.state, *roots)
        await self.process.start()
        for city, disk in self.disks.items():
            disk.mkdir()
            files = self._offices / city
            files.mkdir(parents=True)
            for name, data in street.office_files(city).items():
                (files / name).write_bytes(data)
            await asyncio.to_thread(self.city, "add", city, "--rules", files, "--keys", disk)
        self._pair = await asyncio.to_thread(open_pair, self.state)
        await self.process.until(self._answers, within_s=30.0)

    def city(self, action, city, *more):
        return central("city", action, "--state", self.state, "--city", city, *more)


@pytest.fixture
async def alliance(tmp_path, running_town):
    async with running_town(tmp_path, platform=Alliance) as built:
        yield built


async def test_two_cities_sign_on_disks_of_their_own_and_neither_waits_for_the_other(alliance):
    town, platform = alliance, alliance.platform
    disks, home, partner = platform.disks, street.CITY, street.PARTNER

    def resident(city):
        return town.visitors.person(town.now_s(), city=city, groups=(street.TRUSTED_GROUP,))

    async def refused(who):
        answer = await town.gate.present(who.code(town.now_s()), intent="check")
        return answer["outcome"] == "REFUSE" and answer["reasons"][0]["code"]

    await town.gate.start()
    await town.all_arrived()
    first, second, third, guest, other = (resident(city) for city in (home, home, home, partner, partner))
    assert [await refused(who) for who in (first, second, third, guest, other)] == [False] * 5
    assert [path.name for path in (platform.state / "keys").glob("*.pem") if path.stem not in street_free()] == []

    for who in (first, guest):  # each by its own city's signer
        await platform.restrict(who)
        assert await town.until(lambda who=who: refused(who)) == "restricted"

    away = disks[partner].rename(disks[partner].with_name("away"))
    await platform.restrict(second)
    assert await town.until(lambda: refused(second)) == "restricted"
    with pytest.raises(aiohttp.ClientResponseError, match=r"disk-.*is not here; bring it"):
        await platform.restrict(other)
    assert not await refused(other)

    sticks = [word for name in ("A", "C") for word in ("--root-keys", platform.sticks[name])]
    told = await asyncio.to_thread(central, "root", "rotate", "--state", platform.state, "--role", "snapshot", *sticks)
    assert told["version"] == 2
    await platform.restrict(third)
    assert await town.until(lambda: refused(third)) == "restricted"

    away.rename(disks[partner])
    await asyncio.to_thread(central, "publish", "--state", platform.state)
    assert await town.until(lambda: refused(other)) == "restricted", "recorded while the disk was away"

    began = time.monotonic()
    await asyncio.to_thread(platform.city, "remove", partner)
    assert await town.until(lambda: partner_is_unknown(town, guest))
    print(f"expelled → gate: {time.monotonic() - began:.2f} s, the command included")
    assert await refused(first) == "restricted"


async def partner_is_unknown(town, guest):
    answer = await town.gate.present(guest.code(town.now_s()), intent="check")
    return answer["reasons"][0]["code"] == "unknown_key"


def street_free():
    """Return whose keys lie in the platform's folder: no root's and no city's."""
    return {"targets", "snapshot", "timestamp"}
