"""Where to go on sending: the platform says what it holds, this journal says whether that is ours.

Rules of this file:

- an end of the chain that the platform names counts only when our record there has the same hash;
- the highest such end wins; without one we go on where the platform last signed;
- what has left this terminal (retention) cannot be sent again: that is an alarm, never a guess.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from cache.journal.chain import cursor
from cache.memory.lives import End, is_point
from sync.wire.messages import Held


@dataclass(frozen=True, slots=True)
class Heard:
    """What a standing said: the seq to go on after (None: of that it says nothing), and the state to ask with next."""

    resume: int | None
    state: str | None


def end_of(held: Held) -> End:
    """Return an end as the journal has it."""
    return End(held.epoch, held.acked_through, bytes.fromhex(held.head_hash))


def resume_after(conn: sqlite3.Connection, ends: Iterable[Held]) -> int:
    """Return the seq after which to send, given the ends of our chain that the platform holds."""
    ours = [held.acked_through for held in ends if is_point(conn, end_of(held))]
    return max(ours) if ours else cursor(conn).acked_through
