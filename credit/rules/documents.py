"""Reading the other signed documents: measure codes, measure entries, mappings, sites (lists.md; contract.md §4).

Rules of this file:

- shapes are those of the signed files under `rules/`, `issuers/` and `lists/`; whose file it is (issuer = city in the
  path) is checked by who loads it;
- every reader returns typed values or raises `CatalogueError` naming path and mend.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from credit.rules.measures import ANY, Effect, EntryState, MeasureCode, MeasureEntry
from credit.rules.reading import CatalogueError, Node
from credit.rules.terms import MAX_TIER


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerMapping:
    """How a foreign issuer's tiers and groups read on the home scale; what is not named is absent."""

    tiers: Mapping[int, int] = field(default_factory=dict)
    groups: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """Named sets of sites, and what is known of single sites (their own grade as merchants)."""

    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)
    merchant_tiers: Mapping[str, int] = field(default_factory=dict)


def parse_measure_codes(document: Any, *, path: str = "$") -> dict[tuple[str, int], MeasureCode]:
    """Return measure codes by (issuer, code), of `rules/<city>/measure-codes.json` or of a bare object of codes."""
    node, issuer = Node(document, path), ANY
    if isinstance(document, dict) and "codes" in document:
        node.members("issuer", "version", "codes", "issued_at")
        given = node.get("issuer")
        issuer = given.text() if given else ANY
        node = node.need("codes")
    found: dict[tuple[str, int], MeasureCode] = {}
    for name, one in node.pairs():
        if not (name.isascii() and name.isdigit()):
            raise one.wrong(f"{name!r} is no measure code; write a whole number")
        found[(issuer, int(name))] = _code(int(name), one)
    return found


def _code(code: int, node: Node) -> MeasureCode:
    node.members("title", "effect", "scenes", "authority", "basis", "remedy")
    title, scenes, authority = node.get("title"), node.get("scenes"), node.get("authority")
    basis, remedy = node.get("basis"), node.get("remedy")
    return MeasureCode(
        code=code,
        effect=node.need("effect").choice(Effect),
        title=title.title() if title else {},
        scenes=frozenset(scenes.texts()) if scenes else None,
        authority=authority.text() if authority else None,
        basis=basis.text() if basis else None,
        remedy=remedy.title() if remedy else None,
    )


def parse_entry(node: Node, *, issuer: str | None = None) -> MeasureEntry:
    """Return one entry of a measures list (its key or subject is read by who indexes it)."""
    node.members("issuer", "subject", "key", "code", "scenes", "authority", "basis", "from", "until", "state", "id")
    owner, state, authority = node.get("issuer"), node.get("state"), node.get("authority")
    scenes, basis, first, last = node.get("scenes"), node.get("basis"), node.get("from"), node.get("until")
    return MeasureEntry(
        issuer=owner.text() if owner else (issuer or node.need("issuer").text()),
        code=_code_number(node.need("code")),
        state=state.choice(EntryState) if state else EntryState.ACTIVE,
        authority=authority.text() if authority else None,
        basis=basis.text() if basis else None,
        scenes=frozenset(scenes.texts()) if scenes else None,
        from_day=first.day() if first else None,
        until_day=last.day() if last else None,
    )


def _code_number(node: Node) -> int:
    text = node.value
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() else node.whole()


def parse_measures(document: Any, *, path: str = "$") -> dict[bytes, tuple[MeasureEntry, ...]]:
    """Return the entries of `lists/<city>/measures.json` by subject (bytes of the hex `key`); raise CatalogueError.

    Before publishing each entry must be right. A terminal sets a wrong one aside: `readable_measures`.
    """
    found, wrong = readable_measures(document, path=path)
    if wrong:
        raise wrong[0]
    return found


def readable_measures(
    document: Any, *, path: str = "$"
) -> tuple[dict[bytes, tuple[MeasureEntry, ...]], tuple[CatalogueError, ...]]:
    """Return what can be read of a measures list, and what is wrong with each entry that cannot.

    One entry of nonsense must not lift or freeze what a whole city has ordered. Raises CatalogueError where the list
    itself is none.
    """
    node = Node(document, path).members("issuer", "version", "complete", "entries", "issued_at")
    issuer = node.need("issuer").text()
    complete = node.need("complete")
    if not complete.flag():
        raise complete.wrong("must be true; a list that is not complete is no all-clear")
    found: dict[bytes, tuple[MeasureEntry, ...]] = {}
    wrong: list[CatalogueError] = []
    for one in node.need("entries").items():
        try:
            subject, entry = _subject(one.need("key")), parse_entry(one, issuer=issuer)
        except CatalogueError as error:
            wrong.append(error)
        else:
            found[subject] = (*found.get(subject, ()), entry)
    return found, tuple(wrong)


def _subject(key: Node) -> bytes:
    text = key.text()
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise key.wrong("must be hexadecimal") from None


def parse_mapping(document: Any, *, path: str = "$") -> dict[str, IssuerMapping]:
    """Return foreign issuers' mappings, of `issuers/<city>/mapping.json` or of a bare object of issuers."""
    node = Node(document, path)
    if isinstance(document, dict) and "mapping" in document and "issuer" in document:
        node = node.members("issuer", "version", "mapping", "issued_at").need("mapping")
    return {issuer: _mapping(one) for issuer, one in node.pairs()}


def _mapping(node: Node) -> IssuerMapping:
    node.members("tiers", "groups")
    tiers, groups = node.get("tiers"), node.get("groups")
    return IssuerMapping(
        tiers=_numbers(tiers, MAX_TIER) if tiers else {},
        groups=_numbers(groups, 2**32) if groups else {},
    )


def _numbers(node: Node, most: int) -> dict[int, int]:
    found = {}
    for name, one in node.pairs():
        if not (name.isascii() and name.isdigit()):
            raise one.wrong(f"{name!r} is no whole number")
        found[int(name)] = one.whole(0, most)
    return found


def parse_sites(document: Any, *, path: str = "$") -> Sites:
    """Return site sets and merchants' grades, of `rules/<city>/sites.json`."""
    node = Node(document, path).members("issuer", "version", "site_sets", "sites", "issued_at")
    sets, sites = node.get("site_sets"), node.get("sites")
    tiers: dict[str, int] = {}
    for name, one in sites.pairs() if sites else ():
        one.members("title", "merchant_tier", "grade", "region")
        tier = one.get("merchant_tier")
        if tier:
            tiers[name] = tier.whole()
    return Sites(
        sets={name: frozenset(one.texts()) for name, one in sets.pairs()} if sets else {},
        merchant_tiers=tiers,
    )
