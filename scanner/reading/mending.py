"""The soft decoder as a step of the cascade, with its gates and its budget.

Rules:

- it looks only where the scene promises something, and never twice at one frame;
- a code of a small version that another decoder found is not its business, and then nothing is searched for;
- in a stream a search begins also where motion hides the texture of a code, but pauses for a frame if nothing
  was like a code;
- the other steps go on where it reads nothing: it knows only flat codes of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass

from scanner.reading.cascade import Read, Scene, Spare
from scanner.reading.patches import Plane
from scanner.reading.soft.burst import Held
from scanner.reading.soft.reader import read_soft
from scanner.reading.soft.symbols import VERSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The setting of the soft decoder. Budgets are CPU milliseconds after which no further place or round begins."""

    prefixes: tuple[str, ...] = ("XG1:",)  # of the texts that it may read
    still_ms: float = 45.0
    moving_ms: float = 30.0


class Mender:
    """The soft decoder for one picture, or for the frames of one camera in their order."""

    name = "mend"

    def __init__(
        self, prefixes: tuple[str, ...], budget_ms: float, *, cpu_ms: Callable[[], float], moving: bool = False
    ) -> None:
        self._prefixes, self._budget_ms, self._cpu_ms, self._moving = prefixes, budget_ms, cpu_ms, moving
        self._held: Held | None = None
        self._looked: Plane | None = None
        self._pause = False

    def read(self, scene: Scene, spare: Spare) -> list[Read]:
        """Return the code of ours that it mends, if any."""
        del spare  # it has a budget of its own: other steps cost less and come first
        if scene.plane is self._looked or not scene.promising:
            return []
        self._looked, began = scene.plane, self._cpu_ms()
        dense = [near for near in scene.near if near.version in VERSIONS]
        search = not self._pause and not (scene.near and not dense)
        outcome = read_soft(
            scene.plane,
            scene.places.regions if search else (),
            dense,
            prefixes=self._prefixes,
            held=self._held,
            gated=not self._moving,
            spare=lambda: self._cpu_ms() - began < self._budget_ms,
        )
        self._held = outcome.held
        self._pause = search and not outcome.likely and outcome.mended is None
        mended = outcome.mended
        return [] if mended is None else [Read(mended.text, mended.corners, self.name)]
