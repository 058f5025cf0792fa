"""What a city's documents say: bytes in, typed content out (lists.md, contract.md §4 and §7).

Rules of this file:

- the issuer inside a document must be the city in its path: a city publishes only its own;
- a document is taken whole or not at all; the error names path, member and what is wrong;
- a list says itself that it is complete (`"complete": true`); one that does not is an error, never an all-clear;
- what the members of rules and entries mean is read by `credit`; here stands whose they are, and the bounds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec

from cache.lists.files import ListFiles
from cache.lists.index import MEASURES as MEASURES_LIST
from cache.lists.index import MEMBERS as MEMBERS_LIST
from cache.lists.index import REVOKED, read_index
from cache.lists.keyed import Listed, Shelf, open_listed
from cache.lists.measures import read_measures
from cache.lists.payloads import Membership
from cache.lists.refusals import ContentRefusedError
from cache.lists.status import Revocations, read_revocations
from cache.lists.values import RoleState
from credit.keys import Keyring, KeyringError
from credit.policy import Policy, Zones
from credit.rules.ages import USUAL, AgePolicy, parse_ages
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import Calendar, parse_calendars
from credit.rules.catalogue import Benefit
from credit.rules.documents import (
    IssuerMapping,
    Sites,
    parse_mapping,
    parse_measure_codes,
    parse_sites,
)
from credit.rules.listing import (
    BENEFITS,
    CALENDARS,
    INDEX,
    ISSUERS,
    KEYS,
    LIST_AGES,
    LISTS,
    MAPPING,
    MEASURE_CODES,
    MEASURES,
    REVOCATIONS,
    SITES,
    city_of,
    path_of,
)
from credit.rules.measures import MeasureCode, MeasureEntry
from credit.rules.reading import CatalogueError, short
from credit.rules.terms import DEFAULT_ZONE

MAX_ROWS_PER_KEY: Final = 8
KEY_BYTES: Final = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one city: what its office publishes about benefits, days, measures and sites."""

    benefits: tuple[Benefit, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    codes: Mapping[tuple[str, int], MeasureCode] = field(default_factory=dict)
    sites: Sites = field(default_factory=Sites)
    zone: str = DEFAULT_ZONE
    ages: AgePolicy = USUAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one role's documents say; only the members of its kind are filled."""

    role: str
    kind: str
    city: str
    keyring: Keyring = field(default_factory=Keyring.empty)
    mapping: Mapping[str, IssuerMapping] = field(default_factory=dict)
    measures: Mapping[bytes, tuple[MeasureEntry, ...]] | Listed = field(default_factory=dict)
    members: Listed | None = None
    revocations: Revocations = field(default_factory=Revocations)
    rules: Rules = field(default_factory=Rules)
    set_aside: tuple[str, ...] = ()  # what is wrong with entries that are not in force; the rest of the list is

    @property
    def aside(self) -> tuple[str, ...]:
        """What is wrong with entries that are passed over: told when they were read, or when somebody was looked up."""
        listed = self.measures.aside.values() if isinstance(self.measures, Listed) else ()
        return (*self.set_aside, *listed)

    def membership(self, subject: bytes) -> Membership | None:
        """Return what the member list says of a subject in place of its claim, None where it does not name it."""
        return None if self.members is None else self.members.membership(subject)


def open_lists(state: RoleState, files: ListFiles, *, held: Content | None = None, fresh: bool = True) -> Content:
    """Open the lists that a city's index names, gone on from what is `held`.

    Raises ContentRefusedError, DocumentRefusedError, OSError.
    """
    _kind, city = city_of(state.role) or ("", "")
    by_path = {one.path: one for one in state.documents}
    index = read_index(city, files.read(by_path[path_of(LISTS, city, INDEX)].sha256))
    before = held.measures if held and isinstance(held.measures, Listed) else None
    shelf = Shelf(files, state.documents, fresh)
    measures = open_listed(index, MEASURES_LIST, shelf, held=before)
    if measures is None:
        raise ContentRefusedError(f"lists/{city}/index.json: $.measures: missing; an empty list must say so itself")
    members = open_listed(index, MEMBERS_LIST, shelf, held=held.members if held else None)
    revoked = by_path[path_of(LISTS, city, REVOKED)]
    revocations = read_revocations(city, revoked.path, files.read(revoked.sha256), indexes=index.revocations.indexes)
    return Content(role=state.role, kind=LISTS, city=city, measures=measures, members=members, revocations=revocations)


def is_keyed(state: RoleState) -> bool:
    """Tell whether a role's lists are in key files; a platform from before them signs JSON documents."""
    kind, city = city_of(state.role) or ("", "")
    return any(one.path == path_of(kind, city, INDEX) for one in state.documents)


def open_role(role: str, documents: Mapping[str, bytes]) -> Content:
    """Read the documents (path → bytes) of one role; raise ContentRefusedError."""
    pair = city_of(role)
    if pair is None:
        raise ContentRefusedError(f"{role}: not a role of ours")
    kind, city = pair
    given = {path.rpartition("/")[2]: (path, data) for path, data in documents.items()}
    try:
        if kind == ISSUERS:
            mapping = _mapping(city, *given[MAPPING]) if MAPPING in given else {}
            keyring = _keyring(city, *given[KEYS])
            return Content(role=role, kind=kind, city=city, keyring=keyring, mapping=mapping)
        if kind == LISTS:
            measures, aside = _measures(city, *given[MEASURES])
            revocations = read_revocations(city, *given[REVOCATIONS])
            return Content(role=role, kind=kind, city=city, measures=measures, revocations=revocations, set_aside=aside)
        return Content(role=role, kind=kind, city=city, rules=_rules(city, given))
    except CatalogueError as error:
        raise ContentRefusedError(str(error)) from error


def _keyring(city: str, path: str, data: bytes) -> Keyring:
    try:
        keyring = Keyring.from_json(data)
    except KeyringError as error:
        raise ContentRefusedError(f"{path}: {error}") from error
    for keys in keyring.by_kid.values():
        for key in keys:
            _own(city, key.issuer, f"{path}: key {key.kid.hex()}")
    return keyring


def _mapping(city: str, path: str, data: bytes) -> Mapping[str, IssuerMapping]:
    return parse_mapping(_document(city, path, data), path=f"{path}: $")


def _measures(city: str, path: str, data: bytes) -> tuple[Mapping[bytes, tuple[MeasureEntry, ...]], tuple[str, ...]]:
    """Return the entries in force, and what is wrong with those that are set aside."""
    try:
        issuer, by_key, wrong = read_measures(data, path=f"{path}: $")
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ContentRefusedError(f"{path}: {short(str(error))}") from error
    _own(city, issuer, path)
    aside = list(wrong)
    found: dict[bytes, tuple[MeasureEntry, ...]] = {}
    for key, entries in by_key.items():
        if len(key) != KEY_BYTES:
            aside.append(f"{path}: $.entries: key {short(key.hex())!r} must have {2 * KEY_BYTES} hex digits")
            continue
        fitting = [entry for entry in entries if _fits(city, entry)]
        found[key] = tuple(fitting[:MAX_ROWS_PER_KEY])
        if len(found[key]) < len(entries):
            bound = f"another city's, with its last day before its first, or beyond {MAX_ROWS_PER_KEY} rows"
            aside.append(f"{path}: $.entries: key {key.hex()}: {len(entries) - len(found[key])} are {bound}")
    return MappingProxyType(found), tuple(aside)


def _fits(city: str, entry: MeasureEntry) -> bool:
    backwards = entry.from_day is not None and entry.until_day is not None and entry.until_day < entry.from_day
    return entry.issuer == city and not backwards


def _rules(city: str, given: Mapping[str, tuple[str, bytes]]) -> Rules:
    path, data = given[BENEFITS]
    document = _document(city, path, data)
    benefits = parse_benefits(document, path=f"{path}: $")
    path, data = given[CALENDARS]
    calendars = parse_calendars(_document(city, path, data), path=f"{path}: $")
    path, data = given[MEASURE_CODES]
    codes = parse_measure_codes(_document(city, path, data), path=f"{path}: $")
    path, data = given[SITES]
    sites = parse_sites(_document(city, path, data), path=f"{path}: $")
    ages = USUAL
    if LIST_AGES in given:
        path, data = given[LIST_AGES]
        ages = parse_ages(_document(city, path, data), path=f"{path}: $")
    zone = document.get("zone", DEFAULT_ZONE)
    Policy.compile(benefits=benefits, calendars=calendars, codes=codes, sites=sites, zones=Zones({city: zone}))
    return Rules(benefits=benefits, calendars=calendars, codes=codes, sites=sites, zone=zone, ages=ages)


def _document(city: str, path: str, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = _decode(path, data, dict[str, Any])
    _own(city, found.get("issuer"), path)
    return found


def _decode(path: str, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ContentRefusedError(f"{path}: {short(str(error))}") from error


def _own(city: str, issuer: object, where: str) -> None:
    if issuer != city:
        raise ContentRefusedError(
            f"{where}: issuer {short(repr(issuer))} in a document of {city}; a city publishes only its own"
        )
