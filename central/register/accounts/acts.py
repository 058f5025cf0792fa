"""The office journal: every act as one row, append-only and hash-chained.

Rules of this file:

- a row says who did what, for whom, why, what was there before, what after, and who approved; people the act is about
  stand in it as pseudonyms, never by name;
- hash(n) = SHA-256(hash(n - 1) | sorted JSON of the row); the first hangs on 32 zero bytes. Changing, removing or
  inserting a row breaks the chain at its place (`verify`); cutting the end off shows against a head written down
  elsewhere, which is why `verify` tells it;
- what changes more than these books is written as `begun` before it is done and as `done` or `failed` after it, so a
  power cut leaves a trace;
- a form sent twice bears one mark (`once`) and is one act: the second is `RepeatedError`.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple

from central.register.accounts.duties import Person
from storage.jobs import ConstraintError, Row, Tx

Outcome = Literal["done", "begun", "failed"]
START: Final = bytes(32)
MAX_TEXT: Final = 2_000
MAX_PAGE: Final = 500

HEAD: Final = "UPDATE act_head SET number = number + 1 WHERE one = 1 RETURNING number, hash"
SET_HEAD: Final = "UPDATE act_head SET hash = $1 WHERE one = 1"
COLUMNS: Final = (
    "number, at_ms, operator, via, city, act, subject, why, before_json, after_json, approver, outcome, of_number"
)
APPEND: Final = (
    f"INSERT INTO acts ({COLUMNS}, once, hash)"  # noqa: S608 - columns of our own
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)"
)
AFTER: Final = f"SELECT {COLUMNS}, hash FROM acts WHERE number > $1 ORDER BY number LIMIT {MAX_PAGE}"  # noqa: S608
NEWEST: Final = f"SELECT {COLUMNS} FROM acts WHERE number < $1 AND ($2 = '' OR city = $2) ORDER BY number DESC LIMIT $3"  # noqa: S608
LINKED: Final = NEWEST.replace(
    " FROM acts", ", hash, (SELECT p.hash FROM acts p WHERE p.number = acts.number - 1) FROM acts"
)
HASH: Final = "SELECT hash FROM acts WHERE number = $1"
KNOWN: Final = "SELECT number FROM acts WHERE once = $1"
NOW_HEAD: Final = "SELECT number, hash FROM act_head WHERE one = 1"


class RepeatedError(Exception):
    """This very form was sent before; `number` is the act that it became."""

    def __init__(self, number: int) -> None:
        super().__init__(f"已提交过（第 {number} 号）· sent before: act {number}")
        self.number = number


class ActsBrokenError(Exception):
    """The office journal does not hold together; the text names the first row that does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One act. `before` and `after` are JSON values; `once` marks the form it came from; `of` names the act it ends."""

    act: str
    city: str
    subject: str = ""
    why: str = ""
    before: Any = None
    after: Any = None
    approver: str = ""
    outcome: Outcome = "done"
    of: int | None = None
    once: str | None = None


class Written(NamedTuple):
    """An act as it stands in the journal."""

    number: int
    at_ms: int
    operator: str
    via: str
    city: str
    act: str
    subject: str
    why: str
    before: str
    after: str
    approver: str
    outcome: str
    of: int | None


class Verified(NamedTuple):
    """A journal that holds: how many acts, and the hash of the last (hex)."""

    number: int
    head: str


NOTHING: Final = Verified(0, START.hex())


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def next_hash(before: bytes, row: Written) -> bytes:
    """Return the chain hash after `row`."""
    return hashlib.sha256(before + _text(row._asdict()).encode("utf-8", "surrogatepass")).digest()


async def append(tx: Tx, person: Person, act: Act, *, now_ms: int) -> int:
    """Write an act down and return its number; raise RepeatedError for a form that was sent before."""
    if act.once is not None and (known := await tx.row(KNOWN, act.once)) is not None:
        raise RepeatedError(known[0])
    head = await tx.row(HEAD)
    if head is None:
        raise ActsBrokenError("the journal's head is missing")
    said = asdict(act)
    row = Written(
        number=head[0],
        at_ms=now_ms,
        operator=person.operator,
        via=person.via,
        city=act.city,
        act=act.act,
        subject=act.subject,
        why=act.why[:MAX_TEXT],
        before=_text(said["before"]),
        after=_text(said["after"]),
        approver=act.approver,
        outcome=act.outcome,
        of=act.of,
    )
    hashed = next_hash(bytes(head[1]), row)
    try:
        await tx.execute(APPEND, *row, act.once, hashed)
    except ConstraintError as error:  # another process took this form at the same time
        raise RepeatedError(0) from error
    await tx.execute(SET_HEAD, hashed)
    return row.number


async def sent_before(tx: Tx, once: str) -> int | None:
    """Return the act that a form has become already, None when it is new."""
    row = await tx.row(KNOWN, once)
    return None if row is None else int(row[0])


async def newest(tx: Tx, *, city: str = "", before: int = 2**62, many: int = 50) -> list[Written]:
    """Return acts, the newest first, of one city if it is named."""
    return [Written(*row) for row in await tx.rows(NEWEST, before, city, many)]


async def newest_linked(tx: Tx, *, city: str = "", before: int = 2**62, many: int = 50) -> tuple[list[Written], str]:
    """Return acts as `newest` does, and what is wrong with the first that does not hang on the one before it, or ""."""
    shown, wrong = [], ""
    for *values, kept, previous in await tx.rows(LINKED, before, city, many):
        row = Written(*values)
        shown.append(row)
        hangs_on = START if row.number == 1 else previous
        if hangs_on is None:
            wrong = f"act {row.number - 1} is missing"
        elif next_hash(bytes(hangs_on), row) != bytes(kept):
            wrong = f"act {row.number} is not what was written"
    return shown, wrong


async def verify(tx: Tx, *, through: str | None = None, since: Verified = NOTHING) -> Verified:
    """Walk the chain from `since` on and return its head; raise ActsBrokenError naming the first row that does not fit.

    `through` is a head (hex) that was written down earlier: it must lie on the way.
    """
    found = since
    passed = through is None or through == since.head
    while page := await tx.rows(AFTER, found.number):
        for row in page:
            found = _fits(found, row)
            passed = passed or found.head == through
    head = await tx.row(NOW_HEAD)
    if head is None or Verified(int(head[0]), bytes(head[1]).hex()) != found:
        raise ActsBrokenError(f"the journal ends at act {found.number}, its head names act {head and head[0]}")
    if not passed:
        raise ActsBrokenError(f"the head {through} is not in this journal: its end was cut off, or it was made anew")
    return found


async def further(tx: Tx, since: Verified, *, many: int) -> Verified:
    """Walk at most `many` acts on from `since`; raise ActsBrokenError at the first that does not fit."""
    found, last = since, since.number + many
    while found.number < last and (page := await tx.rows(AFTER, found.number)):
        for row in page[: last - found.number]:
            found = _fits(found, row)
    return found


def _fits(before: Verified, row: Row) -> Verified:
    *values, kept = row
    said = Written(*values)
    if said.number != before.number + 1:
        raise ActsBrokenError(f"act {before.number + 1} is missing")
    hashed = next_hash(bytes.fromhex(before.head), said)
    if hashed != bytes(kept):
        raise ActsBrokenError(f"act {said.number} is not what was written")
    return Verified(said.number, hashed.hex())
