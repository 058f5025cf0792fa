"""A holder's receipts: what was given, where, what it came to, and what became of it since. Reads the books alone.

Rules of this file:

- a receipt is told from the signed fact and the steps that came after it, with the figures that settlement counts: what
  a holder reads and what a site is paid for are the same sum;
- newest first, PAGE at a time; `before` is the last receipt of the page before;
- `to_pay_fen` was to be paid there, and `refund_fen` came back of it; `off`, `waived` and `later` are what stands;
- it is found by the holder that stands in the fact, "issuer:pseudonym"; nobody else's is ever looked at.
"""

import json
from typing import Final, Literal

from msgspec import Struct

from central.books.settling.accounts import Figures, Steps, grant_of, unpacked, worth
from storage.jobs import Row, Tx

PAGE: Final = 20
COLUMNS: Final = (
    "SELECT r.redemption, r.site, r.at_ms, r.kind, r.state, r.verdict, r.account, f.raw, t.profile FROM redemptions r"
    " JOIN facts f ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq AND f.redemption = r.redemption"
    " JOIN terminals t ON t.terminal = r.terminal WHERE r.holder = $1"
)
NEWEST: Final = (
    f"{COLUMNS} AND (r.at_ms, r.redemption) < ($2, $3)"  # constant columns
    " ORDER BY r.at_ms DESC, r.redemption DESC LIMIT $4"
)
ONE: Final = f"{COLUMNS} AND r.redemption = $2 LIMIT 1"
LAST: Final = 2**62


class OwnReceipt(Struct, frozen=True, kw_only=True):
    """One redemption: where and when, what was paid and taken off, and what became of it. Money in fen."""

    redemption: str
    at_ms: int
    site: str
    place: dict[str, str]
    kind: Literal["granted", "opened"]
    state: str
    verdict: str | None
    heads: int
    benefits: list[str]
    amount_fen: int
    to_pay_fen: int
    refund_fen: int
    off_fen: int
    waived_fen: int
    later_fen: int
    claim_fen: int
    stands: bool


def holder_name(city: str, subject: str) -> str:
    """Return under which name the books keep a holder's redemptions."""
    return f"{city}:{subject}"


async def listed(tx: Tx, city: str, subject: str, *, before: str = "") -> list[OwnReceipt]:
    """Return a page of receipts, the newest first; after the receipt `before`, if that is this holder's."""
    at_ms, last = LAST, ""
    if before and (row := await tx.row(ONE, holder_name(city, subject), before)) is not None:
        at_ms, last = int(row[2]), before
    return [_receipt(row) for row in await tx.rows(NEWEST, holder_name(city, subject), at_ms, last, PAGE)]


async def get(tx: Tx, city: str, subject: str, redemption: str) -> OwnReceipt | None:
    """Return one receipt, None when this holder has none of that number."""
    row = await tx.row(ONE, holder_name(city, subject), redemption)
    return None if row is None else _receipt(row)


def _receipt(row: Row) -> OwnReceipt:
    redemption, site, at_ms, kind, state, verdict, account, raw, profile = row
    grant = grant_of(json.loads(bytes(raw))["body"], site=site)
    steps = unpacked(json.loads(account)) if account else Steps()
    sums = Figures()
    for one in worth(grant, steps).values():
        sums += one
    title = json.loads(profile).get("title") or {}
    return OwnReceipt(
        redemption=redemption,
        at_ms=at_ms,
        site=site,
        place={name: str(title[name]) for name in ("zh", "en") if name in title},
        kind=kind,
        state=state,
        verdict=verdict,
        heads=grant.heads,
        benefits=[item.benefit for item in grant.items],
        amount_fen=grant.amount_fen,
        to_pay_fen=grant.to_pay_fen,
        refund_fen=sums.refund_fen,
        off_fen=sums.off_fen,
        waived_fen=sums.waived_fen,
        later_fen=sums.later_fen,
        claim_fen=sums.claim_fen,
        stands=steps.stands,
    )
