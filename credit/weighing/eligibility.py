"""Whom a benefit is for: issuer, tier, groups, region, kind, grant, merchant's grade (decision.md, `who`).

Rules of this file:

- each member of `who` is compiled into a function that returns None when the holder fits, else what is lacking;
- tier and groups are read on the scale of the benefit's own issuer (credit.weighing.situation).
"""

from collections.abc import Callable
from typing import Any

from credit.rules.catalogue import ANY_ISSUER, Benefit
from credit.weighing.compiled import Shared
from credit.weighing.situation import Situation

Lack = tuple[str, Any]
Ask = Callable[[Situation], Lack | None]


def asks_of(benefit: Benefit, shared: Shared) -> tuple[Ask, ...]:
    """Return what is asked of the holder, in the order in which it is told."""
    return tuple(ask for of in ASKS if (ask := of(benefit, shared)) is not None)


def missing(lacks: tuple[Lack, ...]) -> dict[str, Any]:
    """Return what the holder lacks, as it is told."""
    return {"missing": {name: list(value) if isinstance(value, tuple) else value for name, value in lacks}}


def _issuer(benefit: Benefit, _shared: Shared) -> Ask | None:
    named = benefit.who.issuers
    trusted = named if named is not None else frozenset({benefit.issuer})
    lack = ("issuer", tuple(sorted(trusted)))
    if trusted == ANY_ISSUER:
        return None
    return lambda s: None if s.token.issuer in trusted else lack


def _min_tier(benefit: Benefit, shared: Shared) -> Ask | None:
    least, standing = benefit.who.min_tier, shared.standing(benefit.issuer)
    if least is None:
        return None
    lack = ("min_tier", least)

    def ask(situation: Situation) -> Lack | None:
        tier = situation[standing][0]
        return lack if tier is None or tier < least else None

    return ask


def _groups_any(benefit: Benefit, shared: Shared) -> Ask | None:
    wanted, standing = benefit.who.groups_any, shared.standing(benefit.issuer)
    if wanted is None:
        return None
    lack = ("groups_any", tuple(sorted(wanted)))
    return lambda s: lack if wanted.isdisjoint(s[standing][1]) else None


def _groups_all(benefit: Benefit, shared: Shared) -> Ask | None:
    wanted, standing = benefit.who.groups_all, shared.standing(benefit.issuer)
    if wanted is None:
        return None

    def ask(situation: Situation) -> Lack | None:
        lacking = wanted - situation[standing][1]
        return ("groups_all", tuple(sorted(lacking))) if lacking else None

    return ask


def _residents(benefit: Benefit, _shared: Shared) -> Ask | None:
    prefixes = benefit.who.residents_of
    if prefixes is None:
        return None
    lack = ("residents_of", prefixes)

    def ask(situation: Situation) -> Lack | None:
        region = situation.token.region
        return None if region is not None and str(region).startswith(prefixes) else lack

    return ask


def _subject(benefit: Benefit, _shared: Shared) -> Ask | None:
    kind = benefit.who.subject
    if kind is None:
        return None
    lack = ("subject", kind.value)
    return lambda s: None if s.token.kind is kind else lack


def _grant(benefit: Benefit, _shared: Shared) -> Ask | None:
    if not benefit.who.grant:
        return None
    issuer, code, lack = benefit.issuer, benefit.code, ("grant", benefit.code)

    def ask(situation: Situation) -> Lack | None:
        token = situation.token
        held = token.issuer == issuer and any(grant.code == code for grant in token.grants)
        return None if held else lack

    return ask


def _merchant(benefit: Benefit, _shared: Shared) -> Ask | None:
    least = benefit.who.merchant_min_tier
    if least is None:
        return None
    lack = ("merchant_min_tier", least)

    def ask(situation: Situation) -> Lack | None:
        place = situation.place
        own = place.merchant_tier
        tier = own if own is not None else situation.policy.sites.merchant_tiers.get(place.site)
        return lack if (tier or 0) < least else None

    return ask


ASKS = (_issuer, _min_tier, _groups_any, _groups_all, _residents, _subject, _grant, _merchant)
