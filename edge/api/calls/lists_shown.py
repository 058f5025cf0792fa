"""The signed lists as JSON: what is in force, how old it is, what is wrong. Pure.

Ages are judged as lists.md proposes: up to a day normal, up to three days old, up to fourteen stale; beyond that no
list supports any benefit (`credit.policy.MAX_LIST_AGE_S`).
"""

from typing import Any, Final, NamedTuple

from cache.lists.values import RoleState, Stored
from credit.policy import MAX_LIST_AGE_S
from credit.rules.listing import DOCUMENTS, OPTIONAL, city_of, path_of

HOUR_S: Final = 3600
DAY_S: Final = 86_400
OLD_S: Final = DAY_S
STALE_S: Final = 3 * DAY_S


class Word(NamedTuple):
    """A state of age in both languages."""

    code: str
    zh: str
    en: str


FRESH: Final = Word("fresh", "正常", "normal")
OLD: Final = Word("old", "超过 24 小时", "older than 24 h")
STALE: Final = Word("stale", "超过 72 小时，仅限低额", "older than 72 h: low value only")
TOO_OLD: Final = Word("too_old", "超过 14 天，停止信用优惠", "older than 14 days: no credit benefits")


def judged(age_s: int) -> Word:
    """Return how an age counts."""
    if age_s > MAX_LIST_AGE_S:
        return TOO_OLD
    if age_s > STALE_S:
        return STALE
    return OLD if age_s > OLD_S else FRESH


def report(stored: Stored, *, now_ms: int) -> dict[str, Any]:
    """Return everything known about the lists as a JSON object."""
    return {
        "lists": [_row(state, now_ms) for _role, state in sorted(stored.roles.items())],
        "problems": dict(sorted(stored.problems.items())),
        "newest_ms": stored.newest_ms,
        "killed_keys": len(stored.killed),
    }


def _row(state: RoleState, now_ms: int) -> dict[str, Any]:
    kind, city = city_of(state.role) or ("", "")
    age_s = max(0, now_ms - state.confirmed_ms) // 1000
    here = {document.path for document in state.documents}
    wanted = [path_of(kind, city, name) for name in DOCUMENTS.get(kind, ()) if name not in OPTIONAL]
    return {
        "role": state.role,
        "city": city,
        "kind": kind,
        "version": state.version,
        "issued_ms": state.issued_ms,
        "age_s": age_s,
        "state": judged(age_s).code,
        "documents": sorted(here),
        "bytes": sum(document.size for document in state.documents),
        "missing": [path for path in wanted if path not in here],
    }
