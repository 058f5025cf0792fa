"""What happens on this terminal, told live to whoever listens (Server-Sent Events; terminal.md, "Screens").

A listener that does not read is cut off rather than waited for: a screen reconnects and gets the state anew, and a
decision never waits for a screen.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

MAX_LISTENERS = 64  # streams at once: each event is written to every one
MAX_BEHIND = 100  # events a listener may be behind before it is cut off
QUIET_S = 5.0  # after this much silence a comment keeps the connection alive


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name and a JSON object."""

    name: str
    data: dict[str, Any]

    def encode(self) -> bytes:
        """Return the event in the form of the HTML standard, §9.2.5."""
        return b"event: " + self.name.encode() + b"\ndata: " + msgspec.json.encode(self.data) + b"\n\n"


class Events:
    """A broadcast without memory."""

    def __init__(self) -> None:
        self._listeners: dict[asyncio.Queue[bytes | None], bool] = {}  # each, and whether it is a public screen
        self.beside: list[Callable[[str, Mapping[str, Any]], None]] = []  # hear at once; must neither wait nor fail

    @property
    def full(self) -> bool:
        """Whether as many listen as may."""
        return len(self._listeners) >= MAX_LISTENERS

    def publish(self, name: str, data: dict[str, Any], *, public: dict[str, Any] | None = None) -> None:
        """Tell everybody; never waits. `public` is what public screens hear instead, if that is less."""
        for hear in self.beside:
            hear(name, data)
        if not self._listeners:
            return
        event = Event(name, data).encode()  # once, however many listen
        less = event if public is None else Event(name, public).encode()
        for queue, is_public in tuple(self._listeners.items()):
            if queue.qsize() >= MAX_BEHIND:
                del self._listeners[queue]
                queue.put_nowait(None)
            else:
                queue.put_nowait(less if is_public else event)

    def close(self) -> None:
        """End every listener's stream."""
        for queue in self._listeners:
            queue.put_nowait(None)
        self._listeners.clear()

    async def listen(self, *first: Event, public: bool = False) -> AsyncIterator[bytes]:
        """Yield `first`, then every event from now on, encoded; ends when the listener falls behind or we close.

        A `public` listener is a screen that everybody may read.
        """
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._listeners[queue] = public
        try:
            for event in first:
                yield event.encode()
            while True:
                try:
                    async with asyncio.timeout(QUIET_S):
                        event_or_end = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                if event_or_end is None:
                    return
                yield event_or_end
        finally:
            self._listeners.pop(queue, None)
