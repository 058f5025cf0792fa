"""Drafts in the books: made, found, moved. Jobs alone; what a draft means is its kind's affair (`kinds`)."""

import json
from dataclasses import dataclass
from typing import Any, Final

from central.office.drafts.states import Move, State, after
from central.office.refusals import NotThereError, RefusedError
from central.register.warrants import Warrant
from storage.jobs import Row, Tx

COLUMNS: Final = (
    "number, city, kind, authority, subject, content, base, before_json, words, doubts, maker, made_ms, why, state,"
    " from_ms, approver, decided_ms, decided_why, forced, applied_ms, result"
)
NEXT: Final = "SELECT coalesce(max(number), 0) + 1 FROM drafts"
PUT: Final = (
    f"INSERT INTO drafts ({COLUMNS})"  # noqa: S608 - columns of our own
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, NULL, NULL, NULL, 0, NULL, NULL)"
)
ONE: Final = f"SELECT {COLUMNS} FROM drafts WHERE number = $1"  # noqa: S608
BRIEF: Final = COLUMNS.replace(
    "content, base, before_json", "CASE WHEN kind = 'members' THEN content ELSE 'null' END, base, 'null'"
)
LISTED: Final = f"SELECT {BRIEF} FROM drafts WHERE city = $1 ORDER BY number DESC LIMIT $2"  # noqa: S608
LISTED_AT: Final = f"SELECT {BRIEF} FROM drafts WHERE city = $1 AND state = $3 ORDER BY number DESC LIMIT $2"  # noqa: S608
OF_SUBJECT: Final = (
    f"SELECT {COLUMNS} FROM drafts WHERE city = $1 AND kind = $2 AND subject = $3 ORDER BY number DESC LIMIT 1"  # noqa: S608
)
DUE: Final = (
    f"SELECT {COLUMNS} FROM drafts WHERE state = 'approved' AND from_ms <= $1 ORDER BY from_ms, number LIMIT 20"  # noqa: S608
)
DECIDE: Final = (
    "UPDATE drafts SET state = $2, approver = $3, decided_ms = $4, decided_why = $5, forced = $6 WHERE number = $1"
)
MOVE: Final = "UPDATE drafts SET state = $2 WHERE number = $1"
BEFORE: Final = "UPDATE drafts SET before_json = $2 WHERE number = $1 AND before_json = 'null'"
APPLIED: Final = "UPDATE drafts SET state = $2, applied_ms = $3, result = $4, before_json = $5 WHERE number = $1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One sentence in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a kind of draft makes of what was asked: checked, compared, in words."""

    city: str
    kind: str
    authority: str
    subject: str
    content: Any
    base: str = ""
    words: tuple[Words, ...] = ()
    doubts: tuple[Words, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A draft as it stands."""

    number: int
    city: str
    kind: str
    authority: str
    subject: str
    content: Any
    base: str
    before: Any
    words: tuple[Words, ...]
    doubts: tuple[Words, ...]
    maker: str
    made_ms: int
    why: str
    state: State
    from_ms: int
    approver: str | None
    decided_ms: int | None
    decided_why: str | None
    forced: bool
    applied_ms: int | None
    result: Any

    def to_json(self) -> dict[str, Any]:
        """Return it for whoever asks over HTTP."""
        return {
            "number": self.number,
            "city": self.city,
            "kind": self.kind,
            "authority": self.authority,
            "subject": self.subject,
            "state": self.state.value,
            "words": _plain(self.words),
            "doubts": _plain(self.doubts),
            "maker": self.maker,
            "approver": self.approver,
            "from_ms": self.from_ms,
            "applied_ms": self.applied_ms,
            "result": self.result,
        }


def by_both(draft: Draft) -> Warrant:
    """Return the word of the two people behind a draft; raise UnwarrantedError while there is one alone."""
    return Warrant.by_two(draft.maker, draft.approver, source=f"draft:{draft.number}:{draft.made_ms}")


def by_both_undone(draft: Draft) -> Warrant:
    """Return the word by which a draft is undone: one act, within what two people decided."""
    return Warrant.by_two(draft.maker, draft.approver, source=f"undo:{draft.number}:{draft.made_ms}")


def _plain(words: tuple[Words, ...]) -> list[dict[str, str]]:
    return [{"zh": one.zh, "en": one.en} for one in words]


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _read(row: Row) -> Draft:
    number, city, kind, authority, subject, content, base, before, words, doubts, *rest = row
    maker, made_ms, why, state, from_ms, approver, decided_ms, decided_why, forced, applied_ms, result = rest
    return Draft(
        number=number,
        city=city,
        kind=kind,
        authority=authority,
        subject=subject,
        content=json.loads(content),
        base=base,
        before=json.loads(before),
        words=tuple(Words(**one) for one in json.loads(words)),
        doubts=tuple(Words(**one) for one in json.loads(doubts)),
        maker=maker,
        made_ms=made_ms,
        why=why,
        state=State(state),
        from_ms=from_ms,
        approver=approver,
        decided_ms=decided_ms,
        decided_why=decided_why,
        forced=bool(forced),
        applied_ms=applied_ms,
        result=None if result is None else json.loads(result),
    )


async def put(tx: Tx, proposal: Proposal, *, maker: str, why: str, from_ms: int, now_ms: int) -> int:
    """Keep a draft and return its number. After an act of the same transaction: that serialises the numbers."""
    row = await tx.row(NEXT)
    number = int(row[0]) if row else 1
    what = (proposal.city, proposal.kind, proposal.authority, proposal.subject, _text(proposal.content), proposal.base)
    told = (_text(_plain(proposal.words)), _text(_plain(proposal.doubts)))
    await tx.execute(PUT, number, *what, "null", *told, maker, now_ms, why, State.OPEN.value, from_ms)
    return number


async def get(tx: Tx, number: int) -> Draft:
    """Return a draft; raise NotThereError."""
    row = await tx.row(ONE, number)
    if row is None:
        raise NotThereError(f"没有第 {number} 号草稿 · there is no draft {number}")
    return _read(row)


async def listed(tx: Tx, city: str, *, state: str = "", many: int = 100) -> list[Draft]:
    """Return the drafts of a city, the newest first, without the files and rows they bring: a list shows none."""
    rows = await (tx.rows(LISTED_AT, city, many, state) if state else tx.rows(LISTED, city, many))
    return [_read(row) for row in rows]


async def about(tx: Tx, city: str, kind: str, subject: str) -> Draft | None:
    """Return the newest draft of a kind about something; None where there is none."""
    row = await tx.row(OF_SUBJECT, city, kind, subject)
    return None if row is None else _read(row)


async def due(tx: Tx, *, now_ms: int) -> list[Draft]:
    """Return approved drafts whose time has come, in order."""
    return [_read(row) for row in await tx.rows(DUE, now_ms)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the second pair of eyes says. `forced`: in spite of the doubts."""

    approver: str
    why: str
    forced: bool = False


async def decide(tx: Tx, draft: Draft, move: Move, verdict: Verdict, *, now_ms: int) -> State:
    """Approve or send back a draft, by somebody else than its maker; raise RefusedError, NotNowError."""
    state = after(draft.state, move)
    if verdict.approver == draft.maker:
        raise RefusedError("经办人不能复核自己的草稿 · whoever made a draft cannot check it")
    await tx.execute(DECIDE, draft.number, state.value, verdict.approver, now_ms, verdict.why, int(verdict.forced))
    return state


async def move(tx: Tx, draft: Draft, what: Move) -> State:
    """Move a draft along its table; raise NotNowError."""
    state = after(draft.state, what)
    await tx.execute(MOVE, draft.number, state.value)
    return state


async def keep_before(tx: Tx, draft: Draft, before: Any) -> None:
    """Keep what a draft is about to replace, before it does: after a power cut it is not to be seen any more."""
    await tx.execute(BEFORE, draft.number, _text(before))


async def applied(tx: Tx, draft: Draft, *, before: Any, result: Any, now_ms: int) -> None:
    """Note that a draft is in force, what it replaced and what it became."""
    state = after(draft.state, Move.APPLY)
    await tx.execute(APPLIED, draft.number, state.value, now_ms, _text(result), _text(before))
