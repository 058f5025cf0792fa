"""Disputes and repairs as cases: a number, a deadline, who decided and why, letters (异议、修复).

Rules of this file:

- a dispute is opened by a clerk of the authority that decided the measure; from then on the measure has no effect,
  within seconds, at every terminal, until somebody else settles the case: one open case an entry;
- settled for the person (`upheld`) the measure is lifted; settled against them (`rejected`) it has effect again;
- a case is answered within 15 working days; it never settles itself.
"""

from dataclasses import dataclass
from typing import Any, Final

from central.office import changing, entries
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.drafts.kinds import told
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.warrants import Warrant
from storage.jobs import Row, Tx

DUE_MS: Final = 21 * 86_400_000  # fifteen working days, three weeks of the calendar
COLUMNS: Final = (
    "number, city, kind, entry, subject, authority, state, why, opened_by, opened_ms, due_ms, settled_by, settled_ms,"
    " outcome"
)
NEXT: Final = "SELECT coalesce(max(number), 0) + 1 FROM cases"
PUT: Final = (
    f"INSERT INTO cases ({COLUMNS})"  # noqa: S608 - columns of our own
    " VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8, $9, $10, NULL, NULL, NULL)"
)
ONE: Final = f"SELECT {COLUMNS} FROM cases WHERE number = $1"  # noqa: S608
OPEN_OF: Final = "SELECT number FROM cases WHERE city = $1 AND entry = $2 AND state = 'open'"
LISTED: Final = f"SELECT {COLUMNS} FROM cases WHERE city = $1 AND state = $2 ORDER BY number DESC LIMIT $3"  # noqa: S608
ABOUT: Final = f"SELECT {COLUMNS} FROM cases WHERE city = $1 AND entry = $2 ORDER BY number DESC LIMIT $3"  # noqa: S608
SETTLE: Final = "UPDATE cases SET state = $2, settled_by = $3, settled_ms = $4, outcome = $5 WHERE number = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case as it stands."""

    number: int
    city: str
    kind: str
    entry: int
    subject: str
    authority: str
    state: str
    why: str
    opened_by: str
    opened_ms: int
    due_ms: int
    settled_by: str | None
    settled_ms: int | None
    outcome: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def _read(row: Row) -> Case:
    return Case(**dict(zip(Case.__slots__, row, strict=True)))


async def get(tx: Tx, number: int) -> Case:
    """Return a case; raise NotThereError."""
    row = await tx.row(ONE, number)
    if row is None:
        raise NotThereError(f"没有第 {number} 号案件 · there is no case {number}")
    return _read(row)


async def listed(tx: Tx, city: str, *, state: str, many: int = 100) -> list[Case]:
    """Return the cases of a city in one state, the newest first."""
    return [_read(row) for row in await tx.rows(LISTED, city, state, many)]


async def about(tx: Tx, city: str, entry: int, *, many: int = 100) -> list[Case]:
    """Return the cases about one measure, the newest first."""
    return [_read(row) for row in await tx.rows(ABOUT, city, entry, many)]


async def open_dispute(desk: Desk, who: Person, city: str, entry: int, asked: Asked) -> Case:
    """Open a dispute about an entry: it has no effect until the case is settled. Raises RefusedError."""
    if not who.authorities("dispute.open", city):
        who.check("dispute.open", city)
    one = await desk.run(lambda: entries.get(desk.folder, city, entry))
    who.check("dispute.open", city, one.authority)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    if one.lifted_ms is not None:
        raise RefusedError(f"第 {entry} 号措施已解除 · measure {entry} is lifted already")
    act = Act(act="dispute.open", city=city, subject=one.subject, why=asked.why, before=one.to_json(), once=asked.once)

    async def job(tx: Tx) -> Case:
        if (known := await tx.row(OPEN_OF, city, entry)) is not None:
            raise RefusedError(f"第 {known[0]} 号案件正在处理 · case {known[0]} about it is open")
        row = await tx.row(NEXT)
        number = int(row[0]) if row else 1
        whose = (city, "dispute", entry, one.subject, one.authority, asked.why, who.operator)
        await tx.execute(PUT, number, *whose, now_ms, now_ms + DUE_MS)
        return await get(tx, number)

    case = await desk.write(who, act, job)
    marked = Act(act="dispute.mark", city=city, subject=one.subject, before={"case": case.number}, approver="")
    await desk.effect(who, marked, lambda: changing.rest(desk.folder, city, entry, now_ms=desk.now_ms()), told)
    return case


def word_of(case: Case, settled_by: str | None) -> Warrant:
    """Return the word by which a case changes its entry; raise UnwarrantedError while it is open."""
    return Warrant.by_two(case.opened_by, settled_by, source=f"case:{case.number}:{case.opened_ms}")


async def settle(desk: Desk, who: Person, number: int, asked: Asked, *, upheld: bool) -> Case:
    """Settle a case for the person (`upheld`: the measure is lifted) or against them; raise RefusedError."""
    case = await desk.books.read(lambda tx: get(tx, number))
    if not who.may("read", case.city):
        raise NotThereError(f"没有第 {number} 号案件 · there is no case {number}")
    who.check("dispute.settle", case.city, case.authority)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    act = Act(
        act="dispute.settle",
        city=case.city,
        subject=case.subject,
        why=asked.why,
        before={"case": number, "opened_by": case.opened_by},
        after={"upheld": upheld},
        approver=who.operator,
        once=asked.once,
    )

    async def job(tx: Tx) -> None:
        current = await get(tx, number)
        if current.state != "open":
            raise RefusedError(f"第 {number} 号案件已办结 · case {number} is settled already")
        if current.opened_by == who.operator:
            raise RefusedError("立案人不能自行办结 · whoever opened a case cannot settle it")
        state = "upheld" if upheld else "rejected"
        await tx.execute(SETTLE, number, state, who.operator, now_ms, asked.why)

    await desk.write(who, act, job)
    name = "dispute.lift" if upheld else "dispute.unmark"
    follow = Act(act=name, city=case.city, subject=case.subject, before={"case": number})

    warrant = word_of(case, who.operator)

    def work() -> Any:
        if upheld:
            return changing.lift(desk.folder, case.city, case.entry, warrant=warrant, now_ms=desk.now_ms())
        return changing.wake(desk.folder, case.city, case.entry, warrant=warrant, now_ms=desk.now_ms())

    await desk.effect(who, follow, work, told)
    return await desk.books.read(lambda tx: get(tx, number))
