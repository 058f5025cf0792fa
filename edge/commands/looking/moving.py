"""`--sources` and `--open`: what moves when it is asked to, on a terminal that is not serving."""

import asyncio
import sys
from collections.abc import Iterator
from typing import Final

from edge.actuators.paper.slips import House
from edge.actuators.trial import trial
from edge.clock import read_wall_ms
from edge.commands.looking.finding import Finding
from edge.config import Config, LaneTable
from edge.lanes.beside.trial import Tried, trials
from scanner.checks import probe

SHOW_S: Final = 10.0  # to show a code to a source


def opened(config: Config, name: str) -> Iterator[Finding]:
    """Open a lane's gate once, and let what stands beside it try itself: the self-test of docs/devices.md."""
    lane = next((one for one in config.lanes if one.id == name), None)
    if lane is None:
        known = ", ".join(one.id for one in config.lanes)
        yield Finding("gate", f"没有 {name} 道", f"there is no lane {name!r}", f"name one of {known}")
        return
    zh, en, mend = asyncio.run(trial(name, lane.actuator))
    yield Finding("gate", f"{name} 道：{zh}", f"lane {name}: {en}", mend)
    house = House(title={"zh": "信关", "en": "Xinguan"}, notices=f"{config.platform.url}/n/", clock=name)
    for one in asyncio.run(_tried(lane, house)):
        yield Finding(one.name, f"{name} 道：{one.zh}", f"lane {name}: {one.en}", one.mend)


async def _tried(lane: LaneTable, house: House) -> list[Tried]:
    return [one async for one in trials(lane, house)]


def probed(setting: str | None) -> list[Finding]:
    """Open a source for some seconds, which the service may not have open: rate, size, latency, keyboard layout."""
    if setting is None:
        return []
    sys.stderr.write(f"{setting}: 请出示一个码（键盘式扫码器请扫布局测试码） · show it a code{_layout_hint(setting)}\n")
    found = asyncio.run(probe(setting, clock=_Wall(), show_s=SHOW_S))
    return [Finding(one.name, one.zh, one.en, one.mend) for one in found]


def _layout_hint(setting: str) -> str:
    return ", the layout test code of docs/scanner.md" if setting.startswith("hid:") else ""


class _Wall:
    def now_ms(self) -> int:
        return read_wall_ms()
