"""The settings of a receipt printer as they stand in terminal.toml: `printer = {port = "…", …}` (docs/devices.md)."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta

from edge.actuators.tables import Seconds, Strict, line_faults
from edge.problems import Problem

PORT = re.compile(r"(tcp://[^/@\s]+:\d{1,5}|serial:/\S+|usb:/dev/\S+|file:/\S+)")


class PrinterTable(Strict, frozen=True):
    """An ESC/POS printer of 58 or 80 mm. `when`: which answers it prints by itself; any of them is printed when asked.

    A port `file:` takes the slip as text: for tests, and for programs that read one.
    """

    port: Annotated[str, Meta(min_length=1, max_length=200)]
    columns: Annotated[int, Meta(ge=20, le=64)] = 32
    when: Literal["asked", "denied", "granted", "all"] = "asked"
    cut: bool = True
    asks: bool = True
    baud: int = 9600
    usb: Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")] | None = None
    timeout_s: Seconds = 3.0


def faults(table: PrinterTable) -> Iterator[Problem]:
    """Yield what is wrong with a setting."""
    if not PORT.fullmatch(table.port):
        mend = "tcp://地址:9100、serial:/dev/…、usb:/dev/usb/lp0", "tcp://address:9100, serial:/dev/…, usb:/dev/usb/lp0"
        zh, en = f"{table.port!r} 不是打印机", f"{table.port!r} is no printer"
        yield Problem("port", zh, en, f"请写 {mend[0]}", f"Write {mend[1]}")
    elif table.port.startswith(("tcp:", "serial:")):
        yield from line_faults(table.port, table.baud)
