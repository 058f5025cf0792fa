"""The signed lists as JSON: what is in force, how old it is, what is wrong. Pure.

An age is judged by the home city's signed policy (`credit.rules.ages`): beyond its last step no benefit is given.
"""

from typing import Any, Final, NamedTuple

from cache.lists.values import RoleState, Stored
from credit.rules.ages import AgePolicy, AgeStep
from credit.rules.listing import DOCUMENTS, OPTIONAL, city_of, path_of

HOUR_S: Final = 3600
DAY_S: Final = 86_400
OLD_S: Final = DAY_S


class Word(NamedTuple):
    """A state of age in both languages."""

    code: str
    zh: str
    en: str


FRESH: Final = Word("fresh", "正常", "normal")
OLD: Final = Word("old", "超过 24 小时，优惠照办", "older than 24 h, everything is given")
STALE: Final = Word("stale", "较旧，部分优惠暂停", "old: some benefits are withheld")
TOO_OLD: Final = Word("too_old", "过旧，停止信用优惠", "too old: no credit benefits")


def judged(age_s: int, kind: str, policy: AgePolicy) -> Word:
    """Return how the age of a list of this kind counts."""
    step = None if policy.too_old(kind, age_s) else policy.step(age_s)
    if step is None:
        return TOO_OLD
    if step.restricts:
        return STALE
    return OLD if age_s > OLD_S else FRESH


def report(stored: Stored, *, now_ms: int, policy: AgePolicy) -> dict[str, Any]:
    """Return everything known about the lists as a JSON object."""
    return {
        "lists": [_row(state, now_ms, policy) for _role, state in sorted(stored.roles.items())],
        "problems": dict(sorted(stored.problems.items())),
        "newest_ms": stored.newest_ms,
        "killed_keys": len(stored.killed),
        "ages": [_step(step) for step in policy.steps],
    }


def _step(step: AgeStep) -> dict[str, Any]:
    offers = None if step.offers is None else sorted(step.offers)
    return {"up_to_h": step.up_to_s // HOUR_S, "offers": offers, "max_fen": dict(sorted(step.max_fen.items()))}


def _row(state: RoleState, now_ms: int, policy: AgePolicy) -> dict[str, Any]:
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
        "state": judged(age_s, kind, policy).code,
        "documents": sorted(here),
        "bytes": sum(document.size for document in state.documents),
        "missing": [path for path in wanted if path not in here],
    }
