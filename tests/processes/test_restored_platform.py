"""Row 5 with real processes: the platform comes back from a backup, and is obeyed at once."""

import asyncio
import shutil
import time

from central.commands.backup import pack
from central.commands.restore import unpack


async def order(town, action):
    await town.platform._call("POST", f"/v1/admin/terminals/{town.gate.post.terminal}/state", {"action": action})


async def suspended(town):
    return (await town.gate.status())["suspended"]


async def test_a_restored_platform_suspends_and_restricts_within_two_seconds(xinguan_town, tmp_path):
    town = xinguan_town
    await town.gate.start()
    await town.all_arrived()
    barred, other = town.visitors.resident(town.now_s()), town.visitors.resident(town.now_s())
    backup = tmp_path / "platform.tar"
    await asyncio.to_thread(pack, town.platform.state, backup, at_ms=time.time_ns() // 1_000_000)
    for action in ("suspend", "resume"):
        await order(town, action)
        await town.until(lambda wanted=action == "suspend": is_suspended(town, wanted=wanted))
    for _ in range(3):
        await town.platform.restrict(other)
        await town.platform.repair(other)
    await town.all_arrived()

    await town.platform.process.stop()
    await asyncio.to_thread(unpack, town.platform.state, backup, root=None, at_ms=time.time_ns() // 1_000_000)
    await town.platform_returns()
    await town.until(lambda: in_touch(town))
    await town.platform.restrict(barred)
    began = time.monotonic()
    await town.until(lambda: refused(town, barred))
    measure_s = time.monotonic() - began
    await order(town, "suspend")
    began = time.monotonic()
    await town.until(lambda: is_suspended(town, wanted=True))
    order_s = time.monotonic() - began
    print(f"restored: measure {measure_s:.2f} s, order {order_s:.2f} s")

    assert measure_s <= 2.0
    assert order_s <= 2.0
    shutil.rmtree(tmp_path, ignore_errors=True)


async def is_suspended(town, *, wanted):
    return await suspended(town) is wanted


async def in_touch(town):
    return not (await town.gate.status())["offline"]


async def refused(town, who):
    return (await town.gate.present(who.code(town.now_s()), intent="check"))["outcome"] == "REFUSE"
