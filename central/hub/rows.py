"""What a site knows of whom an ask is about: open things, passes, purchases, who is inside (claims.md, "The call").

Rules of this file:

- it is read in the asker's job and writes nothing; at most MAX_ROWS of each kind are told, the newest;
- only what facts have told, of the asker's own site; its own redemptions as well: they may have ended elsewhere;
- `under`: own ones that another gate ended, and the keys under which they stand no more.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from central.books.counts import WHOLE
from central.books.elsewhere.telling import INSIDE, clean, named_asset, tidy
from central.books.settling.accounts import Steps, unpacked
from central.books.tallies import CLOSED
from storage.jobs import Row, Tx
from sync.wire.claims import MAX_ROWS, About, BoughtRow, ClaimRequest, OpenRow, PassRow, SiteRows

log = logging.getLogger("central.hub")
T = TypeVar("T")

SITE: Final = "SELECT site FROM terminals WHERE terminal = $1"
COLUMNS: Final = "r.redemption, r.terminal, r.epoch, r.kind, r.state, r.at_ms, r.told, r.account, r.keys"
OF_NAME: Final = (
    f"SELECT {COLUMNS}, n.root, n.inside, n.left_ms FROM named n JOIN redemptions r ON r.redemption = n.redemption"  # noqa: S608 - constant columns
    " WHERE n.name = $1 AND r.told IS NOT NULL ORDER BY n.redemption DESC LIMIT 200"
)
BY_ID: Final = (
    f"SELECT {COLUMNS}, '', 0, NULL FROM redemptions r WHERE r.redemption = $1 AND r.site = $2 AND r.told IS NOT NULL"  # noqa: S608 - constant columns
)
BACK: Final = "SELECT n, back FROM uses WHERE key = $1 AND terminal = $2 AND epoch = $3 AND redemption = $4"
SPENT: Final = "SELECT spent FROM tallies WHERE key = $1"
RETURNABLE: Final = frozenset({"granted", "passed"})


class Known(NamedTuple):
    """What a site knows: the rows to be told, and which of the asker's own ended, by key."""

    site: SiteRows
    under: dict[str, list[str]]


class Thing(NamedTuple):
    """One redemption that other gates know of."""

    redemption: str
    terminal: str
    epoch: str
    kind: str
    state: str
    at_ms: int
    told: Mapping[str, Any]
    steps: Steps
    keys: Sequence[str]
    root: str
    inside: int
    left_ms: int | None

    @property
    def over(self) -> bool:
        """Return whether nothing of it stands any more."""
        return self.state in WHOLE or self.state in CLOSED

    @property
    def returnable(self) -> bool:
        """Return whether it was bought or entered, and stands."""
        return self.kind == "granted" and self.state in RETURNABLE

    @property
    def answer(self) -> str:
        """Return what was given, as the JSON text that an ending shows again."""
        given = self.told.get("given", [])
        first = given[0].get("offer") if given and isinstance(given[0], dict) else None
        return json.dumps({"offers": given, "offer": self.told.get("offer", first)}, ensure_ascii=False)

    @property
    def benefit(self) -> str:
        """Return the first benefit that was given."""
        given = self.told.get("given", [])
        return str(given[0].get("benefit") or "?") if given and isinstance(given[0], dict) else "?"


async def known_at_site(tx: Tx, terminal: str, ask: ClaimRequest, proved: Mapping[str, int]) -> Known:
    """Return what the asker's site knows of whom the ask is about, and how many are inside under its keys.

    `proved` is what stands under each key asked for, the asker's own word included.
    """
    inside = {key: max(0, n) for key, n in proved.items() if key.startswith(INSIDE)}
    site = await tx.row(SITE, terminal)
    if ask.about is None or site is None:
        return Known(SiteRows(inside=inside), {})
    things = [_thing(row) for row in await _rows(tx, site[0], ask.about)]
    for one in things:
        within = one.inside > 0 and not one.over and one.terminal != terminal  # of its own it knows better
        for key in one.keys if within else ():
            if key.startswith(INSIDE) and key not in inside and len(inside) < MAX_ROWS:
                inside[key] = await _spent(tx, key)
    standing = [one for one in things if not one.over and one.state != "awaiting"]
    rows = SiteRows(
        open=_well([_open(one) for one in standing if one.kind == "opened"], OpenRow),
        passes=_well([await _pass(tx, terminal, every) for every in _passes(standing)], PassRow),
        bought=_well(
            [_bought(one) for one in standing if one.kind == "granted" and one.state in RETURNABLE], BoughtRow
        ),
        inside=inside,
    )
    return Known(rows, await _ended(tx, terminal, things))


def _well(rows: Sequence[T], form: type[T]) -> list[T]:
    """Return the rows that are of the form in which they travel: what some fact says in another way ends nobody's."""
    found = []
    for row in rows:
        try:
            found.append(msgspec.convert(msgspec.to_builtins(row), form))
        except msgspec.ValidationError as error:
            log.warning("a redemption is not told to its site: %s", error)
    return found[:MAX_ROWS]


async def _rows(tx: Tx, site: str, about: About) -> list[Row]:
    if about.redemption is not None:
        return await tx.rows(BY_ID, about.redemption, site)
    name = clean(f"{site}|{about.subject}") if about.subject is not None else named_asset(site, about.asset or "")
    return await tx.rows(OF_NAME, name)


def _thing(row: Row) -> Thing:
    redemption, terminal, epoch, kind, state, at_ms, told, account, keys, root, inside, left_ms = row
    steps = Steps() if account is None else unpacked(json.loads(account))
    told, keys = tidy(json.loads(told)), json.loads(keys)
    return Thing(redemption, terminal, epoch, kind, state, at_ms, told, steps, keys, root, inside, left_ms)


async def _spent(tx: Tx, key: str) -> int:
    row = await tx.row(SPENT, key)
    return 0 if row is None else max(0, int(row[0]))


async def _ended(tx: Tx, terminal: str, things: Sequence[Thing]) -> dict[str, list[str]]:
    """Return the keys under which the asker's own stand no more, each with those redemptions."""
    found: dict[str, list[str]] = {}
    own = [one for one in things if one.terminal == terminal and (one.over or one.inside == 0)]
    for one in own[:MAX_ROWS]:
        for key in one.keys if one.over else [key for key in one.keys if key.startswith(INSIDE)]:
            row = await tx.row(BACK, key, one.terminal, one.epoch, one.redemption)
            if row is not None and row[1] >= row[0] and one.state != "annulled" and len(found) < MAX_ROWS:
                found.setdefault(key, []).append(one.redemption)
    return found


def _open(one: Thing) -> OpenRow:
    return OpenRow(
        redemption=one.redemption,
        terminal=one.terminal,
        benefit=one.benefit,
        issuer=str(one.told.get("issuer") or "?"),
        scene=str(one.told.get("scene") or "?"),
        intent=str(one.told.get("intent") or "?"),
        at_ms=one.at_ms,
        answer=one.answer,
        asset=one.told.get("asset"),
        due_ms=one.told.get("due_ms"),
        on_overdue="withhold" if one.told.get("on_overdue") == "withhold" else "flag",
    )


def _bought(one: Thing) -> BoughtRow:
    return BoughtRow(
        redemption=one.redemption,
        terminal=one.terminal,
        benefit=one.benefit,
        at_ms=one.at_ms,
        heads=max(1, one.told.get("heads", 1)),
        answer=one.answer,
        until_ms=one.told.get("reversal_until_ms"),
        amount_fen=one.told.get("amount_fen"),
        returned_fen=one.steps.returned_fen,
        returned_heads=min(one.steps.returned_heads, 10_000),
        intent=str(one.told.get("intent") or "?"),
        passed=one.steps.passed,
    )


def _passes(standing: Sequence[Thing]) -> list[list[Thing]]:
    """Return the newest pass of each benefit, with all entries under it that stand, the first of them last."""
    by_root: dict[str, list[Thing]] = {}
    for one in standing:
        if isinstance(one.told.get("pass"), dict) and one.root and one.state in RETURNABLE:
            by_root.setdefault(one.root, []).append(one)
    newest: dict[str, list[Thing]] = {}
    for root, every in sorted(by_root.items()):  # ids rise with time
        if any(one.redemption == root for one in every):
            newest[str(every[0].told["pass"].get("of"))] = every
    return list(newest.values())


async def _pass(tx: Tx, terminal: str, every: Sequence[Thing]) -> PassRow:
    root = every[-1].root
    return PassRow(
        redemption=root,
        benefit=str(every[0].told["pass"].get("of")),
        entries=await _spent(tx, f"p|{root}"),
        last_ms=max(max(one.at_ms, one.left_ms or one.at_ms) for one in every),
        elsewhere=any(one.terminal != terminal for one in every),
    )
