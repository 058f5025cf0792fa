"""Spoken lines and tones: a WAV on the standard input of the box's player.

Rules of this file:

- a line is a file `CUE.LANGUAGE.wav` of the folder; where there is none, a tone of the cue's own is played;
- whoever comes next is not kept waiting by a voice: a new cue ends the one before;
- a player that is not there or fails is told; nobody waits for it.
"""

import asyncio
import contextlib
import functools
import io
import logging
import math
import struct
import wave
from pathlib import Path
from typing import Final

from edge.actuators.gate import words
from edge.actuators.signs.cues import Cue
from edge.actuators.signs.tables import SoundTable

log = logging.getLogger("xinguan.sound")

RATE: Final = 16_000
LOUD: Final = 9_000
LONGEST_S: Final = 15.0
MAX_WAV_BYTES: Final = 4 * 1024 * 1024
TONES: Final[dict[Cue, tuple[tuple[int, float], ...]]] = {  # hertz, seconds
    Cue.GRANT: ((880, 0.12), (1175, 0.2)),
    Cue.PAY: ((660, 0.15), (660, 0.15)),
    Cue.STANDARD: ((660, 0.25),),
    Cue.STAFF: ((660, 0.12), (523, 0.25)),
    Cue.REFUSE: ((330, 0.35),),
    Cue.AGAIN: ((523, 0.12), (0, 0.08), (523, 0.12)),
    Cue.NOTICE: ((440, 0.15),),
    Cue.EMERGENCY: ((988, 0.3), (740, 0.3), (988, 0.3), (740, 0.3)),
}


@functools.cache
def tone(cue: Cue) -> bytes:
    """Return the cue's tone as a WAV."""
    held, out = bytearray(), io.BytesIO()
    for hertz, seconds in TONES[cue]:
        count = int(RATE * seconds)
        for at in range(count):
            edge = min(1.0, at / 160, (count - at) / 160)  # 10 ms up and down: no click
            held += struct.pack("<h", int(LOUD * edge * math.sin(2 * math.pi * hertz * at / RATE)))
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(held))
    return out.getvalue()


class Sound:
    """One loudspeaker. `fault` is what was last wrong with it, empty when it was well."""

    def __init__(self, table: SoundTable) -> None:
        self._table = table
        self.fault = ""

    async def say(self, cue: Cue) -> None:
        """Play a cue's lines, in each language; interrupted, it falls silent."""
        if cue not in TONES:
            return
        try:
            for wav in await asyncio.to_thread(self._lines, cue):
                async with asyncio.timeout(LONGEST_S):
                    await self._play(wav)
        except (OSError, TimeoutError) as error:
            if not self.fault:
                log.warning("not_heard", extra={"detail": words(error)})
            self.fault = words(error)
        else:
            self.fault = ""

    def _lines(self, cue: Cue) -> list[bytes]:
        folder = None if self._table.folder is None else Path(self._table.folder)
        files = [] if folder is None else [folder / f"{cue}.{name}.wav" for name in self._table.languages]
        found = [path.read_bytes()[:MAX_WAV_BYTES] for path in files if path.is_file()]
        return found or [tone(cue)]

    async def _play(self, wav: bytes) -> None:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        player = await asyncio.create_subprocess_exec(*self._table.command, stdin=pipe, stdout=null, stderr=null)
        try:
            await player.communicate(wav)
        finally:
            if player.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    player.kill()
                await player.wait()
        if player.returncode:
            raise OSError(player.returncode, f"{self._table.command[0]} ended with {player.returncode}")
