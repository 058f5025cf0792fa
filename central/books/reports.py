"""What the platform's journals add up to: the ledger for people and for arithmetic, and the reconciliation report.

"Lost" is for the terminal to compute: its last seq less `acked_through`, with equal `head_hash`. "Twice" is for the
platform: `duplicates` counts facts whose id stands at more than one place, and redemptions granted more than once.
"""

import json
from collections.abc import Sequence
from typing import Any

from storage.jobs import Row, Tx, Value

MAX_SHOWN = 200

TERMINALS = (
    "SELECT t.terminal, t.site, t.state, t.enrolled_ms, t.seen_ms, count(f.seq), count(f.fault)"
    " FROM terminals t LEFT JOIN facts f ON f.terminal = t.terminal GROUP BY t.terminal ORDER BY t.terminal"
)
HEAD = "SELECT f.epoch, f.seq, f.hash FROM facts f WHERE f.terminal = $1 ORDER BY f.batch DESC, f.seq DESC LIMIT 1"
MISSING = (
    "SELECT coalesce(sum(top - bottom + 1 - many), 0) FROM (SELECT max(seq) AS top, min(seq) AS bottom,"
    " count(DISTINCT seq) AS many FROM facts WHERE terminal = $1 GROUP BY epoch)"
)
TWICE_IDS = (
    "SELECT coalesce(sum(many - 1), 0) FROM (SELECT count(*) AS many FROM facts WHERE id IS NOT NULL GROUP BY id)"
)
TWICE_GRANTED = (
    "SELECT coalesce(sum(many - 1), 0) FROM (SELECT count(DISTINCT id) AS many FROM facts"
    " WHERE kind IN ('granted', 'opened') AND redemption IS NOT NULL GROUP BY redemption)"
)
REDEMPTIONS = (
    "SELECT f.redemption, f.terminal, t.site, f.seq, f.at_ms, b.received_ms, f.kind, f.raw FROM facts f"
    " JOIN batches b ON b.number = f.batch JOIN terminals t ON t.terminal = f.terminal"
    " WHERE f.kind IN ('granted', 'opened') AND f.redemption IS NOT NULL ORDER BY f.batch DESC, f.seq DESC LIMIT $1"
)
STEPS = "SELECT kind, raw FROM facts WHERE redemption = $1 AND terminal = $2 AND fault IS NULL ORDER BY seq"
CONFLICTS = (
    "SELECT terminal, seq, kind, key, other_terminal, other_seq, redemption, noticed_ms FROM conflicts"
    " ORDER BY number DESC LIMIT $1"
)
BY_KIND = "SELECT kind, count(*) FROM facts WHERE kind IS NOT NULL GROUP BY kind ORDER BY kind"
FORKS = "SELECT count(*) FROM forks WHERE terminal = $1"
LIFECYCLE = frozenset({"granted", "opened", "passed", "annulled", "reversed", "closed", "overdue"})


async def _count(tx: Tx, sql: str, *values: Value) -> int:
    return int((await tx.rows(sql, *values))[0][0])


async def terminals(tx: Tx) -> list[dict[str, Any]]:
    """Return how far each terminal's journal is held, and whether it is whole."""
    found = []
    for terminal, site, state, enrolled_ms, seen_ms, records, faults in await tx.rows(TERMINALS):
        head = await tx.row(HEAD, terminal)
        found.append(
            {
                "terminal": terminal,
                "site": site,
                "state": state,
                "enrolled_ms": enrolled_ms,
                "seen_ms": seen_ms,
                "records": records,
                "set_aside": faults,
                "epoch": head[0] if head else None,
                "acked_through": head[1] if head else 0,
                "head_hash": bytes(head[2]).hex() if head else None,
                "missing": await _count(tx, MISSING, terminal),
                "forks": await _count(tx, FORKS, terminal),
            }
        )
    return found


def state_of(steps: Sequence[Row]) -> str:
    """Return where the facts of a redemption lead. A part given back leaves the state as it was."""
    state = ""
    for kind, raw in steps:
        step = json.loads(raw)["body"].get("step", kind)
        if kind in LIFECYCLE and step != "reversed_part":
            state = str(step)
    return state


async def _redemptions(tx: Tx) -> list[dict[str, Any]]:
    found = []
    for redemption, terminal, site, seq, at_ms, received_ms, kind, raw in await tx.rows(REDEMPTIONS, MAX_SHOWN):
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
                "state": state_of(await tx.rows(STEPS, redemption, terminal)),
                "issuer": body.get("issuer"),
                "benefit": first.get("benefit"),
                "offer": first.get("offer"),
                "amount_fen": body.get("amount_fen"),
            }
        )
    return found


async def ledger(tx: Tx) -> dict[str, Any]:
    """Return the ledger as JSON values: terminals, newest redemptions, conflicts, and the sums."""
    names = ("terminal", "seq", "kind", "key", "other_terminal", "other_seq", "redemption", "noticed_ms")
    return {
        "terminals": await terminals(tx),
        "redemptions": await _redemptions(tx),
        "conflicts": [dict(zip(names, row, strict=True)) for row in await tx.rows(CONFLICTS, MAX_SHOWN)],
        "records": await _count(tx, "SELECT count(*) FROM facts"),
        "by_kind": dict(await tx.rows(BY_KIND)),
        "duplicates": await _count(tx, TWICE_IDS) + await _count(tx, TWICE_GRANTED),
    }
