"""How long every change of a measure took from the office's click to each gate (lists.md: two seconds, p99).

The hard idea: nothing has to be written down for it. A publication of a city's lists is numbered by the millisecond of
the call that made it (illness.md 3), each change stands in the register with that same moment, and a terminal's
journal says when which number came into force. So a change clicked at `t` was at a gate with the first number >= t.

Rules of this module:

- per entry and per terminal, never a mean of means; what has not arrived yet is told as waiting, not left out;
- a terminal is asked about what was clicked after its first known switch: before it nobody waited there;
- the moment at the gate is the terminal's own trusted clock; a clock that is behind counts as no time at all.

    >>> clicks = [Click(entry=1, what="lift", at_ms=1_000), Click(entry=2, what="take", at_ms=9_000)]
    >>> reached = times(clicks, {"gate1": [Switch(500, 400), Switch(1_800, 1_000)]})
    >>> [(one.click.entry, one.terminal, one.took_ms) for one in reached]
    [(1, 'gate1', 800), (2, 'gate1', None)]
"""

import json
import sqlite3
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from credit.rules.listing import LISTS, role_of
from storage.jobs import Tx

MAX_SWITCHES: Final = 200_000
CLICKS: Final = (
    "SELECT about, what, at_ms FROM warrant WHERE city = ? AND at_ms >= ?"
    " AND what IN ('take', 'lift', 'put_back', 'dispute', 'undispute') ORDER BY at_ms, number"
)
SWITCHES: Final = (
    "SELECT terminal, at_ms, raw FROM facts WHERE kind = 'lists_changed' AND at_ms >= $1"
    " ORDER BY terminal, at_ms LIMIT $2"
)


class Click(NamedTuple):
    """One change of one entry: what somebody decided about it, and when."""

    entry: int
    what: str
    at_ms: int


class Switch(NamedTuple):
    """A terminal took a publication of the city's lists into force."""

    at_ms: int
    version: int


class Reached(NamedTuple):
    """How long a change took to one terminal; None while it is not there."""

    click: Click
    terminal: str
    took_ms: int | None


def clicks_of(conn: sqlite3.Connection, city: str, *, since_ms: int) -> list[Click]:
    """Return what was changed of a city's measures since then, oldest first."""
    return [Click(int(about), what, at_ms) for about, what, at_ms in conn.execute(CLICKS, (city, since_ms))]


async def switches_of(tx: Tx, city: str, *, since_ms: int) -> dict[str, list[Switch]]:
    """Return by terminal when which publication of the city's lists came into force there, oldest first."""
    role, found = role_of(LISTS, city), dict[str, list[Switch]]()
    for terminal, at_ms, raw in await tx.rows(SWITCHES, since_ms, MAX_SWITCHES):
        version = _version(bytes(raw), role)
        if version is not None:
            found.setdefault(terminal, []).append(Switch(at_ms, version))
    return found


def _version(raw: bytes, role: str) -> int | None:
    body: Any = json.loads(raw).get("body", {})
    version = body.get("versions", {}).get(role)
    return version if type(version) is int else None


def times(clicks: Iterable[Click], switches: Mapping[str, Sequence[Switch]]) -> Iterator[Reached]:
    """Yield how long each change took to each terminal that waited for it."""
    rising = {terminal: _rising(found) for terminal, found in sorted(switches.items())}
    for click in clicks:
        for terminal, known in rising.items():
            if known[0].at_ms >= click.at_ms:
                continue
            at = bisect_left(known, click.at_ms, key=lambda switch: switch.version)
            took = None if at == len(known) else max(0, known[at].at_ms - click.at_ms)
            yield Reached(click, terminal, took)


def _rising(switches: Sequence[Switch]) -> list[Switch]:
    """Return the switches that brought a higher version than all before."""
    found: list[Switch] = []
    for one in switches:
        if not found or one.version > found[-1].version:
            found.append(one)
    return found


def told(reached: Sequence[Reached]) -> dict[str, Any]:
    """Return it as JSON: each change with its times, and over all of them p50, p99 and how many wait."""
    took = sorted(one.took_ms for one in reached if one.took_ms is not None)
    changes: dict[Click, dict[str, float | None]] = {}
    for one in reached:
        changes.setdefault(one.click, {})[one.terminal] = None if one.took_ms is None else one.took_ms / 1000
    return {
        "changes": [{**click._asdict(), "gates_s": gates} for click, gates in changes.items()],
        "n": len(took),
        "p50_s": _at(took, 50),
        "p99_s": _at(took, 99),
        "waiting": sum(one.took_ms is None for one in reached),
    }


def _at(ordered: Sequence[int], percent: int) -> float | None:
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] / 1000 if ordered else None
