"""What the lines of the books add up to by verdict, and what of it settles (central.proving). Values only.

Kept beside `totals`, by the same keys: a verdict comes minutes after its grant, and may come again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import Final

from central.books.settling.accounts import Figures

VERDICTS: Final = ("proved", "vouched", "unproved", "disproved")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What grants add to a line; the names are the columns of `verdicts`. Who waits for a verdict adds none."""

    proved: int = 0
    vouched: int = 0
    unproved: int = 0
    disproved: int = 0
    apart: int = 0
    settled: int = 0
    settled_off_fen: int = 0
    settled_waived_fen: int = 0
    settled_later_fen: int = 0


WEIGHTS: Final = tuple(one.name for one in fields(Weights))
KEY: Final = ("quarter", "site", "issuer", "benefit", "local")
_COLUMNS: Final = (*KEY, *WEIGHTS)
ADD_WEIGHTS: Final = (
    f"INSERT INTO verdicts ({', '.join(_COLUMNS)}) VALUES ({', '.join(f'${n}' for n in range(1, len(_COLUMNS) + 1))})"  # noqa: S608 - columns of our own
    f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = verdicts.{name} + excluded.{name}" for name in WEIGHTS)
)


@cache
def verdict_change(before: str, after: str) -> Mapping[str, int]:
    """Return the change of the figure of each verdict; one that waits has none."""
    if before == after:
        return {}
    return {one: (after == one) - (before == one) for one in VERDICTS if one in (before, after)}


def settled_change(figures: Figures, *, settled: int = 0) -> dict[str, int]:
    """Return what settles more or less: of money, and of grants."""
    return {
        "settled": settled,
        "settled_off_fen": figures.off_fen,
        "settled_waived_fen": figures.waived_fen,
        "settled_later_fen": figures.later_fen,
    }
