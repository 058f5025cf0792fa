"""Reading JSON documents with errors that name the path and the mend.

Rules of this file:

- a `Node` is a JSON value with its path; each reader returns a typed value or raises `CatalogueError`;
- null is the same as left out; an unknown member is an error, because a misspelt condition would mean "no condition";
- members named in `REMARKS`, or starting with "_" or "x-", are for people and ignored.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, TypeVar

MAX_WHOLE = 2**53 - 1
MAX_QUOTED = 200  # characters of somebody else's text in an error
DAY_END_MIN = 48 * 60  # "48:00" is the latest time of day that can be written
REMARKS = frozenset({"note", "notes", "comment", "comments", "description", "source", "$schema"})

E = TypeVar("E", bound=StrEnum)


def short(text: str) -> str:
    """Return the text, cut to MAX_QUOTED characters: an error quotes documents, and a document may say anything."""
    return text if len(text) <= MAX_QUOTED else f"{text[: MAX_QUOTED - 1]}…"


class CatalogueError(ValueError):
    """A document says something it cannot mean. `path` is where, `mend` what to do about it."""

    def __init__(self, path: str, mend: str) -> None:
        self.path = short(path)
        self.mend = short(mend)
        super().__init__(f"{self.path}: {self.mend}")


@dataclass(frozen=True, slots=True)
class Node:
    """One JSON value and where it stands."""

    value: Any
    path: str = "$"

    def wrong(self, mend: str) -> CatalogueError:
        """Return (do not raise) the error for this place."""
        return CatalogueError(self.path, mend)

    def members(self, *known: str) -> "Node":
        """Check that this is an object with no members but `known` (and remarks); return it."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be an object, not {_kind(self.value)}")
        for name in self.value:
            if name not in known and name not in REMARKS and not name.startswith(("_", "x-")):
                raise CatalogueError(f"{self.path}.{name}", f"is unknown here; known are {', '.join(sorted(known))}")
        return self

    def get(self, name: str) -> "Node | None":
        """Return the member `name`, None if it is left out or null."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be an object, not {_kind(self.value)}")
        value = self.value.get(name)
        return None if value is None else Node(value, f"{self.path}.{name}")

    def need(self, name: str) -> "Node":
        """Return the member `name`; it must be there."""
        node = self.get(name)
        if node is None:
            raise CatalogueError(f"{self.path}.{name}", "is missing; add it")
        return node

    def pairs(self) -> Iterator[tuple[str, "Node"]]:
        """Return the members of an object, remarks left out."""
        if not isinstance(self.value, dict):
            raise self.wrong(f"must be an object, not {_kind(self.value)}")
        for name, value in self.value.items():
            if name not in REMARKS and not name.startswith(("_", "x-")):
                yield name, Node(value, f"{self.path}.{name}")

    def items(self) -> tuple["Node", ...]:
        """Return the elements of an array."""
        if not isinstance(self.value, list):
            raise self.wrong(f"must be an array, not {_kind(self.value)}")
        return tuple(Node(value, f"{self.path}[{index}]") for index, value in enumerate(self.value))

    def text(self) -> str:
        """Return a text that is not empty."""
        if not isinstance(self.value, str) or not self.value:
            raise self.wrong(f"must be a text, not {_kind(self.value)}")
        return self.value

    def texts(self) -> tuple[str, ...]:
        """Return an array of texts."""
        return tuple(node.text() for node in self.items())

    def title(self) -> dict[str, str]:
        """Return texts by language ({"zh": …, "en": …}); a bare text counts as zh."""
        if isinstance(self.value, str):
            return {"zh": self.text()}
        return {name: node.text() for name, node in self.pairs()}

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong(f"must be true or false, not {_kind(self.value)}")
        return self.value

    def whole(self, least: int = 0, most: int = MAX_WHOLE) -> int:
        """Return an integer within the bounds, both included."""
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            raise self.wrong(f"must be a whole number, not {_kind(self.value)}; money is written in fen")
        if not least <= self.value <= most:
            raise self.wrong(f"must be from {least} to {most}, not {self.value}")
        return self.value

    def wholes(self, least: int = 0, most: int = MAX_WHOLE) -> tuple[int, ...]:
        """Return an array of integers within the bounds."""
        return tuple(node.whole(least, most) for node in self.items())

    def choice(self, kind: type[E]) -> E:
        """Return the member of a closed set of words."""
        text = self.text()
        try:
            return kind(text)
        except ValueError:
            raise self.wrong(f"{text!r} is unknown; use one of {', '.join(kind)}") from None

    def clock(self) -> int:
        """Return a time of day "HH:MM" as minutes; "24:00" and beyond belong to the same business day."""
        text = self.text()
        hours, colon, minutes = text.partition(":")
        right = bool(colon) and len(hours) == len(minutes) == 2 and (hours + minutes).isascii()  # noqa: PLR2004 - HH:MM
        if not (right and hours.isdigit() and minutes.isdigit() and int(minutes) <= 59):  # noqa: PLR2004 - MM
            raise self.wrong(f'{text!r} is no time of day; write "HH:MM"')
        total = int(hours) * 60 + int(minutes)
        if total > DAY_END_MIN:
            raise self.wrong(f'{text!r} is beyond "48:00"')
        return total

    def day(self) -> date:
        """Return a date "YYYY-MM-DD"."""
        text = self.text()
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise self.wrong(f'{text!r} is no date; write "YYYY-MM-DD", and one that exists') from None


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a text", bool: "true/false", int: "a whole number"}
    return names.get(type(value), "null" if value is None else "a number with a fraction")
