"""A source as the service sees it: sights of codes, the health of what reads them, a preview while somebody looks.

Rules of this file:

- a source never raises once opened: it goes down, comes back by itself, and `.health` says so;
- every sight of a code is yielded, newest wins: a consumer that is slow loses the oldest sights, never the service;
- every text is cleaned here, whichever driver it came from (`scanner.cleaning`); what is taken off or thrown away is
  counted in the health, and what is thrown away is told at once;
- a driver (`scanner.camera.parent`, `scanner.handheld.reader`) fills it; nothing here knows cv2 or numpy.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from scanner.cleaning import REPLACEMENT, Cleaned, clean, clean_bytes
from scanner.health import Health, State
from scanner.spec import parse_spec

MAX_WAITING = 32  # sights
MAX_TEXT = 1024  # characters; no code of any programme is longer than 600
log = logging.getLogger("scanner")


class Clock(Protocol):
    """The service's clock."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        ...


@dataclass(frozen=True, slots=True)
class Presented:
    """A text that somebody presented: where it was seen, and when its frame was captured (milliseconds UTC).

    `beside` are the other texts of the same frame; the lane decides what several of them mean. `raw` are the bytes
    behind the text where they are known, as the scanner sent them.
    """

    text: str
    source: str
    at_ms: int
    beside: tuple[str, ...] = ()
    raw: bytes | None = None


class Source:
    """An open source. Iterate it once; it ends only with a recording or with its context."""

    def __init__(self, raw: str, clock: Clock) -> None:
        self.raw = raw
        self.spec = spec = parse_spec(raw)
        self.health = Health(name=spec.name)
        self._clock = clock
        self._waiting: asyncio.Queue[Presented | None] = asyncio.Queue()
        self._ended = False
        self._well: bool | None = None
        self._newest_s: float | None = None  # monotonic, when the newest frame was captured
        self._watchers: set[asyncio.Queue[bytes | None]] = set()
        self.on_watched: Callable[[bool], None] | None = None
        self.on_dropped: Callable[[str], None] | None = None

    async def __aiter__(self) -> AsyncIterator[Presented]:
        """Yield each sight of a code."""
        while (presented := await self._waiting.get()) is not None:
            yield presented

    @property
    def watched(self) -> bool:
        """Whether anybody looks at the preview."""
        return bool(self._watchers)

    @property
    def frame_age_s(self) -> float | None:
        """How old the newest frame is now, also while the child is dead; None before the first and for handhelds."""
        return None if self._newest_s is None else max(0.0, time.monotonic() - self._newest_s)

    async def preview(self) -> AsyncGenerator[bytes, None]:
        """Yield JPEG pictures of what the camera sees, codes boxed, a few a second, the newest only.

        The child draws them only while somebody iterates. Close the generator (`contextlib.aclosing`) to stop; it ends
        by itself with a recording, and at once for a handheld scanner, which sees no pictures.
        """
        pictures: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watchers.add(pictures)
        self._tell_watched()
        try:
            while self.spec.is_camera and not self._ended and (jpeg := await pictures.get()) is not None:
                yield jpeg
        finally:
            self._watchers.discard(pictures)
            self._tell_watched()

    def _tell_watched(self) -> None:
        if self.on_watched is not None:
            self.on_watched(self.watched)

    def picture(self, jpeg: bytes | None) -> None:
        """Hand a preview picture to all who watch; called by the driver."""
        for pictures in self._watchers:
            while not pictures.empty():
                pictures.get_nowait()
            pictures.put_nowait(jpeg)

    def present(self, text: str, age_s: float = 0.0, beside: tuple[str, ...] = ()) -> None:
        """Hand on a text seen `age_s` seconds ago, `beside` others; called by the driver of this source."""
        others = tuple(clean(other).text for other in beside)
        self._present(clean(text), age_s, others, None)

    def present_bytes(self, raw: bytes) -> None:
        """Hand on what a handheld scanner just sent; called by the driver of this source."""
        cleaned = clean_bytes(raw)
        if self.spec.kind == "hid" and REPLACEMENT in cleaned.text:
            self.drop("key")
        elif len(cleaned.text) > MAX_TEXT:
            self.drop("long")
        elif cleaned.text:
            self._present(cleaned, 0.0, (), raw)

    def drop(self, why: str) -> None:
        """Note that something was thrown away, and tell whoever listens."""
        health = self.health
        self.note(dropped=health.dropped + 1, drops=_counted(health.drops, why), missed=_counted(health.missed, why))
        if self.on_dropped is not None:
            self.on_dropped(why)

    def took_off(self, *names: str) -> None:
        """Note what was understood though it should not have been sent."""
        cleaned = self.health.cleaned
        for name in names:
            cleaned = _counted(cleaned, name)
        self.note(cleaned=cleaned)

    def _present(self, cleaned: Cleaned, age_s: float, beside: tuple[str, ...], raw: bytes | None) -> None:
        if cleaned.found:
            self.took_off(*cleaned.found)
        missed: Mapping[str, int] = {}
        while self._waiting.qsize() >= MAX_WAITING:
            self._waiting.get_nowait()
            missed = _counted(missed, "backlog")
            self.note(dropped=self.health.dropped + 1)
        if self.health.missed != missed:
            self.note(missed=missed)
        at_ms = self._clock.now_ms() - round(age_s * 1000)
        self._waiting.put_nowait(Presented(cleaned.text, self.spec.name, at_ms, beside, raw))

    def note(self, **changes: Any) -> None:
        """Replace members of the health; called by the driver. That it fell ill, or is well again, is logged once."""
        self.health = replace(self.health, **changes)
        if changes.get("frame_age_ms") is not None:
            self._newest_s = time.monotonic() - changes["frame_age_ms"] / 1000
        state = self.health.state
        well = state in {State.LIVE, State.ENDED}
        if state is not State.STARTING and well is not self._well:
            self._well = well
            level = logging.INFO if well else logging.WARNING
            log.log(level, "source_%s", state, extra={"source": self.spec.name, "note": self.health.note})

    def end(self) -> None:
        """Note that nothing more will come; called by the driver."""
        if not self._ended:
            self._ended = True
            self.note(state=State.ENDED)
            self._waiting.put_nowait(None)
            self.picture(None)


def _counted(counts: Mapping[str, int], name: str) -> Mapping[str, int]:
    return {**counts, name: counts.get(name, 0) + 1}
