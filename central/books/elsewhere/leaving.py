"""Who is inside, and who left: an exit gives back the room that a holder's entries took, at whichever gates they were.

    entry, `inside` heads  --exit of h heads, oldest entry first-->  inside - h, never below 0
    exit that finds nobody inside: it waits, with `inside` below 0, for an entry that came before it and is heard later

Rules of this file:

- it runs after the batch was planned and before it is booked: what it frees changes the very same booking;
- rows of one holder at one site are changed behind the lock of `x|name` (central.books.tallies.plan): two exits at two
  gates do not give the same room back twice;
- an entry that was annulled or reversed took its room back itself: an exit passes it over.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from central.books.counts import GRANTING, WHOLE, Back, figure
from central.books.elsewhere.telling import INSIDE, Told, clean, holder, needed, told_of
from central.books.planned import Booking, Entry, Side
from central.books.tallies import change, taken_fresh
from credit.records import Record
from storage.jobs import Row, Tx

EARLY: Final = (
    "SELECT redemption, at_ms, inside FROM named WHERE name = $1 AND inside < 0 AND at_ms >= $2 ORDER BY at_ms"
)
WITHIN: Final = (
    "SELECT n.redemption, n.root, n.at_ms, n.inside, r.terminal, r.epoch, r.state, r.keys FROM named n"
    " JOIN redemptions r ON r.redemption = n.redemption WHERE n.name = $1 AND n.inside > 0"
    " ORDER BY n.at_ms, n.redemption, r.terminal, r.epoch"
)
PUT: Final = (
    "INSERT INTO named (name, redemption, root, at_ms, inside, left_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (name, redemption) DO UPDATE SET inside = excluded.inside, left_ms = excluded.left_ms"
)
Place = tuple[str, str, str]
Named = tuple[str, str, int, str | None]
Tells = Mapping[Named, Told]  # by place, seq and redemption: a fork has two records at one seq


class Presence(NamedTuple):
    """A row of `named`."""

    name: str
    redemption: str
    root: str
    at_ms: int
    inside: int
    left_ms: int | None = None


@dataclass(slots=True)
class Elsewhere:
    """What a batch tells other gates: texts of its grants, and the names under which things are found."""

    told: dict[Place, Told] = field(default_factory=dict)
    rows: dict[tuple[str, str], Presence] = field(default_factory=dict)
    of_name: dict[str, set[str]] = field(default_factory=dict)  # redemptions that have a row under a name

    def put(self, row: Presence) -> None:
        """Note a row as it will stand."""
        self.rows[row.name, row.redemption] = row
        self.of_name.setdefault(row.name, set()).add(row.redemption)

    async def write(self, tx: Tx) -> None:
        """Write the rows, in the order of their names."""
        await tx.rows_many(f"{PUT} RETURNING name", [self.rows[key] for key in sorted(self.rows)])


def exits_of(entries: Iterable[Entry]) -> list[tuple[str, Record]]:
    """Return the exits among facts, each with its holder's name at the site where he left."""
    return [(holder(_site(one, came.site), one.body), one) for came, one in entries if one.kind == "exited"]


def tell(entries: Iterable[Entry]) -> dict[Named, Told]:
    """Return what other gates need of a batch's grants; nothing of most."""
    found: dict[Named, Told] = {}
    for incoming, record in entries:
        if record.kind in GRANTING and needed(record):
            told = told_of(record, site=_site(record, incoming.site))
            if told is not None:
                found[*incoming.place, record.seq, record.redemption] = told
    return found


def locks_of(entries: Iterable[Entry], told: Tells) -> set[str]:
    """Return the names whose rows a batch may change."""
    return {name for name, _exit in exits_of(entries)} | {one.names[0] for one in told.values() if one.inside}


def _site(record: Record, site: str) -> str:
    said = record.body.get("site")
    return clean(said) if isinstance(said, str) and said else site


async def follow(tx: Tx, booking: Booking, entries: Sequence[Entry], tells: Tells) -> Elsewhere:
    """Return what a planned batch tells other gates; its exits give back room in the booking itself."""
    found = Elsewhere()
    for side, _record in booking.grants if tells else ():
        told = tells.get((side.terminal, side.epoch, side.seq, side.redemption))
        if told is None:
            continue
        found.told[side.redemption, side.terminal, side.epoch] = told
        for at, name in enumerate(told.names):
            found.put(Presence(name, side.redemption, told.root, side.at_ms, told.inside if at == 0 else 0))
        if told.inside:
            await _left_before(tx, booking, found, side, told)
    for name, record in exits_of(entries):
        await _leave(tx, booking, found, name, record)
    return found


async def _left_before(tx: Tx, booking: Booking, found: Elsewhere, side: Side, told: Told) -> None:
    """Let exits that were heard before this entry end it."""
    name = told.names[0]
    for exit_id, at_ms, waiting in await tx.rows(EARLY, name, side.at_ms):
        row = found.rows[name, side.redemption]
        rest = found.rows.get((name, exit_id), Presence(name, exit_id, "", at_ms, waiting)).inside
        freed = min(row.inside, -rest)
        if freed > 0:
            found.put(Presence(name, exit_id, "", at_ms, rest + freed))
            found.put(row._replace(inside=row.inside - freed, left_ms=at_ms))
            _free_fresh(booking, (side.redemption, side.terminal, side.epoch), freed, at_ms)


async def _leave(tx: Tx, booking: Booking, found: Elsewhere, name: str, record: Record) -> None:
    heads = min(figure(record.body.get("heads")) or 0, 10_000)
    stored = await tx.rows(WITHIN, name)
    for row, places in _within(booking, found, name, stored):
        if heads == 0:
            return
        freed = min(heads, row.inside)
        heads -= freed
        found.put(row._replace(inside=row.inside - freed, left_ms=record.at_ms))
        for place, keys in places:
            if keys is None:
                _free_fresh(booking, place, freed, record.at_ms)
            else:
                side = Side(place[1], place[2], record.seq, record.at_ms, place[0])
                for key in keys:
                    await change(tx, booking, key, side, Back(INSIDE, freed, ""))
    if heads:
        found.put(Presence(name, clean(f"exit:{record.id}"), "", record.at_ms, -heads))


Standing = tuple[Presence, list[tuple[Place, list[str] | None]]]


def _within(booking: Booking, found: Elsewhere, name: str, stored: Sequence[Row]) -> list[Standing]:
    """Return who is inside under a name, the oldest first: (row, places with their keys, None for this batch's)."""
    within: dict[str, Standing] = {}
    for redemption, root, at_ms, inside, terminal, epoch, state, keys in stored:
        row = found.rows.get((name, redemption), Presence(name, redemption, root, at_ms, inside))
        now = booking.after(redemption, terminal, epoch, state)
        if now not in WHOLE and row.inside > 0:
            rooms = [key for key in json.loads(keys) if key.startswith(INSIDE)]
            within.setdefault(redemption, (row, []))[1].append(((redemption, terminal, epoch), rooms))
    for redemption in found.of_name.get(name, ()):
        fresh = found.rows[name, redemption]
        for place in booking.places.get(redemption, ()) if fresh.inside > 0 else ():
            if booking.states[place] not in WHOLE:
                within.setdefault(redemption, (fresh, []))[1].append((place, None))
    return sorted(within.values(), key=lambda one: (one[0].at_ms, one[0].redemption))


def _free_fresh(booking: Booking, place: Place, heads: int, at_ms: int) -> None:
    for index, taking in taken_fresh(booking, place):
        if taking.use.key.startswith(INSIDE):
            back = min(taking.use.n, taking.back + heads)
            booking.takings[index] = taking._replace(back=back, back_ms=at_ms)
