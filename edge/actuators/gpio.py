"""Lines of this machine: a pulse on one, turning and fire on others (Linux GPIO character device, extra `gpio`).

The kernel gives a line back to its own state when the process that holds it ends, whatever ends it: with a relay that
is off in that state, a kill within the pulse closes the gate. docs/devices.md says which boards do so.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol, Self

from edge.actuators.gate import Attempt, Done, Heard, Plain, refused, unsent, well, words
from edge.actuators.tables import GpioTable

log = logging.getLogger("xinguan.gate")

CONSUMER = "xinguan"


class Lines(Protocol):
    """The lines of a chip, as far as a gate needs them."""

    def drive(self, *, on: bool) -> None:
        """Let the output be on or off."""
        ...

    def fileno(self) -> int | None:
        """Return what becomes readable when an input changes, None when there are none."""
        ...

    def events(self) -> list[tuple[int, bool]]:
        """Return (line, whether it rose) of what happened."""
        ...

    def value(self, line: int) -> bool:
        """Return whether an input is on."""
        ...

    def close(self) -> None:
        """Let go of the lines."""
        ...


class KernelLines:
    """Lines of a chip through gpiod."""

    def __init__(self, table: GpioTable) -> None:
        import gpiod  # noqa: PLC0415 - an extra
        from gpiod.line import Bias, Direction, Edge, Value  # noqa: PLC0415

        self._values, self._line = Value, table.line
        low = table.active == "low"
        out = gpiod.LineSettings(direction=Direction.OUTPUT, output_value=Value.INACTIVE, active_low=low)
        config: dict[Any, Any] = {table.line: out}
        inputs = [line for line in (table.turned_line, table.fire_line) if line is not None]
        for line in inputs:
            config[line] = gpiod.LineSettings(direction=Direction.INPUT, edge_detection=Edge.BOTH, bias=Bias.PULL_DOWN)
        self._inputs = inputs
        self._request = gpiod.request_lines(table.chip, consumer=CONSUMER, config=config)

    def drive(self, *, on: bool) -> None:
        """Let the output be on or off."""
        self._request.set_value(self._line, self._values.ACTIVE if on else self._values.INACTIVE)

    def fileno(self) -> int | None:
        """Return the descriptor of the events."""
        return int(self._request.fd) if self._inputs else None

    def events(self) -> list[tuple[int, bool]]:
        """Return what happened."""
        found = self._request.read_edge_events()
        return [(event.line_offset, event.event_type is event.Type.RISING_EDGE) for event in found]

    def value(self, line: int) -> bool:
        """Return whether an input is on."""
        return bool(self._request.get_value(line) is self._values.ACTIVE)

    def close(self) -> None:
        """Let go of the lines."""
        self._request.release()


class GpioGate(Plain):
    """Pulses a line."""

    def __init__(self, table: GpioTable, take: Callable[[GpioTable], Lines] = KernelLines) -> None:
        self._table = table
        self._take = take
        self._lines: Lines | None = None
        self._held = False
        self.timeout_s = table.timeout_s + table.pulse_ms / 1000
        self.turn_within_s = table.turn_within_s

    async def __aenter__(self) -> Self:
        try:
            self._lines = self._take(self._table)
        except (OSError, ImportError) as error:
            log.error("gpio_not_taken", extra={"detail": words(error)})  # noqa: TRY400 - the words are the story
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._lines is not None:
            self._lines.drive(on=False)
            self._lines.close()
            self._lines = None

    async def open(self, attempt: Attempt) -> Done:
        """Drive the line for the pulse."""
        del attempt
        if self._lines is None:
            return unsent(
                f"{self._table.chip}: line {self._table.line} was not to be had; is the extra gpio installed?"
            )
        if self._held:
            return well("held open")
        try:
            self._lines.drive(on=True)
        except OSError as error:
            return unsent(f"{self._table.chip}: {words(error)}")
        try:
            await asyncio.sleep(self._table.pulse_ms / 1000)
        finally:
            self._lines.drive(on=False)
        return well()

    async def hold(self, *, open_: bool) -> Done:
        """Drive the line, and leave it so."""
        if self._lines is None:
            return refused("the line was not to be had")
        self._lines.drive(on=open_)
        self._held = open_
        return well()

    async def listen(self, hear: Callable[[Heard], None]) -> None:
        """Tell edges of the inputs."""
        lines = self._lines
        if lines is None or (fd := lines.fileno()) is None:
            return
        fire = self._table.fire_line
        if fire is not None and lines.value(fire):
            hear(Heard.FIRE)
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(fd, self._edges, lines, hear)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(fd)

    def _edges(self, lines: Lines, hear: Callable[[Heard], None]) -> None:
        for line, rose in lines.events():
            if line == self._table.fire_line:
                hear(Heard.FIRE if rose else Heard.FIRE_OVER)
            elif rose:
                hear(Heard.TURNED)
