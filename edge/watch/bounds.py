"""The safety bounds together: what the decider reads before it gives anybody anything.

Each has one owner (the clock `edge.clock`, the others a module of this folder), told by `edge.watch.patrol` or by
whoever writes; nothing here decides.
"""

from dataclasses import dataclass, field
from typing import Final

from edge.clock import Clock
from edge.watch.disk import Disk
from edge.watch.network import Outage
from edge.watch.store import StoreHealth

ANSWER_S: Final = 0.8  # the same for what staff do, and the default


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What time it is, since when offline, how the store is, how much room is left, and how long an answer may take.

    `answer_s` is `[terminal] answer_s`: from a presentation to its answer, at most 0.9 s (illness.md 6).
    """

    clock: Clock
    outage: Outage = field(default_factory=Outage)
    health: StoreHealth = field(default_factory=StoreHealth)
    disk: Disk
    answer_s: float = ANSWER_S
