"""Keys that a terminal had before: its box was replaced, or it was enrolled anew (illness.md 4 and 11, field.md).

Rules of this file:

- a former key is good for the journal and for asking where it stands, and for nothing else: facts are accepted whoever
  is behind with them (ADR 10), decisions are not helped;
- whoever speaks with one is told one order, `replaced`, until its own fact says that it obeyed: it grants no more, and
  lets out whoever is in;
- facts that happened after the key's end are stored and booked like any other, and are a finding each: they stand
  apart for people to look at;
- a key that is enrolled again is former no more.
"""

from dataclasses import dataclass
from typing import Final

from storage.jobs import Tx
from sync.wire.messages import Command, WireError
from sync.wire.profiles import MAX_FORMER
from sync.wire.seals import Sealed, open_record

MAX_KEYS: Final = MAX_FORMER  # newest first; an older box brings its card to `central journal import` by other means
APART: Final = "after_replacement"

END: Final = (
    "INSERT INTO former_keys (terminal, public_key, ended_ms, number, heard) VALUES ($1, $2, $3, $4, 0)"
    " ON CONFLICT (terminal, public_key)"
    " DO UPDATE SET ended_ms = excluded.ended_ms, number = excluded.number, heard = 0"
)
BACK: Final = "DELETE FROM former_keys WHERE terminal = $1 AND public_key = $2"
KEYS: Final = (
    "SELECT public_key, ended_ms, number, heard FROM former_keys WHERE terminal = $1 ORDER BY number DESC LIMIT $2"
)
HEARD: Final = "UPDATE former_keys SET heard = 1 WHERE terminal = $1 AND public_key = $2 AND number = $3"
NOW: Final = "SELECT public_key FROM terminals WHERE terminal = $1"
LAST: Final = "SELECT coalesce(max(number), 0) FROM commands"
ONE_AGAIN: Final = "UPDATE terminals SET twin_ms = NULL, echo_ms = NULL WHERE terminal = $1"
FORGET_STARTS: Final = "DELETE FROM instances WHERE terminal = $1"
ACCUSE_NOBODY: Final = "UPDATE lives SET declared_ms = NULL WHERE terminal = $1"
FIND: Final = (
    "INSERT INTO findings (terminal, epoch, seq, kind, detail, noticed_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class FormerKey:
    """A key and when it ended (ms UTC); `number` is that of the order which its box is told until it was heard."""

    public_key: str
    ended_ms: int
    number: int
    heard: bool

    @property
    def state(self) -> str:
        """What changes when there is something new to say to its box (central.http.waking)."""
        return f"replaced.{self.number}.{int(self.heard)}"

    def orders(self, terminal: str) -> list[Command]:
        """Return what its box is told."""
        told = Command(terminal=terminal, number=self.number, action="replaced", reason="本终端已由另一台机器接替")
        return [] if self.heard else [told]


async def replace_key(tx: Tx, terminal: str, public_key: str, *, now_ms: int) -> None:
    """End the key that `terminal` has, because it is enrolled with `public_key`; call it before that is written."""
    await tx.execute(BACK, terminal, public_key)
    row = await tx.row(NOW, terminal)
    if row is None or row[0] is None or row[0] == public_key:
        return
    newest = await tx.rows(KEYS, terminal, 1)
    last = await tx.row(LAST)
    above = max(int(last[0]) if last else 0, int(newest[0][2]) if newest else 0)
    await tx.execute(END, terminal, row[0], now_ms, max(above + 1, now_ms))
    await settle_twin(tx, terminal)


async def settle_twin(tx: Tx, terminal: str) -> None:
    """Let a name that two machines bore be one's again: the other's key is former now (central.lives).

    Which of the two goes on is the office's word: epochs that either declared before say nothing any more.
    """
    await tx.execute(ACCUSE_NOBODY, terminal)
    await tx.execute(ONE_AGAIN, terminal)
    await tx.execute(FORGET_STARTS, terminal)


async def former_keys(tx: Tx, terminal: str) -> list[FormerKey]:
    """Return the keys that `terminal` had, the newest first."""
    rows = await tx.rows(KEYS, terminal, MAX_KEYS)
    return [FormerKey(key, ended_ms, number, bool(heard)) for key, ended_ms, number, heard in rows]


async def note_former(tx: Tx, sealed: Sealed, former: FormerKey, *, now_ms: int) -> int:
    """Look at what came under a former key: hear its obedience, set late facts apart; return how many were late."""
    terminal, late = sealed.seal.terminal, 0
    for link in sealed.links:
        try:
            record = open_record(link)
        except WireError:
            continue  # kept as bytes, and told in the answer
        if record.body.get("order") == former.number:
            await tx.execute(HEARD, terminal, former.public_key, former.number)
        elif record.at_ms > former.ended_ms and record.redemption is not None:
            late += 1
            detail = f"{record.kind} {record.redemption}, {record.at_ms - former.ended_ms} ms after the key's end"
            await tx.execute(FIND, terminal, sealed.seal.epoch, record.seq, APART, detail, now_ms)
    return late
