"""Running totals of what was given, by quarter of an hour, site, issuer and benefit. No page or report scans facts.

Every civil day of every time zone is made of whole quarters. A grant adds to its lines when it is booked; what comes
later about it (undone, clashing) reads the grant's own fact again and changes the same lines.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from central.books.counts import UNDONE, given_of
from central.books.tallies import Booking
from credit.records import Record
from storage.jobs import Tx

QUARTER_MS: Final = 900_000
LATE_MS: Final = 86_400_000
MAX_FIGURE: Final = 2**53 - 1
MAX_NAME: Final = 129
ADD: Final = (
    "INSERT INTO totals (quarter, site, issuer, benefit, local,"
    " granted, heads, undone, off_fen, waived_fen, clashes, late, latest_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
    " ON CONFLICT (quarter, site, issuer, benefit, local) DO UPDATE SET granted = totals.granted + excluded.granted,"
    " heads = totals.heads + excluded.heads, undone = totals.undone + excluded.undone,"
    " off_fen = totals.off_fen + excluded.off_fen, waived_fen = totals.waived_fen + excluded.waived_fen,"
    " clashes = totals.clashes + excluded.clashes, late = totals.late + excluded.late,"
    " latest_ms = CASE WHEN excluded.latest_ms > totals.latest_ms THEN excluded.latest_ms ELSE totals.latest_ms END"
)
KINDS: Final = "INSERT INTO kinds (kind, n) VALUES ($1, $2) ON CONFLICT (kind) DO UPDATE SET n = kinds.n + excluded.n"
GRANT: Final = (
    "SELECT r.site, r.at_ms, f.raw FROM redemptions r JOIN facts f"
    " ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq"
    " WHERE r.redemption = $1 AND r.terminal = $2 AND r.epoch = $3"
)
Place = tuple[str, str, str]  # redemption, terminal, epoch
Key = tuple[int, str, str, str, int]
FIGURES: Final = 8


class Sheet:
    """Changes of totals, gathered and written in the order in which rows are locked."""

    def __init__(self) -> None:
        self._lines: dict[Key, list[int]] = {}

    def add(self, key: Key, figures: Sequence[int], latest_ms: int = 0) -> None:
        """Add figures: granted, heads, undone, off, waived, clashes, late."""
        line = self._lines.setdefault(key, [0] * FIGURES)
        for index, figure in enumerate(figures):
            line[index] += figure
        line[-1] = max(line[-1], latest_ms)

    def rows(self) -> list[tuple[int | str, ...]]:
        """Return the changes, sorted."""
        return [(*key, *line) for key, line in sorted(self._lines.items())]


def _text(value: Any) -> str:
    return value[:MAX_NAME] if isinstance(value, str) and "\0" not in value else "?"


def _whole(value: Any) -> int:
    """Return a figure that somebody could have meant; anything else counts as nothing."""
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_FIGURE
    return value if good else 0


def granted(sheet: Sheet, record: Record, *, site: str, undone: bool, received_ms: int) -> None:
    """Add a grant to the lines it belongs to."""
    way_ms = received_ms - record.at_ms
    for key, off, waived, heads in lines_of(record.body, site, record.at_ms):
        money = (0, 0) if undone else (off, waived)
        sheet.add(key, (1, heads, int(undone), *money, 0, int(way_ms > LATE_MS)), max(0, way_ms))


def lines_of(body: dict[str, Any], site: str, at_ms: int) -> Iterable[tuple[Key, int, int, int]]:
    """Return for each given benefit its line, what was taken off and waived in fen, and the heads."""
    for given in given_of(body):
        offer = given.get("offer")
        offer = offer if isinstance(offer, dict) else {}
        local = int(given.get("local") is True)
        key = (at_ms // QUARTER_MS, site, _text(body.get("issuer")), _text(given.get("benefit")), local)
        yield key, _whole(offer.get("off_fen")), _whole(offer.get("waived_fen")), max(1, _whole(body.get("heads")))


async def changed(tx: Tx, sheet: Sheet, place: Place, *, undone: int = 0, clashes: int = 0) -> None:
    """Add to the lines of a grant that is on record: undone (+1, or −1 when it passed after all), clashes (+1, −1)."""
    for site, at_ms, raw in await tx.rows(GRANT, *place):
        for key, off, waived, _heads in lines_of(json.loads(raw)["body"], site, at_ms):
            sheet.add(key, (0, 0, undone, -undone * off, -undone * waived, clashes, 0))


def undone_by(booking: Booking) -> list[tuple[Place, int]]:
    """Return which grants on record a booking undoes (+1) or lets stand after all (−1)."""
    found = []
    for redemption, terminal, epoch, before, after in booking.later:
        change = int(after in UNDONE) - int(before in UNDONE)
        if change:
            found.append(((redemption, terminal, epoch), change))
    return found
