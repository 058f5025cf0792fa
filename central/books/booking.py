"""Booking stored facts: uses and tallies, conflicts, redemptions, totals. What cannot be booked is a finding.

Rules of this file:

- batches that came together are booked together, within one savepoint. When that fails, or a bound is overrun, each
  batch is booked within its own, as if it had come alone; when that fails, each fact is, and what still fails is
  written down as a finding, with its cause in the log: one terminal's nonsense stops nobody, least of all others;
- a database that fails is no finding: the whole batch is refused then, facts and all, and comes again;
- tables are touched in one order by everybody: pledges, tallies, uses, conflicts, redemptions,
  names, totals, kinds.
"""

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from central.books.bounds import Bounds
from central.books.conflicts import Noticed, notice
from central.books.counts import GIVING_BACK, GRANTING, ends_whole, holder_of
from central.books.elsewhere.leaving import Elsewhere, Named, follow, locks_of, tell
from central.books.elsewhere.telling import Told
from central.books.planned import Booking, Entry, Incoming, Side, batches_of, parcels
from central.books.pledges import begin_run, confirm_all, free
from central.books.settling import hub_words, refusals
from central.books.settling.accounts import UNTOUCHED, Steps, packed, site_of
from central.books.tallies import CAREFULLY, book, plan
from central.books.totals import (
    AGAIN,
    KINDS,
    Place,
    Sheet,
    clashing,
    early_steps,
    fresh_steps,
    granted,
    settle_steps,
)
from central.proofs.apart import apart_of
from central.proofs.opening import DOUBT, UNPROVED, Begins, begins
from credit.records import Record
from storage.jobs import StoreFailedError, Tx, Value

log = logging.getLogger("central.books")

MAX_DETAIL: Final = 200  # characters
MAX_RUN: Final = 64
REDEMPTION: Final = (
    "INSERT INTO redemptions (redemption, terminal, epoch, seq, kind, site, at_ms, received_ms, state, keys,"
    " account, told, holder, proof, verdict, why, apart, due_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)"
)
STATE: Final = "UPDATE redemptions SET state = $4 WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
ACCOUNT: Final = "UPDATE redemptions SET account = $4 WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
CLASH: Final = (
    "UPDATE redemptions SET clash = $4 WHERE redemption = $1 AND terminal = $2 AND epoch = $3 AND clash <> $4"
)
FINDING: Final = (
    "INSERT INTO findings (terminal, epoch, seq, kind, detail, noticed_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT DO NOTHING"
)


class Booked(NamedTuple):
    """A grant of a batch as it is written down: what it came with, its steps so far, and how it begins."""

    side: Side
    record: Record
    place: Place
    incoming: Incoming
    steps: Steps
    begun: Begins


async def book_all(tx: Tx, entries: Sequence[Entry], bounds: Bounds) -> None:
    """Book stored facts, of one batch or several. Raises only what the database itself refuses (StoreFailedError)."""
    try:
        async with tx.savepoint():
            for part in unmixed(entries):
                await _book(tx, part, bounds)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it is found again below, with its fact's name
        batches = batches_of(entries)
        for some in batches:
            if len(batches) > 1:
                await book_all(tx, some, bounds)
            else:
                for entry in some:
                    await _book_alone(tx, entry, bounds)


class Part(NamedTuple):
    """Facts that are booked together, what other gates need of them, and whose rows they change there."""

    entries: list[Entry]
    told: dict[Named, Told]
    locks: set[str]
    redemptions: set[str | None]  # that they speak of

    def mixes(self, other: "Part") -> bool:
        """Return whether both speak of the same grant, or of a holder who goes in or out."""
        return not (self.redemptions.isdisjoint(other.redemptions) and self.locks.isdisjoint(other.locks))

    def add(self, other: "Part") -> None:
        """Take the facts of another part in."""
        self.entries.extend(other.entries)
        self.told.update(other.told)
        self.locks.update(other.locks)
        self.redemptions.update(other.redemptions)


def unmixed(entries: Sequence[Entry]) -> list[Part]:
    """Return facts in parts that are booked one after the other: no two batches of a part speak of the same grant.

    What one batch says of a grant that another brings is weighed against what is on record.
    """
    found: list[Part] = []
    for some in batches_of(entries):
        one = _part(some)
        if found and not found[-1].mixes(one):
            found[-1].add(one)
        else:
            found.append(one)
    return found


def _part(entries: list[Entry]) -> Part:
    told = tell(entries)
    return Part(entries, told, locks_of(entries, told), {record.redemption for _came, record in entries} - {None})


async def _book_alone(tx: Tx, entry: Entry, bounds: Bounds) -> None:
    try:
        async with tx.savepoint():
            await _book(tx, _part([entry]), bounds, careful=True)
    except StoreFailedError:
        raise
    except Exception as error:
        incoming, record = entry
        log.exception("fact %s of %s cannot be booked", record.seq, incoming.terminal)
        await find(tx, incoming, record.seq, "unbookable", f"{type(error).__name__}: {error}")


async def find(tx: Tx, incoming: Incoming, seq: int, kind: str, detail: str) -> None:
    """Write a finding down for people."""
    text = detail.encode("utf-8", "replace").decode().replace("\0", "�")[:MAX_DETAIL]
    await tx.execute(FINDING, incoming.terminal, incoming.epoch, seq, kind, text, incoming.received_ms)


async def _book(tx: Tx, part: Part, bounds: Bounds, *, careful: bool = False) -> None:
    entries, told, names, _redemptions = part
    batches = parcels(entries)
    apart = await apart_of(tx, [(*incoming.place, records) for incoming, records in batches])
    await _end_claims(tx, batches)
    booking = await plan(tx, entries, names=names, careful=careful)
    booking.apart.update(apart)
    elsewhere = await follow(tx, booking, entries, told)
    spent = await book(tx, booking)
    noticed = await notice(tx, booking, spent, bounds, now_ms=max(incoming.received_ms for incoming, _ in batches))
    sheet = Sheet()
    known = {one: await early_steps(tx, one) for one in sorted(booking.spoken)}
    steps = dict.fromkeys(booking.states, UNTOUCHED)
    for spoken in [*booking.fresh, *(one for one in booking.states if one[0] in known)]:
        steps[spoken] = fresh_steps(booking, spoken, known.get(spoken[0], UNTOUCHED))
    grants = [_booked(booking, side, record, steps) for side, record in booking.grants]
    accounts = await settle_steps(tx, sheet, booking)
    await _write_redemptions(tx, booking, grants, (accounts, elsewhere))
    await elsewhere.write(tx)
    await _write_totals(tx, grants, (noticed, sheet))
    await refusals.count(tx, entries)
    await hub_words.keep(tx, entries)
    kinds = Counter([record.kind for _incoming, record in entries])
    await tx.rows_many(f"{KINDS} RETURNING kind", sorted(kinds.items()))
    await _write_doubts(tx, grants)
    for incoming, record in entries if "started" in kinds else ():
        if record.kind != "started":
            continue
        run = record.body.get("run")
        if isinstance(run, str) and not incoming.former:
            await begin_run(tx, incoming.terminal, run[:MAX_RUN], now_ms=incoming.received_ms)
    for side in booking.again:
        await find(tx, booking.of(side), side.seq, "granted_again", f"redemption {side.redemption}")


async def _end_claims(tx: Tx, batches: Sequence[tuple[Incoming, Sequence[Record]]]) -> None:
    """End the claims of what was granted, and of what was given back whole."""
    granted: dict[str, set[str]] = {}
    ended: dict[str, int] = {}
    for incoming, records in batches:
        here = granted.setdefault(incoming.terminal, set())
        here |= {str(one.redemption) for one in records if one.kind in GRANTING and one.redemption}
        for one in records:
            if one.kind in GIVING_BACK and ends_whole(one):
                ended[str(one.redemption)] = incoming.received_ms
    await confirm_all(tx, granted)
    for redemption, at_ms in sorted(ended.items()):
        await free(tx, redemption, now_ms=at_ms)


def _booked(booking: Booking, side: Side, record: Record, steps: Mapping[Place, Steps]) -> Booked:
    terminal, epoch, seq, _at_ms, redemption = side
    place, incoming = (redemption, terminal, epoch), booking.of(side)
    apart = booking.apart.get((terminal, epoch, seq), "") if booking.apart else ""
    return Booked(side, record, place, incoming, steps[place], begins(record, apart, incoming.received_ms))


async def _write_redemptions(
    tx: Tx,
    booking: Booking,
    grants: Sequence[Booked],
    beside: tuple[Mapping[Place, str], Elsewhere],
) -> None:
    accounts, elsewhere = beside
    rows: list[tuple[Value, ...]] = []
    for side, record, place, incoming, known, beginning in grants:
        account = None if known is UNTOUCHED or known == UNTOUCHED else json.dumps(packed(known))
        site = site_of(record.body, site=incoming.site)
        told = elsewhere.told.get(place)
        keys = [booking.takings[at].use.key for at in booking.taken[place][1]]
        kept: tuple[Value, ...] = (booking.states[place], _listed(keys), account)
        kept += (None if told is None else told.text, holder_of(record.body))
        rows.append((*place, side.seq, record.kind, site, side.at_ms, incoming.received_ms, *kept, *beginning))
    await tx.execute_many(REDEMPTION + CAREFULLY if booking.careful else REDEMPTION, rows)
    for redemption, terminal, epoch, _before, state in booking.later:
        await tx.execute(STATE, redemption, terminal, epoch, state)
    for place, account in accounts.items():
        await tx.execute(ACCOUNT, *place, account)


def _listed(keys: Sequence[str]) -> str:
    """Return keys as they are kept: a JSON list."""
    return msgspec.json.encode(keys).decode()


async def _write_totals(tx: Tx, grants: Sequence[Booked], told: tuple[Noticed, Sheet]) -> None:
    noticed, sheet = told
    for _side, record, _place, incoming, known, begun in grants:
        granted(sheet, record, known, incoming=incoming, begun=begun)
    for place in sorted(noticed.clashing - noticed.cleared):
        await _clash(tx, sheet, place, 1)
    for place in sorted(noticed.cleared):
        await _clash(tx, sheet, place, 0)
        await tx.execute(AGAIN, *place)
    await sheet.write(tx)


async def _write_doubts(tx: Tx, grants: Sequence[Booked]) -> None:
    """Count what will not settle as it stands, and name what stands apart."""
    doubts: dict[str, tuple[int, int]] = {}
    for one in grants:
        begun = one.begun
        if begun.verdict == UNPROVED or begun.apart:
            unproved, apart = doubts.get(one.side.terminal, (0, 0))
            doubts[one.side.terminal] = (unproved + (begun.verdict == UNPROVED), apart + bool(begun.apart))
    rows = [(terminal, unproved, 0, apart, 0) for terminal, (unproved, apart) in sorted(doubts.items())]
    await tx.rows_many(f"{DOUBT} RETURNING terminal", rows)
    for one in grants:
        if one.begun.apart:
            detail = f"{one.begun.apart}: redemption {one.side.redemption}"
            await find(tx, one.incoming, one.side.seq, "apart", detail)


async def _clash(tx: Tx, sheet: Sheet, place: Place, clash: int) -> None:
    """Mark a redemption as clashing or not, and count it once."""
    if await tx.execute(CLASH, *place, clash):
        await clashing(tx, sheet, place, 1 if clash else -1)
