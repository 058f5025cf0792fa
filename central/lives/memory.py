"""A terminal's memory: its own facts, picked for what may still count, given back in pages (ADR 0076).

Rules of this file:

- a page goes through one epoch in the order of its records: grants that may still count, each followed by its steps;
  exits and switches of the last days; then the next epoch, by its name;
- a grant may still count while it is open or can be returned, or under a key whose period is not plainly over: only a
  day, a week, a month or a year that ended more than SPARE_MS ago is over (`over`), everything else is kept;
- whoever asks for the first page may have forgotten its orders as well: they are told again.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import msgspec

from central.register.standing import tell_again
from storage.jobs import Row, Tx
from sync.wire.memory import PAGE_BYTES, PAGE_GRANTS, EndedHere, OwnFact, Place

RECENT_MS: Final = 2 * 86_400_000  # exits, switches, nonces
SPARE_MS: Final = 7 * 86_400_000
NAMED: Final = re.compile(r"[0-9A-Za-z._~-]{1,64}\Z")
DAY: Final = re.compile(r"(?:day:|slot:)?([0-9]{4})-([0-9]{2})-([0-9]{2})")
MONTH: Final = re.compile(r"([0-9]{4})-([0-9]{2})\Z")
WEEK: Final = re.compile(r"([0-9]{4})-W([0-9]{2})\Z")
YEAR: Final = re.compile(r"([0-9]{4})\Z")
ROLLING: Final = re.compile(r"([0-9]{1,5})h\Z")
ENDED: Final[Mapping[str, Literal["annulled", "reversed", "closed"]]] = {
    "annulled": "annulled",
    "reversed": "reversed",
    "closed": "closed",
    "claimed": "closed",
}

EPOCHS: Final = "SELECT epoch FROM epochs WHERE terminal = $1 ORDER BY epoch"
SCAN: Final = (
    "SELECT f.seq, f.raw, f.kind, f.at_ms, f.redemption, r.state FROM facts f LEFT JOIN redemptions r"
    " ON r.redemption = f.redemption AND r.terminal = f.terminal AND r.epoch = f.epoch"
    " WHERE f.terminal = $1 AND f.epoch = $2 AND f.seq > $3"
    " AND f.kind IN ('granted', 'opened', 'exited', 'note') ORDER BY f.seq, f.hash LIMIT $4"
)
STEPS: Final = (
    "SELECT redemption, seq, raw, kind FROM facts WHERE terminal = $1 AND redemption IN ({}) AND kind IN"
    " ('paid', 'passed', 'annulled', 'reversed', 'closed', 'overdue') ORDER BY at_ms, seq"
)
LAST: Final = "SELECT coalesce(max(top), 0) FROM epochs WHERE terminal = $1"


class Remembered(NamedTuple):
    """One page: its facts, what others ended, and where the next begins."""

    facts: list[OwnFact]
    ended: list[EndedHere]
    next: Place | None


async def last_seq(tx: Tx, terminal: str) -> int:
    """Return the highest number that any epoch of this terminal reached here."""
    return int((await tx.rows(LAST, terminal))[0][0])


async def page(tx: Tx, terminal: str, place: Place | None, *, now_ms: int) -> Remembered:
    """Return the page of `terminal`'s memory that begins at `place`, None for the first."""
    if place is None:
        await tell_again(tx, terminal)
    epochs = [row[0] for row in await tx.rows(EPOCHS, terminal) if NAMED.match(row[0])]
    if place is None:
        if not epochs:
            return Remembered([], [], None)
        place = Place(epoch=epochs[0], after=0)
    rows = await tx.rows(SCAN, terminal, place.epoch, place.after, PAGE_GRANTS)
    rows, whole = _within(rows)
    kept = [row for row in rows if counts(row, now_ms=now_ms)]
    facts, ended = await _with_steps(tx, terminal, kept)
    if rows and (not whole or len(rows) == PAGE_GRANTS):
        return Remembered(facts, ended, Place(epoch=place.epoch, after=rows[-1][0]))
    following = [one for one in epochs if one > place.epoch]
    return Remembered(facts, ended, Place(epoch=following[0], after=0) if following else None)


def _within(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """Return the rows that one page can carry, and whether that is all of them."""
    size = 0
    found: list[Row] = []
    for row in rows:
        size += len(row[1])
        if found and size > PAGE_BYTES // 2:  # the other half is for their steps
            return found, False
        found.append(row)
    return found, True


async def _with_steps(tx: Tx, terminal: str, rows: Iterable[Row]) -> tuple[list[OwnFact], list[EndedHere]]:
    kept = list(rows)
    named = sorted({row[4] for row in kept if row[2] in ("granted", "opened") and row[4]})
    steps: dict[str, list[Row]] = {}
    if named:
        marks = ", ".join(f"${number}" for number in range(2, len(named) + 2))
        for row in await tx.rows(STEPS.format(marks), terminal, *named):
            steps.setdefault(row[0], []).append(row)
    facts, ended = [], []
    for seq, raw, kind, _at_ms, redemption, state in kept:
        facts.append(OwnFact(seq=seq, raw=msgspec.Raw(raw)))
        own = steps.get(redemption, []) if kind in ("granted", "opened") else []
        facts += [OwnFact(seq=one[1], raw=msgspec.Raw(one[2])) for one in own]
        if state in ENDED and not any(one[3] in ENDED for one in own):
            ended.append(EndedHere(redemption=redemption, state=ENDED[state]))
    return facts, ended


def counts(row: Row, *, now_ms: int) -> bool:
    """Return whether a fact may still matter to the terminal that wrote it."""
    _seq, raw, kind, at_ms, _redemption, state = row
    if kind in ("exited", "note"):
        told = kind == "exited" or isinstance(json.loads(raw)["body"].get("switch"), str)
        return told and at_ms > now_ms - RECENT_MS
    if at_ms > now_ms - RECENT_MS or state in ("open", "opened", "overdue", "awaiting"):
        return True
    body = json.loads(raw)["body"]
    until = body.get("reversal_until_ms")
    if isinstance(until, int) and until > now_ms:
        return True
    return any(not over(key, at_ms, now_ms=now_ms) for key in _keys(body))


def _keys(body: Mapping[str, Any]) -> Iterable[str]:
    for name in ("uses", "sums"):
        listed = body.get(name)
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and isinstance(one.get("key"), str):
                yield one["key"]


def over(key: str, at_ms: int, *, now_ms: int) -> bool:
    """Return whether the period of a key is plainly over.

    >>> keys = ("u|a|b|2026-01-02", "u|a|b|once", "u|a|b|2027", "u|a|b|24h")
    >>> [over(key, 0, now_ms=1_800_000_000_000) for key in keys]
    [True, False, False, True]
    """
    label = key.rpartition("|")[2]
    if rolling := ROLLING.match(label):
        return at_ms + int(rolling[1]) * 3_600_000 < now_ms
    end = _end_of(label)
    return end is not None and end.timestamp() * 1000 + SPARE_MS < now_ms


def _end_of(label: str) -> datetime | None:
    """Return when the period of this label has ended everywhere on earth, None where it is not told by its name."""
    try:
        if found := DAY.match(label):
            last = date(int(found[1]), int(found[2]), int(found[3]))
        elif found := WEEK.match(label):
            last = date.fromisocalendar(int(found[1]), int(found[2]), 7)
        elif found := MONTH.match(label):
            last = date(int(found[1]), int(found[2]), 28) + timedelta(days=3)
        elif found := YEAR.match(label):
            last = date(int(found[1]), 12, 31)
        else:
            return None
    except ValueError:
        return None
    return datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=2)
