"""An example for offices: two cities with keys, rules and empty lists, founded on an empty state folder.

Yunling 云岭 has a mountain gate, a hotel desk and a shop counter; Linhai 临海 is the foreign city whose tokens Yunling
recognises through its mapping. The JSON files in `central/example_offices/` are what a real city's offices would edit;
tests and benchmarks publish them, and `xinguan central city --add` takes such a folder in. (The demo has its own town.)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final

from central.lists.cities import enter, found_city
from central.lists.issuing import make_key
from central.lists.publishing import Published, Repository

HOME: Final = "yunling"
FOREIGN: Final = "linhai"
CITIES: Final = (HOME, FOREIGN)
TRUSTED_GROUP: Final = 12
FOREIGN_GROUP: Final = 21  # reads as TRUSTED_GROUP through Yunling's mapping
WITHHOLD: Final = 301
RESTRICT: Final = 302


def found(state: Path, *, now_ms: int) -> Published:
    """Make the list repository below `state` with both cities, their signing keys and their rules."""
    repository = Repository(state)
    published = repository.create(now_ms=now_ms)
    for city in CITIES:
        enter(state, city)
        make_key(state, city, now_s=now_ms // 1000)
        with _files(city) as files:
            published = found_city(state, city, files, now_ms=now_ms)
    return published


@contextmanager
def _files(city: str) -> Iterator[Path]:
    with resources.as_file(resources.files("central").joinpath("example_offices", city)) as path:
        yield path
