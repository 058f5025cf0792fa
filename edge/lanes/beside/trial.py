"""`xinguan doctor --open LANE`: light, sound and printer of a lane try themselves, with somebody standing there."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from edge.actuators.lines import Turns
from edge.actuators.paper.printers import Printer
from edge.actuators.paper.slips import House, trial
from edge.actuators.signs.cues import Cue
from edge.actuators.signs.lights import Light
from edge.actuators.signs.sounds import Sound
from edge.config import LaneTable


class Tried(NamedTuple):
    """What came of one: its name, words in both languages, and the mend (empty: it was well)."""

    name: str
    zh: str
    en: str
    mend: str = ""


async def trials(table: LaneTable, house: House) -> AsyncIterator[Tried]:
    """Yield what came of each, one after another."""
    turns = Turns()
    if table.light is not None:
        async with Light(table.light, turns) as light:
            for cue in (Cue.GRANT, Cue.STAFF, Cue.REFUSE):
                if not light.fault:
                    await light.say(cue)
        words = "信号灯：绿、黄、红各亮过一次", "the light showed green, amber and red"
        yield _tried("light", light.fault, words, "look at its power and cable, and which relay is which colour")
    if table.sound is not None:
        sound = Sound(table.sound)
        await sound.say(Cue.GRANT)
        words = "语音已播放", "a line was played"
        yield _tried("sound", sound.fault, words, "apt-get install alsa-utils; look at the loudspeaker")
    if table.printer is not None:
        printed = await Printer(table.printer, turns).print(trial(house))
        words = f"凭条已打印（纸：{printed.paper}）", f"a slip was printed (paper: {printed.paper})"
        yield _tried("printer", printed.why, words, "look at its power, paper and cable; compare with docs/devices.md")


def _tried(name: str, fault: str, words: tuple[str, str], mend: str) -> Tried:
    if fault:
        return Tried(name, f"失败：{fault}", f"failed: {fault}", mend)
    return Tried(name, *words)
