"""The pen of one transaction: where it writes, at what moment, and how new ids are made.

Rules of this file:

- a pen lives as long as its transaction; whoever holds one is inside it, and neither begins nor commits it;
- everything that happens is written down by `fact`: one moment, one maker of ids, one chain (cache.journal.chain).

    >>> from cache.journal.chain import begin_epoch
    >>> from storage.sqlite import memory
    >>> pen = Pen(memory(), Now(utc_ms=1_790_000_000_000), ids=lambda at_ms: f"id-{at_ms}")
    >>> begin_epoch(pen.conn, epoch="e-1", terminal="gate-1", reason="enrolled").from_seq
    1
    >>> pen.fact("note", {"said": "good morning"})
    1
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from cache.journal.chain import NewFact, append
from credit.inputs import Now

Ids = Callable[[int], str]
"""Makes a fresh record or redemption id for a time in milliseconds UTC; `cache.ids.uuid7` is one."""


class Pen(Struct, frozen=True):
    """Writes one transaction."""

    conn: sqlite3.Connection
    now: Now
    ids: Ids

    def fresh(self) -> str:
        """Return a new id of this moment."""
        return self.ids(self.now.utc_ms)

    def fact(self, kind: str, body: dict[str, Any], *, of: str | None = None, named: str | None = None) -> int:
        """Append a fact about the redemption `of` and return its seq; `named`: an id that was made for it before."""
        at_ms = self.now.utc_ms
        record_id = named or self.ids(at_ms)
        return append(self.conn, NewFact(kind, body, at_ms, record_id, of)).seq
