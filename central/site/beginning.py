"""How a hub begins: what the platform holds of its site is taken over, once; then the gates are heard (claims.md 8).

Rules of this file:

- a hub with an empty folder asks the platform page by page, and until it has all of them it answers no claim;
- what was taken over is written in one transaction with the mark that says so: a power cut in between begins anew;
- of each journal it takes over the end that the platform holds, with its hash: the gate goes on from there.
"""

import asyncio
import json
import logging
from typing import Final

from central.books.elsewhere.leaving import PUT
from central.site.served import Terminals
from central.site.upward import Platform, PlatformAwayError
from storage.jobs import JobStore, StoreFailedError, Tx
from sync.transport import RefusedError
from sync.wire.hubs import SiteEnd, SitePage, SiteRedemption
from sync.wire.messages import WireError

log = logging.getLogger("central.site")

RETRY_S: Final = 1.0
MARK: Final = "s|begun"  # a tally that no key of a benefit can have
TALLY: Final = (
    "INSERT INTO tallies (key, spent) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET"
    " spent = tallies.spent + excluded.spent"
)
BEGUN: Final = "SELECT 1 FROM tallies WHERE key = $1"
KNOWN: Final = "SELECT 1 FROM epochs WHERE terminal = $1 AND epoch = $2"
HELD_UP: Final = "held by the platform"
ANCHOR: Final = (
    "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault, received_ms)"
    " VALUES ($1, $2, $3, $4, $5, NULL, NULL, NULL, NULL, $6, $7)"
)
EPOCH: Final = "INSERT INTO epochs (terminal, epoch, bottom, top, many) VALUES ($1, $2, $3, $3, 1)"
REDEMPTION: Final = (
    "INSERT INTO redemptions (redemption, terminal, epoch, seq, kind, site, at_ms, received_ms, state, keys, told,"
    " account) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING"
)
USE: Final = (
    "INSERT INTO uses (key, terminal, epoch, redemption, seq, at_ms, n, bound, back)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
)


class Beginning:
    """Takes over what the platform holds of the site."""

    def __init__(self, books: JobStore, terminals: Terminals, platform: Platform) -> None:
        self._books = books
        self._terminals = terminals
        self._platform = platform

    async def run(self) -> None:
        """Return when this hub knows what the platform holds of its site; tried once a second until then."""
        while not await self._books.read(lambda tx: tx.row(BEGUN, MARK)):
            try:
                await self.take_over()
            except (PlatformAwayError, RefusedError, WireError, StoreFailedError) as error:
                log.warning("the platform does not say what stands at the site: %s", error)
                await asyncio.sleep(RETRY_S)

    async def take_over(self) -> None:
        """Ask for every page and write them down. Raises PlatformAwayError, RefusedError, WireError."""
        pages = [await self._platform.page("")]
        while (after := pages[-1].after) is not None:
            pages.append(await self._platform.page(after))
        await self._terminals.enter()

        async def job(tx: Tx) -> None:
            for page in pages:
                await _write(tx, page, self._terminals.site)
            await tx.rows(f"{TALLY} RETURNING key", MARK, 1)

        await self._books.write(job)
        log.info("the platform holds %s redemptions of this site", sum(len(one.redemptions) for one in pages))


async def _write(tx: Tx, page: SitePage, site: str) -> None:
    for end in page.ends:
        if await tx.row(KNOWN, end.terminal, end.epoch) is None:
            await _anchor(tx, end)
    for one in page.redemptions:
        await _take(tx, one, site)


async def _anchor(tx: Tx, end: SiteEnd) -> None:
    place, head = (end.terminal, end.epoch, end.acked_through), bytes.fromhex(end.head_hash)
    await tx.execute(ANCHOR, *place, head, b"", HELD_UP, 0)
    await tx.execute(EPOCH, *place)


async def _take(tx: Tx, one: SiteRedemption, site: str) -> None:
    place, keys = (one.redemption, one.terminal, one.epoch, one.seq), json.dumps([use.key for use in one.uses])
    told = (one.told, one.account)
    if not await tx.execute(REDEMPTION, *place, one.kind, site, one.at_ms, one.at_ms, one.state, keys, *told):
        return
    for name in one.names:
        await tx.execute(PUT, name.name, one.redemption, name.root, name.at_ms, name.inside, name.left_ms)
    tallies = {f"r|{one.redemption}": 1}
    for use in one.uses:
        where = (use.key, one.terminal, one.epoch, one.redemption, one.seq, one.at_ms)
        if await tx.execute(USE, *where, use.n, use.bound, use.back):
            tallies[use.key] = use.n - use.back
    await tx.rows_many(f"{TALLY} RETURNING key", sorted(tallies.items()))
