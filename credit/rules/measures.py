"""Measures 惩戒措施: what a list entry may do to a visitor, and what it may not (contract.md §4, decision.md).

Rules of this file:

- only codes in the signed measure catalogue count; an entry with another code is ignored and reported;
- scenes, basis, remedy and effect belong to the code, by (issuer, code); an entry's own `scenes` overrides;
- `from` and `until` are inclusive civil days in the issuer's zone: an entry expires by itself, offline too;
- what ends within SOON_DAYS says so: whoever is told can settle it first, or simply wait;
- a disputed or expired entry has no effect (scenes S8, S9).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

SOON_DAYS: Final = 30


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
    """One row of a measures list about one subject. `scenes` None: those of its code. Days are civil days.

    `entry` is the row's id, where the list is one of rows: the same row has the same, a changed one another.
    """

    issuer: str
    code: int
    state: EntryState = EntryState.ACTIVE
    authority: str | None = None
    basis: str | None = None
    scenes: frozenset[str] | None = None
    from_day: date | None = None
    until_day: date | None = None
    entry: str | None = None


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """A measure in force here and now: the entry and its code; `today` is the issuer's civil day."""

    entry: MeasureEntry
    code: MeasureCode
    today: date

    def facts(self) -> dict[str, object]:
        """Return what the holder is told: measure, authority, basis, until when, how it is remedied, whether soon over.

        >>> code = MeasureCode(code=302, effect=Effect.RESTRICT, title={"zh": "限制"})
        >>> entry = MeasureEntry(issuer="w", code=302, until_day=date(2026, 12, 31))
        >>> Effective(entry=entry, code=code, today=date(2026, 12, 20)).facts()["hint"]["en"]
        'It ends by itself in 12 days; it may be repaired before'
        >>> "hint" in Effective(entry=entry, code=code, today=date(2026, 11, 1)).facts()
        False
        """
        entry, code = self.entry, self.code
        facts: dict[str, object] = {"measure": code.code, "title": dict(code.title), "issuer": entry.issuer}
        facts["authority"] = entry.authority or code.authority
        facts["basis"] = entry.basis or code.basis
        facts["until"] = entry.until_day.isoformat() if entry.until_day else None
        facts["remedy"] = dict(code.remedy) if code.remedy else None
        facts["hint"] = _hint(entry.until_day, self.today)
        return {name: value for name, value in facts.items() if value is not None}


def _hint(until: date | None, today: date) -> dict[str, str] | None:
    """Return what to hope for when a measure ends within SOON_DAYS, its last day included."""
    days = (until - today).days + 1 if until else 0
    if not 1 <= days <= SOON_DAYS:
        return None
    ends = "today is its last day" if days == 1 else f"It ends by itself in {days} days"
    zh = "今天是最后一天" if days == 1 else f"{days} 天后自行到期"
    return {"zh": f"{zh}；到期前可申请修复", "en": f"{ends[:1].upper()}{ends[1:]}; it may be repaired before"}


Codes = Mapping[tuple[str, int], MeasureCode]
ANY = "*"  # a code that every issuer shares


def code_of(codes: Codes, entry: MeasureEntry) -> MeasureCode | None:
    """Return the catalogue row of an entry, None for a code that nobody published."""
    return codes.get((entry.issuer, entry.code)) or codes.get((ANY, entry.code))


def in_force(codes: Codes, entry: MeasureEntry, scene: str, today: date) -> Effective | None:
    """Return the measure that `entry` is in this scene today, None when it has no effect."""
    code = code_of(codes, entry)
    if code is None or entry.state is not EntryState.ACTIVE:
        return None
    if (entry.from_day and today < entry.from_day) or (entry.until_day and today > entry.until_day):
        return None
    scenes = entry.scenes if entry.scenes is not None else code.scenes
    return Effective(entry=entry, code=code, today=today) if scenes is None or scene in scenes else None
