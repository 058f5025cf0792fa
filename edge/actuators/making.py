"""From a setting to a gate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.actuators.files import FileSink
from edge.actuators.gate import Gate
from edge.actuators.gpio import GpioGate
from edge.actuators.lines import Turns
from edge.actuators.modbus import ModbusGate
from edge.actuators.relays import RelayGate
from edge.actuators.tables import (
    FileTable,
    GateTable,
    GpioTable,
    ModbusTable,
    RelayTable,
    TalkTable,
    WebTable,
    from_text,
)
from edge.actuators.talk import TalkGate
from edge.actuators.web import WebGate

MADE: dict[type, Callable[[Any, Turns], Gate]] = {
    FileTable: lambda table, _: FileSink(Path(table.path), timeout_s=table.timeout_s),
    WebTable: lambda table, _: WebGate(table),
    RelayTable: RelayGate,
    ModbusTable: ModbusGate,
    GpioTable: lambda table, _: GpioGate(table),
    TalkTable: TalkGate,
}


def make_gate(setting: str | GateTable | None, turns: Turns) -> Gate | None:
    """Return the gate that a lane's `actuator` names, None for a lane without one: its screen is the answer."""
    if setting is None:
        return None
    table = from_text(setting) if isinstance(setting, str) else setting
    return MADE[type(table)](table, turns)
