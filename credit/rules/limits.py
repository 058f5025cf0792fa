"""Reading how much a benefit gives, from JSON: limits and capacities (decision.md; contract.md §4).

Every reader takes a `Node` and returns a typed value or raises `CatalogueError`, as those of `terms` do.
"""

from credit.rules.catalogue import Capacity, CapacityPer, Count, Limit, Per, Period, Scope
from credit.rules.reading import CatalogueError, Node
from credit.rules.terms import table


def limit(node: Node) -> Limit:
    """Read one limit."""
    node.members("count", "per", "scope", "period", "max", "max_by_tier", "site_set", "groups")
    count, per, scope = node.get("count"), node.get("per"), node.get("scope")
    most, by_tier, site_set = node.get("max"), node.get("max_by_tier"), node.get("site_set")
    if (most is None) == (by_tier is None):
        raise node.wrong("needs either max or max_by_tier")
    period, rolling_h = _period(node.get("period"))
    whose = per.choice(Per) if per else Per.SUBJECT
    return Limit(
        count=count.choice(Count) if count else Count.USES,
        per=whose,
        scope=scope.choice(Scope) if scope else Scope.BENEFIT,
        period=period,
        rolling_h=rolling_h,
        max=table(most or by_tier),
        site_set=site_set.text() if site_set else None,
        groups=_households(node.get("groups"), whose),
    )


def _households(node: Node | None, per: Per) -> tuple[int, int] | None:
    """Read which group codes are households: the first and the last."""
    if node is None:
        return None
    ends = node.wholes(most=2**32 - 1)
    if per is not Per.GROUP or len(ends) != 2 or ends[0] > ends[1]:  # noqa: PLR2004 - the first and the last
        raise node.wrong('is the first and the last code of the households, of a limit with "per": "group"')
    return ends[0], ends[1]


def _period(node: Node | None) -> tuple[Period, int]:
    if node is None:
        return Period.EVER, 0
    if isinstance(node.value, dict):
        return Period.ROLLING, node.members("rolling_h").need("rolling_h").whole(1)
    named = node.choice(Period)
    if named is Period.ROLLING:
        raise node.wrong('write {"rolling_h": n}')
    return named, 0


def capacity(node: Node) -> Capacity:
    """Read one capacity."""
    node.members("per", "scope", "max", "warn", "leased")
    scope, warn, leased = node.get("scope"), node.get("warn"), node.get("leased")
    scoped = scope.text() if scope else "benefit"
    if scoped not in ("site", "benefit"):
        raise node.wrong(f'scope {scoped!r} is unknown; use "site" or "benefit"')
    per, shared = node.need("per").choice(CapacityPer), leased is not None and leased.flag()
    if leased is not None and shared and (per is CapacityPer.OCCUPANCY or scoped == "site"):
        raise CatalogueError(leased.path, "is for a day's or a slot's capacity of this benefit alone")
    return Capacity(
        per=per,
        site=scoped == "site",
        max=node.need("max").whole(),
        warn=warn.whole() if warn else None,
        leased=shared,
    )
