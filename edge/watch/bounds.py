"""The safety bounds together: what the decider reads before it gives anybody anything.

Each has one owner (the clock `edge.clock`, the others a module of this folder), told by `edge.watch.patrol` or by
whoever writes; nothing here decides.
"""

from dataclasses import dataclass, field

from edge.clock import Clock
from edge.watch.disk import Disk
from edge.watch.network import Outage
from edge.watch.store import StoreHealth


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What time it is, since when this terminal is offline, how the store is, and how much room is left."""

    clock: Clock
    outage: Outage = field(default_factory=Outage)
    health: StoreHealth = field(default_factory=StoreHealth)
    disk: Disk
