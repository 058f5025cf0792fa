"""What a city's documents say: bytes in, typed content out (lists.md, contract.md §4 and §7).

Rules of this file:

- the issuer inside a document must be the city in its path: a city publishes only its own;
- a document is taken whole or not at all; the error names path, member and what is wrong;
- a list says itself that it is complete (`"complete": true`); one that does not is an error, never an all-clear;
- what the members of benefits, calendars and measure codes mean is read by `credit`, not here.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar

import msgspec

from credit.keys import Keyring, KeyringError
from credit.listing import (
    BENEFITS,
    CALENDARS,
    ISSUERS,
    KEYS,
    LISTS,
    MAPPING,
    MEASURE_CODES,
    MEASURES,
    REVOCATIONS,
    SITES,
    city_of,
)
from credit.measures import EntryState, MeasureEntry

MAX_ROWS_PER_KEY: Final = 8
MAX_EMERGENCY_TOKENS: Final = 10_000
TOKEN_ID_BYTES: Final = 8
KEY_BYTES: Final = 16

T = TypeVar("T")


class ContentRefused(Exception):  # noqa: N818 - reads as what happened
    """A document that verified but does not say what it must. The text names path, member and mend."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, rename={"from_day": "from"}):
    key: str
    code: int
    state: Literal["active", "disputed"] = "active"
    authority: str | None = None
    basis: str | None = None
    scenes: list[str] | None = None
    from_day: date | None = None
    until: date | None = None


class _Measures(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    complete: Literal[True]
    entries: list[_Entry]


class _Revocations(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    complete: Literal[True]
    tokens: list[str]
    status: str | None = None


class _Mapping(msgspec.Struct, forbid_unknown_fields=True):
    tiers: dict[str, int] = msgspec.field(default_factory=dict)
    groups: dict[str, int] = msgspec.field(default_factory=dict)


class _Mappings(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    mapping: dict[str, _Mapping]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """Revoked tokens of one issuer: by id, and by a bit per status index (lowest bit first), if it keeps one."""

    tokens: frozenset[bytes] = frozenset()
    status: bytes | None = None

    def revoked(self, token_id: bytes, status_index: int | None) -> bool:
        """Tell whether a token is revoked. An index beyond the list counts as revoked."""
        if token_id in self.tokens:
            return True
        if status_index is None or self.status is None:
            return False
        byte, bit = divmod(status_index, 8)
        return byte >= len(self.status) or bool(self.status[byte] >> bit & 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What one role's documents say; only the members of its kind are filled.

    `rules` holds the JSON of the rules documents, and of the tier mapping, by file name.
    """

    role: str
    kind: str
    city: str
    keyring: Keyring | None = None
    measures: Mapping[bytes, tuple[MeasureEntry, ...]] = field(default_factory=dict)
    revocations: Revocations | None = None
    rules: Mapping[str, Any] = field(default_factory=dict)


def open_role(role: str, documents: Mapping[str, bytes]) -> Content:
    """Read the documents (path → bytes) of one role; raise ContentRefused."""
    pair = city_of(role)
    if pair is None:
        raise ContentRefused(f"{role}: not a role of ours")
    kind, city = pair
    by_name = {path.rpartition("/")[2]: (path, data) for path, data in documents.items()}
    if kind == ISSUERS:
        rules = {MAPPING: _mapping(city, *by_name[MAPPING])} if MAPPING in by_name else {}
        return Content(role=role, kind=kind, city=city, keyring=_keyring(city, *by_name[KEYS]), rules=rules)
    if kind == LISTS:
        return Content(
            role=role, kind=kind, city=city,
            measures=_measures(city, *by_name[MEASURES]), revocations=_revocations(city, *by_name[REVOCATIONS]),
        )  # fmt: skip
    rules = {name: _rules(city, *by_name[name]) for name in (BENEFITS, CALENDARS, MEASURE_CODES, SITES)}
    return Content(role=role, kind=kind, city=city, rules=rules)


def _keyring(city: str, path: str, data: bytes) -> Keyring:
    try:
        keyring = Keyring.from_json(data)
    except KeyringError as error:
        raise ContentRefused(f"{path}: {error}") from error
    for keys in keyring.by_kid.values():
        for key in keys:
            _own(city, key.issuer, f"{path}: key {key.kid.hex()}")
    return keyring


def _mapping(city: str, path: str, data: bytes) -> dict[str, Any]:
    found = _decode(path, data, _Mappings)
    _own(city, found.issuer, path)
    plain = msgspec.to_builtins(found)
    return {"issuer": city, "mapping": plain["mapping"]}


def _measures(city: str, path: str, data: bytes) -> Mapping[bytes, tuple[MeasureEntry, ...]]:
    found = _decode(path, data, _Measures)
    _own(city, found.issuer, path)
    by_key: dict[bytes, tuple[MeasureEntry, ...]] = {}
    for index, row in enumerate(found.entries):
        where = f"{path}: $.entries[{index}]"
        key = _hex(row.key, KEY_BYTES, f"{where}.key")
        if row.from_day and row.until and row.until < row.from_day:
            raise ContentRefused(f"{where}.until: before its from")
        entry = MeasureEntry(
            issuer=city, code=row.code, state=EntryState(row.state), authority=row.authority, basis=row.basis,
            scenes=None if row.scenes is None else frozenset(row.scenes), from_day=row.from_day, until_day=row.until,
        )  # fmt: skip
        by_key[key] = (*by_key.get(key, ()), entry)
        if len(by_key[key]) > MAX_ROWS_PER_KEY:
            raise ContentRefused(f"{where}: more than {MAX_ROWS_PER_KEY} rows for one key")
    return MappingProxyType(by_key)


def _revocations(city: str, path: str, data: bytes) -> Revocations:
    found = _decode(path, data, _Revocations)
    _own(city, found.issuer, path)
    if len(found.tokens) > MAX_EMERGENCY_TOKENS:
        raise ContentRefused(f"{path}: $.tokens: at most {MAX_EMERGENCY_TOKENS}; use the status bits")
    tokens = frozenset(
        _hex(text, TOKEN_ID_BYTES, f"{path}: $.tokens[{index}]") for index, text in enumerate(found.tokens)
    )
    try:
        status = None if found.status is None else base64.b64decode(found.status, validate=True)
    except binascii.Error as error:
        raise ContentRefused(f"{path}: $.status: not base64") from error
    return Revocations(tokens=tokens, status=status)


def _rules(city: str, path: str, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = _decode(path, data, dict[str, Any])
    _own(city, found.get("issuer"), path)
    return found


def _decode(path: str, data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ContentRefused(f"{path}: {error}") from error


def _own(city: str, issuer: object, where: str) -> None:
    if issuer != city:
        raise ContentRefused(f"{where}: issuer {issuer!r} in a document of {city}; a city publishes only its own")


def _hex(text: str, size: int, where: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != size:
        raise ContentRefused(f"{where}: {2 * size} hex digits")
    return value
