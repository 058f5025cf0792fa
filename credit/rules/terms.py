"""Reading the terms of a benefit from JSON: offer, who, where, when (decision.md; contract.md §4).

Rules of this file:

- every reader takes a `Node` and returns a typed value or raises `CatalogueError` naming path and mend;
- one bad entry names itself; nothing is guessed, and a member of another offer kind is an error;
- what is left out takes the meaning "no condition", with one exception: `who.issuers` (contract.md §4).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from credit.claims import SubjectKind
from credit.rules.catalogue import (
    ANY_ISSUER,
    Offer,
    OfferKind,
    Table,
    When,
    Where,
    Who,
)
from credit.rules.periods import DATED
from credit.rules.reading import CatalogueError, Node

DEFAULT_ZONE = "Asia/Shanghai"
MAX_TIER = 9
MAX_LABEL = 32


def zone(node: Node | None, default: str = DEFAULT_ZONE) -> ZoneInfo:
    """Return the IANA zone named by `node`."""
    name = default if node is None else node.text()
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CatalogueError(node.path if node else "$.zone", f"{name!r} is no IANA zone") from None


def instant_ms(node: Node) -> int:
    """Return a time with an offset as milliseconds UTC."""
    text = node.text()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise node.wrong(f"{text!r} is no time; write 2026-10-01T09:00:00+08:00") from None
    if at.tzinfo is None:
        raise node.wrong(f"{text!r} carries no offset; add one, as in +08:00")
    return round(at.timestamp() * 1000)


def table(node: Node | None, cap: Node | None = None) -> Table:
    """Return a number, or an object of numbers by tier."""
    bound = cap.whole() if cap else None
    if node is None:
        return Table(cap=bound)
    if not isinstance(node.value, dict):
        return Table(fixed=node.whole(), cap=bound)
    rows = []
    for tier, number in node.pairs():
        if not (tier.isascii() and tier.isdigit() and int(tier) <= MAX_TIER):
            raise number.wrong(f'{tier!r} is no tier; write "0" to "{MAX_TIER}"')
        rows.append((int(tier), number.whole()))
    if not rows:
        raise node.wrong("names no tier; name at least one")
    return Table(by_tier=tuple(sorted(rows)), cap=bound)


def _percent(node: Node) -> Offer:
    node.members("kind", "percent_off", "cap_fen", "min_spend_fen")
    return Offer(
        kind=OfferKind.PERCENT,
        percent_off=node.need("percent_off").whole(0, 100),
        cap_fen=_fen(node, "cap_fen"),
        min_spend_fen=_fen(node, "min_spend_fen"),
    )


def _amount(node: Node) -> Offer:
    node.members("kind", "off_fen", "min_spend_fen", "cap_fen")
    return Offer(
        kind=OfferKind.AMOUNT,
        off_fen=node.need("off_fen").whole(),
        cap_fen=_fen(node, "cap_fen"),
        min_spend_fen=_fen(node, "min_spend_fen"),
    )


def _fixed_price(node: Node) -> Offer:
    node.members("kind", "price_fen")
    return Offer(kind=OfferKind.FIXED_PRICE, price_fen=node.need("price_fen").whole())


def _deposit_waiver(node: Node) -> Offer:
    node.members("kind", "cap_fen")
    return Offer(kind=OfferKind.DEPOSIT_WAIVER, cap_fen=_fen(node, "cap_fen"))


def _pay_later(node: Node) -> Offer:
    node.members("kind", "cap_fen")
    return Offer(kind=OfferKind.PAY_LATER, cap_fen=node.need("cap_fen").whole())


def _raise_limit(node: Node) -> Offer:
    node.members("kind", "max_items", "by_tier", "cap")
    given = node.get("max_items") or node.get("by_tier")
    if given is None or (node.get("max_items") and node.get("by_tier")):
        raise node.wrong("needs either max_items or by_tier")
    return Offer(kind=OfferKind.RAISE_LIMIT, table=table(given, node.get("cap")))


def _extend_time(node: Node) -> Offer:
    node.members("kind", "days", "minutes", "by_tier", "unit", "cap")
    given = [name for name in ("days", "minutes", "by_tier") if node.get(name)]
    if len(given) != 1:
        raise node.wrong("needs exactly one of days, minutes, by_tier")
    unit_node = node.get("unit")
    unit = unit_node.text() if unit_node else ("minutes" if given == ["minutes"] else "days")
    if unit not in ("days", "minutes"):
        raise node.wrong(f'unit {unit!r} is unknown; use "days" or "minutes"')
    return Offer(kind=OfferKind.EXTEND_TIME, unit=unit, table=table(node.need(given[0]), node.get("cap")))


def _lane(node: Node) -> Offer:
    node.members("kind", "lane")
    return Offer(kind=OfferKind.LANE, lane=node.need("lane").text())


def _item(node: Node) -> Offer:
    node.members("kind", "item", "stock")
    item, stock = node.get("item"), node.get("stock")
    kind = OfferKind(node.need("kind").text())
    return Offer(kind=kind, item=item.text() if item else None, stock=stock.whole() if stock else None)


def _multiplier(node: Node) -> Offer:
    node.members("kind", "times")
    return Offer(kind=OfferKind.MULTIPLIER, times=node.need("times").whole(1, 1000))


def _hold(node: Node) -> Offer:
    node.members("kind", "until")
    return Offer(kind=OfferKind.HOLD, until_min=node.need("until").clock())


def _free(node: Node) -> Offer:
    node.members("kind")
    return Offer(kind=OfferKind.FREE)


OFFERS: Mapping[OfferKind, Callable[[Node], Offer]] = {
    OfferKind.FREE: _free,
    OfferKind.PERCENT: _percent,
    OfferKind.AMOUNT: _amount,
    OfferKind.FIXED_PRICE: _fixed_price,
    OfferKind.DEPOSIT_WAIVER: _deposit_waiver,
    OfferKind.PAY_LATER: _pay_later,
    OfferKind.RAISE_LIMIT: _raise_limit,
    OfferKind.EXTEND_TIME: _extend_time,
    OfferKind.LANE: _lane,
    OfferKind.SERVICE: _item,
    OfferKind.GIFT: _item,
    OfferKind.MULTIPLIER: _multiplier,
    OfferKind.HOLD: _hold,
}


def _fen(node: Node, name: str) -> int | None:
    found = node.get(name)
    return found.whole() if found else None


def offer(node: Node) -> Offer:
    """Read an offer; its kind says which members it has."""
    return OFFERS[node.need("kind").choice(OfferKind)](node)


def who(node: Node | None, *, local: bool = False) -> Who:
    """Read the holder condition."""
    default = ANY_ISSUER if local else None
    if node is None:
        return Who(issuers=default)
    node.members(
        "groups_any", "groups_all", "min_tier", "residents_of", "issuers", "subject", "grant", "merchant_min_tier"
    )
    any_, all_, tier = node.get("groups_any"), node.get("groups_all"), node.get("min_tier")
    region, issuers, subject = node.get("residents_of"), node.get("issuers"), node.get("subject")
    grant, merchant = node.get("grant"), node.get("merchant_min_tier")
    return Who(
        groups_any=frozenset(any_.wholes()) if any_ else None,
        groups_all=frozenset(all_.wholes()) if all_ else None,
        min_tier=tier.whole(0, MAX_TIER) if tier else None,
        residents_of=_regions(region) if region else None,
        issuers=frozenset(issuers.texts()) if issuers else default,
        subject=subject.choice(SubjectKind) if subject else None,
        grant=grant.flag() if grant else False,
        merchant_min_tier=merchant.whole() if merchant else None,
    )


def _regions(node: Node) -> tuple[str, ...]:
    many = node.items() if isinstance(node.value, list) else (node,)
    regions = tuple(str(one.whole()) if isinstance(one.value, int) else one.text() for one in many)
    for one, region in zip(many, regions, strict=True):
        if not (region.isascii() and region.isdigit()):
            raise one.wrong(f"{region!r} is no GB/T 2260 region; write its leading digits")
    return regions


def where(node: Node | None) -> Where:
    """Read the place condition."""
    if node is None:
        return Where()
    node.members("sites", "site_sets", "scenes", "lanes")
    found = {name: node.get(name) for name in ("sites", "site_sets", "scenes", "lanes")}
    return Where(**{name: frozenset(one.texts()) if one else None for name, one in found.items()})


def when(node: Node | None, default_zone: str) -> When:
    """Read the time condition. `from`/`until` are business days (both included) or instants (half-open)."""
    if node is None:
        return When(zone=zone(None, default_zone))
    node.members("from", "until", "daily", "weekdays", "except", "only", "day_starts", "zone", "window")
    first, last, daily, weekdays = node.get("from"), node.get("until"), node.get("daily"), node.get("weekdays")
    starts, barred, only = node.get("day_starts"), node.get("except"), node.get("only")
    window = node.get("window")
    read = When(
        from_day=first.day() if first and not _timed(first) else None,
        until_day=last.day() if last and not _timed(last) else None,
        from_ms=instant_ms(first) if first and _timed(first) else None,
        until_ms=instant_ms(last) if last and _timed(last) else None,
        daily=tuple(_window(one) for one in daily.items()) if daily else None,
        weekdays=frozenset(weekdays.wholes(1, 7)) if weekdays else None,
        except_=barred.texts() if barred else (),
        only=only.texts() if only else (),
        day_starts=starts.clock() if starts else 0,
        zone=zone(node.get("zone"), default_zone),
        window=_label(window) if window else "",
    )
    if read.from_day and read.until_day and read.until_day < read.from_day:
        raise node.wrong("until lies before from; swap them")
    return read


def _label(node: Node) -> str:
    """Read the name of a window: it becomes part of a key, which its parts are told apart in."""
    if len(label := node.text()) > MAX_LABEL or any(sign in label for sign in "|:\x00") or DATED.fullmatch(label):
        raise node.wrong(f"is a name of at most {MAX_LABEL} characters without | and :, and no day like 2026-01-01")
    return label


def _timed(node: Node) -> bool:
    return "T" in node.text() or ":" in node.text()


def _window(node: Node) -> tuple[int, int]:
    ends = node.items()
    if len(ends) != 2:  # noqa: PLR2004 - from and until
        raise node.wrong('a daily window is ["HH:MM", "HH:MM"]')
    start, end = ends[0].clock(), ends[1].clock()
    if start == end:
        raise node.wrong('is empty: it ends where it starts; for the whole day write ["00:00", "24:00"]')
    return start, end
