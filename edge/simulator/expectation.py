"""Comparing what a step came to with what the case expects (decision.md, "expect").

Rules of this file:

- outcome, benefit and error exactly; of offer and obligations the members that are given; of reasons those that are
  given must be among the answer's; `left` is the uses left by benefit, or one number for the benefit given;
- times are compared as instants, whatever offset they are written with.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any


def unmet(expect: Mapping[str, Any], line: Mapping[str, Any]) -> list[str]:
    """Return what does not hold, in words; empty when every expectation is met."""
    return [
        f"{name}: expected {_short(wanted)}, got {_short(_shown(name, line))}"
        for name, wanted in expect.items()
        if not COMPARE.get(name, _exact)(wanted, _shown(name, line), line)
    ]


def _shown(name: str, line: Mapping[str, Any]) -> Any:
    if name in ("reasons", "not_reasons"):
        return [one["code"] for one in line.get("reasons", ())]
    return line.get(name)


def _short(value: Any) -> str:
    return str(value) if not isinstance(value, str) else value


Comparison = Callable[[Any, Any, Mapping[str, Any]], bool]


def _exact(wanted: Any, got: Any, _line: Mapping[str, Any]) -> bool:
    return _same(wanted, got)


def _same(wanted: Any, got: Any) -> bool:
    if type(wanted) is bool or type(got) is bool:
        return wanted is got
    if wanted == got:
        return True
    first, second = _instant(wanted), _instant(got)
    return first is not None and first == second


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _members(wanted: Any, got: Any, _line: Mapping[str, Any]) -> bool:
    if not isinstance(wanted, dict) or not isinstance(got, dict):
        return _same(wanted, got)
    return all(name in got and _same(value, got[name]) for name, value in wanted.items())


def _among(wanted: Any, got: Any, _line: Mapping[str, Any]) -> bool:
    return set(wanted or ()) <= set(got)


def _absent(wanted: Any, got: Any, _line: Mapping[str, Any]) -> bool:
    return not set(wanted or ()) & set(got)


def _left(wanted: Any, got: Any, line: Mapping[str, Any]) -> bool:
    if isinstance(wanted, dict):
        return _members(wanted, got or {}, line)
    if wanted is None:
        return got is None
    held = got or {}
    first = line.get("benefit")
    return bool(held.get(first, min(held.values(), default=None)) == wanted)


def _conflicts(wanted: Any, got: Any, line: Mapping[str, Any]) -> bool:
    if not isinstance(wanted, list) or not isinstance(got, list) or len(wanted) != len(got):
        return False
    return all(any(_members(one, other, line) for other in got) for one in wanted)


def _falsy(wanted: Any, got: Any, _line: Mapping[str, Any]) -> bool:
    return bool(wanted) is bool(got)


COMPARE: dict[str, Comparison] = {
    "offer": _members,
    "obligations": _members,
    "reasons": _among,
    "not_reasons": _absent,
    "left": _left,
    "conflicts": _conflicts,
    "repeat": _falsy,
}
