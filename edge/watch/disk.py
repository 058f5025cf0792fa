"""How much room is left for facts, in three stages (journal.md: "Low disk: first stop logging refusals, then …").

Rules of this file:

- one owner: `edge.watch.patrol` measures, the decider and the readiness only read `stage`;
- what a stage means for a visitor stands in `cache.ledger.settle`;
- a stage ends only `SPARE_BYTES` above where it began, so that it does not come and go.
"""

import shutil
from pathlib import Path
from typing import Final

from cache.ledger.visit import Stage

MIB: Final = 2**20
LOW_BYTES: Final = 200 * MIB
LAST_BYTES: Final = 20 * MIB
SPARE_BYTES: Final = 5 * MIB


class Disk:
    """Owns how much room is left in the data folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.free_bytes: int | None = None
        self.stage = Stage.ROOM

    def look(self) -> None:
        """Measure. A folder that cannot be measured keeps its stage: the store says what is wrong with it."""
        try:
            self.note(shutil.disk_usage(self._folder).free)
        except OSError:
            self.free_bytes = None

    def note(self, free_bytes: int) -> None:
        """Take in a measurement.

        >>> disk = Disk(Path("/"))
        >>> [(disk.note(free * MIB), disk.stage.name)[1] for free in (300, 199, 203, 206, 19, 24, 26)]
        ['ROOM', 'LOW', 'LOW', 'ROOM', 'LAST', 'LAST', 'LOW']
        """
        self.free_bytes = free_bytes
        for stage, bound in ((Stage.LAST, LAST_BYTES), (Stage.LOW, LOW_BYTES)):
            if free_bytes < bound + (SPARE_BYTES if self.stage >= stage else 0):
                self.stage = stage
                return
        self.stage = Stage.ROOM
