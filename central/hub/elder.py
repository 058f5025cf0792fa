"""What the platform tells a hub that knows nothing: how far it holds each journal of the site, and what stands there.

A hub needs it once, and answers no claim before (claims.md 8). Afterwards its gates tell it everything themselves.
"""

from typing import Final

from central.books.arriving.chains import ends
from storage.jobs import Row, Tx
from sync.wire.hubs import (
    MAX_NAMES,
    MAX_PAGE,
    MAX_PAGE_CHARS,
    MAX_SITE_ENDS,
    MAX_TOLD,
    MAX_USES,
    SiteEnd,
    SiteName,
    SitePage,
    SiteRedemption,
    SiteUse,
)

SITE: Final = "SELECT site FROM hubs WHERE terminal = $1"
TERMINALS: Final = "SELECT terminal FROM terminals WHERE site = $1 ORDER BY terminal"
STANDING: Final = (
    "SELECT redemption, terminal, epoch, seq, kind, at_ms, state, told, account FROM redemptions"
    " WHERE site = $1 AND redemption > $2 AND state NOT IN ('annulled', 'reversed') ORDER BY redemption LIMIT $3"
)
USES: Final = (
    "SELECT u.key, u.n, u.back, u.bound FROM uses u WHERE u.redemption = $1 AND u.terminal = $2 AND u.epoch = $3"
    " ORDER BY u.key LIMIT $4"
)
NAMES: Final = "SELECT name, root, at_ms, inside, left_ms FROM named WHERE redemption = $1 ORDER BY name LIMIT $2"
TOLD_CHARS: Final = MAX_PAGE_CHARS // 3  # of one page: the rest of it is figures


async def site_page(tx: Tx, hub: str, *, after: str, nonce: str) -> SitePage | None:
    """Return the page after redemption `after` for the hub of a site, None when `hub` is none."""
    row = await tx.row(SITE, hub)
    if row is None:
        return None
    site = row[0]
    found, room, rows = [], TOLD_CHARS, await tx.rows(STANDING, site, after, MAX_PAGE)
    for row in rows:
        found.append(await _redemption(tx, row))
        room -= len(row[7] or "")
        if room < 0:
            break
    last = found[-1].redemption if len(found) == MAX_PAGE or len(found) < len(rows) else None
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
    redemption, terminal, epoch, seq, kind, at_ms, state, told, account = row
    names = await tx.rows(NAMES, redemption, MAX_NAMES) if told is not None else []
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
        told=None if told is None or len(told) > MAX_TOLD else told,
        account=account,
        names=[
            SiteName(name=name, root=root, at_ms=entered_ms, inside=inside, left_ms=left_ms)
            for name, root, entered_ms, inside, left_ms in names
        ],
    )
