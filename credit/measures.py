"""Measures 惩戒措施: what a list entry may do to a visitor, and what it may not (contract.md §4, decision.md).

Rules of this file:

- only codes in the signed measure catalogue count; an entry with another code is ignored and reported;
- scenes, basis, remedy and effect belong to the code, by (issuer, code); an entry's own `scenes` overrides;
- `from` and `until` are inclusive civil days in the issuer's zone: an entry expires by itself, offline too;
- a disputed or expired entry has no effect (scenes S8, S9).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Effect(StrEnum):
    """What a measure does in its scenes: refuse the service, or only withdraw the privileges."""

    RESTRICT = "restrict"
    WITHHOLD = "withhold"


class EntryState(StrEnum):
    """Whether an entry is in force or under dispute."""

    ACTIVE = "active"
    DISPUTED = "disputed"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureEntry:
    """One row of a measures list about one subject. `scenes` None: those of its code. Days are civil days."""

    issuer: str
    code: int
    state: EntryState = EntryState.ACTIVE
    authority: str | None = None
    basis: str | None = None
    scenes: frozenset[str] | None = None
    from_day: date | None = None
    until_day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureCode:
    """One row of the measure catalogue. `scenes` None: every scene."""

    code: int
    effect: Effect
    title: Mapping[str, str]
    scenes: frozenset[str] | None = None
    authority: str | None = None
    basis: str | None = None
    remedy: Mapping[str, str] | None = None
