"""Which answer belongs to whom: what a gate says is matched to a visitor by the code that was shown, never by time.

Rules of this file:

- each event of the gate about a code carries its fingerprint (`presented`); the visitor who shows that code hears it;
- an answer that comes after its visitor gave up is *late*: it is told as that visitor's own, to nobody else;
- what is about no code that was ever shown here is not for the gate's visitors.

    hearing = Hearing(late=told)
    with hearing.showing(text) as ear:
        said = await ear.within(25.0)      # None: nothing was said about this code in that time
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

MAX_SHOWN: Final = 256  # codes whose late answer still finds its visitor

Json = dict[str, Any]


def fingerprint(text: str) -> str:
    """Return the name that the gate's events give to a presented text."""
    return sha256(text.encode()).digest()[:8].hex()


@dataclass(frozen=True, slots=True)
class Said:
    """What the gate said about one code: a decision, or a notice."""

    name: str
    data: Json


class Ear:
    """Hears what is said about one code."""

    def __init__(self) -> None:
        self._said: asyncio.Queue[Said] = asyncio.Queue()

    def hear(self, said: Said) -> None:
        """Take in what was said."""
        self._said.put_nowait(said)

    async def within(self, seconds: float) -> Said | None:
        """Return what is said within this time, None when it is nothing."""
        try:
            async with asyncio.timeout(seconds):
                return await self._said.get()
        except TimeoutError:
            return None


class Hearing:
    """Gives each answer to the visitor whose code it is about. `late` is told an answer that came too late."""

    def __init__(self, late: Callable[[str, Said], None]) -> None:
        self._late = late
        self._ears: dict[str, Ear] = {}
        self._unanswered: dict[str, None] = {}

    @contextmanager
    def showing(self, text: str) -> Iterator[Ear]:
        """Listen for what is said about a code while it is shown."""
        mark, ear = fingerprint(text), Ear()
        self._ears[mark] = ear
        self._unanswered[mark] = None
        while len(self._unanswered) > MAX_SHOWN:
            del self._unanswered[next(iter(self._unanswered))]
        try:
            yield ear
        finally:
            del self._ears[mark]

    def heard(self, name: str, data: Json) -> None:
        """Take in one event of the gate."""
        mark = data.get("presented")
        if name not in ("decision", "notice") or mark not in self._unanswered:
            return
        said, ear = Said(name, data), self._ears.get(mark)
        del self._unanswered[mark]
        if ear is None:
            self._late(mark, said)
        else:
            ear.hear(said)
