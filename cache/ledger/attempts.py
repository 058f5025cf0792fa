"""Attempts to open a gate, as facts of a redemption (lane.md, "Opening").

    actuating ──▶ actuated | not_actuated | unknown          each names its attempt, `{redemption}.{n}`

Rules of this file:

- an attempt is a fact before anything is sent; what came of it is another. One without the other is unknown: the plug
  was pulled in between;
- the first attempt of a grant that opens a gate is written with the grant (`first`), every later one by itself;
- a gate opens by itself for a redemption that stands (granted, or something open), and only once: when each attempt so
  far surely did not open (`sure`: nothing was sent, or the word cannot be forged). One of which nothing is known stays
  so whatever came of a later one: a person's attempt that failed says nothing about who went through before it;
- what surely did not open gives its use back; its code is free again only if nothing was sent: a gate that lies may
  let one person through who is not counted, but never a second one on the same code;
- whoever has doubts asks the gate, or a person asks again (`by`): that is a new attempt, and a fact that names them;
- functions run inside the transaction of their pen.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from cache.journal.bodies import said_in
from cache.ledger.paying import is_paid
from cache.ledger.steps import Stepped, actuated, annul, passed
from cache.ledger.writing import NONCE_OF
from cache.pen import Pen
from cache.texts import BODY, OF_STEPS
from credit.lifecycle import State

ACTUATING, ACTUATED, NOT_ACTUATED, UNKNOWN = "actuating", "actuated", "not_actuated", "unknown"
TRIED = (
    f"SELECT kind, {BODY} FROM journal WHERE redemption = ?"  # noqa: S608 - constant columns
    f" AND {OF_STEPS} AND kind IN ('actuating', 'actuated', 'not_actuated', 'unknown') ORDER BY seq"
)
STATE = "SELECT state, heads FROM redemptions WHERE id = ?"
STANDING = frozenset({State.GRANTED, State.OPEN, State.OVERDUE})
FOR_A_PERSON = STANDING | {State.PASSED}
MAX_WHY = 200  # characters


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt of a redemption; `outcome` is UNKNOWN also while nothing is known of it."""

    number: int
    outcome: str
    sure: bool = False

    @property
    def shut(self) -> bool:
        """Whether it surely did not open."""
        return self.outcome == NOT_ACTUATED and self.sure


@dataclass(frozen=True, slots=True)
class Began:
    """An attempt that may be sent (`number`), or why there is none: nothing stands, or an earlier one bars it.

    `doubts`: where all that bar it are attempts of which nothing is known, their numbers, the oldest first.
    """

    number: int | None
    heads: int = 1
    doubts: tuple[int, ...] = ()


def attempt_id(redemption: str, number: int) -> str:
    """Return what names an attempt."""
    return f"{redemption}.{number}"


def last_tried(conn: sqlite3.Connection, redemption: str) -> Tried | None:
    """Return the last attempt, None if there was none."""
    return max(_tried(conn, redemption), key=lambda one: one.number, default=None)


def _tried(conn: sqlite3.Connection, redemption: str) -> list[Tried]:
    """Return every attempt, the oldest first. What a damaged fact does not say counts as unknown, of the last one."""
    every: dict[int, Tried] = {}
    last = 0
    for kind, text in conn.execute(TRIED, (redemption,)).fetchall():
        body = said_in(text)
        told = str(body.get("attempt", "")).rpartition(".")[2]
        number = int(told) if told.isdecimal() else last + (kind == ACTUATING)
        last = max(last, number)
        every[number] = Tried(number, kind, bool(body.get("sure"))) if kind != ACTUATING else Tried(number, UNKNOWN)
    return [every[number] for number in sorted(every)]


def first(pen: Pen, redemption: str, lane: str) -> int:
    """Journal the first attempt of a grant that is being written; return its number."""
    pen.fact(ACTUATING, {"attempt": attempt_id(redemption, 1), "lane": lane}, of=redemption)
    return 1


def begin(pen: Pen, redemption: str, lane: str, *, by: str | None = None) -> Began:
    """Journal the next attempt if the gate may open; `by` is a person who asks for it, whatever came of the last."""
    row = pen.conn.execute(STATE, (redemption,)).fetchone()
    if row is None or State(row[0]) not in (FOR_A_PERSON if by else STANDING):
        return Began(None)
    every = _tried(pen.conn, redemption)
    bars = [one for one in every if not one.shut]
    if bars and by is None:
        asked = all(one.outcome == UNKNOWN for one in bars)
        return Began(None, doubts=tuple([one.number for one in bars]) if asked else ())
    number = every[-1].number + 1 if every else 1
    body: dict[str, Any] = {"attempt": attempt_id(redemption, number), "lane": lane}
    pen.fact(ACTUATING, body if by is None else body | {"by": by}, of=redemption)
    return Began(number, heads=row[1])


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of an attempt. `sure`: it did not open, beyond doubt; `sent`: something may have reached the gate."""

    outcome: str
    why: str = ""
    sure: bool = False
    sent: bool = True


def withdraw(pen: Pen, redemption: str, *, why: str) -> None:
    """Journal that an attempt was never sent, where there is one of which nothing is known: nobody was told of it."""
    last = last_tried(pen.conn, redemption)
    if last is not None and last.outcome == UNKNOWN:
        body = {"attempt": attempt_id(redemption, last.number), "why": why, "sure": True}
        pen.fact(NOT_ACTUATED, body, of=redemption)


def ended(pen: Pen, redemption: str, number: int, what: Ended, *, gives_back: bool) -> Stepped | None:
    """Journal what came of an attempt; one that surely did not open gives the use back. Returns that annulment."""
    attempt = attempt_id(redemption, number)
    if what.outcome == ACTUATED:
        actuated(pen, redemption, attempt=attempt)
        return None
    body: dict[str, Any] = {"attempt": attempt, "why": what.why[:MAX_WHY]}
    pen.fact(what.outcome, body | ({"sure": True} if what.sure else {}), of=redemption)
    row = pen.conn.execute(STATE, (redemption,)).fetchone()
    keeps = row is None or row[0] != State.GRANTED or is_paid(pen.conn, redemption)  # money was taken: staff see to it
    if keeps or not (gives_back and what.sure):
        return None
    stepped = annul(pen, redemption, cause="not_actuated")
    if what.sent:
        pen.conn.execute(NONCE_OF, (redemption, 0))
    return stepped


def went_through(pen: Pen, redemption: str, number: int) -> Stepped:
    """Journal that somebody walked through after an attempt in doubt: its visitor has passed, and so it opened."""
    stepped = passed(pen, redemption)
    known = any(one.number == number and one.outcome == ACTUATED for one in _tried(pen.conn, redemption))
    if stepped.error is None and not known:
        actuated(pen, redemption, attempt=attempt_id(redemption, number))
    return stepped
