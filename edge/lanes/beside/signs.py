"""Light and sound of one lane, fed by what screens are told.

Rules of this file:

- hearing an event never waits and never fails; the newest cue wins: a light or voice of a moment ago is cut short;
- a light or sound that fails says so in its own line, and takes nothing with it.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from edge.actuators.signs.cues import Cue, cue_of

log = logging.getLogger("xinguan.signs")


class Sign(Protocol):
    """A light or a loudspeaker."""

    fault: str

    async def say(self, cue: Cue) -> None:
        """Say a cue; may be interrupted."""
        ...


class Voice:
    """One sign, and the cue it has to say next."""

    def __init__(self, sign: Sign) -> None:
        self.sign = sign
        self.said = 0  # cues that were begun
        self._next: Cue | None = None
        self._woken = asyncio.Event()

    def take(self, cue: Cue) -> None:
        """Say this instead of whatever is being said."""
        self._next = cue
        self._woken.set()

    async def run(self) -> None:
        """Say cues as they come."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            if self._next is not None:
                await self._say(self._next)
                self.said += 1

    async def _say(self, cue: Cue) -> None:
        saying, woken = asyncio.ensure_future(self.sign.say(cue)), asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait({saying, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
            saying.cancel()
            ended = (await asyncio.gather(saying, return_exceptions=True))[0]
        if isinstance(ended, Exception):
            log.error("sign_broken", exc_info=ended)
            self.sign.fault = type(ended).__name__


class Signs:
    """The light and sound of one lane; `gated`: green waits for the gate."""

    def __init__(self, lane: str, signs: Sequence[Sign], *, gated: bool) -> None:
        self.lane = lane
        self.voices = tuple(map(Voice, signs))
        self._gated = gated

    def heard(self, name: str, told: Mapping[str, Any]) -> None:
        """Take in what the screens are told."""
        if told.get("lane") != self.lane:
            return
        cue = cue_of(name, told, gated=self._gated)
        if cue is not None:
            for voice in self.voices:
                voice.take(cue)
