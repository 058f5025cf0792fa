"""What the platform adds to each profile of a site: all its lanes, its hub, and for the hub whom it serves.

    stored profile of a terminal (the operator's)  +  lanes of the site  +  hub of the site        = the profile told
    stored profile of a hub                        +  its number         +  the site's terminals   = the profile told

Rules of this file:

- nothing of this is stored with a terminal: it is read when a profile is signed, so that it cannot be stale;
- where a terminal of the site names no lane of its own, nobody knows how many lanes the site has: none are told, and
  nobody takes itself for the only one;
- a site has one hub, the one that was enrolled last. Its number is the unix time in seconds, or one above the last
  number of any hub where that is higher: a platform restored from a backup gives no number twice (illness.md 3);
- a hub is told the keys that a terminal had before as well: a box that was replaced still brings its facts home,
  through the hub as past it (central.register.former);
- whenever what is added changes, everybody whom it concerns is ordered a new profile.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from storage.jobs import Tx
from sync.wire.messages import HubOffer, WireError, decode
from sync.wire.profiles import MAX_FORMER, MAX_SERVED, MAX_SITE_LANES, HubAt, Lane, Profile, Served

SERVED: Final = "SELECT terminal, profile, public_key, state FROM terminals WHERE site = $1 ORDER BY terminal"
AT_SITE: Final = SERVED.replace("ORDER BY", "AND state <> 'revoked' ORDER BY")
HUB: Final = (
    "SELECT h.terminal, h.no, h.url, h.cert_sha256, h.public_key FROM hubs h"
    " JOIN terminals t ON t.terminal = h.terminal WHERE h.site = $1 AND t.state = 'active'"
)
FORMER: Final = "SELECT public_key FROM former_keys WHERE terminal = $1 ORDER BY number DESC LIMIT $2"
LAST_NO: Final = "SELECT coalesce(max(no), 0) FROM hubs"
PUT_HUB: Final = (
    "INSERT INTO hubs (site, terminal, no, url, cert_sha256, public_key) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT (site) DO UPDATE SET terminal = excluded.terminal, no = excluded.no, url = excluded.url,"
    " cert_sha256 = excluded.cert_sha256, public_key = excluded.public_key"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A hub as the register keeps it."""

    terminal: str
    at: HubAt


async def hub_of(tx: Tx, site: str) -> Kept | None:
    """Return the hub of a site, None where it has none that may serve."""
    row = await tx.row(HUB, site)
    if row is None:
        return None
    terminal, no, url, cert_sha256, key = row
    return Kept(terminal, HubAt(url=url, cert_sha256=cert_sha256, public_key=key, no=no))


async def complete(tx: Tx, terminal: str, stored: Profile) -> Profile:
    """Return the profile that `terminal` is told."""
    hub = await hub_of(tx, stored.site)
    if stored.role == "hub":
        own = hub is not None and hub.terminal == terminal
        served = await _served(tx, stored.site) if own else []
        return msgspec.structs.replace(stored, no=hub.at.no if hub and own else None, terminals=served)
    return msgspec.structs.replace(
        stored,
        site_lanes=stored.site_lanes or await lanes_of(tx, stored.site),
        hub=None if hub is None else hub.at,
    )


async def lanes_of(tx: Tx, site: str) -> list[Lane]:
    """Return every lane of a site; none where that is not known."""
    found: list[Lane] = []
    for _terminal, text, _key, _state in await tx.rows(AT_SITE, site):
        one = decode(text, Profile)
        if one.role == "hub":
            continue
        if not one.lanes:
            return []
        found += one.lanes
    return found[:MAX_SITE_LANES]


async def _served(tx: Tx, site: str) -> list[Served]:
    found = []
    for terminal, text, key, state in await tx.rows(SERVED, site):
        if key is not None and decode(text, Profile).role == "terminal":
            former = [row[0] for row in await tx.rows(FORMER, terminal, MAX_FORMER)]
            found.append(Served(terminal=terminal, public_key=key, state=state, former=former))
    return found[:MAX_SERVED]


async def enrol_hub(tx: Tx, terminal: str, site: str, offer: HubOffer | None, *, key: str, now_ms: int) -> None:
    """Let `terminal` be the hub of its site; raise WireError when it does not say where it answers."""
    if offer is None:
        raise WireError("bad_message", "this code is for a hub: xinguan hub enrol CODE")
    last = await tx.row(LAST_NO)
    no = max((int(last[0]) if last else 0) + 1, now_ms // 1000)
    await tx.execute(PUT_HUB, site, terminal, no, offer.url, offer.cert_sha256, key)


async def serves(tx: Tx, hub: str, terminal: str) -> bool:
    """Return whether `hub` is the hub of the site at which `terminal` stands."""
    row = await tx.row(
        "SELECT 1 FROM hubs h JOIN terminals t ON t.site = h.site WHERE h.terminal = $1 AND t.terminal = $2"
        " AND t.terminal <> h.terminal",
        hub,
        terminal,
    )
    return row is not None


async def enrolled_at(tx: Tx, site: str) -> list[str]:
    """Return which terminals of a site can be told a new profile: the enrolled ones that are not revoked."""
    rows = await tx.rows(AT_SITE, site)
    return [one for one, text, key, _state in rows if key is not None and decode(text, Profile).role == "terminal"]
