"""Forgetting somebody who asks for it (删除权): the name goes, and with it whatever leads from a person to a pseudonym.

Rules of this file:

- facts and measures stay, under a random number that nobody can give a name any more: sums and journals stay whole;
- what phones showed (proofs), files brought as evidence, and the words of applications are deleted;
- every credential is revoked, and tier and groups are taken away: what cannot be asked about must not go on working;
- whoever has a measure in force, an open case, an undecided application, or something not brought back or paid is not
  forgotten yet: the refusal says which;
- it cannot be undone. The act stands in the office journal by the pseudonym, with its reason and no name.
"""

from collections.abc import Sequence
from typing import Any, Final

from central.lists.cities import publish
from central.office import entries
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.persons.exporting import facts_of
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.members import silence, unlist_member
from central.register.registry import register
from storage.jobs import Tx

MEASURES: Final = (
    "SELECT count(*) FROM entry WHERE city = ? AND subject = ? AND lifted_ms IS NULL"
    " AND until_day >= date(?, 'unixepoch')"
)
NAME: Final = "DELETE FROM subject WHERE city = ? AND pseudonym = ?"
REVOKE: Final = "UPDATE credential SET revoked_ms = coalesce(revoked_ms, ?) WHERE city = ? AND subject = ?"
LIVING: Final = "SELECT count(*) FROM credential WHERE city = ? AND subject = ? AND expires_s >= ?"
BROUGHT: Final = ("imported", "import_member", "wished_member")
TABLE: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
CASES: Final = "SELECT count(*) FROM cases WHERE city = $1 AND subject = $2 AND state = 'open'"
UNDECIDED: Final = (
    "SELECT count(*) FROM applications WHERE city = $1 AND subject = $2 AND state IN ('entered', 'asked', 'completed')"
)
DRAFTS: Final = "SELECT count(*) FROM drafts WHERE city = $1 AND subject = $2 AND state IN ('open', 'approved')"
OPEN: Final = (
    (CASES, "未办结的异议", "an open case"),
    (UNDECIDED, "未办结的申请", "an undecided application"),
    (DRAFTS, "未办结的草稿", "a draft that waits"),
)
STATE: Final = "SELECT state FROM redemptions WHERE redemption = $1 AND terminal = $2"
PROOF: Final = "DELETE FROM proofs WHERE redemption = $1 AND terminal = $2"
FILES: Final = (
    "DELETE FROM evidence WHERE application IN (SELECT application FROM applications WHERE city = $1 AND subject = $2)"
)
WORDS: Final = "UPDATE applications SET why = '', reason = NULL, asked = NULL WHERE city = $1 AND subject = $2"


async def forget(desk: Desk, who: Person, city: str, given: str, asked: Asked) -> dict[str, Any]:
    """Forget somebody for good; raise RefusedError naming what stands against it, ForbiddenError."""
    who.check("person.forget", city)
    asked = asked.checked(desk.now_ms())
    subject = await desk.run(lambda: entries.pseudonym_of(desk.folder, city, given))
    gave = await _gave(desk, subject)
    await _check(desk, city, subject, gave)

    async def then(tx: Tx, _done: dict[str, Any]) -> None:
        await _delete(tx, city, subject, gave)

    act = Act(act="person.forget", city=city, subject=subject, why=asked.why, once=asked.once)
    done = await desk.effect(who, act, lambda: _unlinked(desk, city, subject), lambda one: one, then)
    return {"subject": subject, **done}


async def finish(desk: Desk, city: str, subject: str) -> dict[str, Any]:
    """Finish what a power cut left half forgotten."""
    gave = await _gave(desk, subject)
    done = await desk.run(lambda: _unlinked(desk, city, subject))
    await desk.books.write(lambda tx: _delete(tx, city, subject, gave))
    return done


async def _gave(desk: Desk, subject: str) -> list[tuple[str, str]]:
    """Return redemption and terminal of everything that this person was given."""
    return sorted({(one["redemption"], one["terminal"]) async for one in facts_of(desk, subject) if one["redemption"]})


def _unlinked(desk: Desk, city: str, subject: str) -> dict[str, Any]:
    revoked = _unlink(desk, city, subject, now_ms=desk.now_ms())
    published = publish(desk.folder, now_ms=desk.now_ms(), cities=(city,))
    return {"revoked": revoked, "published": published.version}


async def _delete(tx: Tx, city: str, subject: str, gave: Sequence[tuple[str, str]]) -> None:
    """Delete proofs, evidence, and the words of applications."""
    await tx.execute_many(PROOF, gave)
    await tx.execute(FILES, city, subject)
    await tx.execute(WORDS, city, subject)


async def _check(desk: Desk, city: str, subject: str, gave: Sequence[tuple[str, str]]) -> None:
    standing = []
    with register(desk.folder) as conn:
        values = (city, bytes.fromhex(subject), desk.now_ms() // 1000)
        if conn.execute(MEASURES, values).fetchone()[0]:
            standing.append(("有效的措施", "a measure in force"))

    async def job(tx: Tx) -> None:
        for sql, zh, en in OPEN:
            row = await tx.row(sql, city, subject)
            if row is not None and row[0]:
                standing.append((zh, en))
        for redemption, terminal in gave:
            row = await tx.row(STATE, redemption, terminal)
            if row is not None and row[0] in ("opened", "overdue"):
                standing.append(("未归还或未付清的事项", "something not brought back or paid"))
                return

    await desk.books.read(job)
    if standing:
        zh, en = ("、".join(one[0] for one in standing), ", ".join(one[1] for one in standing))
        raise RefusedError(f"暂不能删除：{zh} · not yet, there is {en}")


def _unlink(desk: Desk, city: str, subject: str, *, now_ms: int) -> int:
    """Take the name, the marks of imports, tier and groups away, and revoke what was issued; return how many codes."""
    key = bytes.fromhex(subject)
    with register(desk.folder) as conn:
        conn.execute(NAME, (city, key))
        for table in BROUGHT:
            if conn.execute(TABLE, (table,)).fetchone():
                conn.execute(f"DELETE FROM {table} WHERE pseudonym = ?", (key,))  # noqa: S608 - names of our own
        if conn.execute(LIVING, (city, key, now_ms // 1000)).fetchone()[0]:
            silence(conn, city, key, now_ms=now_ms)
        else:
            unlist_member(conn, city, key)
        return conn.execute(REVOKE, (now_ms, city, key)).rowcount
