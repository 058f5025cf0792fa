"""Grants: what was approved, for whom, how often, until when; used n of m; withdrawn.

Rules of this file:

- a grant has 8 random bytes as its id and a number of uses; the credential carries {code, id, uses}, each fact names
  them, and what is used is counted by the platform's own tallies under the grant's key, over all terminals;
- a reversal gives a use back, because it gives the tally back;
- withdrawing marks the grant here and puts its id into the city's revocations: within two seconds no terminal counts it
  as held any more, and the credential stays good for everything else.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from central.lists.cities import CITIES, publish
from central.lists.publishing import Published
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.drafts.kinds import told
from central.office.refusals import NotThereError, RefusedError
from central.register import withdrawals
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import register
from credit.claims import Grant as Claim
from credit.rules.benefits import parse_benefits
from credit.rules.listing import BENEFITS
from storage.jobs import Row, Tx

ID_BYTES: Final = 8
MAX_CARRIED: Final = 8  # grants in one credential: the code has to stay readable

COLUMNS: Final = "grant_id, city, subject, code, uses, until_s, state, application, made_ms, withdrawn_ms, reason"
PUT: Final = (
    "INSERT INTO grants (grant_id, city, subject, code, uses, until_s, state, application, made_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, 'active', $7, $8)"
)
ONE: Final = f"SELECT {COLUMNS} FROM grants WHERE grant_id = $1"  # noqa: S608 - columns of our own
OF: Final = f"SELECT {COLUMNS} FROM grants WHERE city = $1 AND subject = $2 ORDER BY made_ms DESC, grant_id"  # noqa: S608
LISTED: Final = f"SELECT {COLUMNS} FROM grants WHERE city = $1 ORDER BY made_ms DESC, grant_id LIMIT $2"  # noqa: S608
WITHDRAW: Final = (
    "UPDATE grants SET state = 'withdrawn', withdrawn_ms = $2, reason = $3 WHERE grant_id = $1 AND state = 'active'"
)
ASKED: Final = 100  # keys at once: a page of a hundred grants would wait for a database server a hundred times
SPENT: Final = f"SELECT key, spent FROM tallies WHERE key IN ({', '.join(f'${n}' for n in range(1, ASKED + 1))})"  # noqa: S608 - numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What was approved. `subject` and `grant_id` in hex; it ends at `until_s`, in seconds UTC."""

    grant_id: str
    city: str
    subject: str
    code: int
    uses: int
    until_s: int
    state: str = "active"
    application: str | None = None
    made_ms: int = 0
    withdrawn_ms: int | None = None
    reason: str | None = None
    used: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, with what is left."""
        return {name: getattr(self, name) for name in self.__slots__} | {"left": max(0, self.uses - self.used)}

    def claim(self) -> Claim:
        """Return what a credential says of it."""
        return Claim(code=self.code, grant_id=bytes.fromhex(self.grant_id), uses=self.uses)


def fresh(city: str, subject: str, *, code: int, uses: int, until_s: int) -> Grant:
    """Return a new grant under a random id."""
    name = secrets.token_hex(ID_BYTES)
    return Grant(grant_id=name, city=city, subject=subject, code=code, uses=uses, until_s=until_s)


async def put(tx: Tx, grant: Grant, *, application: str | None, now_ms: int) -> None:
    """Keep a new grant."""
    what = (grant.grant_id, grant.city, grant.subject, grant.code, grant.uses, grant.until_s)
    await tx.execute(PUT, *what, application, now_ms)


def _read(row: Row) -> Grant:
    names = [name for name in Grant.__slots__ if name != "used"]
    return Grant(**dict(zip(names, row, strict=True)))


def keys(desk: Desk, city: str) -> dict[int, list[str]]:
    """Return the keys of benefits by their code, as facts count them."""
    found: dict[int, list[str]] = {}
    path = desk.folder / CITIES / city / BENEFITS
    for one in parse_benefits(json.loads(path.read_bytes())) if path.exists() else ():
        found.setdefault(one.code, []).append(one.key)
    return found


def batched(names: Iterable[str], many: int) -> Iterator[tuple[str, ...]]:
    """Give names so many at a time (itertools.batched, which came with Python 3.12)."""
    left = iter(names)
    while some := tuple(islice(left, many)):
        yield some


async def with_uses(tx: Tx, grants: Sequence[Grant], keys_of: dict[int, list[str]]) -> list[Grant]:
    """Return grants with what was used of them, everywhere."""
    keys = {
        f"u|grant:{one.city}:{one.grant_id}|{key}": one.grant_id for one in grants for key in keys_of.get(one.code, ())
    }
    used: Counter[str] = Counter()
    for some in batched(keys, ASKED):
        for key, spent in await tx.rows(SPENT, *some, *[""] * (ASKED - len(some))):
            used[keys[key]] += int(spent)
    return [replace(one, used=used[one.grant_id]) for one in grants]


async def listed(desk: Desk, city: str, *, subject: str | None = None, many: int = 200) -> list[Grant]:
    """Return grants of a city, or of one subject, newest first, with what was used of each."""
    keys_of = await desk.run(lambda: keys(desk, city))

    async def job(tx: Tx) -> list[Grant]:
        rows = await (tx.rows(LISTED, city, many) if subject is None else tx.rows(OF, city, subject))
        return await with_uses(tx, [_read(row) for row in rows], keys_of)

    return await desk.books.read(job)


async def carried(desk: Desk, city: str, subject: str) -> tuple[Claim, ...]:
    """Return the grants that a new credential of somebody carries: active, not ended, not used up; newest first."""
    now_s = desk.now_ms() // 1000
    good = [
        one
        for one in await listed(desk, city, subject=subject)
        if one.state == "active" and one.until_s > now_s and one.used < one.uses
    ]
    return tuple(one.claim() for one in good[:MAX_CARRIED])


def published_withdrawn(desk: Desk, grant: Grant) -> Published:
    """Put a grant among the city's revocations and publish that; done twice, it is done once."""
    with register(desk.folder) as conn:
        withdrawals.enter(conn, grant.city, bytes.fromhex(grant.grant_id), until_s=grant.until_s)
    return publish(desk.folder, now_ms=desk.now_ms(), cities=(grant.city,))


async def finish(desk: Desk, grant_id: str, why: str) -> dict[str, Any]:
    """Withdraw what a power cut left half withdrawn; raise NotThereError."""
    row = await desk.books.read(lambda tx: tx.row(ONE, grant_id))
    if row is None:
        raise NotThereError(f"没有批准 {grant_id} · there is no grant {grant_id}")
    done = await desk.run(lambda: published_withdrawn(desk, _read(row)))
    await desk.books.write(lambda tx: tx.execute(WITHDRAW, grant_id, desk.now_ms(), why))
    return told(done)


async def withdraw(desk: Desk, who: Person, grant_id: str, asked: Asked) -> Grant:
    """Withdraw a grant and publish that; raise RefusedError, NotThereError, ForbiddenError."""
    row = await desk.books.read(lambda tx: tx.row(ONE, grant_id))
    if row is None or not who.may("read", _read(row).city):
        raise NotThereError(f"没有批准 {grant_id} · there is no grant {grant_id}")
    grant = _read(row)
    who.check("grant.withdraw", grant.city)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    if grant.state != "active":
        raise RefusedError("该批准已撤回 · the grant is withdrawn already")

    act = Act(
        act="grant.withdraw",
        city=grant.city,
        subject=grant.subject,
        why=asked.why,
        before=grant.to_json(),
        once=asked.once,
    )

    async def then(tx: Tx, _done: Published) -> None:
        await tx.execute(WITHDRAW, grant_id, now_ms, asked.why)

    await desk.effect(who, act, lambda: published_withdrawn(desk, grant), told, then)
    row = await desk.books.read(lambda tx: tx.row(ONE, grant_id))
    return _read(row) if row is not None else grant
