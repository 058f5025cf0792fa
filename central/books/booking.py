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
from typing import Final

import msgspec

from central.books.bounds import Bounds
from central.books.conflicts import Noticed, notice
from central.books.counts import GIVING_BACK, GRANTING, ends_whole, holder_of
from central.books.elsewhere.leaving import Elsewhere, follow, locks_of, tell
from central.books.planned import Booking, Entry, Incoming, Side, entries_of, parcels
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
from central.proofs.judging import Verdict
from central.proofs.opening import DOUBT, Begins, begins
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


Grants = tuple[Mapping[Place, Steps], Sequence[Begins]]  # what is known of a batch's grants, and how each begins


async def book_all(tx: Tx, entries: Sequence[Entry], bounds: Bounds) -> None:
    """Book stored facts, of one batch or several. Raises only what the database itself refuses (StoreFailedError)."""
    try:
        async with tx.savepoint():
            for some in unmixed(entries):
                await _book(tx, some, bounds)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it is found again below, with its fact's name
        batches = parcels(entries)
        for incoming, records in batches:
            if len(batches) > 1:
                await book_all(tx, entries_of(incoming, records), bounds)
            else:
                for record in records:
                    await _book_alone(tx, Entry(incoming, record), bounds)


def unmixed(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Return facts in parts that are booked one after the other: no two batches of a part speak of the same grant.

    What one batch says of a grant that another brings is weighed against what is on record.
    """
    batches = parcels(entries)
    if len(batches) < 2:  # noqa: PLR2004 - of one batch all is weighed together
        return [list(entries)]
    found: list[list[Entry]] = []
    named: set[str] = set()
    for incoming, records in batches:
        some = entries_of(incoming, records)
        names = {f"r|{one.redemption}" for one in records} - {"r|None"}
        names |= {f"x|{name}" for name in locks_of(some, tell(some))}
        if found and named.isdisjoint(names):
            found[-1] += some
            named |= names
        else:
            found.append(some)
            named = names
    return found


async def _book_alone(tx: Tx, entry: Entry, bounds: Bounds) -> None:
    try:
        async with tx.savepoint():
            await _book(tx, [entry], bounds, careful=True)
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


async def _book(tx: Tx, entries: Sequence[Entry], bounds: Bounds, *, careful: bool = False) -> None:
    batches = parcels(entries)
    apart = await apart_of(tx, [(*incoming.place, records) for incoming, records in batches])
    await _end_claims(tx, batches)
    told = tell(entries)
    booking = await plan(tx, entries, names=locks_of(entries, told), careful=careful)
    booking.apart.update(apart)
    elsewhere = await follow(tx, booking, entries, told)
    spent = await book(tx, booking)
    noticed = await notice(tx, booking, spent, bounds, now_ms=max(incoming.received_ms for incoming, _ in batches))
    sheet = Sheet()
    known = {one: await early_steps(tx, one) for one in sorted(booking.spoken)}
    steps = dict.fromkeys(booking.states, UNTOUCHED)
    for spoken in [*booking.fresh, *(one for one in booking.states if one[0] in known)]:
        steps[spoken] = fresh_steps(booking, spoken, known.get(spoken[0], UNTOUCHED))
    begun = [begins(one, _why_apart(booking, side), booking.of(side).received_ms) for side, one in booking.grants]
    accounts = await settle_steps(tx, sheet, booking)
    await _write_redemptions(tx, booking, (steps, begun), (accounts, elsewhere))
    await elsewhere.write(tx)
    await _write_totals(tx, booking, (steps, begun), (noticed, sheet))
    await refusals.count(tx, entries)
    await hub_words.keep(tx, entries)
    kinds = Counter(record.kind for _incoming, record in entries)
    await tx.rows_many(f"{KINDS} RETURNING kind", sorted(kinds.items()))
    await _write_doubts(tx, booking, begun)
    for incoming, record in (one for one in entries if one.record.kind == "started"):
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


def _why_apart(booking: Booking, side: Side) -> str:
    return booking.apart.get((side.terminal, side.epoch, side.seq), "")


async def _write_redemptions(
    tx: Tx,
    booking: Booking,
    grants: Grants,
    beside: tuple[Mapping[Place, str], Elsewhere],
) -> None:
    (steps, begun), (accounts, elsewhere) = grants, beside
    keys: dict[Side, list[str]] = {}
    for taking in booking.takings:
        keys.setdefault(taking.side, []).append(taking.use.key)
    rows: list[tuple[Value, ...]] = []
    for (side, record), beginning in zip(booking.grants, begun, strict=True):
        place, incoming = (side.redemption, side.terminal, side.epoch), booking.of(side)
        known = steps[place]
        account = None if known is UNTOUCHED or known == UNTOUCHED else json.dumps(packed(known))
        site = site_of(record.body, site=incoming.site)
        told = elsewhere.told.get(place)
        kept: tuple[Value, ...] = (booking.states[place], _listed(keys.get(side, [])), account)
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


async def _write_totals(tx: Tx, booking: Booking, grants: Grants, told: tuple[Noticed, Sheet]) -> None:
    (steps, begun), (noticed, sheet) = grants, told
    for (side, record), beginning in zip(booking.grants, begun, strict=True):
        known, incoming = steps[side.redemption, side.terminal, side.epoch], booking.of(side)
        apart, site, received_ms = _why_apart(booking, side) != "", incoming.site, incoming.received_ms
        granted(sheet, record, known, site=site, received_ms=received_ms, first=beginning.verdict, apart=apart)
    for place in sorted(noticed.clashing - noticed.cleared):
        await _clash(tx, sheet, place, 1)
    for place in sorted(noticed.cleared):
        await _clash(tx, sheet, place, 0)
        await tx.execute(AGAIN, *place)
    await sheet.write(tx)


async def _write_doubts(tx: Tx, booking: Booking, begun: Sequence[Begins]) -> None:
    """Count what will not settle as it stands, and name what stands apart."""
    grants = [(side, _why_apart(booking, side)) for side, _record in booking.grants]
    doubts: dict[str, tuple[int, int]] = {}
    for (side, why), one in zip(grants, begun, strict=True):
        if one.verdict == Verdict.UNPROVED.value or why:
            unproved, apart = doubts.get(side.terminal, (0, 0))
            doubts[side.terminal] = (unproved + (one.verdict == Verdict.UNPROVED.value), apart + bool(why))
    rows = [(terminal, unproved, 0, apart, 0) for terminal, (unproved, apart) in sorted(doubts.items())]
    await tx.rows_many(f"{DOUBT} RETURNING terminal", rows)
    for side, why in grants:
        if why:
            await find(tx, booking.of(side), side.seq, "apart", f"{why}: redemption {side.redemption}")


async def _clash(tx: Tx, sheet: Sheet, place: Place, clash: int) -> None:
    """Mark a redemption as clashing or not, and count it once."""
    if await tx.execute(CLASH, *place, clash):
        await clashing(tx, sheet, place, 1 if clash else -1)
