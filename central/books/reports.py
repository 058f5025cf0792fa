"""What the platform's journals add up to, for people and for arithmetic. Reads the books, never all facts.

"Lost" is for the terminal to compute: its last seq less `acked_through`, with equal `head_hash`. "Twice" is for the
platform: `duplicates` counts facts whose id stands at more than one place, and redemptions granted more than once.
"""

import json
from typing import Any, Final

from storage.jobs import Tx

MAX_SHOWN: Final = 200

TERMINALS: Final = (
    "SELECT t.terminal, t.site, CASE WHEN t.twin_ms IS NULL OR t.state <> 'active' THEN t.state ELSE 'twin' END,"
    " t.enrolled_ms, t.seen_ms, j.records, j.set_aside, j.epoch, j.seq, j.head,"
    " (SELECT CAST(sum(e.top - e.bottom + 1 - e.many) AS BIGINT) FROM epochs e WHERE e.terminal = t.terminal),"
    " (SELECT count(DISTINCT k.epoch) FROM forks k WHERE k.terminal = t.terminal),"
    " d.unproved, d.disproved, d.apart, d.excess"
    " FROM terminals t LEFT JOIN journals j ON j.terminal = t.terminal"
    " LEFT JOIN doubts d ON d.terminal = t.terminal ORDER BY t.terminal"
)
PROFILES: Final = "SELECT site, profile FROM terminals WHERE state <> 'revoked'"
REDEMPTIONS: Final = (
    "SELECT r.redemption, r.terminal, r.site, r.seq, r.at_ms, r.received_ms, r.kind, r.state,"
    " r.verdict, r.why, r.apart, r.settles, f.raw"
    " FROM redemptions r JOIN facts f ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq"
    " AND f.redemption = r.redemption"
    " ORDER BY r.received_ms DESC, r.seq DESC LIMIT $1"
)
CONFLICTS: Final = (
    "SELECT terminal, seq, kind, key, other_terminal, other_seq, redemption, noticed_ms FROM conflicts"
    " WHERE kind <> 'said' ORDER BY number DESC, terminal, seq LIMIT $1"
)
FINDINGS: Final = (
    "SELECT terminal, epoch, seq, kind, detail, noticed_ms FROM findings WHERE noticed_ms >= $1"
    " ORDER BY noticed_ms DESC, terminal, seq LIMIT $2"
)
BY_KIND: Final = "SELECT kind, n FROM kinds ORDER BY kind"
RECORDS: Final = "SELECT CAST(coalesce(sum(records), 0) AS BIGINT) FROM journals"
DUPLICATES: Final = "SELECT CAST(coalesce(sum(duplicates), 0) AS BIGINT) FROM journals"
GRANTED_TWICE: Final = "SELECT count(*) FROM findings WHERE kind = 'granted_again'"
GRANTED_ELSEWHERE: Final = "SELECT count(DISTINCT key) FROM conflicts WHERE kind = 'redemption'"

TERMINAL_FIELDS: Final = (
    "terminal",
    "site",
    "state",
    "enrolled_ms",
    "seen_ms",
    "records",
    "set_aside",
    "epoch",
    "acked_through",
    "head_hash",
    "missing",
    "forks",
    "unproved",
    "disproved",
    "apart",
    "excess",
)
FINDING_FIELDS: Final = ("terminal", "epoch", "seq", "kind", "detail", "noticed_ms")


async def sites_and_scenes(tx: Tx) -> tuple[frozenset[str], frozenset[str]]:
    """Return at which sites and in which scenes a terminal stands that was not revoked."""
    sites, scenes = set(), set()
    for site, profile in await tx.rows(PROFILES):
        lanes = json.loads(profile).get("lanes", [])
        sites.add(str(site))
        scenes |= {str(one["scene"]) for one in lanes if isinstance(one, dict) and "scene" in one}
    return frozenset(sites), frozenset(scenes)


async def _count(tx: Tx, sql: str) -> int:
    return int((await tx.rows(sql))[0][0])


async def terminals(tx: Tx) -> list[dict[str, Any]]:
    """Return how far each terminal's journal is held, and whether it is whole."""
    found = []
    for row in await tx.rows(TERMINALS):
        one = dict(zip(TERMINAL_FIELDS, row, strict=True))
        for name in ("records", "set_aside", "acked_through", "missing", "unproved", "disproved", "apart", "excess"):
            one[name] = one[name] or 0
        one["head_hash"] = None if one["head_hash"] is None else bytes(one["head_hash"]).hex()
        found.append(one)
    return found


async def _redemptions(tx: Tx) -> list[dict[str, Any]]:
    found = []
    for row in await tx.rows(REDEMPTIONS, MAX_SHOWN):
        redemption, terminal, site, seq, at_ms, received_ms, kind, state, verdict, why, apart, settles, raw = row
        body = json.loads(raw)["body"]
        given = body.get("given")
        first = given[0] if isinstance(given, list) and given and isinstance(given[0], dict) else {}
        found.append(
            {
                "redemption": redemption,
                "terminal": terminal,
                "site": site,
                "seq": seq,
                "at_ms": at_ms,
                "received_ms": received_ms,
                "kind": kind,
                "state": state,
                "verdict": verdict,
                "why": why,
                "apart": apart,
                "settles": bool(settles),
                "issuer": body.get("issuer"),
                "benefit": first.get("benefit"),
                "offer": first.get("offer"),
                "amount_fen": body.get("amount_fen"),
            }
        )
    return found


async def findings(tx: Tx, *, since_ms: int = -(2**62)) -> list[dict[str, Any]]:
    """Return the newest findings noticed from `since_ms` on."""
    rows = await tx.rows(FINDINGS, since_ms, MAX_SHOWN)
    return [dict(zip(FINDING_FIELDS, row, strict=True)) for row in rows]


async def ledger(tx: Tx) -> dict[str, Any]:
    """Return the ledger as JSON values: terminals, newest redemptions, conflicts, findings, and the sums."""
    conflict = ("terminal", "seq", "kind", "key", "other_terminal", "other_seq", "redemption", "noticed_ms")
    return {
        "terminals": await terminals(tx),
        "redemptions": await _redemptions(tx),
        "conflicts": [dict(zip(conflict, row, strict=True)) for row in await tx.rows(CONFLICTS, MAX_SHOWN)],
        "findings": await findings(tx),
        "records": await _count(tx, RECORDS),
        "by_kind": dict(await tx.rows(BY_KIND)),
        "duplicates": await _count(tx, DUPLICATES)
        + await _count(tx, GRANTED_TWICE)
        + await _count(tx, GRANTED_ELSEWHERE),
    }
