"""The books' lines once more, by civil day of China: what a page of months adds up is 96 times fewer rows.

`totals` and `verdicts` are kept by quarters of an hour, of which every day of every zone is made. A million redemptions
on forty sites fill 700 000 such rows in a month, and adding those up took 600 ms. Each change of them is a change of a
day's line too, in the same transaction; a period of whole days of UTC+8 is read here, any other one from the quarters.
"""

from collections.abc import Iterable
from typing import Final

QUARTERS: Final = 96  # in a day
AHEAD: Final = 32  # quarters by which the day begins before UTC's: eight hours
KEY: Final = ("day", "site", "issuer", "benefit", "local")
Key = tuple[int, str, str, str, int]
Row = tuple[int | str, ...]


def adding(names: Iterable[str], *, latest: bool) -> str:
    """Return the statement that adds figures of these names to a day's line; `latest`: and the greatest lateness."""
    named = tuple(names)
    columns = (*KEY, *named, *(("latest_ms",) if latest else ()))
    sets = [f"{name} = daily.{name} + excluded.{name}" for name in named]
    if latest:
        sets.append(
            "latest_ms = CASE WHEN excluded.latest_ms > daily.latest_ms"
            " THEN excluded.latest_ms ELSE daily.latest_ms END"
        )
    marks = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return (
        f"INSERT INTO daily ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - columns of our own
        f" ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {', '.join(sets)} RETURNING day"
    )


def by_day(rows: Iterable[Row], *, latest: bool) -> list[Row]:
    """Return rows by quarter (key, figures) summed by day, sorted; the last figure of `latest` ones is a maximum."""
    found: dict[Row, list[int]] = {}
    for quarter, *rest in rows:
        key = ((int(quarter) + AHEAD) // QUARTERS, *rest[:4])
        figures = [int(one) for one in rest[4:]]
        line = found.setdefault(key, [0] * len(figures))
        top = max(line[-1], figures[-1])
        for at, figure in enumerate(figures):
            line[at] += figure
        if latest:
            line[-1] = top
    return [(*key, *line) for key, line in sorted(found.items())]


def days_of(first_quarter: int, end_quarter: int) -> tuple[int, int] | None:
    """Return the days [first, end) that a span of quarters [first, end) is made of; None where it is made of none."""
    if (first_quarter + AHEAD) % QUARTERS or (end_quarter + AHEAD) % QUARTERS:
        return None
    return (first_quarter + AHEAD) // QUARTERS, (end_quarter + AHEAD) // QUARTERS
