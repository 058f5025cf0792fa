"""What the register of issuers says of grants that are judged: keys ever listed, codes ever issued.

Only looked at, never written; a register that is not there says nothing.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from central.proofs.judging import IssuerRow, Registered
from central.register.registry import DATABASE, register

KEYS: Final = "SELECT city, entry, killed_ms FROM issuer_key ORDER BY city, kid"
CITIES: Final = "SELECT city FROM city"
CODE: Final = "SELECT city, hex(token_id) FROM code WHERE sha256 = ?"


class Issued(NamedTuple):
    """What was looked up: keys, the cities of this register, and the static codes asked for."""

    keys: tuple[IssuerRow, ...]
    cities: frozenset[str]
    codes: Mapping[bytes, tuple[str, str]]


def issued(state: Path, codes: Iterable[bytes]) -> Issued:
    """Return what the register below `state` says of the codes with these SHA-256. Raises OSError, RegistryError."""
    if not (state / DATABASE).exists():
        return Issued((), frozenset(), {})
    with register(state):
        pass  # brought up to date, if it is older than this program
    with closing(sqlite3.connect(f"file:{state / DATABASE}?mode=ro", uri=True)) as conn:
        rows = tuple(IssuerRow(*row) for row in conn.execute(KEYS))
        cities = frozenset(row[0] for row in conn.execute(CITIES))
        found = {code: conn.execute(CODE, (code,)).fetchone() for code in codes}
    return Issued(rows, cities, {code: (row[0], row[1].lower()) for code, row in found.items() if row is not None})


def registered(known: Issued, body: Mapping[str, Any], code: bytes | None) -> Registered:
    """Return what the register says of a grant by a static code."""
    issuer = body.get("issuer")
    if code is None or issuer not in known.cities:
        return Registered(known=False, token=None)
    city, token = known.codes.get(code, (None, None))
    return Registered(known=True, token=token if city == issuer else None)
