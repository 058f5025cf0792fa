"""Applications: entered by a clerk, decided by somebody else within six days, asked for more once at most.

    entered ──approve──▶ approved (a grant is made)      entered ──ask──▶ asked ──complete──▶ completed
    entered, completed ──reject──▶ rejected              entered, asked, completed ──withdraw──▶ withdrawn
    completed ──approve──▶ approved

Rules of this file:

- what is missing is asked for all at once and only once (一次性告知): `completed` cannot be asked again;
- six days from the day it was entered (双公示); while an answer is awaited the days stand still;
- approving makes one grant with an id and a number of uses, in the same transaction.
"""

import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from central.lists.cities import CITIES
from central.office import entries
from central.office.approving import grants
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import register, zone_of
from credit.rules.benefits import parse_benefits
from credit.rules.catalogue import Benefit
from credit.rules.listing import BENEFITS
from credit.rules.reading import CatalogueError
from storage.jobs import Row, Tx

DAY_MS: Final = 86_400_000
DUE_MS: Final = 6 * DAY_MS
MAX_USES: Final = 10_000
MAX_OWN: Final = 50
MAX_OPEN: Final = 5  # applications of one person that wait at a time, where the person enters them
LIFE: Final = {
    ("entered", "approve"): "approved",
    ("entered", "reject"): "rejected",
    ("entered", "ask"): "asked",
    ("asked", "complete"): "completed",
    ("completed", "approve"): "approved",
    ("completed", "reject"): "rejected",
    ("entered", "withdraw"): "withdrawn",
    ("asked", "withdraw"): "withdrawn",
    ("completed", "withdraw"): "withdrawn",
}
TITLES: Final = {
    "entered": ("待审核", "to be decided"),
    "asked": ("待补正", "waiting for what is missing"),
    "completed": ("已补正，待审核", "completed, to be decided"),
    "approved": ("已批准", "approved"),
    "rejected": ("不予批准", "rejected"),
    "withdrawn": ("已撤回", "withdrawn"),
}
COLUMNS: Final = (
    "application, city, subject, code, uses, until_s, why, state, clerk, made_ms, due_ms, asked, asked_ms, checker,"
    " decided_ms, reason"
)
PUT: Final = (
    "INSERT INTO applications (application, city, subject, code, uses, until_s, why, state, clerk, made_ms, due_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, 'entered', $8, $9, $10)"
)
ONE: Final = f"SELECT {COLUMNS} FROM applications WHERE application = $1"  # noqa: S608 - columns of our own
WAITING: Final = ("entered", "asked", "completed")
URGENT: Final = (
    f"SELECT {COLUMNS} FROM applications WHERE city = $1 AND state = $2"  # noqa: S608
    " ORDER BY due_ms, application LIMIT $3"
)
DECIDED: Final = (
    f"SELECT {COLUMNS} FROM applications WHERE city = $1 AND state = $2"  # noqa: S608
    " ORDER BY made_ms DESC, application LIMIT $3"
)
OF: Final = f"SELECT {COLUMNS} FROM applications WHERE city = $1 AND subject = $2 ORDER BY made_ms DESC LIMIT $3"  # noqa: S608
OPEN_OF: Final = (
    "SELECT count(*) FROM applications WHERE city = $1 AND subject = $2 AND state IN ('entered', 'asked', 'completed')"
)
DECIDE: Final = "UPDATE applications SET state = $2, checker = $3, decided_ms = $4, reason = $5 WHERE application = $1"
ASK: Final = "UPDATE applications SET state = 'asked', asked = $2, asked_ms = $3 WHERE application = $1"
COMPLETE: Final = "UPDATE applications SET state = 'completed', due_ms = $2, why = $3 WHERE application = $1"
WITHDRAW: Final = "UPDATE applications SET state = 'withdrawn' WHERE application = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """An application as it stands."""

    application: str
    city: str
    subject: str
    code: int
    uses: int
    until_s: int
    why: str
    state: str
    clerk: str
    made_ms: int
    due_ms: int
    asked: str | None
    asked_ms: int | None
    checker: str | None
    decided_ms: int | None
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is applied for: which benefit (its code), how often, until which day, for whom."""

    subject: str
    code: int
    uses: int
    until: date


def _read(row: Row) -> Application:
    return Application(**dict(zip(Application.__slots__, row, strict=True)))


async def get(tx: Tx, application: str) -> Application:
    """Return an application; raise NotThereError."""
    row = await tx.row(ONE, application)
    if row is None:
        raise NotThereError(f"没有申请 {application} · there is no application {application}")
    return _read(row)


async def of_subject(tx: Tx, city: str, subject: str) -> list[Application]:
    """Return somebody's newest applications."""
    return [_read(row) for row in await tx.rows(OF, city, subject, MAX_OWN)]


async def listed(tx: Tx, city: str, *, state: str = "", many: int = 200) -> list[Application]:
    """Return applications of a city: those that wait, the most urgent first, then those decided, the newest first."""
    waiting, decided = [], []
    for one in (state,) if state else TITLES:
        if one in WAITING:
            waiting += [_read(row) for row in await tx.rows(URGENT, city, one, many)]
        else:
            decided += [_read(row) for row in await tx.rows(DECIDED, city, one, many)]
    waiting.sort(key=lambda one: (one.due_ms, one.application))
    decided.sort(key=lambda one: (-one.made_ms, one.application))
    return [*waiting, *decided][:many]


def by_approval(desk: Desk, city: str) -> list[Benefit]:
    """Return the city's benefits that need an approval; raise RefusedError."""
    path = desk.folder / CITIES / city / BENEFITS
    try:
        return [one for one in parse_benefits(json.loads(path.read_bytes())) if one.who.grant]
    except (OSError, ValueError, CatalogueError) as error:
        raise RefusedError(f"{city}: 优惠目录无法读取 · the benefits cannot be read ({error})") from error


def _checked(desk: Desk, city: str, wish: Wish) -> tuple[str, int]:
    """Return pseudonym and end (seconds) of what is applied for; raise RefusedError."""
    benefits = {one.code: one for one in by_approval(desk, city)}
    if wish.code not in benefits:
        known = "、".join(f"{code} {one.title.get('zh', one.id)}" for code, one in sorted(benefits.items())) or "无"
        raise RefusedError(f"{wish.code} 不是需审批的优惠，可申请：{known} · not a benefit by approval")
    if not 1 <= wish.uses <= MAX_USES:
        raise RefusedError(f"次数 1 至 {MAX_USES} · uses from 1 to {MAX_USES}")
    with register(desk.folder) as conn:
        key, _shown = entries.known_subject(conn, city, wish.subject)
        zone = zone_of(conn, city)
    today = datetime.fromtimestamp(desk.now_ms() / 1000, tz=zone).date()
    last = benefits[wish.code].when.until_day
    if wish.until < today or (last is not None and wish.until > last):
        most = f"，最晚 {last}" if last else ""
        raise RefusedError(f"有效期须在今天（{today}）之后{most} · it ends today or later, and not after its benefit")
    end = datetime(wish.until.year, wish.until.month, wish.until.day, tzinfo=zone) + timedelta(days=1)
    return key.hex(), int(end.timestamp())


async def enter(desk: Desk, who: Person, city: str, wish: Wish, asked: Asked) -> Application:
    """Enter an application; raise RefusedError, ForbiddenError."""
    who.check("application.enter", city)
    return await enter_own(desk, who, city, wish, asked)


async def enter_own(
    desk: Desk, who: Person, city: str, wish: Wish, asked: Asked, *, at_most: int | None = None
) -> Application:
    """Enter an application by whoever it is for, or by who was asked for the duty; raise RefusedError.

    `at_most`: how many of one person may wait at a time.
    """
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    subject, until_s = await desk.run(lambda: _checked(desk, city, wish))
    name = secrets.token_hex(6)
    after = {"application": name, "code": wish.code, "uses": wish.uses, "until_s": until_s}
    act = Act(act="application.enter", city=city, subject=subject, why=asked.why, after=after, once=asked.once)

    async def job(tx: Tx) -> Application:
        waiting = await tx.row(OPEN_OF, city, subject)
        if at_most is not None and waiting is not None and waiting[0] >= at_most:
            raise RefusedError(f"已有 {at_most} 件申请待办结 · {at_most} applications are waiting already")
        what = (name, city, subject, wish.code, wish.uses, until_s, asked.why, who.operator)
        await tx.execute(PUT, *what, now_ms, now_ms + DUE_MS)
        return await get(tx, name)

    return await desk.write(who, act, job)


async def application_of(desk: Desk, who: Person, act: str, application: str) -> Application:
    """Return an application about which somebody may do `act`; raise NotThereError, ForbiddenError."""
    one = await desk.books.read(lambda tx: get(tx, application))
    if not who.may("read", one.city):
        raise NotThereError(f"没有申请 {application} · there is no application {application}")
    who.check(act, one.city)
    return one


def _after(one: Application, step: str) -> str:
    found = LIFE.get((one.state, step))
    if found is None:
        zh, en = TITLES[one.state]
        raise RefusedError(f"申请{zh}，不能再如此办理 · the application is {en}: this cannot happen now")
    return found


def _act(name: str, one: Application, asked: Asked, after: Any = None) -> Act:
    before = {"application": one.application, "state": one.state, "clerk": one.clerk}
    return Act(act=name, city=one.city, subject=one.subject, why=asked.why, before=before, after=after, once=asked.once)


async def decide(desk: Desk, who: Person, application: str, asked: Asked, *, approved: bool) -> Application:
    """Approve (a grant is made) or reject with a reason; raise RefusedError, ForbiddenError."""
    one = await application_of(desk, who, "application.decide", application)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    state = _after(one, "approve" if approved else "reject")
    if who.operator == one.clerk:
        raise RefusedError("受理人不能审批自己受理的申请 · whoever entered an application cannot decide it")
    if approved and one.until_s * 1000 <= now_ms:
        raise RefusedError("申请的有效期已过，请重新申请 · what was applied for has ended; it has to be entered again")
    grant = grants.fresh(one.city, one.subject, code=one.code, uses=one.uses, until_s=one.until_s)

    async def job(tx: Tx) -> Application:
        _after(await get(tx, application), "approve" if approved else "reject")
        await tx.execute(DECIDE, application, state, who.operator, now_ms, asked.why)
        if approved:
            await grants.put(tx, grant, application=application, now_ms=now_ms)
        return await get(tx, application)

    after = {"state": state, "grant": grant.grant_id} if approved else {"state": state}
    return await desk.write(who, _act("application.decide", one, asked, after), job)


async def ask(desk: Desk, who: Person, application: str, asked: Asked) -> Application:
    """Ask for everything that is missing, once; the days stand still until it comes."""
    one = await application_of(desk, who, "application.decide", application)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    _after(one, "ask")

    async def job(tx: Tx) -> Application:
        _after(await get(tx, application), "ask")
        await tx.execute(ASK, application, asked.why, now_ms)
        return await get(tx, application)

    return await desk.write(who, _act("application.ask", one, asked), job)


async def complete(desk: Desk, who: Person, application: str, asked: Asked) -> Application:
    """Note that what was asked for has come; the days go on."""
    one = await application_of(desk, who, "application.enter", application)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    _after(one, "complete")
    due_ms = one.due_ms + now_ms - (one.asked_ms or now_ms)

    async def job(tx: Tx) -> Application:
        _after(await get(tx, application), "complete")
        await tx.execute(COMPLETE, application, due_ms, f"{one.why}\n{asked.why}")
        return await get(tx, application)

    return await desk.write(who, _act("application.complete", one, asked), job)


async def withdraw(desk: Desk, who: Person, application: str, asked: Asked) -> Application:
    """Take an application back before it is decided."""
    one = await application_of(desk, who, "application.enter", application)
    asked = asked.checked(desk.now_ms())
    _after(one, "withdraw")

    async def job(tx: Tx) -> Application:
        _after(await get(tx, application), "withdraw")
        await tx.execute(WITHDRAW, application)
        return await get(tx, application)

    return await desk.write(who, _act("application.withdraw", one, asked), job)
