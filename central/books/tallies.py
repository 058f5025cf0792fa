"""What is used under each key, kept as facts come in: one row a key, which intakes of one key queue up behind.

Rules of this file:

- rows of `tallies` are touched in sorted order of their keys and before anything else of the books, so that intakes
  side by side neither miss each other's uses nor lock each other out (docs/scale.md);
- what one batch takes and gives back under a key is one step: a grant annulled in the same batch takes nothing;
- a give-back counts once, whichever terminal tells it, and also when it comes before its grant: then it waits in
  `endings` and ends the grant on arrival. Only `passed` of its own terminal after an annulment takes again;
- uses of a key that rolls are summed over its hours, after the row of the key is locked.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from central.books.counts import (
    GIVING_BACK,
    GRANTING,
    WHOLE,
    Back,
    Returned,
    back_of,
    freed_by,
    freed_in_all,
    state_after,
    uses_of,
)
from central.books.planned import UNBOUNDED, Booking, Entry, GivingBack, Side, Taking, Tally
from central.books.settling.accounts import Steps, fen_of, stepped, unpacked
from credit.records import Record
from storage.jobs import Row, Tx, Value

TALLY: Final = (
    "INSERT INTO tallies (key, spent, bound) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE SET"
    " spent = tallies.spent + excluded.spent,"
    " bound = CASE WHEN excluded.bound > tallies.bound THEN excluded.bound ELSE tallies.bound END"
    " RETURNING key, spent, bound"
)
TAKE: Final = (
    "INSERT INTO uses (key, terminal, epoch, redemption, seq, at_ms, n, bound, back, back_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
)
CAREFULLY: Final = (
    " ON CONFLICT DO NOTHING"  # what stands already stays; on PostgreSQL half as dear again, so never at first
)
CLOSED: Final = frozenset({"closed", "claimed"})
SPENT_WITHIN: Final = (
    "SELECT CAST(coalesce(sum(n - back), 0) AS BIGINT) FROM uses WHERE key = $1 AND at_ms > $2 AND at_ms < $3"
)
HELD: Final = "SELECT n, back FROM uses WHERE key = $1 AND terminal = $2 AND epoch = $3 AND redemption = $4"
SET_BACK: Final = (
    "UPDATE uses SET back = $5, back_ms = $6 WHERE key = $1 AND terminal = $2 AND epoch = $3 AND redemption = $4"
)
GRANTS: Final = "SELECT terminal, epoch, seq, at_ms FROM redemptions WHERE redemption = $1 ORDER BY terminal, epoch"
HELD_GRANTS: Final = (
    "SELECT terminal, epoch, seq, state, keys, account, told FROM redemptions WHERE redemption = $1"
    " ORDER BY terminal, epoch"
)
ENDED: Final = "SELECT part, heads, at_ms, state FROM endings WHERE redemption = $1"
EARLY: Final = "SELECT steps FROM early WHERE redemption = $1"
END: Final = (
    "INSERT INTO endings (redemption, part, heads, at_ms, state) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (redemption, part) DO UPDATE SET heads = endings.heads + excluded.heads, at_ms = excluded.at_ms,"
    " state = CASE WHEN excluded.state = '' THEN endings.state ELSE excluded.state END"
)


async def plan(tx: Tx, entries: Sequence[Entry], *, names: Iterable[str] = (), careful: bool = False) -> Booking:
    """Return what fresh facts do; raise UnbookableError for a figure nobody could have used.

    Writes who spoke first of each redemption (keys `r|…`), before any other row of the books is touched; that locks
    what is given back here, and the holders `names` (keys `x|…`), against everybody who tells the same.
    """
    booking = Booking(whence={incoming.place: incoming for incoming, _record in entries}, careful=careful)
    first = Counter([f"r|{record.redemption}" for _came, record in entries if record.kind in GRANTING])
    backs = [f"r|{record.redemption}" for _came, record in entries if gives_back(record)]
    for key in [f"x|{name}" for name in names] + backs:
        first[key] += 0
    rows = await tx.rows_many(TALLY, [(key, n, UNBOUNDED) for key, n in sorted(first.items())])
    again = {key for key, n, _bound in rows if n > 1}
    for incoming, record in entries:
        if record.redemption is None:
            continue
        if record.kind in GRANTING:
            side = Side(incoming.terminal, incoming.epoch, record.seq, record.at_ms, record.redemption)
            granted = Granted(side, record, incoming.nonces)
            if again and f"r|{record.redemption}" in again:
                booking.spoken.add(record.redemption)
                await _spoken_of(tx, booking, granted)
            else:
                _take(booking, granted, [], None)
        else:
            await _step(tx, booking, incoming.terminal, record)
    return booking


def gives_back(record: Record) -> bool:
    """Return whether a fact gives something of a redemption back."""
    return record.kind in GIVING_BACK and record.redemption is not None


class Granted(NamedTuple):
    """A granting fact, and whether its nonce counts."""

    side: Side
    record: Record
    nonces: bool


async def _spoken_of(tx: Tx, booking: Booking, granted: Granted) -> None:
    """Take what a grant used whose redemption was granted or ended before."""
    side = granted.side
    ended = await tx.rows(ENDED, side.redemption)
    early = await tx.row(EARLY, side.redemption) if ended else None
    for terminal, epoch, seq, at_ms in await tx.rows(GRANTS, side.redemption):
        if (terminal, epoch) == (side.terminal, side.epoch):
            booking.again.append(side)
            return
        booking.doubles.append((side, Side(terminal, epoch, seq, at_ms, side.redemption)))
    _take(booking, granted, ended, early)


def _take(booking: Booking, granted: Granted, ended: Sequence[Row], early: Row | None) -> None:
    """Take what a grant used, but for what was given back `ended` before."""
    side, record, nonces = granted
    place = (side.redemption, side.terminal, side.epoch)
    if place in booking.states:
        booking.again.append(side)
        return
    if not ended:
        booking.grant(side, record, [Taking(use, side) for use in uses_of(record, nonces=nonces)], state_after(record))
        return
    takings, last_ms = list[Taking](), max(one[2] for one in ended)
    for use in uses_of(record, nonces=nonces):
        back = 0
        for part, most, _at_ms, state in ended:
            freed = freed_by(
                _shared(Back(part, most, state), record.body, early[0] if early else None, ()), record.body
            )
            if use.key.startswith(freed.part):
                back = freed_in_all(use.key, use.n, back, freed)
        takings.append(Taking(use, side, back, last_ms if back else None))
    said = [one[3] for one in ended if one[3]]
    booking.grant(side, record, takings, said[-1] if said else state_after(record))


async def _step(tx: Tx, booking: Booking, terminal: str, record: Record) -> None:
    back, state, redemption = back_of(record), state_after(record), str(record.redemption)
    if back is None and not state:
        return
    fresh = booking.places.get(redemption, [])
    for place in fresh:
        booking.fresh.setdefault(place, []).append(record)
        _step_fresh(booking, place, record, own=place[1] == terminal)
    found = [] if fresh else await tx.rows(HELD_GRANTS, redemption)
    for held_at, epoch, seq, written, keys, account, told in found:
        booking.on_record.setdefault((redemption, held_at, epoch), (account, []))[1].append(record)
        before = booking.after(redemption, held_at, epoch, written)
        again = takes_again(before, record.kind, own=held_at == terminal)
        side = Side(held_at, epoch, seq, record.at_ms, redemption)
        freed = back
        if back is not None and told is not None:
            body, said = json.loads(told), booking.on_record[redemption, held_at, epoch]
            freed = freed_by(_shared(back, body, said[0], said[1]), body)
        for key in sorted(json.loads(keys)) if back is not None or again else ():
            await change(tx, booking, key, side, freed)
        if moves(before, state, again=again):
            booking.move((redemption, held_at, epoch), before, state)
    if not found and not fresh:
        booking.early.setdefault(redemption, []).append(record)
        if back is not None:
            booking.ended.append((redemption, back, record.at_ms))


def _shared(back: Back, body: Mapping[str, Any], account: str | None, records: Sequence[Record]) -> Back:
    """Return a give-back with what of its redemption came back in all, by its steps so far."""
    steps = Steps() if account is None else unpacked(json.loads(account))
    for record in records:
        steps = stepped(steps, record)
    returned = Returned(
        steps.returned_fen, fen_of(body.get("amount_fen")), steps.returned_heads, fen_of(body.get("heads"))
    )
    return back._replace(returned=returned)


def takes_again(before: str, kind: str, *, own: bool) -> bool:
    """Return whether a fact takes again what was given back: a passage or payment after the own annulment."""
    return kind in ("passed", "paid") and before == "annulled" and own


def moves(before: str, after: str, *, again: bool) -> bool:
    """Return whether a step changes the state: what is undone stays so, and a reversal outlasts an annulment.

    What came back at another gate falls due no more, whatever the one that lent it believes.
    """
    if not after or (before in CLOSED and after in ("overdue", "passed")):
        return False
    return before not in WHOLE or again or (before == "annulled" and after == "reversed")


def _step_fresh(booking: Booking, place: tuple[str, str, str], record: Record, *, own: bool) -> None:
    """Apply a step to a grant of the same batch."""
    before, back, state = booking.states[place], back_of(record), state_after(record)
    body = booking.taken[place][0].body
    if back is not None:
        back = freed_by(_shared(back, body, None, booking.fresh[place]), body)
    again = takes_again(before, record.kind, own=own)
    for index, taking in taken_fresh(booking, place):
        if back is not None and taking.use.key.startswith(back.part):
            now = freed_in_all(taking.use.key, taking.use.n, taking.back, back)
            booking.takings[index] = taking._replace(back=now, back_ms=record.at_ms)
        elif again:
            booking.takings[index] = taking._replace(back=0, back_ms=None)
    if moves(before, state, again=again):
        booking.states[place] = state


def taken_fresh(booking: Booking, place: tuple[str, str, str]) -> list[tuple[int, Taking]]:
    """Return the takings of a grant of this batch, each with its place in the booking."""
    return [(at, booking.takings[at]) for at in booking.taken[place][1]]


async def change(tx: Tx, booking: Booking, key: str, side: Side, back: Back | None) -> None:
    """Give back under one key, or (None) take the whole again."""
    if back is not None and not key.startswith(back.part):
        return
    row = await tx.row(HELD, key, side.terminal, side.epoch, side.redemption)
    if row is None:
        return
    n, before = row[0], row[1] + booking.pending[key, side.whose]
    after = 0 if back is None else freed_in_all(key, n, before, back)
    if after != before:
        booking.give_back(GivingBack(key, side, after, after - before, side.at_ms))


async def book(tx: Tx, booking: Booking) -> dict[str, Tally]:
    """Write the booking; return what stands now under each key that it touched."""
    spent = {key: Tally(n, bound) for key, n, bound in await tx.rows_many(TALLY, booking.deltas())}
    rows: list[tuple[Value, ...]] = [
        (key, terminal, epoch, redemption, seq, at_ms, n, bound, back, back_ms)
        for (key, n, bound), (terminal, epoch, seq, at_ms, redemption), back, back_ms in booking.takings
    ]
    await tx.execute_many(TAKE + CAREFULLY if booking.careful else TAKE, rows)
    for one in booking.backs:
        side = one.side
        await tx.execute(SET_BACK, one.key, side.terminal, side.epoch, side.redemption, one.back, one.at_ms)
    for redemption in sorted(booking.early):
        await tx.rows(TALLY, f"r|{redemption}", 1, UNBOUNDED)
    for redemption, ending, at_ms in booking.ended:
        await tx.execute(END, redemption, ending.part, ending.heads, at_ms, ending.state)
    return spent


async def spent_within(tx: Tx, key: str, window: tuple[int, int]) -> int:
    """Return what was used under a rolling key within `window` (open interval)."""
    return int((await tx.rows(SPENT_WITHIN, key, *window))[0][0])
