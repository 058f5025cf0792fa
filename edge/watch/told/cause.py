"""A line's light and words, as values."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How a line stands."""

    WELL = "well"
    WARN = "warn"
    BAD = "bad"


class Cause(NamedTuple):
    """What one line says in one state. `{detail}` stands for what is found out at the moment."""

    level: Level
    zh: str
    en: str
    mend_zh: str = ""
    mend_en: str = ""
