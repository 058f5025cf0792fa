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

ANSWER_S: Final = 0.8  # from a presentation to its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What time it is, since when offline, how the store is, how much room is left, how long an answer may take."""

    clock: Clock
    outage: Outage = field(default_factory=Outage)
    health: StoreHealth = field(default_factory=StoreHealth)
    disk: Disk
    answer_s: float = ANSWER_S
