"""Two facts that should not both have happened: found, kept, and told to both sides. Never a reason to refuse one.

Rules of this file:

- a redemption id granted by two terminals is the conflict `redemption`;
- more uses under one key, at two or more terminals, than its bound is the conflict `limit`; of a thing that may be
  open once, `open`; of a code that is good once, `replay`. Each terminal kept the rule alone, and could not know of
  the other (journal.md, "Claims"; product.md, promise 2);
- a fact that overruns a bound is one conflict, with the newest use of another terminal: each side is told once,
  however many uses came before;
- what was annulled or reversed does not count; a conflict once noticed stays on record;
- a conflict is told to a terminal with every answer until the terminal's own `claim_conflict` fact about it arrives.
"""

from typing import Any

from central.books.counts import Side, give_back, take, uses_of
from credit.records import Record
from storage.jobs import Tx
from sync.wire.messages import Conflict, Other

GRANTING = frozenset({"granted", "opened"})
KINDS = {"u": "limit", "p": "limit", "o": "open", "n": "replay"}  # by what the key counts (central.books.counts)

GRANTED_BEFORE = (
    "SELECT terminal, seq, at_ms, redemption FROM facts"
    " WHERE redemption = $1 AND kind IN ('granted', 'opened') AND terminal <> $2"
)
NOTE = (
    "INSERT INTO conflicts (terminal, seq, kind, key, other_terminal, other_seq, other_at_ms, redemption, noticed_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
)
UNHEARD = (
    "SELECT c.seq, c.kind, c.key, c.other_terminal, t.site, c.other_seq, c.other_at_ms, c.redemption"
    " FROM conflicts c JOIN terminals t ON t.terminal = c.other_terminal"
    " WHERE c.terminal = $1 AND c.heard = 0 ORDER BY c.number LIMIT 100"
)
HEARD = (
    "UPDATE conflicts SET heard = 1"
    " WHERE terminal = $1 AND seq = $2 AND kind = $3 AND key = $4 AND other_terminal = $5 AND other_seq = $6"
)


async def notice(tx: Tx, *, terminal: str, record: Record, now_ms: int) -> None:
    """Note what a fresh fact uses or gives back, and every conflict that comes to light with it."""
    if record.kind == "claim_conflict":
        await _hear(tx, terminal, record.body)
    elif record.redemption is not None and record.kind in GRANTING:
        await _notice_grant(tx, Side(terminal, record.seq, record.at_ms, record.redemption), record, now_ms)
    elif record.redemption is not None:
        await give_back(tx, terminal, record)


async def _notice_grant(tx: Tx, here: Side, record: Record, now_ms: int) -> None:
    for row in await tx.rows(GRANTED_BEFORE, here.redemption, here.terminal):
        await _note(tx, "redemption", here.redemption, here, Side(*row), now_ms)
    for use in uses_of(record):
        there = await take(tx, use, here)
        if there is not None:
            await _note(tx, KINDS[use.key[0]], use.key, here, there, now_ms)


async def _note(tx: Tx, kind: str, key: str, here: Side, there: Side, now_ms: int) -> None:
    """Note a conflict on both sides."""
    for one, other in ((here, there), (there, here)):
        await tx.execute(NOTE, one.terminal, one.seq, kind, key, *other, now_ms)


async def _hear(tx: Tx, terminal: str, body: dict[str, Any]) -> None:
    other = body.get("with")
    named = [body.get("seq"), body.get("conflict"), body.get("key")]
    named += [other.get("terminal"), other.get("seq")] if isinstance(other, dict) else [None, None]
    if all(isinstance(value, (str, int)) for value in named):
        await tx.execute(HEARD, terminal, *named)


async def conflicts_of(tx: Tx, terminal: str) -> list[Conflict]:
    """Return the conflicts that `terminal` has not said it heard of, oldest first."""
    found = []
    for seq, kind, key, other, site, other_seq, at_ms, redemption in await tx.rows(UNHEARD, terminal):
        there = Other(terminal=other, site=site, seq=other_seq, at_ms=at_ms, redemption=redemption)
        found.append(Conflict(seq=seq, kind=kind, key=key, other=there))
    return found
