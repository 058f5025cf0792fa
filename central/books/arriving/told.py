"""What each terminal is told of conflicts, and what it wrote down of them: its own fact is the only witness of that.

An answer may be lost, be under way, or have been given before the platform was restored from an older copy: that a
conflict was read for an answer says nothing. A terminal writes down what it was told as a fact `claim_conflict`, and
facts arrive. So:

- a conflict is told with every answer until the terminal's newest word about it agrees with the books;
- where it says that something overran, and the books do not have it so (it was taken back, and forgotten, while that
  word was under way), it is told `dissolved`; nobody else is: of what never was heard of nothing need be taken back;
- whether the books have it so can be said when they know everybody whom the word names. Until then it waits as a row of
  the kind `said`, and is weighed with every answer to its terminal: after a restore facts come in any order. Of one
  terminal MAX_SAID wait and no more: somebody who lies may write down what nobody told, and each costs all its answers;
- of what no fact takes back (a rolling bound) a word waits only for what stands: `other_seq` 1 says so;
- the word `dissolved` of something that stands, or stands again, is answered with what stands.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from central.books.conflicts import KINDS, NOTE, SAID, STANDING, STANDS, TOLD
from central.books.counts import window
from central.books.planned import Incoming
from storage.jobs import Row, Tx, storable
from sync.wire.messages import MAX_TOLD, Conflict, Other

MAX_SAID: Final = 3 * MAX_TOLD  # words of a terminal that wait
UNHEARD: Final = (
    "SELECT c.seq, c.kind, c.key, c.other_terminal, c.other_at_ms, c.other_id"  # noqa: S608 - figures of ours
    " FROM conflicts c JOIN terminals t ON t.terminal = c.other_terminal WHERE c.terminal = $1 AND c.heard = 0"
    f" ORDER BY CASE WHEN c.kind = '{SAID}' THEN 1 ELSE 0 END, c.number, c.epoch, c.seq, c.key LIMIT {MAX_TOLD}"
)
PLACE: Final = "terminal = $1 AND seq = $2 AND key = $3"
AGREED: Final = f"UPDATE conflicts SET heard = 1 WHERE {PLACE} AND {STANDS}"  # noqa: S608 - texts of ours, as below
DENIED: Final = f"UPDATE conflicts SET heard = 0 WHERE {PLACE} AND {STANDS}"  # noqa: S608
HEARD_OVER: Final = f"UPDATE conflicts SET heard = 1 WHERE {PLACE} AND kind = 'dissolved'"  # noqa: S608
IS_OVER: Final = f"SELECT 1 FROM conflicts WHERE {PLACE} AND kind = 'dissolved'"  # noqa: S608
OVER_AGAIN: Final = (
    "UPDATE conflicts SET heard = 0, other_terminal = $4, other_at_ms = $5, other_id = $6,"  # noqa: S608
    f" number = (SELECT max(number) + 1 FROM conflicts) WHERE {PLACE} AND kind = 'dissolved' AND heard = 1"
)
UNSAID: Final = f"DELETE FROM conflicts WHERE {PLACE} AND kind = '{SAID}'"  # noqa: S608
SAY: Final = (
    "INSERT INTO conflicts (terminal, epoch, seq, kind, key, redemption,"  # noqa: S608
    " other_terminal, other_seq, other_at_ms, other_id, noticed_ms, number)"
    f" VALUES ($1, $2, $3, '{SAID}', $4, '', $5, $9, $6, $7, $8, 0) ON CONFLICT DO NOTHING"
)
WAIT: Final = f"SELECT count(*) FROM conflicts WHERE terminal = $1 AND kind = '{SAID}'"  # noqa: S608
OWN: Final = "SELECT epoch, redemption FROM uses WHERE key = $1 AND terminal = $2 AND seq = $3"
THEIRS: Final = "SELECT seq FROM uses WHERE key = $1 AND terminal = $2 AND redemption = $3"
# Words that waited and can be answered: what they say stands, or everybody whom they name is known and nothing stands.
RIPE: Final = (
    "SELECT c.seq, c.key, c.other_terminal, c.other_at_ms, c.other_id, c.epoch, c.noticed_ms FROM conflicts c"  # noqa: S608
    f" WHERE c.terminal = $1 AND c.kind = '{SAID}' AND (EXISTS (SELECT 1 FROM conflicts s WHERE s.terminal = $1"
    f" AND s.seq = c.seq AND s.key = c.key AND s.kind NOT IN ('dissolved', '{SAID}')) OR (c.other_seq = 0 AND EXISTS"
    " (SELECT 1 FROM uses u WHERE u.key = c.key AND u.terminal = $1 AND u.seq = c.seq) AND EXISTS (SELECT 1 FROM uses u"
    " WHERE u.key = c.key AND u.terminal = c.other_terminal AND u.redemption = c.other_id) AND NOT EXISTS (SELECT 1"
    f" FROM overruns o WHERE o.key = c.key AND o.dissolved_ms IS NULL))) ORDER BY c.seq, c.key LIMIT {MAX_TOLD}"
)


class Word(msgspec.Struct, frozen=True):
    """What a terminal says that it was told, where it came with, and when."""

    said: Conflict
    epoch: str
    at_ms: int

    @property
    def other(self) -> Other | None:
        """Return who else held it; the books name one."""
        return self.said.others[0] if self.said.others else None


async def hear(tx: Tx, incoming: Incoming, body: dict[str, Any]) -> None:
    """Hear that a terminal wrote a conflict down, after its batch is booked; a body of another form says nothing."""
    told = {"seq": body.get("seq"), "key": body.get("key"), "kind": body.get("conflict"), "with": body.get("with", [])}
    try:
        said = msgspec.convert(told, Conflict)
    except msgspec.ValidationError:
        return
    if all(storable(text) for text in (said.key, *(one.redemption or "" for one in said.others))):
        await _hear(tx, incoming.terminal, Word(said, incoming.epoch, incoming.received_ms))


async def _hear(tx: Tx, terminal: str, word: Word) -> None:
    said, place = word.said, (terminal, word.said.seq, word.said.key)
    await tx.execute(UNSAID, *place)  # its newest word counts
    if said.kind == "dissolved":
        await tx.execute(HEARD_OVER, *place)
        await tx.execute(DENIED, *place)
    elif not await tx.execute(AGREED, *place) and word.other is not None:
        await _answer(tx, terminal, word, word.other)


async def _answer(tx: Tx, terminal: str, word: Word, other: Other) -> None:
    """Tell a terminal that what it wrote down is over, or keep its word until that can be said."""
    said, place = word.said, (terminal, word.said.seq, word.said.key)
    if await tx.row(IS_OVER, *place) is not None:
        await tx.execute(OVER_AGAIN, *place, other.terminal, other.at_ms, other.redemption)
        return
    own = await tx.row(OWN, said.key, terminal, said.seq)
    theirs = await tx.row(THEIRS, said.key, other.terminal, other.redemption)
    ends = said.key[:1] in KINDS and window(said.key, 0) is None
    if own is None or theirs is None or not ends or await tx.row(STANDING, said.key) is not None:
        waiting = await tx.row(WAIT, terminal)
        if waiting is not None and waiting[0] < MAX_SAID:
            kept = (other.terminal, other.at_ms, other.redemption, word.at_ms, int(not ends))
            await tx.execute(SAY, terminal, word.epoch, said.seq, said.key, *kept)
        return
    epoch, redemption = own
    beside = (other.terminal, theirs[0], other.at_ms, other.redemption, word.at_ms)
    await tx.execute(NOTE, terminal, epoch, said.seq, "dissolved", said.key, redemption, *beside)


async def conflicts_of(tx: Tx, terminal: str) -> list[Conflict]:
    """Return the conflicts that `terminal` has not said it heard of, oldest first."""
    return (await conflicts_of_each(tx, [terminal]))[0]


async def conflicts_of_each(tx: Tx, terminals: Sequence[str]) -> list[list[Conflict]]:
    """Return the conflicts that each of `terminals` has not said it heard of, oldest first; weigh words that waited."""
    found = await tx.rows_each(UNHEARD, [(terminal,) for terminal in terminals])
    for at, (terminal, rows) in enumerate(zip(terminals, found, strict=True)):
        if any(row[1] == SAID for row in rows) and await _weigh(tx, terminal):
            found[at] = await tx.rows(UNHEARD, terminal)
    return [[_told(row) for row in rows if row[1] != SAID] for rows in found]


async def _weigh(tx: Tx, terminal: str) -> bool:
    """Answer the words of a terminal that waited and can be answered now; return whether there were any."""
    ripe = await tx.rows(RIPE, terminal)
    for seq, key, other, at_ms, whose, epoch, said_ms in ripe:
        others = [Other(terminal=other, redemption=whose, at_ms=at_ms)]
        await _hear(tx, terminal, Word(Conflict(seq=seq, key=key, kind="limit", others=others), epoch, said_ms))
    return bool(ripe)


def _told(row: Row) -> Conflict:
    seq, kind, key, other, at_ms, whose = row
    said: Literal["limit", "nonce", "dissolved"] = TOLD[kind]
    return Conflict(seq=seq, kind=said, key=key, others=[Other(terminal=other, redemption=whose, at_ms=at_ms)])
