"""Reading the ledger: the facts for a decision.

Rules of this file:

- every function takes a connection and writes nothing; the SQL stands at the top;
- a count under a plain key is its tally; under a rolling key it is counted by time, in the same transaction.
"""

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from cache.ledger.visit import Lists, Visit, grace_key
from credit.claims import Token
from credit.facts import Bought, Facts, NonceUse, OpenThing, PassState, Repeat, Used
from credit.inputs import ENDING, GRACED, Intent, Now, Place, Request
from credit.weighing.compiled import is_fen
from credit.weighing.questions import Questions
from credit.weighing.situation import UNUSED

TALLY = "SELECT n FROM tallies WHERE key = ?"
TALLIES = "SELECT key, n FROM tallies WHERE key IN ({})"
NEWEST_USE = (
    "SELECT u.at_ms, r.site, r.lane FROM uses u LEFT JOIN redemptions r ON r.id = u.redemption"
    " WHERE u.key = ? AND u.given_back_by IS NULL ORDER BY u.at_ms DESC LIMIT 1"
)
NEWEST_SUM = (
    "SELECT s.at_ms, r.site, r.lane FROM sums s LEFT JOIN redemptions r ON r.id = s.redemption"
    " WHERE s.key = ? AND s.given_back_fen < s.fen ORDER BY s.at_ms DESC LIMIT 1"
)
ROLLING_USES = "SELECT count(*) FROM uses WHERE key = ? AND at_ms > ? AND given_back_by IS NULL"
ROLLING_SUMS = "SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE key = ? AND at_ms > ?"
GRACE = (
    "SELECT redemption, answer FROM graces WHERE terminal = ? AND lane = ? AND issuer = ? AND token_id = ?"
    " AND intent = ? AND amount_fen = ? AND heads = ? AND asset = ? AND until_ms > ?"
)
NONCE = (
    "SELECT terminal, lane, at_ms, redemption FROM nonces WHERE issuer = ? AND token = ? AND nonce = ? AND freed = 0"
)
LIVING = (
    "SELECT r.redemption, (SELECT count(*) FROM uses u WHERE u.redemption = r.redemption AND u.key = ?1"
    " AND u.given_back_by IS NULL) FROM (SELECT redemption, max(at_ms) AS at_ms FROM"
    " (SELECT redemption, at_ms FROM uses WHERE key = ?1 AND given_back_by IS NULL ORDER BY at_ms DESC LIMIT 200)"
    " GROUP BY redemption) r ORDER BY r.at_ms DESC LIMIT 50"
)
LIVING_SUMS = (
    "SELECT redemption, sum(fen - given_back_fen) FROM (SELECT redemption, fen, given_back_fen, at_ms FROM sums"
    " WHERE key = ? AND given_back_fen < fen ORDER BY at_ms DESC LIMIT 200) GROUP BY redemption"
    " ORDER BY max(at_ms) DESC LIMIT 50"
)
UNHEARD = (
    "j.seq > (SELECT max(c.sent_through, h.seq - 200) FROM cursor c, (SELECT max(seq) AS seq FROM journal) h)"
    " AND j.kind IN ('annulled', 'closed', 'reversed')"
)
GIVEN_BACK = (
    f"SELECT DISTINCT u.redemption FROM journal j JOIN uses u ON u.redemption = j.redemption WHERE {UNHEARD}"  # noqa: S608 - a constant
    " AND u.key = ? AND u.given_back_by IS NOT NULL LIMIT 50"
)
LEFT_HERE = (
    "SELECT DISTINCT u.redemption FROM journal j JOIN uses u ON u.given_back_by = j.id WHERE"
    " j.seq > (SELECT max(c.sent_through, h.seq - 200) FROM cursor c, (SELECT max(seq) AS seq FROM journal) h)"
    " AND j.kind = 'exited' AND u.given_back_by IS NOT NULL AND u.key >= 'i|' AND u.key < 'i}' AND u.key = ?1"
    " AND NOT EXISTS (SELECT 1 FROM uses s WHERE s.redemption = u.redemption AND s.key = ?1"
    " AND s.given_back_by IS NULL) LIMIT 50"
)
SUMS_GIVEN_BACK = (
    f"SELECT DISTINCT s.redemption FROM journal j JOIN sums s ON s.redemption = j.redemption WHERE {UNHEARD}"  # noqa: S608 - a constant
    " AND s.key = ? AND s.given_back_fen = s.fen LIMIT 50"
)
SHOWN = "SELECT id, answer FROM redemptions WHERE id = ? AND intent = ? AND state NOT IN ('annulled', 'reversed')"
OPEN_COLUMNS = "id, benefit, issuer, scene, site, intent, asset, at_ms, due_ms, on_overdue, answer"
OPEN_OF_SUBJECT = (
    f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE issuer = ? AND subject = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
)
OPEN_OF_ASSET = f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE asset = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
OPEN_BY_ID = f"SELECT {OPEN_COLUMNS} FROM redemptions WHERE id = ? AND state IN ('open', 'overdue')"  # noqa: S608 - constant columns
BOUGHT = (
    "SELECT id, benefit, at_ms, reversal_until_ms, amount_fen, heads, returned_fen, returned_heads, answer, intent,"
    " passed_ms FROM redemptions WHERE issuer = ? AND subject = ? AND site = ? AND state IN ('granted', 'passed')"
    " ORDER BY at_ms DESC LIMIT 50"
)
PASS_ROOT = (
    "SELECT id FROM redemptions WHERE issuer = ? AND subject = ? AND pass_of = ? AND pass_root IS NULL"
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
INSIDE = "i|"
MOST_NAMED = 50  # own redemptions that an ask names under a key
READER_MS = 30_000  # a lane's own reader that sees one nonce again sells nothing (contract.md §10)


def used(conn: sqlite3.Connection, key: str, since_ms: int | None) -> Used:
    """Return what stands under `key`, and when and where the newest of it was taken."""
    return counts(conn, {key: since_ms})[key]


def counts(conn: sqlite3.Connection, keys: Mapping[str, int | None]) -> dict[str, Used]:
    """Return what stands under each key (rolling ones from their start), in one question for all plain ones."""
    plain = [key for key, since_ms in keys.items() if since_ms is None]
    marks = ",".join("?" * len(plain))
    found: dict[str, int] = dict(conn.execute(TALLIES.format(marks), plain).fetchall())
    for key, since_ms in keys.items():
        if since_ms is not None:
            rolling = ROLLING_SUMS if is_fen(key) else ROLLING_USES
            found[key] = conn.execute(rolling, (key, since_ms)).fetchone()[0]
    return {key: _used(conn, key, n) if (n := found.get(key, 0)) else UNUSED for key in keys}


def _used(conn: sqlite3.Connection, key: str, n: int) -> Used:
    newest = conn.execute(NEWEST_SUM if is_fen(key) else NEWEST_USE, (key,)).fetchone()
    if newest is None:
        return Used(n=n)
    return Used(n=n, at_ms=newest[0], where=f"{newest[1]}/{newest[2]}" if newest[1] else None)


def living(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return the redemptions that stand under each key here, the newest first, as many as one ask may name.

    Each with how much it takes: heads, or fen.
    """
    return {
        key: tuple([(row[0], row[1]) for row in conn.execute(LIVING_SUMS if is_fen(key) else LIVING, (key,))])
        for key in keys
    }


def given_back(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what was given back under each key while the facts that say so are on their way; of the newest 200 facts.

    Whoever counts beyond this terminal has not heard of it yet, and would hold our own use against our visitor.
    An amount that came back in part still stands there with the whole of it, until its fact is heard.
    """
    found = {}
    for key in keys:
        rows = conn.execute(SUMS_GIVEN_BACK if is_fen(key) else GIVEN_BACK, (key,)).fetchall()
        rows += conn.execute(LEFT_HERE, (key,)).fetchall() if key.startswith(INSIDE) else []
        found[key] = tuple(dict.fromkeys(row[0] for row in rows))[:MOST_NAMED]
    return found


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
    key = grace_key(visit.token.issuer, visit.token.token_id, request, visit.place)
    row = conn.execute(GRACE, (*key, now.utc_ms)).fetchone()
    return Repeat(redemption=row[0] or "", answer=json.loads(row[1])) if row else None


def _seen_again(conn: sqlite3.Connection, visit: Visit, now: Now) -> Repeat | None:
    burnt = _burnt(conn, visit.token)
    if burnt is None or burnt[3] is None or now.utc_ms - burnt[2] >= READER_MS:
        return None
    if (burnt[0], burnt[1]) != (visit.place.terminal, visit.place.lane):
        return None
    row = conn.execute(SHOWN, (burnt[3], visit.request.intent.value)).fetchone()
    return Repeat(redemption=row[0], answer=json.loads(row[1])) if row else None


def _burnt(conn: sqlite3.Connection, token: Token) -> tuple[Any, ...] | None:
    """Return (terminal, lane, at_ms, redemption) of the grant that burnt this nonce."""
    nonce = token.burns
    if nonce is None:
        return None
    row: tuple[Any, ...] | None = conn.execute(NONCE, (token.issuer, token.token_id, nonce)).fetchone()
    return row


def _nonce(conn: sqlite3.Connection, visit: Visit) -> NonceUse | None:
    row, place = _burnt(conn, visit.token), visit.place
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
    answer = json.loads(row[10])
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
    return tuple(bought(row) for row in conn.execute(BOUGHT, (token.issuer, token.subject, place.site)))


def bought(row: tuple[Any, ...]) -> Bought:
    """Return a redemption as something that can be returned."""
    answer = json.loads(row[8])
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
    root = conn.execute(PASS_ROOT, (token.issuer, token.subject, benefit)).fetchone()
    if root is None:
        return None
    entries = conn.execute(TALLY, (f"p|{root[0]}",)).fetchone()
    last = conn.execute(PASS_LAST, (root[0],)).fetchone()
    return PassState(root=root[0], entries=entries[0] if entries else 0, last_ms=last[0])


def read_facts(conn: sqlite3.Connection, asked: Questions, visit: Visit, now: Now) -> Facts:
    """Return what this ledger knows about a presentation (without the lists)."""
    token, request, place = visit.token, visit.request, visit.place
    passes = {benefit: _pass(conn, token, benefit) for benefit in asked.passes}
    switches = switched_on(conn)
    return Facts(
        place=place,
        used=counts(conn, asked.keys),
        repeat=repeat_of(conn, visit, now),
        nonce=_nonce(conn, visit) if not asked.ending else None,
        open=open_things(conn, token, request),
        bought=_bought(conn, token, place) if request.intent is Intent.RETURN else (),
        passes={benefit: one for benefit, one in passes.items() if one is not None},
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
            one.grant_id for one in token.grants if one.grant_id and lists.revoked(token.issuer, one.grant_id, None)
        ),
        ages_s={issuer: lists.age_s(issuer, now.utc_s) for issuer in {token.issuer, *asked.issuers}},
    )
