"""Whether a hub told the truth: a denial that rests on its word, and no such use after a day, is a finding against it.

A hub is trusted until the platform has reconciled (town.md): one that says "used" of what nobody used denies people a
benefit of its site, and nothing else shows it. So a denial's fact names the key and whose use it was (claims.md 4), and
a day later, when every gate in reach has brought its facts, the books are asked whether anybody used that key by then.

Rules of this file:

- a use that was given back meanwhile was a use: the hub spoke the truth when it spoke;
- a code that was burnt (`n|`) is counted at hubs alone, so its denials say nothing here;
- each denial is looked at once; the finding bears the name of the hub and points at the denial.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from central.books.counts import figure
from central.books.elsewhere.telling import clean
from central.books.planned import Entry
from central.books.settling.accounts import name_of
from credit.records import Record
from storage.jobs import Tx

DAY_MS: Final = 86_400_000
SLACK_MS: Final = 300_000  # two gates' clocks
MOST: Final = 200  # of one round
NONCE: Final = "n|"
KIND: Final = "hub_word"
KEEP: Final = (
    "INSERT INTO hub_words (terminal, epoch, seq, key, at_ms, said, site, hub_no, received_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING"
)
DENIAL: Final = "not_granted"
DUE: Final = (
    "SELECT terminal, epoch, seq, key, at_ms, said, site, hub_no FROM hub_words WHERE received_ms <= $1"
    " ORDER BY received_ms, terminal, epoch, seq LIMIT $2"
)
USED: Final = "SELECT 1 FROM uses WHERE key = $1 AND at_ms <= $2 LIMIT 1"
HUB: Final = "SELECT terminal FROM hubs WHERE site = $1 AND no = $2"
DONE: Final = "DELETE FROM hub_words WHERE terminal = $1 AND epoch = $2 AND seq = $3"
FINDING: Final = (
    "INSERT INTO findings (terminal, epoch, seq, kind, detail, noticed_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT DO NOTHING"
)


def words_of(records: Iterable[Record], *, site: str) -> list[tuple[int, str, int, str, str, int]]:
    """Return (seq, key, at_ms, whose, site, hub number) of each denial that rests on a hub's word "used"."""
    found = []
    for record in records:
        if record.kind != DENIAL:
            continue
        body = record.body
        key, told, number = body.get("key"), body.get("with"), body.get("hub_no")
        if not isinstance(key, str) or not isinstance(told, dict):
            continue
        number = figure(number)
        if not number or key.startswith(NONCE):
            continue
        if isinstance(told.get("at_ms"), int):  # who is only being decided is named without a time
            own = name_of(body.get("site"))
            where = site if own == "?" else own
            found.append((record.seq, clean(key), record.at_ms, name_of(told.get("terminal")), where, number))
    return found


async def keep(tx: Tx, entries: Sequence[Entry]) -> None:
    """Keep the denials among facts that rest on a hub's word."""
    denials = [entry for entry in entries if entry.record.kind == DENIAL]
    rows = [(*came.place, *word, came.received_ms) for came, one in denials for word in words_of([one], site=came.site)]
    if rows:
        await tx.execute_many(KEEP, rows)


async def is_due(tx: Tx, *, now_ms: int) -> bool:
    """Return whether a word is old enough to be looked at."""
    return bool(await tx.rows(DUE, now_ms - DAY_MS, 1))


async def look(tx: Tx, *, now_ms: int) -> int:
    """Look at the oldest words that are due, and name the hub of each that was not true; return how many were not."""
    lies = 0
    for terminal, epoch, seq, key, at_ms, said, site, hub_no in await tx.rows(DUE, now_ms - DAY_MS, MOST):
        if await tx.row(USED, key, at_ms + SLACK_MS) is None:
            lies += 1
            hub = await tx.row(HUB, site, hub_no)
            detail = f"{terminal} denied record {seq} on the word of hub {hub_no}: used by {said}; nobody told of it"
            await tx.execute(FINDING, hub[0] if hub else site, terminal, seq, KIND, detail[:200], now_ms)
        await tx.execute(DONE, terminal, epoch, seq)
    return lies
