"""What a grant of a benefit would take, and out of which bounded count: limits, capacity, stock, offline bounds.

The hard idea: one list of demands serves three readers. A ledger reads the counts under their keys; the conditions
compare `used + n` with `limit`; and what a grant consumes is the very same list. A bound cannot be checked in one
place and forgotten in another.

Rules of this file:

- every bound is compiled once into a `Demander` (credit.weighing.compiled); the functions of the first part do that;
- a key names everything the count depends on (whom, where, which period), so a new period is a new key;
- keys start with what they count: "u" uses, "a" amounts in fen, "o" open things (given back at close), "i" heads
  inside (given back at exit), "p" entries of a pass;
- one request takes `heads` of a key once, even if stacked benefits share the key (contract.md §3).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from credit.claims import SubjectKind
from credit.decision import Cause, Condition, Reach, Source
from credit.facts import Used
from credit.reasons import Reason
from credit.rules.calendars import fixed_period
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
)
from credit.weighing.compiled import Bound, Bounds, Demand, Demander, Shared, limit_reach, reach_of
from credit.weighing.situation import Situation, iso

HOUR_MS = 3_600_000
Demands = list[Demand]
Part = Callable[[Situation], str | None]


def _taken(used: Used, limit: int, zone: ZoneInfo) -> dict[str, Any]:
    """Tell how much is used up, and when and where the newest of it was taken."""
    when = {} if used.at_ms is None else {"at": iso(used.at_ms, zone), "where": used.where}
    return _room(used, limit, zone) | when


def _room(used: Used, limit: int, _zone: ZoneInfo) -> dict[str, Any]:
    return {"used": used.under(limit), "max": limit}


LIMIT_USED = Cause.of(Condition.LIMITS, Reason.LIMIT_USED, _taken)
ALREADY_OPEN = Cause.of(Condition.OPEN, Reason.ALREADY_OPEN, _taken)
USED_UP = Bound(LIMIT_USED)
OPEN_AT_ONCE = Bound(LIMIT_USED, ALREADY_OPEN)
ONE_OPEN = Bound(ALREADY_OPEN)
PRINTED = Bound(LIMIT_USED, reach=Reach.ALL, source=Source("printed"))
INSIDE = Bound(Cause.of(Condition.OPEN, Reason.ALREADY_INSIDE, _taken))
IN_STOCK = Bound(Cause.of(Condition.OFFER, Reason.OUT_OF_STOCK, _taken))


def bounds_of(benefit: Benefit, shared: Shared) -> Bounds:
    """Return all that bounds `benefit`; asked once, when lists are switched."""
    limits = [_limit(at, benefit, shared) for at in range(len(benefit.limits))]
    grants = [_grants(benefit, shared)] if benefit.who.grant else []
    others = [*_opening(benefit, shared), *_stock(benefit, shared)]
    later = [_capacity(at, benefit, shared) for at in range(len(benefit.capacity))]
    if benefit.lifecycle.kind is LifecycleKind.PASS:
        later.append(_inside(benefit, shared))
    return Bounds(
        limits=tuple(limits),
        first=(*limits, _token_uses, *grants, _booked(benefit, shared), *others, *later),
        ordinary=(*limits, *grants, *others, *later),
        later=tuple(later),
        outage=_outage(benefit),
        site=tuple([_capacity(at, benefit, shared) for at, one in enumerate(benefit.capacity) if one.site]),
        grants=tuple(grants),
        declares=bool(limits or grants),
        fen=any(one.count is Count.AMOUNT for one in benefit.limits),
        reach=reach_of(benefit, shared),
        pass_source=_states("pass", benefit),
    )


def _states(part: str, benefit: Benefit, at: int = 0) -> Source:
    return Source(part, benefit.issuer, benefit.code, benefit.version, at)


def _limit(at: int, benefit: Benefit, shared: Shared) -> Demander:
    """Return what one limit asks for; things open at once have no period, they are given back at close."""
    limit = benefit.limits[at]
    letter, period, terms = LETTERS[limit.count], limit.period, benefit.when
    scope, who, most = _scope(limit, benefit, shared), _who(limit, benefit), _most(limit, benefit, shared)
    own, fixed_most = f"{letter}|{benefit.key}", limit.max.fixed or 0
    fixed = "now" if limit.count is Count.OPEN else fixed_period(limit, terms)
    label = shared.label(terms, period)
    rolls, by_amount = period is Period.ROLLING and limit.count is not Count.OPEN, limit.count is Count.AMOUNT
    rolling_ms = limit.rolling_h * HOUR_MS if rolls else None
    kind = OPEN_AT_ONCE if limit.count is Count.OPEN else USED_UP
    bound = replace(
        kind,
        rolling_ms=rolling_ms,
        own=limit.count is Count.USES,
        reach=limit_reach(limit, benefit, shared),
        source=_states("limit", benefit, at),
        tier=shared.standing(benefit.issuer) if limit.max.by_tier else None,
    )

    def plain(situation: Situation, _value_fen: int, out: Demands) -> None:
        named = situation[label] if fixed is None else fixed
        out.append((bound, f"{own}|{situation.subject_part}|{named}", situation.heads, fixed_most))

    def demand(situation: Situation, value_fen: int, out: Demands) -> None:
        whose = situation.subject_part if who is None else who(situation)
        if whose is None:
            return
        where = own if scope is None else f"{letter}|{scope(situation)}"
        named = situation[label] if fixed is None else fixed
        limit_now = fixed_most if most is None else most(situation)
        n = value_fen if by_amount else situation.heads
        out.append((bound, f"{where}|{whose}|{named}", n, limit_now))

    simple = who is None and scope is None and most is None and not by_amount
    return plain if simple else demand


LETTERS = {Count.USES: "u", Count.AMOUNT: "a", Count.OPEN: "o"}


def _most(limit: Limit, benefit: Benefit, shared: Shared) -> Callable[[Situation], int | None] | None:
    """Return what a limit by tier allows; None for a limit that is the same for all.

    Whose tier it does not name has used nothing up: that is another condition (`conditions.tiered_limits`).
    """
    most, standing = limit.max, shared.standing(benefit.issuer)
    return (lambda situation: most.at(situation[standing][0])) if most.by_tier else None


def _who(limit: Limit, benefit: Benefit) -> Part | None:
    """Return whom a limit counts for; None for the subject, which is the rule."""
    named: dict[Per, Part | None] = {
        Per.SUBJECT: None,
        Per.GROUP: lambda s: s.group_key(benefit, limit.groups),
        Per.TOKEN: lambda s: f"token:{s.token.issuer}:{s.token.token_id.hex()}",
        Per.ORDER: lambda s: f"order:{s.token.issuer}:{_order(s)}",
        Per.ASSET: lambda s: None if s.request.asset is None else f"asset:{s.request.asset}",
        Per.TERMINAL: lambda s: f"terminal:{s.place.terminal}",
        Per.ALL: lambda _: "all",
    }
    return named[limit.per]


def _order(situation: Situation) -> str:
    booked = situation.token.reservation
    return booked.order.hex() if booked else f"none:{situation.subject}"


def _scope(limit: Limit, benefit: Benefit, shared: Shared) -> Callable[[Situation], str] | None:
    """Return how far a limit reaches; None for the benefit itself, which is the rule."""
    name, programme = benefit.key, f"{benefit.issuer}/*"
    of_set = limit.site_set
    named: dict[Scope, Callable[[Situation], str] | None] = {
        Scope.BENEFIT: None,
        Scope.SITE: lambda s: f"{name}@site:{s.place.site}",
        Scope.SCENE: lambda s: f"{name}@scene:{s.place.scene}",
        Scope.PROGRAMME: lambda _: programme,
        Scope.SITE_SET: lambda s: f"{name}@set:{of_set or _site_set(benefit, shared, s.place.site)}",
    }
    return named[limit.scope]


def _site_set(benefit: Benefit, shared: Shared, site: str) -> str:
    holding = [name for name in benefit.where.site_sets or () if site in shared.sites.sets.get(name, ())]
    return min(holding) if holding else site


def _token_uses(situation: Situation, _value_fen: int, out: Demands) -> None:
    token = situation.token
    if token.max_uses is not None:
        key = f"u|token:{token.issuer}:{token.token_id.hex()}"
        out.append((PRINTED, key, situation.heads, token.max_uses))


def _grants(benefit: Benefit, shared: Shared) -> Demander:
    bound = replace(USED_UP, own=True, reach=reach_of(benefit, shared), source=Source("grant"))

    def demand(situation: Situation, _value_fen: int, out: Demands) -> None:
        token = situation.token
        if token.issuer != benefit.issuer:
            return
        for grant in token.grants:
            if grant.code == benefit.code and grant.uses is not None:
                key = f"u|grant:{token.issuer}:{(grant.grant_id or b'').hex()}|{benefit.key}"
                out.append((bound, key, situation.heads, grant.uses))

    return demand


def _booked(benefit: Benefit, shared: Shared) -> Demander:
    """Return the heads that a reservation holds: where it is needed, and for groups in batches (scene S13)."""
    bound = replace(USED_UP, reach=reach_of(benefit, shared), source=Source("order"))
    needed = "reservation" in benefit.needs or benefit.slot is not None

    def demand(situation: Situation, _value_fen: int, out: Demands) -> None:
        token = situation.token
        if token.reservation is not None and (needed or token.kind is SubjectKind.GROUP):
            key = f"u|order:{token.issuer}:{token.reservation.order.hex()}|{benefit.key}"
            out.append((bound, key, situation.heads, token.reservation.heads))

    return demand


def _opening(benefit: Benefit, shared: Shared) -> list[Demander]:
    """Return the count of things open at once: one, or as many as the benefit says (library, scene S5)."""
    counted = any(limit.count is Count.OPEN and limit.per is Per.SUBJECT for limit in benefit.limits)
    if counted or benefit.lifecycle.kind is not LifecycleKind.OPEN_CLOSE:
        return []
    offer, standing = benefit.offer, shared.standing(benefit.issuer)
    reach, source = reach_of(benefit, shared), _states("open", benefit)
    at_once = replace(OPEN_AT_ONCE, reach=reach, source=source, tier=standing)
    one_open = replace(ONE_OPEN, reach=reach, source=source)

    def demand(situation: Situation, _value_fen: int, out: Demands) -> None:
        key = f"o|{benefit.key}|{situation.subject_part}|once"
        if offer.kind is OfferKind.RAISE_LIMIT:
            tier = situation[standing][0]
            out.append((at_once, key, situation.heads, offer.table.at(tier)))
        else:
            out.append((one_open, key, 1, 1))

    return [demand]


def _stock(benefit: Benefit, shared: Shared) -> list[Demander]:
    key, stock = f"u|stock:{benefit.key}:v{benefit.version}", benefit.offer.stock
    bound = replace(IN_STOCK, reach=reach_of(benefit, shared), source=_states("stock", benefit))
    return [] if stock is None else [lambda s, _, out: out.append((bound, key, s.heads, stock))]


def _capacity(at: int, benefit: Benefit, shared: Shared) -> Demander:
    """Return what one capacity asks for; an exit gives back what occupancy took."""
    one = benefit.capacity[at]
    by_site, most, per = one.site, one.max, one.per
    slot, today = _slot(benefit, shared), shared.label(benefit.when, Period.DAY)
    letter, refer = ("i", by_site) if per is CapacityPer.OCCUPANCY else ("u", False)
    reach = Reach.SITE if by_site else reach_of(benefit, shared)
    cause, source = Cause(Condition.CAPACITY, Reason.FULL, _room, refer), _states("capacity", benefit, at)
    bound = Bound(cause, warn=one.warn, reach=reach, source=source, leased=one.leased)

    def demand(situation: Situation, _value_fen: int, out: Demands) -> None:
        key = f"{letter}|site:{situation.place.site}" if by_site else f"{letter}|{benefit.key}"
        if per is CapacityPer.SLOT:
            key = f"{key}|slot:{slot(situation)}"
        elif per is CapacityPer.DAY:
            key = f"{key}|day:{situation[today]}"
        out.append((bound, key, situation.heads, most))

    return demand


def _slot(benefit: Benefit, shared: Shared) -> Callable[[Situation], str]:
    """Return what names the slot: the reservation's time, else the daily window, else the business day."""
    of_now, windows = shared.day(benefit.when), benefit.when.daily or ()

    def named(situation: Situation) -> str:
        booked, day = situation.token.reservation, situation[of_now]
        if booked is not None and booked.site == situation.place.site:
            return f"{booked.from_s}-{booked.until_s}"
        minute = day.second // 60
        within = [window[0] for window in windows if window[0] <= minute < window[1]]
        return f"{day.day.isoformat()}:{within[0] if within else 'day'}"

    return named


def _inside(benefit: Benefit, shared: Shared) -> Demander:
    key = inside_key(benefit, shared)
    bound = replace(INSIDE, reach=reach_of(benefit, shared), source=_states("inside", benefit))
    return lambda situation, _, out: out.append((bound, key(situation), 1, None))


def inside_key(benefit: Benefit, shared: Shared) -> Callable[[Situation], str]:
    """Return what says that a pass holder is inside; a new business day forgets those who left unseen."""
    today = shared.label(benefit.when, Period.DAY)
    return lambda situation: f"i|pass:{benefit.key}|{situation.subject}|{situation[today]}"


def _outage(benefit: Benefit) -> tuple[Demander, ...]:
    """Return the bounds since the last contact. `free` is bounded by uses alone: it is a thing, not money owed."""
    bounds, owed = benefit.offline, benefit.offer.kind is not OfferKind.FREE
    spent = Bound(Cause(Condition.OFFLINE, Reason.OFFLINE_LIMIT, _taken, not bounds.standard_on_limit))

    def bound(letter: str, most: int, *, personal: bool) -> Demander:
        def demand(situation: Situation, value_fen: int, out: Demands) -> None:
            outage = f"{benefit.key}|since:{situation.now.offline_since_ms}|terminal:{situation.place.terminal}"
            key = f"{letter}|offline:{outage}|{situation.subject_part}" if personal else f"{letter}|offline:{outage}"
            n = situation.heads if letter == "u" else value_fen if owed else 0
            out.append((spent, key, n, most))

        return demand

    rows = (
        ("u", bounds.max_uses, False),
        ("u", bounds.max_uses_per_subject, True),
        ("a", bounds.max_amount_fen, False),
        ("a", bounds.max_amount_fen_per_subject, True),
    )
    return tuple(bound(letter, most, personal=personal) for letter, most, personal in rows if most is not None)
