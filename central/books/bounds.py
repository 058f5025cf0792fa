"""The bound of a key, from the catalogue that the cities signed: never from whoever says that it was overrun.

A key reads `letter|what[@where]|whose|period` (credit.weighing.demands). The benefit's limits that could have made it
are looked for by letter, reach, holder and period; of several the widest counts, so that nobody is accused by a guess.
What a token bears itself (printed uses, grants, a reservation's heads) is not in the catalogue: there the widest bound
that any holder of the key reported counts, until proofs tell more.
"""

import json
import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from central.books.counts import given_of, keys_of
from credit.rules.benefits import parse_benefits
from credit.rules.catalogue import (
    Benefit,
    CapacityPer,
    Count,
    LifecycleKind,
    Limit,
    OfferKind,
    Per,
    Period,
    Scope,
    Table,
)
from credit.rules.reading import CatalogueError
from sync.wire.claims import BoundBy

log = logging.getLogger("central.books")

LETTERS: Final = {Count.USES: "u", Count.OPEN: "o", Count.AMOUNT: "a"}
PREFIX: Final = {Per.GROUP: "group:", Per.TOKEN: "token:", Per.ORDER: "order:", Per.ASSET: "asset:"}
REACH: Final = {Scope.SITE: "site:", Scope.SITE_SET: "set:", Scope.SCENE: "scene:"}
STOCK: Final = re.compile(r"u\|stock:(.+):v([0-9]{1,9})\Z")


class Bounds:
    """What the catalogues of all cities bound, by key."""

    def __init__(self, benefits: Iterable[Benefit] = ()) -> None:
        self._by_key: dict[str, Benefit] = {}
        self._by_issuer: dict[str, list[Benefit]] = {}
        for benefit in benefits:
            self._by_key[benefit.key] = benefit
            self._by_issuer.setdefault(benefit.issuer, []).append(benefit)

    def of(self, key: str) -> int | None:
        """Return the bound of `key`; None when no signed benefit states one."""
        if key.startswith("n|"):
            return 1
        stock = STOCK.match(key)
        if stock:
            named = self._by_key.get(stock[1])
            return named.offer.stock if named and named.version == int(stock[2]) else None
        letter, what, *rest = key.split("|")
        name, _, reach = what.partition("@")
        found: list[int] = []
        for benefit in self._named(name):
            found += [_most(one) for one in benefit.limits if _fits(one, letter, reach, rest, name.endswith("/*"))]
            found += _opening(benefit, letter, reach, rest) + _capacity(benefit, letter, reach, rest)
        return max(found, default=None)

    def is_of_site(self, quota: str, site: str) -> bool:
        """Return whether what a quota bounds is given at this site alone."""
        named = self._named(quota.split("|")[1].partition("@")[0]) if quota.count("|") else []
        return bool(named) and all(one.where.sites == frozenset({site}) for one in named)

    def by(self, by: BoundBy) -> int | None:
        """Return the bound that a claim says the catalogue states there; None when it states none."""
        benefit = self._stated(by)
        if benefit is None:
            return None
        raises = benefit.offer.kind is OfferKind.RAISE_LIMIT
        stated: dict[str, list[int | None]] = {
            "limit": [_at(one.max, by.tier) for one in benefit.limits],
            "capacity": [one.max for one in benefit.capacity],
            "inside": [one.max for one in benefit.capacity],
            "stock": [benefit.offer.stock],
            "pass": [benefit.lifecycle.entries],
            "open": [_at(benefit.offer.table, by.tier) if raises else 1],
        }
        listed = stated[by.part]
        return listed[by.at] if by.at < len(listed) else None

    def is_older(self, by: BoundBy) -> bool:
        """Return whether the asker knows a newer version of that benefit: nobody here knows what it states."""
        benefit = self._stated(by)
        return benefit is not None and by.version > benefit.version

    def _stated(self, by: BoundBy) -> Benefit | None:
        return next((one for one in self._by_issuer.get(by.issuer, ()) if one.code == by.code), None)

    def untold(self, body: Mapping[str, Any]) -> bool:
        """Return whether a grant's fact keeps silent about a limit per person that a benefit has, as it stands now."""
        whose = f"subject:{body.get('issuer')}:{body.get('subject')}"
        told = {key.split("|")[1].partition("@")[0] for key in keys_of(body) if key.split("|")[2:3] == [whose]}
        for given in given_of(body):
            benefit = self._by_key.get(f"{given.get('issuer')}/{given.get('benefit')}")
            if benefit is None or benefit.version != given.get("version"):
                continue
            for limit in benefit.limits:
                name = f"{benefit.issuer}/*" if limit.scope is Scope.PROGRAMME else benefit.key
                if limit.count is Count.USES and limit.per is Per.SUBJECT and name not in told:
                    return True
        return False

    def _named(self, name: str) -> list[Benefit]:
        if name.endswith("/*"):
            return self._by_issuer.get(name[:-2], [])
        one = self._by_key.get(name)
        return [one] if one else []


def _at(table: Table, tier: int | None) -> int | None:
    return table.fixed if tier is None or not table.by_tier else dict(table.by_tier).get(tier)


def _most(limit: Limit) -> int:
    return max([limit.max.fixed or 0, *(most for _tier, most in limit.max.by_tier)])


def _fits(limit: Limit, letter: str, reach: str, rest: list[str], programme: bool) -> bool:
    if LETTERS.get(limit.count) != letter or len(rest) != 2:  # noqa: PLR2004 - whose, period
        return False
    whose, period = rest
    if (limit.scope is Scope.PROGRAMME) != programme or not reach.startswith(REACH.get(limit.scope, "")):
        return False
    if bool(reach) != (limit.scope in REACH):
        return False
    named = PREFIX.get(limit.per)
    if named is not None and not whose.startswith(named):
        return False
    if (limit.per is Per.ALL) != (whose == "all"):
        return False
    rolling = limit.period is Period.ROLLING and limit.count is not Count.OPEN
    return not rolling or period == f"{limit.rolling_h}h"


def _opening(benefit: Benefit, letter: str, reach: str, rest: list[str]) -> list[int]:
    if letter != "o" or reach or rest[1:] != ["once"] or benefit.lifecycle.kind is not LifecycleKind.OPEN_CLOSE:
        return []
    if benefit.offer.kind is OfferKind.RAISE_LIMIT:
        return [max([benefit.offer.table.fixed or 0, *(most for _tier, most in benefit.offer.table.by_tier)])]
    return [1]


def _capacity(benefit: Benefit, letter: str, reach: str, rest: list[str]) -> list[int]:
    if letter != "u" or reach or len(rest) != 1:
        return []
    part = {CapacityPer.SLOT: "slot:", CapacityPer.DAY: "day:"}
    return [one.max for one in benefit.capacity if not one.site and rest[0].startswith(part.get(one.per, "\0"))]


class Catalogue:
    """The rules that the offices keep below the platform's folder, read again when a file changes."""

    def __init__(self, state: Path) -> None:
        self._cities = os.path.join(state, "cities")  # noqa: PTH118 - looked at with each ask
        self._seen: tuple[tuple[str, int], ...] | None = None
        self._bounds = Bounds()
        self._hidden = False

    def bounds(self) -> Bounds:
        """Return the bounds as the offices' files stand now. A file that makes no sense bounds nothing.

        What a disk or a lack of handles hides is not gone: what was read before goes on. Raises OSError at first.
        """
        try:
            seen = tuple(_files(self._cities))
            if seen != self._seen:
                self._bounds, self._seen = Bounds(one for path, _ in seen for one in _read(Path(path))), seen
        except OSError:
            if self._seen is None:
                raise
            if not self._hidden:  # once, and not with each ask
                log.exception("bounds_not_read")
            self._hidden = True
        else:
            self._hidden = False
        return self._bounds


def _files(cities: str) -> Iterator[tuple[str, int]]:
    """Yield each city's rules, by name, and when they were written; raise OSError."""
    try:
        names = sorted(os.listdir(cities))  # noqa: PTH208 - a third of a glob's time, with each ask
    except FileNotFoundError:
        return
    for name in names:
        path = f"{cities}/{name}/benefits.json"
        try:
            yield path, os.stat(path).st_mtime_ns  # noqa: PTH116 - as above
        except (FileNotFoundError, NotADirectoryError):
            continue


def _read(path: Path) -> tuple[Benefit, ...]:
    try:
        return parse_benefits(json.loads(path.read_bytes()))
    except (ValueError, CatalogueError):
        return ()
