"""Reading the ledger: the facts for a decision.

Rules of this file:

- every function takes a connection and writes nothing; the SQL stands at the top;
- what stands under a key is counted in `cache.ledger.counting.keys`, in the same transaction.
"""

import sqlite3
from collections.abc import Collection
from typing import Any

from msgspec.structs import replace

from cache.ledger.counting.holders import BY_SUBJECT
from cache.ledger.counting.keys import counts
from cache.ledger.visit import Lists, Visit, grace_key
from cache.texts import ANSWER, told
from credit.claims import Token
from credit.facts import Bought, Facts, NonceUse, OpenThing, PassState, Repeat
from credit.inputs import ENDING, GRACED, Intent, Now, Place, Request
from credit.weighing.questions import Questions

TALLY = "SELECT n FROM tallies WHERE key = ?"
GRACE = (  # of leaving and bringing back
    "SELECT redemption, CAST(answer AS BLOB) FROM graces"
    " WHERE terminal = ? AND lane = ? AND issuer = ? AND token_id = ?"
    " AND intent = ? AND amount_fen = ? AND heads = ? AND asset = ? AND until_ms > ?"
)
GRACE_OF_GRANT = (
    f"SELECT id, {ANSWER}, EXISTS (SELECT 1 FROM payments p WHERE p.redemption = redemptions.id) FROM redemptions"  # noqa: S608 - constant columns
    f" WHERE {BY_SUBJECT} AND at_ms > ?2"
    " AND terminal = ?3 AND lane = ?4 AND issuer = ?5 AND token_id = ?6 AND intent = ?7"
    " AND coalesce(amount_fen, -1) = ?8 AND heads = ?9 AND coalesce(asset, '') = ?10"
    " AND grace_until_ms > ?11 AND passed_ms IS NULL AND ended_ms IS NULL"
    " ORDER BY at_ms DESC, rowid DESC LIMIT 1"
)
NONCE = (
    "SELECT terminal, lane, at_ms, redemption FROM nonces WHERE issuer = ? AND token = ? AND nonce = ? AND freed = 0"
    " AND until_ms > ?"
)
SHOWN = (
    f"SELECT id, {ANSWER} FROM redemptions"  # noqa: S608 - constant columns
    " WHERE id = ? AND intent = ? AND state NOT IN ('annulled', 'reversed')"
)
OPEN_COLUMNS = f"id, benefit, issuer, scene, site, intent, asset, at_ms, due_ms, on_overdue, {ANSWER}"
OPEN_OF_SUBJECT = (
    f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE issuer = ? AND subject = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
)
OPEN_OF_ASSET = f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE asset = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
OPEN_BY_ID = f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE id = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
BOUGHT_COLUMNS = (
    "id, benefit, at_ms, reversal_until_ms, amount_fen, heads, returned_fen, returned_heads,"
    f" {ANSWER}, intent, passed_ms"
)
BOUGHT = (
    f"SELECT {BOUGHT_COLUMNS} FROM redemptions"  # noqa: S608 - constant columns
    f" WHERE {BY_SUBJECT} AND issuer = ?2 AND site = ?3 AND state IN ('granted', 'passed')"
    " ORDER BY at_ms DESC LIMIT 50"
)
PASS_ROOT = (
    f"SELECT id FROM redemptions WHERE {BY_SUBJECT} AND issuer = ?2"  # noqa: S608 - constants
    " AND pass_of = ?3 AND pass_root IS NULL"
    " AND state IN ('granted', 'passed') ORDER BY at_ms DESC LIMIT 1"
)
PASS_LAST = (
    "SELECT max(max(at_ms, coalesce(left_ms, 0))) FROM redemptions"
    " WHERE (id = ?1 OR pass_root = ?1) AND state IN ('granted', 'passed')"
)
SWITCHED_ON = "SELECT name FROM switches WHERE state = 1"
STOP_ENTRY = "stop_entry:"  # and the site: by somebody at a gate, or by the hub
STOP_ORDERED = "stop_entry"  # by the platform
SUSPENDED = "suspended"
TWIN = "twin"
STORE_LOST = "store_lost"
READER_MS = 30_000  # a lane's own reader that sees one nonce again sells nothing (contract.md §10)
GRACED_MS = 86_400_000  # no grace is given for longer, nor renewed


def switched(conn: sqlite3.Connection, name: str) -> bool:
    """Return whether a switch is on."""
    return name in switched_on(conn)


def switched_on(conn: sqlite3.Connection) -> frozenset[str]:
    """Return the names of all switches that are on."""
    return frozenset([row[0] for row in conn.execute(SWITCHED_ON)])


def repeat_of(conn: sqlite3.Connection, visit: Visit, now: Now) -> Repeat | None:
    """Return the grant that this presentation repeats.

    Entering and leaving have their grace. A sale or a loan is repeated only by the lane's own reader, which names no
    request, and only by the very same nonce; bringing back under a request id is told apart by that id.
    """
    request = visit.request
    if request.intent not in GRACED:
        return None if request.named else _seen_again(conn, visit, now)
    if request.named and request.intent in ENDING and request.intent is not Intent.EXIT:
        return None
    asked: tuple[Any, ...] = (*grace_key(visit.token.issuer, visit.token.token_id, request, visit.place), now.utc_ms)
    if request.intent in ENDING:
        row = conn.execute(GRACE, asked).fetchone()
        return Repeat(redemption=row[0] or "", answer=told(row[1])) if row else None
    row = conn.execute(GRACE_OF_GRANT, (visit.token.subject, now.utc_ms - GRACED_MS, *asked)).fetchone()
    if row is None:
        return None
    answer = told(row[1])
    return Repeat(redemption=row[0], answer=_paid(answer) if row[2] else answer)


def _paid(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to whoever shows the same code again after its rest was paid: the gate may open."""
    owed = {name: due for name, due in answer["obligations"].items() if name != "pay_fen"}
    return answer | {"obligations": owed | {"open_gate": True}}


def _seen_again(conn: sqlite3.Connection, visit: Visit, now: Now) -> Repeat | None:
    burnt = _burnt(conn, visit.token, now)
    if burnt is None or burnt[3] is None or now.utc_ms - burnt[2] >= READER_MS:
        return None
    if (burnt[0], burnt[1]) != (visit.place.terminal, visit.place.lane):
        return None
    row = conn.execute(SHOWN, (burnt[3], visit.request.intent.value)).fetchone()
    return Repeat(redemption=row[0], answer=told(row[1])) if row else None


def _burnt(conn: sqlite3.Connection, token: Token, now: Now) -> tuple[Any, ...] | None:
    """Return (terminal, lane, at_ms, redemption) of the grant that burnt this nonce."""
    nonce = token.burns
    if nonce is None:
        return None
    row: tuple[Any, ...] | None = conn.execute(NONCE, (token.issuer, token.token_id, nonce, now.utc_ms)).fetchone()
    return row


def _nonce(conn: sqlite3.Connection, visit: Visit, now: Now) -> NonceUse | None:
    row, place = _burnt(conn, visit.token, now), visit.place
    if row is None:
        return None
    same = (row[0], row[1]) == (place.terminal, place.lane)
    return NonceUse(same_lane=same, at_ms=row[2], where=f"{place.site}/{row[1]}")


def open_things(conn: sqlite3.Connection, token: Token | None, request: Request) -> tuple[OpenThing, ...]:
    """Return what is open of this holder, and what is named by asset or redemption id."""
    rows = conn.execute(OPEN_OF_SUBJECT, (token.issuer, token.subject)).fetchall() if token else []
    if request.intent in (Intent.CLOSE, Intent.GIVE_BACK):
        if request.asset is not None:
            rows += conn.execute(OPEN_OF_ASSET, (request.asset,)).fetchall()
        if request.redemption is not None:
            rows += conn.execute(OPEN_BY_ID, (request.redemption,)).fetchall()
    return tuple({row[0]: _open_thing(row) for row in rows}.values())


def _open_thing(row: tuple[Any, ...]) -> OpenThing:
    answer = told(row[10])
    return OpenThing(
        redemption=row[0],
        benefit=row[1],
        issuer=row[2],
        scene=row[3],
        site=row[4],
        intent=row[5],
        asset=row[6],
        at_ms=row[7],
        due_ms=row[8],
        withhold_when_overdue=row[9] == "withhold",
        given=tuple(answer["offers"]),
        offer=answer["offer"],
    )


def _bought(conn: sqlite3.Connection, token: Token, place: Place) -> tuple[Bought, ...]:
    return tuple(bought(row) for row in conn.execute(BOUGHT, (token.subject, token.issuer, place.site)))


def bought(row: tuple[Any, ...]) -> Bought:
    """Return a redemption as something that can be returned."""
    answer = told(row[8])
    return Bought(
        redemption=row[0],
        benefit=row[1],
        at_ms=row[2],
        until_ms=row[3],
        amount_fen=row[4],
        heads=row[5],
        returned_fen=row[6],
        returned_heads=row[7],
        to_pay_fen=(answer["offer"] or {}).get("to_pay_fen"),
        given=tuple(answer["offers"]),
        offer=answer["offer"],
        intent=row[9],
        passed=row[10] is not None,
    )


def _pass(conn: sqlite3.Connection, token: Token, benefit: str) -> PassState | None:
    root = conn.execute(PASS_ROOT, (token.subject, token.issuer, benefit)).fetchone()
    if root is None:
        return None
    entries = conn.execute(TALLY, (f"p|{root[0]}",)).fetchone()
    last = conn.execute(PASS_LAST, (root[0],)).fetchone()
    return PassState(root=root[0], entries=entries[0] if entries else 0, last_ms=last[0])


def read_facts(conn: sqlite3.Connection, asked: Questions, visit: Visit, now: Now) -> Facts:
    """Return what this ledger knows about a presentation (without the lists)."""
    token, request, place = visit.token, visit.request, visit.place
    passes = [(benefit, _pass(conn, token, benefit)) for benefit in asked.passes]
    switches = switched_on(conn)
    return Facts(
        place=place,
        used=counts(conn, asked.keys),
        repeat=repeat_of(conn, visit, now),
        nonce=_nonce(conn, visit, now) if not asked.ending else None,
        open=open_things(conn, token, request),
        bought=_bought(conn, token, place) if request.intent is Intent.RETURN else (),
        passes={benefit: one for benefit, one in passes if one is not None},
        suspended=SUSPENDED in switches,
        entry_stopped=entry_stopped(switches, place.site),
        twin=TWIN in switches,
        store_lost=STORE_LOST in switches,
    )


def entry_stopped(switches: Collection[str], site: str) -> bool:
    """Return whether anybody has stopped entry to the site: at a gate, at the hub, or from the platform."""
    return STOP_ORDERED in switches or STOP_ENTRY + site in switches


def with_lists(facts: Facts, lists: Lists, asked: Questions, visit: Visit, now: Now) -> Facts:
    """Return the facts with what the trusted lists say about the token; bringing back asks no list."""
    if asked.ending:
        return facts
    token = visit.token
    return replace(
        facts,
        measures=lists.measures(token.issuer, token.subject),
        revoked=lists.revoked(token.issuer, token.token_id, token.status_index),
        withdrawn=frozenset(
            [one.grant_id for one in token.grants if one.grant_id and lists.revoked(token.issuer, one.grant_id, None)]
        ),
        ages_s={issuer: lists.age_s(issuer, now.utc_s) for issuer in {token.issuer, *asked.issuers}},
    )
