"""What the platform tells a hub that knows nothing: how far it holds each journal of the site, and what stands there.

A hub needs it once, and answers no claim before (claims.md 8). Afterwards its gates tell it everything themselves.
"""

from typing import Final

from central.books.intake import ends
from storage.jobs import Row, Tx
from sync.wire.hubs import MAX_PAGE, MAX_SITE_ENDS, MAX_USES, SiteEnd, SitePage, SiteRedemption, SiteUse

SITE: Final = "SELECT site FROM hubs WHERE terminal = $1"
TERMINALS: Final = "SELECT terminal FROM terminals WHERE site = $1 ORDER BY terminal"
STANDING: Final = (
    "SELECT redemption, terminal, epoch, seq, kind, at_ms, state FROM redemptions"
    " WHERE site = $1 AND redemption > $2 AND state NOT IN ('annulled', 'reversed') ORDER BY redemption LIMIT $3"
)
USES: Final = (
    "SELECT u.key, u.n, u.back, u.bound FROM uses u WHERE u.redemption = $1 AND u.terminal = $2 AND u.epoch = $3"
    " ORDER BY u.key LIMIT $4"
)


async def site_page(tx: Tx, hub: str, *, after: str, nonce: str) -> SitePage | None:
    """Return the page after redemption `after` for the hub of a site, None when `hub` is none."""
    row = await tx.row(SITE, hub)
    if row is None:
        return None
    site = row[0]
    found = [await _redemption(tx, one) for one in await tx.rows(STANDING, site, after, MAX_PAGE)]
    last = found[-1].redemption if len(found) == MAX_PAGE else None
    held = [] if after else await _ends(tx, site)
    return SitePage(hub=hub, nonce=nonce, after=last, ends=held, redemptions=found)


async def _ends(tx: Tx, site: str) -> list[SiteEnd]:
    found = []
    for (terminal,) in await tx.rows(TERMINALS, site):
        found += [
            SiteEnd(terminal=terminal, epoch=end.epoch, acked_through=end.acked_through, head_hash=end.head_hash)
            for end in await ends(tx, terminal)
        ]
    return found[:MAX_SITE_ENDS]


async def _redemption(tx: Tx, row: Row) -> SiteRedemption:
    redemption, terminal, epoch, seq, kind, at_ms, state = row
    uses = await tx.rows(USES, redemption, terminal, epoch, MAX_USES)
    return SiteRedemption(
        redemption=redemption,
        terminal=terminal,
        epoch=epoch,
        seq=seq,
        kind=kind,
        at_ms=at_ms,
        state=state,
        uses=[SiteUse(key=key, n=n, back=back, bound=bound) for key, n, back, bound in uses],
    )
