"""What a grant of a benefit would take, and out of which bounded count: limits, capacity, stock, offline bounds.

The hard idea: one list of demands serves three readers. A ledger reads the counts under their keys; the conditions
compare `used + n` with `limit`; and what a grant consumes is the very same list. A bound cannot be checked in one
place and forgotten in another.

Rules of this file:

- a key names everything the count depends on (whom, where, which period), so a new period is a new key;
- keys start with what they count: "u" uses, "a" amounts in fen, "o" open things (given back at close), "i" heads
  inside (given back at exit), "p" entries of a pass;
- one request takes `heads` of a key once, even if stacked benefits share the key (contract.md §3).
"""

from typing import NamedTuple

from credit.calendars import period_name
from credit.catalogue import (
    Benefit,
    Capacity,
    CapacityPer,
    Count,
    LifecycleKind,
    Limit,
    OfferKind,
    Per,
    Period,
    Scope,
)  # fmt: skip
from credit.claims import SubjectKind
from credit.decision import Condition
from credit.inputs import ENTERING
from credit.offers import Price, price
from credit.reasons import Reason
from credit.situation import Situation

HOUR_MS = 3_600_000


class Demand(NamedTuple):
    """`n` of the count under `key`, bounded by `limit` (None: counted only)."""

    key: str
    n: int
    limit: int | None
    condition: Condition
    reason: Reason
    refer: bool = False
    since_ms: int | None = None
    warn: int | None = None

    @property
    def fen(self) -> bool:
        """Return whether this counts money."""
        return self.key.startswith("a|")


def benefit_key(benefit: Benefit) -> str:
    """Return what names a benefit in keys."""
    return benefit.key


def _who(limit: Limit, benefit: Benefit, situation: Situation) -> str | None:
    per, token = limit.per, situation.token
    if per is Per.SUBJECT:
        return situation.subject_part
    if per is Per.GROUP:
        return situation.group_key(benefit)
    if per is Per.TOKEN:
        return f"token:{token.issuer}:{token.token_id.hex()}"
    if per is Per.ORDER:
        order = token.reservation.order.hex() if token.reservation else f"none:{situation.subject}"
        return f"order:{token.issuer}:{order}"
    if per is Per.ASSET:
        return None if situation.request.asset is None else f"asset:{situation.request.asset}"
    return f"terminal:{situation.place.terminal}" if per is Per.TERMINAL else "all"


def _scope(limit: Limit, benefit: Benefit, situation: Situation) -> str:
    scope, name = limit.scope, benefit_key(benefit)
    if scope is Scope.BENEFIT:
        return name
    if scope is Scope.SITE:
        return f"{name}@site:{situation.place.site}"
    if scope is Scope.SCENE:
        return f"{name}@scene:{situation.place.scene}"
    if scope is Scope.PROGRAMME:
        return f"{benefit.issuer}/*"
    return f"{name}@set:{_site_set(limit, benefit, situation)}"


def _site_set(limit: Limit, benefit: Benefit, situation: Situation) -> str:
    if limit.site_set is not None:
        return limit.site_set
    sets, site = situation.policy.sites.sets, situation.place.site
    holding = [name for name in benefit.where.site_sets or () if site in sets.get(name, ())]
    return min(holding) if holding else site


def limit_demand(limit: Limit, benefit: Benefit, situation: Situation, value_fen: int) -> Demand | None:
    """Return what one limit asks for; None when there is nobody to count for (per asset, without an asset)."""
    who = _who(limit, benefit, situation)
    if who is None:
        return None
    count, most, scope = limit.count, limit.max, _scope(limit, benefit, situation)
    limit_now = (most.at(situation.standing(benefit)[0]) if most.by_tier else most.fixed) or 0
    if count is Count.OPEN:
        return Demand(f"o|{scope}|{who}|now", situation.request.heads, limit_now, Condition.LIMITS, Reason.LIMIT_USED)
    named = "ever" if limit.period is Period.EVER else period_name(limit, benefit.when, situation.day(benefit.when))
    since = situation.now.utc_ms - limit.rolling_h * HOUR_MS if limit.period is Period.ROLLING else None
    letter, n = ("u", situation.request.heads) if count is Count.USES else ("a", value_fen)
    key = f"{letter}|{scope}|{who}|{named}"
    return Demand(key, n, limit_now, Condition.LIMITS, Reason.LIMIT_USED, False, since)  # noqa: FBT003 - refer


def demands(benefit: Benefit, situation: Situation, value_fen: int) -> list[Demand]:
    """Return everything that a grant of `benefit`, moving `value_fen`, would take here and now."""
    found = [] if reenters(benefit, situation) else _limits(benefit, situation, value_fen)
    for one in benefit.capacity:
        found.append(capacity_demand(one, benefit, situation))
    if benefit.lifecycle.kind is LifecycleKind.PASS:
        found.append(Demand(inside_key(benefit, situation), 1, None, Condition.OPEN, Reason.ALREADY_INSIDE))
    if situation.now.offline:
        found += _offline(benefit, situation, value_fen)
    return found


def inside_key(benefit: Benefit, situation: Situation) -> str:
    """Return what says that a pass holder is inside; a new business day forgets those who left unseen."""
    day = situation.day(benefit.when).day.isoformat()
    return f"i|pass:{benefit_key(benefit)}|{situation.subject}|{day}"


def _limits(benefit: Benefit, situation: Situation, value_fen: int) -> list[Demand]:
    found = [one for limit in benefit.limits if (one := limit_demand(limit, benefit, situation, value_fen))]
    token, heads, name = situation.token, situation.request.heads, benefit_key(benefit)
    taken = (Condition.LIMITS, Reason.LIMIT_USED)
    if token.max_uses is not None:
        found.append(Demand(f"u|token:{token.issuer}:{token.token_id.hex()}", heads, token.max_uses, *taken))
    if benefit.who.grant:
        found += [
            Demand(f"u|grant:{token.issuer}:{(grant.grant_id or b'').hex()}|{name}", heads, grant.uses, *taken)
            for grant in token.grants
            if grant.code == benefit.code and grant.uses is not None and token.issuer == benefit.issuer
        ]
    if token.reservation is not None and _by_order(benefit, situation):
        order = f"u|order:{token.issuer}:{token.reservation.order.hex()}|{name}"
        found.append(Demand(order, heads, token.reservation.heads, *taken))
    if situation.opening:
        found += _opening(benefit, situation)
    if benefit.offer.stock is not None:
        key = f"u|stock:{name}:v{benefit.version}"
        found.append(Demand(key, heads, benefit.offer.stock, Condition.OFFER, Reason.OUT_OF_STOCK))
    return found


def _by_order(benefit: Benefit, situation: Situation) -> bool:
    """Return whether the reservation bounds the heads: where it is needed, and for groups in batches (scene S13)."""
    return "reservation" in benefit.needs or benefit.slot is not None or situation.token.kind is SubjectKind.GROUP


def _opening(benefit: Benefit, situation: Situation) -> list[Demand]:
    """Return the count of things open at once: one, or as many as the benefit says (library, scene S5)."""
    if any(limit.count is Count.OPEN and limit.per is Per.SUBJECT for limit in benefit.limits):
        return []
    key = f"o|{benefit_key(benefit)}|subject:{situation.subject}|once"
    if benefit.offer.kind is OfferKind.RAISE_LIMIT:
        items = benefit.offer.table.at(situation.standing(benefit)[0]) or 0
        return [Demand(key, situation.request.heads, items, Condition.LIMITS, Reason.LIMIT_USED)]
    return [Demand(key, 1, 1, Condition.OPEN, Reason.ALREADY_OPEN)]


def capacity_demand(one: Capacity, benefit: Benefit, situation: Situation) -> Demand:
    """Return what one capacity asks for; an exit gives back what occupancy took."""
    whose = f"site:{situation.place.site}" if one.site else benefit_key(benefit)
    heads, full = situation.request.heads, (Condition.CAPACITY, Reason.FULL)
    if one.per is CapacityPer.OCCUPANCY:
        return Demand(f"i|{whose}", heads, one.max, *full, refer=one.site, warn=one.warn)
    if one.per is CapacityPer.SLOT:
        return Demand(f"u|{whose}|slot:{_slot(benefit, situation)}", heads, one.max, *full, warn=one.warn)
    day = situation.day(benefit.when).day.isoformat()
    return Demand(f"u|{whose}|day:{day}", heads, one.max, *full, warn=one.warn)


def _slot(benefit: Benefit, situation: Situation) -> str:
    """Return the slot: the reservation's time, else the daily window, else the business day."""
    booked, day = situation.token.reservation, situation.day(benefit.when)
    if booked is not None and booked.site == situation.place.site:
        return f"{booked.from_s}-{booked.until_s}"
    minute = day.second // 60
    windows = [window for window in benefit.when.daily or () if window[0] <= minute < window[1]]
    return f"{day.day.isoformat()}:{windows[0][0] if windows else 'day'}"


def site_demands(offered: tuple[Benefit, ...], situation: Situation) -> list[Demand]:
    """Return the site-wide counts that every entry here takes from, whichever benefit it is given under."""
    if situation.request.intent not in ENTERING:
        return []
    return [
        capacity_demand(one, benefit, situation)._replace(limit=None)
        for benefit in offered
        for one in benefit.capacity
        if one.site
    ]


def _offline(benefit: Benefit, situation: Situation, value_fen: int) -> list[Demand]:
    """Return the counts since the last contact. `free` is bounded by uses alone: it is a thing, not money owed."""
    bounds, heads = benefit.offline, situation.request.heads
    outage = f"{benefit_key(benefit)}|since:{situation.now.offline_since_ms}|terminal:{situation.place.terminal}"
    person = f"{outage}|subject:{situation.subject}"
    money = 0 if benefit.offer.kind is OfferKind.FREE else value_fen
    rows = (
        (f"u|offline:{outage}", heads, bounds.max_uses),
        (f"u|offline:{person}", heads, bounds.max_uses_per_subject),
        (f"a|offline:{outage}", money, bounds.max_amount_fen),
        (f"a|offline:{person}", money, bounds.max_amount_fen_per_subject),
    )
    refer = not bounds.standard_on_limit
    return [
        Demand(key, n, most, Condition.OFFLINE, Reason.OFFLINE_LIMIT, refer=refer)
        for key, n, most in rows
        if most is not None
    ]


class Taking(NamedTuple):
    """What one benefit by itself would give and take here and now."""

    price: Price
    demands: list[Demand]


def _taking(benefit: Benefit, situation: Situation) -> Taking:
    request = situation.request
    found = price(benefit.offer, amount=request.amount_fen, heads=request.heads)
    return Taking(found, demands(benefit, situation, found.value_fen))


def taking(benefit: Benefit, situation: Situation) -> Taking:
    """Return what one benefit by itself gives and takes; computed once for a presentation."""
    return situation.once(benefit, _taking)


def reenters(benefit: Benefit, situation: Situation) -> bool:
    """Return whether this is a re-entry under a pass that is under way (it takes an entry, and no further use)."""
    cycle = benefit.lifecycle
    under_way = situation.facts.passes.get(benefit_key(benefit)) if cycle.kind is LifecycleKind.PASS else None
    if under_way is None:
        return False
    in_time = cycle.reentry_min is None or situation.now.utc_ms < under_way.last_ms + cycle.reentry_min * 60_000
    return in_time and (cycle.entries is None or under_way.entries + situation.request.heads <= cycle.entries)
