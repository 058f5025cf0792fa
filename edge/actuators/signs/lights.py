"""A coloured light on an LCUS relay board (`edge.actuators.relays`): one colour at a time, OFF at the end."""

import asyncio
import logging
from typing import Final, Self

from edge.actuators.lines import Line, LineError, Setting, Turns
from edge.actuators.relays import command
from edge.actuators.signs.cues import COLOURS, LASTING, Colour, Cue
from edge.actuators.signs.tables import LightTable

log = logging.getLogger("xinguan.light")

BETWEEN_S: Final = 0.02  # boards of this kind drop what comes without a pause


class Light:
    """One light. `fault` is what was last wrong with it, empty when it was well."""

    def __init__(self, table: LightTable, turns: Turns) -> None:
        self._table = table
        self._line = Line(Setting(port=table.port, baud=table.baud, usb=table.usb), turns)
        self._relays = {Colour.GREEN: table.green, Colour.AMBER: table.amber, Colour.RED: table.red}
        self._lasting = False
        self.fault = ""

    async def __aenter__(self) -> Self:
        await self._switch(None)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._switch(None)

    async def say(self, cue: Cue) -> None:
        """Shine for a cue, and go out again; interrupted, the next cue goes on from there."""
        if self._lasting and cue is not Cue.OVER:
            return
        self._lasting = cue in LASTING
        colour = COLOURS[cue]
        await self._switch(colour)
        if colour is not None and not self._lasting:
            await asyncio.sleep(self._table.seconds)
            await self._switch(None)

    async def _switch(self, colour: Colour | None) -> None:
        try:
            async with self._line.talk(self._table.timeout_s) as talk:
                for one, relay in sorted(self._relays.items(), key=lambda item: item[0] is colour):  # off before on
                    await talk.send(command(relay, on=one is colour))
                    await asyncio.sleep(BETWEEN_S)
        except LineError as error:
            if not self.fault:
                log.warning("light_not_switched", extra={"detail": str(error)})
            self.fault = str(error)
        else:
            self.fault = ""
