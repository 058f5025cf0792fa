"""What calls that look into a terminal answer, as types; the rules of `answers` hold here too."""

from typing import Any, Literal

from msgspec import Struct

from credit.lifecycle import State
from credit.reasons import Reason


class RoleShown(Struct, frozen=True, kw_only=True):
    """One role of one city: what is in force, and how old it is."""

    role: str
    city: str
    kind: Literal["issuers", "lists", "rules"]
    version: int
    issued_ms: int
    age_s: int
    state: Literal["fresh", "old", "stale", "too_old"]
    documents: list[str]
    bytes: int
    missing: list[str]


class AgeShown(Struct, frozen=True, kw_only=True):
    """One step of the signed policy: what is given on lists up to so old; `offers` null: everything."""

    up_to_h: int
    offers: list[str] | None
    max_fen: dict[str, int]


class ListsAnswer(Struct, frozen=True, kw_only=True):
    """The signed lists; `problems` says by role why the newest of it is not in force, `ages` what is given when."""

    lists: list[RoleShown]
    problems: dict[str, str]
    newest_ms: int
    killed_keys: int
    ages: list[AgeShown]


class RecordShown(Struct, frozen=True, kw_only=True):
    """One record of the journal (docs/records.md); of one that was damaged on the disk its number, kind `damaged`."""

    seq: int
    id: str
    at_ms: int
    kind: str
    redemption: str | None
    body: dict[str, Any]


class JournalAnswer(Struct, frozen=True, kw_only=True):
    """Records after `after`; `next` is what to ask after, `last` the newest, `acked_through` what is signed for."""

    records: list[RecordShown]
    next: int
    last: int
    acked_through: int


class GivenCount(Struct, frozen=True, kw_only=True):
    """How many redemptions of a benefit stand so at a lane, and of how many people or pieces."""

    lane: str
    benefit: str
    state: State
    n: int
    heads: int


class DeniedCount(Struct, frozen=True, kw_only=True):
    """How many were denied at a lane with this reason first."""

    lane: str
    reason: Reason
    n: int


class StatsAnswer(Struct, frozen=True, kw_only=True):
    """What was given since `since_ms`, and the reasons of the newest 5 000 denials in that time."""

    since_ms: int
    given: list[GivenCount]
    denied: list[DeniedCount]
