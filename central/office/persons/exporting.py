"""Everything that is held about one person, for that person (个人信息查阅复制): register, office, and facts.

Rules of this file:

- an export is an act with its purpose; the file itself is kept nowhere;
- facts are looked through in pages, so that nobody's visit waits for it;
- what other people are, and secrets of theirs or ours, does not come along: approvers and makers are named by account
  only where a decision about this very person is told.
"""

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Final

from central.office import entries
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import register
from storage.jobs import Row, Tx

PAGE: Final = 5_000

NAME: Final = "SELECT name FROM subject WHERE city = ? AND pseudonym = ?"
CREDENTIALS: Final = (
    "SELECT lower(hex(token_id)), issued_s, expires_s, revoked_ms FROM credential WHERE city = ? AND subject = ?"
    " ORDER BY issued_s"
)
MEMBER: Final = "SELECT tier, code, listed_ms FROM member WHERE city = ? AND subject = ? ORDER BY code"
APPLICATIONS: Final = (
    "SELECT application, code, uses, until_s, why, state, made_ms, decided_ms, reason FROM applications"
    " WHERE city = $1 AND subject = $2 ORDER BY made_ms"
)
EVIDENCE: Final = (
    "SELECT e.application, e.name, e.kind, e.at_ms FROM evidence e JOIN applications a ON a.application = e.application"
    " WHERE a.city = $1 AND a.subject = $2 ORDER BY e.at_ms"
)
GRANTS: Final = (
    "SELECT grant_id, code, uses, until_s, state, made_ms, withdrawn_ms, reason FROM grants"
    " WHERE city = $1 AND subject = $2 ORDER BY made_ms"
)
CASES: Final = (
    "SELECT number, kind, entry, authority, state, why, opened_ms, due_ms, settled_ms, outcome FROM cases"
    " WHERE city = $1 AND subject = $2 ORDER BY number"
)
ACTS: Final = "SELECT number, at_ms, act, why, outcome FROM acts WHERE city = $1 AND subject = $2 ORDER BY number"
FACTS: Final = (
    "SELECT terminal, epoch, seq, kind, redemption, at_ms, raw FROM facts"
    " WHERE (terminal, epoch, seq) > ($1, $2, $3) ORDER BY terminal, epoch, seq LIMIT $4"
)


def _named(sql: str, row: Row | tuple[Any, ...]) -> dict[str, Any]:
    """Return a row under the names of its columns, as the statement has them."""
    columns = sql.removeprefix("SELECT ").partition(" FROM ")[0].split(", ")
    return dict(zip((one.rpartition(".")[2] for one in columns), row, strict=True))


async def export(desk: Desk, who: Person, city: str, given: str, asked: Asked) -> dict[str, Any]:
    """Return everything that is held about somebody; raise RefusedError, ForbiddenError."""
    who.check("person.export", city)
    asked = asked.checked(desk.now_ms())
    subject = await desk.run(lambda: entries.pseudonym_of(desk.folder, city, given))
    held = await desk.run(lambda: _registered(desk, city, subject)) | await _in_books(desk, city, subject)
    held["facts"] = [one async for one in facts_of(desk, subject)]
    counts = {name: len(rows) for name, rows in held.items() if isinstance(rows, list)}
    act = Act(act="person.export", city=city, subject=subject, why=asked.why, after=counts, once=asked.once)

    async def nothing_more(_tx: Tx) -> None:
        return None

    await desk.write(who, act, nothing_more)
    return {"city": city, "subject": subject, "at_ms": desk.now_ms(), "held": held}


def _registered(desk: Desk, city: str, subject: str) -> dict[str, Any]:
    key = bytes.fromhex(subject)
    with register(desk.folder) as conn:
        name = conn.execute(NAME, (city, key)).fetchone()
        credentials = conn.execute(CREDENTIALS, (city, key)).fetchall()
        listed = [_named(MEMBER, row) for row in conn.execute(MEMBER, (city, key))]
    _shown, measures = entries.of_subject(desk.folder, city, subject)
    columns = ("token_id", "issued_s", "expires_s", "revoked_ms")
    return {
        "name": None if name is None else name[0],
        "credentials": [dict(zip(columns, row, strict=True)) for row in credentials],
        "tier_and_groups": listed,
        "measures": [one.to_json() for one in measures],
    }


async def _in_books(desk: Desk, city: str, subject: str) -> dict[str, Any]:
    async def job(tx: Tx) -> dict[str, Any]:
        found = {"applications": APPLICATIONS, "evidence": EVIDENCE, "grants": GRANTS, "cases": CASES, "acts": ACTS}
        return {name: [_named(sql, row) for row in await tx.rows(sql, city, subject)] for name, sql in found.items()}

    return await desk.books.read(job)


async def _page(tx: Tx, place: tuple[str, str, int]) -> list[Row]:
    return await tx.rows(FACTS, *place, PAGE)


async def facts_of(desk: Desk, subject: str) -> AsyncIterator[dict[str, Any]]:
    """Give each fact that names this pseudonym, a page of the journals at a time."""
    place = ("", "", -1)
    mark = subject.encode()
    while True:
        rows = await desk.books.read(partial(_page, place=place))
        for terminal, _epoch, seq, kind, redemption, at_ms, raw in rows:
            if mark in bytes(raw):
                told = json.loads(bytes(raw)) if kind else {}
                place_of = {"terminal": terminal, "seq": seq, "kind": kind, "redemption": redemption, "at_ms": at_ms}
                yield place_of | {"fact": told.get("body")}
        if len(rows) < PAGE:
            return
        place = (str(rows[-1][0]), str(rows[-1][1]), int(rows[-1][2]))
