"""The soft decoder as a step of the cascade, with its gates and its budget.

Rules:

- it looks only where the scene promises something, and never twice at one frame;
- a code of a small version that another decoder found is not its business, and then nothing is searched for, unless a
  dense code was seen in the frame before: moved, it looks like anything;
- in a stream a search begins also where motion hides the texture of a code. It pauses for a frame if nothing was like
  a code, unless the frame is plainly sharper than that one (SHARPER): a phone that comes to rest is not waited for;
- what was seen of a code that stays unread is added up for MOST_S at most, by the frames' own times;
- the other steps go on where it reads nothing: it knows only flat codes of ours.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from scanner.reading.cascade import Scene, Spare
from scanner.reading.patches import Plane
from scanner.reading.reads import Read
from scanner.reading.soft.burst import Held
from scanner.reading.soft.reader import prepare, read_soft
from scanner.reading.soft.symbols import VERSIONS

SHARPER = 1.1  # times the detail of the frame before
MOST_S = 1.0  # for which what was seen of an unread code is added up


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """The setting of the soft decoder. Budgets are CPU milliseconds after which no further place or round begins."""

    prefixes: tuple[str, ...] = ("XG1:",)  # of the texts that it may read
    still_ms: float = 25.0
    moving_ms: float = 15.0


class Mender:
    """The soft decoder for one picture, or for the frames of one camera in their order."""

    name = "mend"

    def __init__(
        self, prefixes: tuple[str, ...], budget_ms: float, *, cpu_ms: Callable[[], float], moving: bool = False
    ) -> None:
        self._prefixes, self._budget_ms, self._cpu_ms, self._moving = prefixes, budget_ms, cpu_ms, moving
        if moving:  # before a camera's first frame, whose visitor would pay for the tables with his budget
            prepare()
        self._held: Held | None = None
        self._since = 0.0  # when adding up began
        self._looked: Plane | None = None
        self._passed = 0.0  # the detail of the frame before if it was searched and nothing was like a code

    @property
    def waits(self) -> bool:
        """Whether a code was seen in the frame before."""
        return self._held is not None

    @property
    def adds(self) -> bool:
        """Whether what was seen of an unread code is being added up."""
        return self._held is not None and self._held.look is not None

    def read(self, scene: Scene, spare: Spare) -> list[Read]:
        """Return the code of ours that it mends, if any."""
        del spare  # it has a budget of its own: other steps cost less and come first
        if scene.plane is self._looked or not scene.promising:
            return []
        self._looked, began = scene.plane, self._cpu_ms()
        if self._held is not None and scene.at_s - self._since > MOST_S:
            self._held = replace(self._held, look=None)
        dense = [near for near in scene.near if near.version in VERSIONS]
        others = scene.near and not dense and self._held is None
        search = scene.places.detail >= SHARPER * self._passed and not others
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
        if self._held is None or self._held.look is None or self._held.look.frames == 1:
            self._since = scene.at_s
        idle = search and not outcome.likely and outcome.mended is None
        self._passed = scene.places.detail if idle else 0.0
        mended = outcome.mended
        return [] if mended is None else [Read(mended.text, mended.corners, self.name)]
