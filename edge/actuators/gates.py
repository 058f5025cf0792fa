"""What a lane opens (terminal.md, "Actuators"): a small Protocol, never in a decision's way.

`open` is called only after the redemption is committed. It says whether the thing obeyed; whether somebody walked
through is told later, by the controller, through `POST /v1/redemptions/{id}/passed|annul`.
"""

import asyncio
import json
import os
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol, Self
from urllib.parse import urlsplit

import aiohttp

HTTP_TIMEOUT_S = 0.3


class ActuatorError(Exception):
    """The gate did not obey, or cannot be reached; the message says which and why."""


class Actuator(Protocol):
    """Something that lets one person (or `heads`) through."""

    async def open(self, *, redemption: str, heads: int) -> None:
        """Open once for this redemption. Raises ActuatorError."""
        ...


class ScreenOnly:
    """A lane without a gate: the screen is the answer, a person does the rest."""

    async def open(self, *, redemption: str, heads: int) -> None:
        """Nothing moves."""


class FileSink:
    """Appends one JSON line for each opening, on disk before it returns: for tests, demos and dumb controllers."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self, *, redemption: str, heads: int) -> None:
        """Append the line."""
        line = json.dumps({"open": redemption, "heads": heads}) + "\n"
        try:
            await asyncio.to_thread(self._append, line)
        except OSError as error:
            raise ActuatorError(f"{self._path}: {error.strerror}") from error

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class HttpGate(AbstractAsyncContextManager["HttpGate"]):
    """A gate controller with an HTTP address: POST {redemption, heads}, any 2xx within 300 ms means it opened."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_TIMEOUT_S))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._session.close()

    async def open(self, *, redemption: str, heads: int) -> None:
        """Ask the controller."""
        try:
            async with self._session.post(self._url, json={"redemption": redemption, "heads": heads}) as answer:
                if not answer.ok:
                    raise ActuatorError(f"{self._url}: HTTP {answer.status}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ActuatorError(f"{self._url}: {error or 'no answer in time'}") from error


def from_spec(spec: str | None) -> Actuator:
    """Return the actuator that a lane's `actuator` names: nothing, "file:PATH" or "http(s)://…"; ValueError if none."""
    if spec is None:
        return ScreenOnly()
    if spec.startswith("file:"):
        return FileSink(Path(spec.removeprefix("file:")))
    if urlsplit(spec).scheme in ("http", "https"):
        return HttpGate(spec)
    raise ValueError(f'actuator {spec!r} is not known; write "file:PATH" or "http://…"')
