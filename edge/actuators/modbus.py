"""Boards and controllers that speak Modbus (Application Protocol V1.1b3): RTU on a line, or TCP.

A coil is switched on for the pulse and off again; a board that times the pulse itself is written with `registers`
("flash" of most relay boards), so that nothing of ours has to switch it off: that is the one that no kill leaves open.
Inputs are polled: turned, fire, fault. Written here in full (80 lines), because the client that we test against
demands a serial library that nothing else here uses, and does not tell "not sent" from "not answered".
"""

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Self

from edge.actuators.gate import Attempt, Done, Heard, Plain, refused, unanswered, unsent, well
from edge.actuators.lines import Line, LineError, Setting, Talk, Turns
from edge.actuators.tables import ModbusTable

log = logging.getLogger("xinguan.gate")

READ_INPUTS, WRITE_COIL, WRITE_REGISTERS = 2, 5, 16
ERROR = 0x80
ON, OFF = 0xFF00, 0x0000
MBAP = struct.Struct(">HHHB")
CRC_POLYNOMIAL = 0xA001
OFF_TRIES = 3
WELL_AGAIN_S = 2.0


class ModbusError(Exception):
    """The partner answered that it will not, or not to what was asked."""


def crc(data: bytes) -> bytes:
    """Return the check of an RTU frame.

    >>> crc(bytes.fromhex("01050000ff00")).hex()
    '8c3a'
    """
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (CRC_POLYNOMIAL if value & 1 else 0)
    return value.to_bytes(2, "little")


class Bus:
    """Asks one unit over a line."""

    def __init__(self, table: ModbusTable, turns: Turns) -> None:
        self._table = table
        self._line = Line(Setting(port=table.port, baud=table.baud, parity=table.parity), turns)
        self._number = 0

    async def ask(self, pdu: bytes) -> bytes:
        """Return the answer's data behind the function code. Raises LineError, ModbusError."""
        async with self._line.talk(self._table.timeout_s) as talk:
            said = await (self._tcp if self._table.framing == "tcp" else self._rtu)(talk, pdu)
        if said[0] == pdu[0] | ERROR:
            raise ModbusError(f"unit {self._table.unit} refuses: exception {said[1] if len(said) > 1 else '?'}")
        if said[0] != pdu[0]:
            raise ModbusError(f"unit {self._table.unit} answers to function {said[0]}, not {pdu[0]}")
        return said[1:]

    async def _tcp(self, talk: Talk, pdu: bytes) -> bytes:
        self._number = self._number % 0xFFFF + 1
        await talk.send(MBAP.pack(self._number, 0, len(pdu) + 1, self._table.unit) + pdu)
        number, protocol, length, unit = MBAP.unpack(await talk.exactly(MBAP.size))
        if (number, protocol, unit) != (self._number, 0, self._table.unit) or not 2 <= length <= 254:  # noqa: PLR2004 - bounds of a PDU and its unit
            raise ModbusError(f"the answer is of unit {unit}, not {self._table.unit}")
        return await talk.exactly(length - 1)

    async def _rtu(self, talk: Talk, pdu: bytes) -> bytes:
        await talk.send((frame := bytes([self._table.unit]) + pdu) + crc(frame))
        head = await talk.exactly(3)
        fixed = head[1] & ERROR or head[1] in (WRITE_COIL, WRITE_REGISTERS)
        rest = await talk.exactly((2 if head[1] & ERROR else 5) if fixed else head[2] + 2)
        said = head + rest
        if crc(said[:-2]) != said[-2:]:
            raise ModbusError("the answer is garbled")
        if said[0] != self._table.unit:
            raise ModbusError(f"the answer is of unit {said[0]}, not {self._table.unit}")
        return said[1:-2]

    async def coil(self, address: int, *, on: bool) -> None:
        """Switch a coil. Raises LineError, ModbusError."""
        asked = struct.pack(">HH", address, ON if on else OFF)
        if await self.ask(bytes([WRITE_COIL]) + asked) != asked:
            raise ModbusError(f"coil {address} was not switched as asked")

    async def registers(self, address: int, values: list[int]) -> None:
        """Write holding registers. Raises LineError, ModbusError."""
        head = struct.pack(">HH", address, len(values))
        data = struct.pack(f">{len(values)}H", *values)
        if await self.ask(bytes([WRITE_REGISTERS]) + head + bytes([len(data)]) + data) != head:
            raise ModbusError(f"registers from {address} were not written as asked")

    async def input(self, address: int) -> bool:
        """Return whether a discrete input is on. Raises LineError, ModbusError."""
        said = await self.ask(bytes([READ_INPUTS]) + struct.pack(">HH", address, 1))
        if len(said) != 2:  # noqa: PLR2004 - a count and one byte of bits
            raise ModbusError(f"input {address} was not told")
        return bool(said[1] & 1)


class ModbusGate(Plain):
    """Opens by a coil or by registers; hears of turning, fire and faults by inputs."""

    def __init__(self, table: ModbusTable, turns: Turns) -> None:
        self._table = table
        self._bus = Bus(table, turns)
        self.timeout_s = 3 * table.timeout_s + (table.pulse_ms / 1000 if table.coil is not None else 0)
        self._held = False
        self.turn_within_s = table.turn_within_s

    async def __aenter__(self) -> Self:
        await self._off()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._off()

    async def open(self, attempt: Attempt) -> Done:
        """Tell how many may pass, then open."""
        table = self._table
        if self._held:
            return well("held open")
        try:
            if table.heads_register is not None:
                await self._bus.registers(table.heads_register, [attempt.heads])
        except (LineError, ModbusError) as error:
            return unsent(str(error))  # nothing that opens was
        try:
            await self._switch(on=True)
        except LineError as error:
            return (unanswered if error.sent else unsent)(str(error))
        except ModbusError as error:
            return (refused if "refuses" in str(error) else unanswered)(str(error))
        if table.coil is not None:
            try:
                await asyncio.sleep(table.pulse_ms / 1000)
            finally:
                await asyncio.shield(self._off())
        return well()

    async def hold(self, *, open_: bool) -> Done:
        """Switch the coil on, and leave it so."""
        if self._table.coil is None:
            return refused("only a coil can be held; the registers of this board are a pulse")
        try:
            await self._switch(on=open_)
        except (LineError, ModbusError) as error:
            return refused(str(error))
        self._held = open_
        return well()

    async def _switch(self, *, on: bool) -> None:
        table = self._table
        if table.coil is not None:
            await self._bus.coil(table.coil, on=on is (table.normally == "open"))
        elif on:
            for address, values in table.registers.items():
                await self._bus.registers(int(address), values)

    async def _off(self) -> None:
        for _ in range(OFF_TRIES if self._table.coil is not None and not self._held else 0):
            try:
                await self._switch(on=False)
            except (LineError, ModbusError) as error:
                log.error("coil_not_off", extra={"detail": str(error)})  # noqa: TRY400 - the words are the story
            else:
                return

    async def listen(self, hear: Callable[[Heard], None]) -> None:
        """Poll the inputs; a rising turned-input is one person through."""
        watched = {
            self._table.turned_input: (Heard.TURNED, None),
            self._table.fire_input: (Heard.FIRE, Heard.FIRE_OVER),
            self._table.fault_input: (Heard.FAULT, Heard.FAULT_OVER),
        }
        watched.pop(None, None)
        before: dict[int, bool] = {}
        while watched:
            pause = self._table.poll_s
            for address, (rising, falling) in watched.items():
                assert address is not None  # noqa: S101 - taken out above
                try:
                    now = await self._bus.input(address)
                except (LineError, ModbusError) as error:
                    self.deaf += 1
                    log.warning("input_not_read", extra={"input": address, "detail": str(error)})
                    pause = WELL_AGAIN_S
                    break
                was = before.get(address, False if falling is not None else now)
                if now and not was:
                    hear(rising)
                elif was and not now and falling is not None:
                    hear(falling)
                before[address] = now
            await asyncio.sleep(pause)
