"""The settings of a lane's light and sound as they stand in terminal.toml (docs/devices.md)."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from edge.actuators.tables import Port, Seconds, Strict, line_faults
from edge.problems import Problem

RelayNumber = Annotated[int, Meta(ge=1, le=16)]


class LightTable(Strict, frozen=True):
    """A coloured light on a relay board of the LCUS kind: which relay is which colour, and how long it shines."""

    port: Port
    green: RelayNumber = 1
    amber: RelayNumber = 2
    red: RelayNumber = 3
    seconds: Annotated[float, Meta(ge=0.2, le=60)] = 3.0
    baud: int = 9600
    usb: Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")] | None = None
    timeout_s: Seconds = 1.0


class SoundTable(Strict, frozen=True):
    """Spoken lines: WAV files by cue and language, `grant.zh.wav`; a tone where there is none."""

    folder: str | None = None
    languages: tuple[Literal["zh", "en"], ...] = ("zh", "en")
    command: tuple[str, ...] = ("aplay", "-q", "-")


def light_faults(table: LightTable) -> Iterator[Problem]:
    """Yield what is wrong with a light."""
    yield from line_faults(table.port, table.baud)
    if len({table.green, table.amber, table.red}) < 3:  # noqa: PLR2004 - the colours
        zh, en = "一个继电器对应了两种颜色", "one relay has two colours"
        yield Problem("green", zh, en, "请每种颜色各用一个继电器", "Give each colour its own relay")


def sound_faults(table: SoundTable) -> Iterator[Problem]:
    """Yield what is wrong with a sound."""
    if not table.command:
        mend = '请写 ["aplay", "-q", "-"]', 'Write ["aplay", "-q", "-"]: it is given a WAV on standard input'
        yield Problem("command", "为空", "is empty", *mend)
