"""Booking stored facts: uses and tallies, conflicts, redemptions, totals. What cannot be booked is a finding.

Rules of this file:

- a batch is booked within one savepoint. When that fails, each fact is booked within its own, and what still fails is
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
from central.books.elsewhere.leaving import Elsewhere, follow, locks_of, tell
from central.books.planned import Booking, Side, Step
from central.books.pledges import begin_run, confirm, free
from central.books.settling import hub_words, refusals
from central.books.settling.accounts import UNTOUCHED, Steps, packed, site_of
from central.books.tallies import book, plan
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
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT DO NOTHING"
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


class Incoming(NamedTuple):
    """Whose facts these are, where they happened, and when they came; `nonces`: whether codes count by themselves.

    `former`: they come under a key that is over. A start that they tell of voids nobody's claims.
    """

    terminal: str
    epoch: str
    site: str
    received_ms: int
    nonces: bool = False
    former: bool = False  # sealed by a key that ended: its starts end nobody's claims


Grants = tuple[Mapping[Place, Steps], Sequence[Begins]]  # what is known of a batch's grants, and how each begins


async def book_all(tx: Tx, incoming: Incoming, records: Sequence[Record], bounds: Bounds) -> None:
    """Book a batch of stored facts. Raises only what the database itself refuses (StoreFailedError)."""
    try:
        async with tx.savepoint():
            await _book(tx, incoming, records, bounds)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it is found again below, with its fact's name
        for record in records:
            await _book_alone(tx, incoming, record, bounds)


async def _book_alone(tx: Tx, incoming: Incoming, record: Record, bounds: Bounds) -> None:
    try:
        async with tx.savepoint():
            await _book(tx, incoming, [record], bounds)
    except StoreFailedError:
        raise
    except Exception as error:
        log.exception("fact %s of %s cannot be booked", record.seq, incoming.terminal)
        await find(tx, incoming, record.seq, "unbookable", f"{type(error).__name__}: {error}")


async def find(tx: Tx, incoming: Incoming, seq: int, kind: str, detail: str) -> None:
    """Write a finding down for people."""
    text = detail.encode("utf-8", "replace").decode().replace("\0", "�")[:MAX_DETAIL]
    await tx.execute(FINDING, incoming.terminal, incoming.epoch, seq, kind, text, incoming.received_ms)


async def _book(tx: Tx, incoming: Incoming, records: Sequence[Record], bounds: Bounds) -> None:
    apart = await apart_of(tx, incoming.terminal, incoming.epoch, records)
    await confirm(
        tx, incoming.terminal, {str(one.redemption) for one in records if one.kind in GRANTING and one.redemption}
    )
    for redemption in sorted({str(one.redemption) for one in records if one.kind in GIVING_BACK and ends_whole(one)}):
        await free(tx, redemption, now_ms=incoming.received_ms)
    told = tell(records, incoming.site)
    booking = await plan(
        tx,
        incoming.terminal,
        [Step(incoming.epoch, record) for record in records],
        nonces=incoming.nonces,
        names=locks_of(records, told, incoming.site),
    )
    booking.apart.update(apart)
    elsewhere = await follow(tx, booking, incoming.site, records, told)
    spent = await book(tx, booking)
    noticed = await notice(tx, booking, spent, bounds, now_ms=incoming.received_ms)
    sheet = Sheet()
    known = {one: await early_steps(tx, one) for one in sorted(booking.spoken)}
    steps = dict.fromkeys(booking.states, UNTOUCHED)
    for spoken in [*booking.fresh, *(one for one in booking.states if one[0] in known)]:
        steps[spoken] = fresh_steps(booking, spoken, known.get(spoken[0], UNTOUCHED))
    begun = [begins(one, booking.apart.get(side.seq, ""), incoming.received_ms) for side, one in booking.grants]
    accounts = await settle_steps(tx, sheet, booking)
    await _write_redemptions(tx, incoming, booking, (steps, begun), (accounts, elsewhere))
    await elsewhere.write(tx)
    await _write_totals(tx, incoming, booking, (steps, begun), (noticed, sheet))
    await refusals.count(tx, (incoming.terminal, incoming.epoch), records, site=incoming.site)
    place = (incoming.terminal, incoming.epoch)
    await hub_words.keep(tx, place, records, site=incoming.site, received_ms=incoming.received_ms)
    await tx.rows_many(f"{KINDS} RETURNING kind", sorted(Counter(record.kind for record in records).items()))
    await _write_doubts(tx, incoming, booking, begun)
    for record in (one for one in records if one.kind == "started"):
        run = record.body.get("run")
        if isinstance(run, str) and not incoming.former:
            await begin_run(tx, incoming.terminal, run[:MAX_RUN], now_ms=incoming.received_ms)
    for side in booking.again:
        await find(tx, incoming, side.seq, "granted_again", f"redemption {side.redemption}")


async def _write_redemptions(
    tx: Tx,
    incoming: Incoming,
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
        place = (side.redemption, side.terminal, side.epoch)
        known = steps[place]
        account = None if known is UNTOUCHED or known == UNTOUCHED else json.dumps(packed(known))
        site = site_of(record.body, site=incoming.site)
        told = elsewhere.told.get(place)
        kept: tuple[Value, ...] = (booking.states[place], _listed(keys.get(side, [])), account)
        kept += (None if told is None else told.text, holder_of(record.body))
        rows.append((*place, side.seq, record.kind, site, side.at_ms, incoming.received_ms, *kept, *beginning))
    await tx.execute_many(REDEMPTION, rows)
    for redemption, terminal, epoch, _before, state in booking.later:
        await tx.execute(STATE, redemption, terminal, epoch, state)
    for place, account in accounts.items():
        await tx.execute(ACCOUNT, *place, account)


def _listed(keys: Sequence[str]) -> str:
    """Return keys as they are kept: a JSON list."""
    return msgspec.json.encode(keys).decode()


async def _write_totals(
    tx: Tx, incoming: Incoming, booking: Booking, grants: Grants, told: tuple[Noticed, Sheet]
) -> None:
    (steps, begun), (noticed, sheet) = grants, told
    site, received_ms = incoming.site, incoming.received_ms
    for (side, record), beginning in zip(booking.grants, begun, strict=True):
        known = steps[side.redemption, side.terminal, side.epoch]
        apart = side.seq in booking.apart
        granted(sheet, record, known, site=site, received_ms=received_ms, first=beginning.verdict, apart=apart)
    for place in sorted(noticed.clashing - noticed.cleared):
        await _clash(tx, sheet, place, 1)
    for place in sorted(noticed.cleared):
        await _clash(tx, sheet, place, 0)
        await tx.execute(AGAIN, *place)
    await sheet.write(tx)


async def _write_doubts(tx: Tx, incoming: Incoming, booking: Booking, begun: Sequence[Begins]) -> None:
    """Count what will not settle as it stands, and name what stands apart."""
    unproved = sum(one.verdict == Verdict.UNPROVED.value for one in begun)
    apart = [side for side, _record in booking.grants if side.seq in booking.apart]
    if unproved or apart:
        await tx.execute(DOUBT, incoming.terminal, unproved, 0, len(apart), 0)
    for side in apart:
        await find(tx, incoming, side.seq, "apart", f"{booking.apart[side.seq]}: redemption {side.redemption}")


async def _clash(tx: Tx, sheet: Sheet, place: Place, clash: int) -> None:
    """Mark a redemption as clashing or not, and count it once."""
    if await tx.execute(CLASH, *place, clash):
        await clashing(tx, sheet, place, 1 if clash else -1)
