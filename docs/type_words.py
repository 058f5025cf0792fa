"""How a page writes a type of ours: what it holds, and its bounds."""

from enum import Enum
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import msgspec

MANY = (list, tuple)
EXACT = 2**53 - 1  # what a double holds exactly is the rule, and not said
WORDS: dict[object, str] = {int: "integer", str: "text", bool: "true or false", type(None): "null", dict: "object"}


def name_of(kind: object) -> str:
    """Return a type as a page shows it."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return bounded(inner[0], bounds_of(inner[1:]))
    if origin is Literal:
        return " · ".join(f"`{one}`" for one in inner)
    if origin in (Union, UnionType):
        return " or ".join(name_of(one) for one in inner if one is not msgspec.UnsetType)
    if origin in MANY:
        return f"list of {name_of(inner[0])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{kind.__name__}: " + " · ".join(f"`{one.value}`" for one in kind)
    return WORDS.get(origin or kind, getattr(kind, "__name__", "object"))


def bounded(kind: object, bounds: str) -> str:
    """Return a type with its bounds, those of a list beside the list."""
    return f"list{bounds} of {name_of(get_args(kind)[0])}" if get_origin(kind) in MANY else name_of(kind) + bounds


def bounds_of(told: tuple[object, ...]) -> str:
    """Return what a type's bounds say: a range of numbers, a length."""
    words = []
    for one in (one for one in told if isinstance(one, msgspec.Meta)):
        low, high = plain(one.ge), plain(one.le)
        words += [f"{low} to {high}"] if low and high else [f"from {low}"] if low else [f"up to {high}"] if high else []
        words += [f"at most {one.max_length}"] if one.max_length is not None else []
        words += ["hexadecimal"] if one.pattern is not None and "0-9a-f" in one.pattern else []
    return f" ({', '.join(words)})" if words else ""


def plain(bound: float | None) -> str:
    """Return a bound of numbers, nothing where it only says what a double holds exactly."""
    return "" if bound is None or abs(bound) >= EXACT else str(bound)
