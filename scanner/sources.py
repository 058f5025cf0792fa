"""Opening a source: what a lane is told to read from, kept going as long as somebody reads.

    async with open_source(spec, clock=clock) as source:
        async for presented in source: …

This side never imports cv2 or numpy (tested): pictures stay in the child. Leaving the context ends the child process or
closes the device, whatever state it is in.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Protocol

from scanner.camera.parent import Camera
from scanner.handheld.reader import Handheld
from scanner.source import Clock, Source


class Driver(Protocol):
    """What fills a source; `run` ends only with a recording or by being cancelled."""

    async def run(self) -> None:
        """Keep the source going."""


@contextlib.asynccontextmanager
async def open_source(spec: str, *, clock: Clock) -> AsyncGenerator[Source, None]:
    """Open what `spec` names (see `scanner.spec`); raise SpecError for a setting that can never work."""
    source = Source(spec, clock)
    driver: Driver = Camera(source) if source.spec.is_camera else Handheld(source)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(driver.run(), name=f"source {source.spec.name}")
        try:
            yield source
        finally:
            running.cancel()
