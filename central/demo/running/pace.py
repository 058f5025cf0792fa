"""How much slower than alone this machine works just now, so that a slow machine is not taken for a fault.

A fixed piece of work is done now and then; the time it took, over the processor time it took, says how many others want
the processor. It costs about a hundredth of one.
"""

import asyncio
import hashlib
import os
import statistics
import time
from collections import deque
from typing import Final

EVERY_S: Final = 1.0
WORK: Final = bytes(256 * 1024)
ROUNDS: Final = 8
REMEMBERED: Final = 8  # samples
SLOW: Final = 2.0  # times: half of the machine is somebody else's


class Pace:
    """Samples the machine while `run` runs."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=REMEMBERED)

    async def run(self) -> None:
        """Sample for ever."""
        while True:
            self.note(await asyncio.to_thread(sample))
            await asyncio.sleep(EVERY_S)

    def note(self, times: float) -> None:
        """Take in one sample: how many times longer the work took than the processor was busy with it."""
        self._samples.append(times)

    @property
    def times(self) -> float:
        """How many times slower than alone: 1.0 is alone."""
        return statistics.fmean(self._samples) if self._samples else 1.0

    @property
    def slow(self) -> bool:
        """Whether this machine is too busy to judge by its times."""
        return self.times >= SLOW

    def words(self) -> dict[str, str]:
        """Return how slow it is, for people."""
        load, cores = os.getloadavg()[0], os.cpu_count()
        return {
            "zh": f"本机太慢（比独占时慢 {self.times:.1f} 倍，负载 {load:.0f}，{cores} 核）：答复会晚到，演示会等",
            "en": f"this machine is too slow ({self.times:.1f} times slower than alone, load {load:.0f} on {cores} "
            "cores): answers come late, and the demo waits for them",
        }


def sample() -> float:
    """Return how many times longer a fixed piece of work took than the processor was busy with it."""
    wall, busy = time.perf_counter(), time.thread_time()
    for _ in range(ROUNDS):
        hashlib.sha256(WORK).digest()
    return max(1.0, (time.perf_counter() - wall) / max(1e-6, time.thread_time() - busy))
