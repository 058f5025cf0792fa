"""The names of the signed lists: which documents a city publishes, and under which role (lists.md).

Rules of this file:

- a city publishes under three delegated roles, `issuers.<city>`, `lists.<city>` and `rules.<city>`, each of which may
  sign only paths below `<kind>/<city>/`;
- every document but OPTIONAL must be there: a missing list is an error, never an all-clear;
- `index.json` names the files that hold the lists' rows (docs/lists.md); a platform from before that signs
  OLD_DOCUMENTS in its place;
- the order of KINDS is the order of taking them into force: keys and the kill-switch first.
"""

import re
from typing import Final

ISSUERS: Final = "issuers"
LISTS: Final = "lists"
RULES: Final = "rules"
KINDS: Final = (ISSUERS, LISTS, RULES)

KEYS: Final = "keys.json"
MAPPING: Final = "mapping.json"
INDEX: Final = "index.json"
MEASURES: Final = "measures.json"
REVOCATIONS: Final = "revocations.json"
BENEFITS: Final = "benefits.json"
CALENDARS: Final = "calendars.json"
MEASURE_CODES: Final = "measure-codes.json"
SITES: Final = "sites.json"
LIST_AGES: Final = "list-ages.json"

DOCUMENTS: Final[dict[str, tuple[str, ...]]] = {
    ISSUERS: (KEYS, MAPPING),
    LISTS: (INDEX,),
    RULES: (BENEFITS, CALENDARS, MEASURE_CODES, SITES, LIST_AGES),
}
OLD_DOCUMENTS: Final[dict[str, tuple[str, ...]]] = {LISTS: (MEASURES, REVOCATIONS)}
OPTIONAL: Final = frozenset({MAPPING, LIST_AGES})

_CITY = re.compile(r"[a-z][a-z0-9-]{0,31}\Z")


def is_city(name: str) -> bool:
    """Tell whether `name` can stand in a path and a role name: lower-case letters, digits, hyphens; at most 32."""
    return _CITY.match(name) is not None


def role_of(kind: str, city: str) -> str:
    """Return the name of the role that signs `kind` for `city`."""
    return f"{kind}.{city}"


def city_of(role: str) -> tuple[str, str] | None:
    """Return (kind, city) of a role's name, or None if the role is none of ours."""
    kind, dot, city = role.partition(".")
    return (kind, city) if dot and kind in KINDS and is_city(city) else None


def path_of(kind: str, city: str, name: str) -> str:
    """Return the path under which a document is signed."""
    return f"{kind}/{city}/{name}"


def pattern_of(kind: str, city: str) -> str:
    """Return the only path pattern a city's role may be trusted for."""
    return f"{kind}/{city}/*"
