"""Controllers with words of their own on a line: what is sent and what is answered stands in the setting.

Texts may hold {redemption} {attempt} {heads} {lane}, and bytes as {hex:02 41 03}.
"""

import re

from edge.actuators.gate import Attempt, Done, Plain, refused, unanswered, unsent, well
from edge.actuators.lines import Line, LineError, Setting, Turns
from edge.actuators.tables import TalkTable
from edge.actuators.templates import filled

HEX = re.compile(r"(\{hex:[0-9A-Fa-f ]*\})")


def as_bytes(template: str, attempt: Attempt) -> bytes:
    r"""Return a template as the bytes that are meant.

    >>> as_bytes("{hex:02}OPEN {attempt}{hex:0D}", Attempt(lane="A", redemption="r"))
    b'\x02OPEN r.1\r'
    """
    parts = HEX.split(template)
    return b"".join(
        bytes.fromhex(part[5:-1]) if HEX.fullmatch(part) else str(filled(part, attempt)).encode("utf-8")
        for part in parts
    )


class TalkGate(Plain):
    """Sends a text and waits for the expected answer."""

    def __init__(self, table: TalkTable, turns: Turns) -> None:
        self._table = table
        self.timeout_s = table.timeout_s
        setting = Setting(port=table.port, baud=table.baud, parity=table.parity, rs485=table.rs485, usb=table.usb)
        self._line = Line(setting, turns)

    async def open(self, attempt: Attempt) -> Done:
        """Send, and wait for the answer if one is expected."""
        return await self._exchange(attempt, self._table.send, self._table.expect, self._table.refuse)

    async def opened(self, attempt: Attempt) -> Done:
        """Ask, where the setting says how."""
        table = self._table
        if table.ask is None or table.asked_open is None:
            return await super().opened(attempt)
        done = await self._exchange(attempt, table.ask, table.asked_open, table.refuse)
        return done if done.sent else unanswered(done.detail)

    async def _exchange(self, attempt: Attempt, send: str, expect: str | None, refuse: str | None) -> Done:
        marks = [as_bytes(mark, attempt) for mark in (expect, refuse) if mark is not None]
        try:
            async with self._line.talk(self.timeout_s) as talk:
                await talk.send(as_bytes(send, attempt))
                said = await talk.until(*marks) if expect is not None else b""
        except LineError as error:
            return (unanswered if error.sent else unsent)(str(error))
        if refuse is not None and marks and marks[-1] in said:
            return refused(f"it answered {said[:80]!r}")
        return well()
