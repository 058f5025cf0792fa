"""Reading whole benefits from JSON: terms, lifecycle, needs, offline bounds (decision.md; contract.md §4).

Rules of this file:

- `parse_benefits` returns every benefit of a document or raises `CatalogueError` for the first that is wrong;
- ids are unique within a document, and so is (issuer, code), because it breaks ties;
- a merchant's own offers (`parse_local`) are bound to the merchant's site and marked `local`.
"""

import re
from collections.abc import Mapping
from typing import Any

from credit.rules.catalogue import Benefit, Lifecycle, LifecycleKind, Offline, Reversal, Slot
from credit.rules.limits import capacity, limit
from credit.rules.reading import CatalogueError, Node
from credit.rules.terms import DEFAULT_ZONE, offer, when, where, who

LOCAL_CODES = 1_000_000  # a merchant's own offers come after every signed one
NEEDS = frozenset({"bound-token", "challenge", "id-check", "staff-confirm", "reservation", "pledge", "asset"})
SECOND = "second-check:"
BENEFIT = (
    "id",
    "code",
    "version",
    "issuer",
    "title",
    "offer",
    "who",
    "where",
    "when",
    "limits",
    "capacity",
    "slot",
    "needs",
    "lifecycle",
    "stacks",
    "offline",
    "reversal",
    "local",
    "basis",
    "texts",
    "remedy",
)
DURATION = re.compile(r"P(?=.)(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?=.)(?:(\d{1,4})H)?(?:(\d{1,4})M)?(?:(\d{1,4})S)?)?")
DURATION_MS = (7 * 86_400_000, 86_400_000, 3_600_000, 60_000, 1_000)
CLOCK_CHARACTERS = 5  # "HH:MM"


def parse_benefits(document: Any, *, default_zone: str = DEFAULT_ZONE, path: str = "$") -> tuple[Benefit, ...]:
    """Return the benefits of `rules/<city>/benefits.json` (or of a bare array); raise CatalogueError."""
    node = Node(document, path)
    issuer = None
    if isinstance(document, dict):
        node.members("issuer", "version", "benefits", "issued_at", "zone")
        issuer = node.need("issuer").text()
        given = node.get("zone")
        default_zone = given.text() if given else default_zone
        node = node.need("benefits")
    found: dict[str, Benefit] = {}
    codes: dict[tuple[str, int], str] = {}
    for one in node.items():
        benefit = parse_benefit(one, default_zone=default_zone, default_issuer=issuer)
        if issuer is not None and benefit.issuer != issuer:
            raise CatalogueError(f"{one.path}.issuer", f"is {benefit.issuer!r}; this list may only publish {issuer!r}")
        if benefit.id in found:
            raise CatalogueError(f"{one.path}.id", f"{benefit.id!r} is taken by {found[benefit.id].path}")
        taken = codes.setdefault((benefit.issuer, benefit.code), one.path)
        if taken != one.path:
            raise CatalogueError(f"{one.path}.code", f"{benefit.code} of {benefit.issuer!r} is taken by {taken}")
        found[benefit.id] = benefit
    return tuple(found.values())


def parse_local(
    document: Any, *, issuer: str, site: str, default_zone: str = DEFAULT_ZONE, path: str = "$"
) -> tuple[Benefit, ...]:
    """Return a merchant's own offers, bound to `site`, read on the tier scale of the home `issuer`."""
    found = []
    for order, one in enumerate(Node(document, path).items()):
        if not isinstance(one.value, dict):
            raise one.wrong("must be an object")
        own = {"code": LOCAL_CODES + order, "version": 1, **one.value, "issuer": issuer, "local": True}
        given = Node({**own, "where": {**own.get("where", {}), "sites": [site]}}, one.path)
        found.append(parse_benefit(given, default_zone=default_zone))
    return tuple(found)


def parse_benefit(node: Node, *, default_zone: str, default_issuer: str | None = None) -> Benefit:
    """Return one benefit; raise CatalogueError naming path and mend."""
    node.members(*BENEFIT)
    issuer, local_node, version = node.get("issuer"), node.get("local"), node.get("version")
    if issuer is None and default_issuer is None:
        node.need("issuer")
    local = local_node.flag() if local_node else False
    title, stacks, needs = node.get("title"), node.get("stacks"), node.get("needs")
    limits, room, slot = node.get("limits"), node.get("capacity"), node.get("slot")
    benefit_id = node.need("id").text()
    benefit = Benefit(
        id=benefit_id,
        code=node.need("code").whole(),
        version=version.whole() if version else 1,
        issuer=issuer.text() if issuer else str(default_issuer),
        title=title.title() if title else {"zh": benefit_id},
        offer=offer(node.need("offer")),
        who=who(node.get("who"), local=local),
        where=where(node.get("where")),
        when=when(node.get("when"), default_zone),
        limits=tuple(limit(one) for one in limits.items()) if limits else (),
        capacity=tuple(capacity(one) for one in room.items()) if room else (),
        slot=_slot(slot) if slot else None,
        needs=tuple(_need(one) for one in needs.items()) if needs else (),
        lifecycle=lifecycle(node.get("lifecycle")),
        stacks=stacks.text() if stacks else None,
        offline=_offline(node.get("offline")),
        reversal=_reversal(node.get("reversal")),
        local=local,
        path=node.path,
    )
    _check_site_sets(benefit, node)
    return benefit


def _check_site_sets(benefit: Benefit, node: Node) -> None:
    for index, one in enumerate(benefit.limits):
        lacks = one.scope.value == "site_set" and one.site_set is None and not benefit.where.site_sets
        if lacks:
            raise CatalogueError(f"{node.path}.limits[{index}].scope", "is site_set; name a set in where.site_sets")


def _need(node: Node) -> str:
    need = node.text()
    if need in NEEDS or (need.startswith(SECOND) and len(need) > len(SECOND)):
        return need
    raise node.wrong(f"{need!r} is unknown; use one of {', '.join(sorted(NEEDS))}, {SECOND}<name>")


def _slot(node: Node) -> Slot:
    node.members("early_min", "late_min")
    early, late = node.get("early_min"), node.get("late_min")
    return Slot(early_min=early.whole() if early else 0, late_min=late.whole() if late else 0)


def lifecycle(node: Node | None) -> Lifecycle:
    """Read a lifecycle: a bare word means all defaults."""
    if node is None:
        return Lifecycle()
    if isinstance(node.value, str):
        return Lifecycle(kind=node.choice(LifecycleKind))
    node.members("once", "open_close", "pass")
    named = list(node.pairs())
    if len(named) != 1:
        raise node.wrong('names one of "once", "open_close", "pass"')
    name, one = named[0]
    if name == "open_close":
        return _open_close(one)
    if name == "pass":
        return _pass(one)
    return Lifecycle()


def _open_close(node: Node) -> Lifecycle:
    node.members("due", "on_overdue")
    due, overdue = node.get("due"), node.get("on_overdue")
    what = overdue.text() if overdue else "flag"
    if what not in ("flag", "withhold"):
        raise CatalogueError(f"{node.path}.on_overdue", f'{what!r} is unknown; use "flag" or "withhold"')
    clock = due is not None and ":" in due.text()
    return Lifecycle(
        kind=LifecycleKind.OPEN_CLOSE,
        due_ms=duration_ms(due) if due and not clock else None,
        due_clock=due.clock() if due and clock else None,
        withhold_when_overdue=what == "withhold",
    )


def duration_ms(node: Node) -> int:
    """Return a duration "P1D", "PT2H30M", "P2W" in milliseconds; a day is 24 hours."""
    found = DURATION.fullmatch(node.text())
    if found is None:
        raise node.wrong(f'{node.value!r} is no duration; write "P1D", "PT2H" or a time of day "HH:MM"')
    return sum(int(part) * ms for part, ms in zip(found.groups(), DURATION_MS, strict=True) if part)


def _pass(node: Node) -> Lifecycle:
    node.members("entries", "reentry_min", "anti_pass_back")
    entries, reentry, anti = node.get("entries"), node.get("reentry_min"), node.get("anti_pass_back")
    return Lifecycle(
        kind=LifecycleKind.PASS,
        entries=entries.whole() if entries else None,
        reentry_min=reentry.whole() if reentry else None,
        anti_pass_back=anti.flag() if anti else True,
    )


def _offline(node: Node | None) -> Offline:
    if node is None:
        return Offline()
    names = (
        "max_list_age_h",
        "max_uses",
        "max_amount_fen",
        "max_uses_per_subject",
        "max_amount_fen_per_subject",
    )
    node.members("allow", "on_limit", *names)
    allow, on_limit = node.get("allow"), node.get("on_limit")
    limited = on_limit.text() if on_limit else "refer"
    if limited not in ("refer", "standard"):
        raise CatalogueError(f"{node.path}.on_limit", f'{limited!r} is unknown; use "refer" or "standard"')
    bounds: Mapping[str, Node | None] = {name: node.get(name) for name in names}
    return Offline(
        allow=allow.flag() if allow else True,
        standard_on_limit=limited == "standard",
        **{name: bound.whole() if bound else None for name, bound in bounds.items()},
    )


def _reversal(node: Node | None) -> Reversal:
    if node is None:
        return Reversal()
    node.members("within_h", "gives_back")
    within, back = node.get("within_h"), node.get("gives_back")
    return Reversal(within_h=within.whole() if within else None, gives_back=back.flag() if back else True)
