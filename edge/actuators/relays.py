r"""Relay boards of the LCUS kind (CH340 on USB, or behind a serial server): four bytes switch a relay.

    A0 <relay> <1 on, 0 off> <sum of the three>        FF → "CH1:ON \r\n" …, where the board can be asked

A board of this kind says nothing to a command and knows no pulse: the pulse is ours. It is switched OFF at the start
and at the stop, and a process that is killed within the pulse leaves it ON until the next start. Where that cannot be,
take a board that times the pulse itself (docs/devices.md).
"""

import asyncio
import contextlib
import logging
from typing import Self

from edge.actuators.gate import Attempt, Done, Plain, refused, unanswered, unsent, well
from edge.actuators.lines import Line, LineError, Setting, Turns
from edge.actuators.tables import RelayTable

log = logging.getLogger("xinguan.gate")

START, ASK = 0xA0, b"\xff"
ASKED_S = 0.2
OFF_TRIES = 3


def command(relay: int, *, on: bool) -> bytes:
    """Return the bytes that switch a relay.

    >>> command(1, on=True).hex()
    'a00101a2'
    """
    head = bytes([START, relay, int(on)])
    return head + bytes([sum(head) & 0xFF])


class RelayGate(Plain):
    """Pulses one relay."""

    def __init__(self, table: RelayTable, turns: Turns) -> None:
        self._table = table
        self._line = Line(Setting(port=table.port, baud=table.baud, usb=table.usb), turns)
        self.timeout_s = table.timeout_s + table.pulse_ms / 1000
        self._held = False

    async def __aenter__(self) -> Self:
        await self._off()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._off()

    async def open(self, attempt: Attempt) -> Done:
        """Switch on, wait for the pulse, switch off."""
        del attempt
        if self._held:
            return well("held open")
        try:
            await self._switch(on=True)
        except LineError as error:
            return (unanswered if error.sent else unsent)(str(error))
        try:
            await asyncio.sleep(self._table.pulse_ms / 1000)
        finally:
            await asyncio.shield(self._off())
        return well()

    async def hold(self, *, open_: bool) -> Done:
        """Switch on, and leave it so."""
        try:
            await self._switch(on=open_)
        except LineError as error:
            return refused(str(error))
        self._held = open_
        return well()

    async def _switch(self, *, on: bool) -> None:
        """Let the gate be open (`on`) or shut; a normally closed contact is opened by switching it off."""
        table = self._table
        energised = on is (table.normally == "open")
        async with self._line.talk(table.timeout_s) as talk:
            await talk.send(command(table.relay, on=energised))
            if table.verify:
                await talk.settle(ASKED_S / 4)
                await talk.send(ASK)
                said = (await talk.settle(ASKED_S)).upper()
                if f"CH{table.relay}:{'ON' if energised else 'OFF'}".encode() not in said.replace(b" ", b""):
                    raise OSError(0, f"relay {table.relay} does not say that it switched")

    async def _off(self) -> None:
        if self._held:
            return
        for _ in range(OFF_TRIES):
            try:
                await self._switch(on=False)
            except LineError as error:
                log.error("relay_not_off", extra={"detail": str(error)})  # noqa: TRY400 - the words are the story
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.sleep(ASKED_S)
