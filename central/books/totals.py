"""Running totals of what was given, by quarter of an hour and by day, site, issuer and benefit. No page scans facts.

Every civil day of every time zone is made of whole quarters. A grant adds to the lines of its own site when it is
booked; each later step adds the difference between what the redemption is worth now and what it was worth before
(central.books.settling.accounts). A step that comes before its grant waits in `early` and is applied on arrival.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from central.books.counts import given_of
from central.books.planned import Booking, Incoming
from central.books.settling.accounts import (
    FIGURES,
    UNTOUCHED,
    Figures,
    Grant,
    Steps,
    fen_of,
    grant_of,
    item_of,
    name_of,
    packed,
    site_of,
    stepped,
    unpacked,
    values_of,
    worth,
)
from central.books.settling.daily import adding, by_day
from central.books.settling.verdicts import ADD_WEIGHTS, WEIGHTS, settled_change, verdict_change
from central.proofs.opening import Begins
from credit.records import Record
from storage.jobs import Tx

QUARTER_MS: Final = 900_000
LATE_MS: Final = 86_400_000
COUNTED: Final = (*FIGURES, "clashes", "late")
NO_MORE: Final = (0,) * (len(FIGURES) - FIGURES.index("later_fen") - 1)
COLUMNS: Final = ("quarter", "site", "issuer", "benefit", "local", *COUNTED, "latest_ms")
ADD: Final = (
    f"INSERT INTO totals ({', '.join(COLUMNS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(COLUMNS) + 1))})"  # noqa: S608 - columns of our own
    " ON CONFLICT (quarter, site, issuer, benefit, local) DO UPDATE SET "
    + ", ".join(f"{name} = totals.{name} + excluded.{name}" for name in COUNTED)
    + ", latest_ms = CASE WHEN excluded.latest_ms > totals.latest_ms THEN excluded.latest_ms ELSE totals.latest_ms END"
)
ADD_DAY: Final = adding(COUNTED, latest=True)
WEIGH_DAY: Final = adding(WEIGHTS, latest=False)
KINDS: Final = "INSERT INTO kinds (kind, n) VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET n = kinds.n + excluded.n"
GRANT: Final = (
    "SELECT r.site, r.at_ms, f.raw FROM redemptions r JOIN facts f"
    " ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq AND f.redemption = r.redemption"
    " WHERE r.redemption = $1 AND r.terminal = $2 AND r.epoch = $3"
)
LOCK: Final = (
    "UPDATE redemptions SET state = state WHERE redemption = $1 AND terminal = $2 AND epoch = $3 RETURNING settles"
)
UNSETTLE: Final = "UPDATE redemptions SET settles = 0 WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
AGAIN: Final = (
    "UPDATE redemptions SET due_ms = 0 WHERE redemption = $1 AND terminal = $2 AND epoch = $3"
    " AND verdict IN ('proved', 'vouched') AND settles = 0"
)
EARLY: Final = "SELECT steps FROM early WHERE redemption = $1"
PUT_EARLY: Final = (
    "INSERT INTO early (redemption, steps) VALUES ($1, $2)"
    " ON CONFLICT (redemption) DO UPDATE SET steps = excluded.steps"
)
Place = tuple[str, str, str]  # redemption, terminal, epoch
Key = tuple[int, str, str, str, int]


class Sheet:
    """Changes of totals, gathered and written in the order in which rows are locked."""

    def __init__(self) -> None:
        self._lines: dict[Key, list[tuple[int, ...]]] = {}
        self._plain: dict[tuple[Key, str, bool], list[tuple[int, ...]]] = {}
        self._begun: Counter[tuple[Key, str, bool]] = Counter()
        self._weights: dict[Key, dict[str, int]] = {}

    def add(self, key: Key, figures: Figures, *, clashes: int = 0, late: int = 0, latest_ms: int = 0) -> None:
        """Add figures to the line of `key`."""
        self._lines.setdefault(key, []).append((*values_of(figures), clashes, late, latest_ms))

    def add_plain(self, key: Key, begun: Begins, figures: tuple[int, int, int, int, int, int]) -> None:
        """Add a grant of one benefit of which nothing else was heard, and how it begins.

        `figures`: heads, fen off, waived and later, whether it came late, and by how many ms. They wait to be added up:
        most grants of a batch are of a few lines.
        """
        self._plain.setdefault((key, begun.verdict, begun.apart != ""), []).append(figures)

    def begin(self, key: Key, verdict: str, *, apart: bool, n: int = 1) -> None:
        """Count grants by the verdict with which they begin."""
        self._begun[key, verdict, apart] += n

    def _add_up(self) -> None:
        """Make lines of the plain grants: the figures of `worth`, in their order."""
        for (key, verdict, apart), plain in self._plain.items():
            *columns, latest_ms = zip(*plain, strict=True)
            heads, off, waived, later, late = map(sum, columns)
            line = (len(plain), heads, 0, off, waived, later, *NO_MORE, 0, late, max(latest_ms))
            self._lines.setdefault(key, []).append(line)
            self.begin(key, verdict, apart=apart, n=len(plain))
        self._plain.clear()

    def weigh(self, key: Key, change: Mapping[str, int]) -> None:
        """Change what the line of `key` adds up to by verdict."""
        line = self._weights.setdefault(key, dict.fromkeys(WEIGHTS, 0))
        for name, figure in change.items():
            line[name] += figure

    async def write(self, tx: Tx) -> None:
        """Add all of it to the books."""
        self._add_up()
        for (key, verdict, apart), n in self._begun.items():
            change = {name: n * figure for name, figure in verdict_change("", verdict).items()}
            if change or apart:
                self.weigh(key, change | ({"apart": n} if apart else {}))
        rows = self.rows()
        await tx.rows_many(f"{ADD} RETURNING quarter", rows)
        weights: list[tuple[int | str, ...]] = [
            (*key, *line.values()) for key, line in sorted(self._weights.items()) if any(line.values())
        ]
        await tx.rows_many(f"{ADD_WEIGHTS} RETURNING quarter", weights)
        await tx.rows_many(ADD_DAY, by_day(rows, latest=True))
        await tx.rows_many(WEIGH_DAY, by_day(weights, latest=False))

    def rows(self) -> list[tuple[int | str, ...]]:
        """Return the changes, sorted."""
        added = [(key, list(zip(*lines, strict=True))) for key, lines in sorted(self._lines.items())]
        lines = [(key, [*map(sum, line[:-1]), max(0, *line[-1])]) for key, line in added]
        return [(*key, *line) for key, line in lines if any(line)]


def _keys(grant: Grant, at_ms: int) -> dict[tuple[str, bool], Key]:
    quarter = at_ms // QUARTER_MS
    return {
        (one.benefit, one.local): (quarter, grant.site, grant.issuer, one.benefit, int(one.local))
        for one in grant.items
    }


def granted(sheet: Sheet, record: Record, steps: Steps, *, incoming: Incoming, begun: Begins) -> None:
    """Add a grant to the lines it belongs to, with what is known of it already, and how it begins."""
    body, way_ms, quarter = record.body, incoming.received_ms - record.at_ms, record.at_ms // QUARTER_MS
    late, latest_ms, given = int(way_ms > LATE_MS), max(0, way_ms), given_of(body)
    if steps is UNTOUCHED and len(given) == 1 and body.get("awaiting") is not True:
        name, local, off, waived, later = item_of(given[0])
        key = (quarter, site_of(body, site=incoming.site), name_of(body.get("issuer")), name, int(local))
        sheet.add_plain(key, begun, (max(1, fen_of(body.get("heads"))), off, waived, later, late, latest_ms))
        return
    grant = grant_of(body, site=incoming.site)
    for (benefit, local), figures in worth(grant, steps).items():
        key = (quarter, grant.site, grant.issuer, benefit, int(local))
        sheet.add(key, figures, late=late, latest_ms=latest_ms)
        sheet.begin(key, begun.verdict, apart=begun.apart != "")


async def changed(tx: Tx, sheet: Sheet, place: Place, before: Steps, after: Steps) -> None:
    """Add to the lines of a grant that is on record what its steps changed, and let what settled follow."""
    settles = [row[0] for row in await tx.rows(LOCK, *place)] == [1]
    for site, at_ms, raw in await tx.rows(GRANT, *place):
        grant = grant_of(json.loads(raw)["body"], site=site)
        keys, was = _keys(grant, at_ms), worth(grant, before)
        for name, figures in worth(grant, after).items():
            sheet.add(keys[name], figures - was[name])
            if settles:
                sheet.weigh(keys[name], settled_change(figures - was[name], settled=-int(not after.stands)))
    if settles and not after.stands:
        await tx.execute(UNSETTLE, *place)
    if after.stands and not before.stands:
        await tx.execute(AGAIN, *place)


def judged(sheet: Sheet, grant: Grant, at_ms: int, steps: Steps, change: Mapping[str, int], *, settled: int) -> None:
    """Add to the lines of a grant that is on record a change of its verdict, and whether it settles (+1, -1, 0)."""
    keys = _keys(grant, at_ms)
    for name, figures in worth(grant, steps).items():
        sheet.weigh(keys[name], change)
        if settled:
            sheet.weigh(keys[name], settled_change(figures if settled > 0 else Figures() - figures, settled=settled))


async def clashing(tx: Tx, sheet: Sheet, place: Place, clashes: int) -> None:
    """Count a clash (+1, -1) at the lines of a grant that is on record."""
    for site, at_ms, raw in await tx.rows(GRANT, *place):
        for key in _keys(grant_of(json.loads(raw)["body"], site=site), at_ms).values():
            sheet.add(key, Figures(), clashes=clashes)


async def early_steps(tx: Tx, redemption: str) -> Steps:
    """Return what was heard of a redemption before its grant."""
    row = await tx.row(EARLY, redemption)
    return UNTOUCHED if row is None else unpacked(json.loads(row[0]))


async def settle_steps(tx: Tx, sheet: Sheet, booking: Booking) -> dict[Place, str]:
    """Apply the batch's steps: of grants on record, whose new accounts are returned, and of grants yet to come."""
    accounts: dict[Place, str] = {}
    for place, (account, records) in sorted(booking.on_record.items()):
        before = Steps() if account is None else unpacked(json.loads(account))
        after = _all(before, records)
        if after == before:
            continue
        accounts[place] = json.dumps(packed(after))
        if before.annulled or replace(after, passed=before.passed) != before:  # else it only passed: no figure moves
            await changed(tx, sheet, place, before, after)
    for redemption, records in sorted(booking.early.items()):
        steps = _all(await early_steps(tx, redemption), records)
        await tx.execute(PUT_EARLY, redemption, json.dumps(packed(steps)))
    return accounts


def _all(steps: Steps, records: Iterable[Record]) -> Steps:
    for record in records:
        steps = stepped(steps, record)
    return steps


def fresh_steps(booking: Booking, place: Place, known: Steps) -> Steps:
    """Return the steps of a grant of this batch, with what was heard before it."""
    return _all(known, booking.fresh.get(place, ()))
