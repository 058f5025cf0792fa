"""The offices' register: pseudonyms, issued credentials, measures taken (lists.md; scenes S8, S9).

Rules of this file:

- a pseudonym is 16 random bytes drawn by the issuer; it follows from nothing, least of all from an ID number;
- names stay here; terminals and lists know pseudonyms only;
- an open register is one transaction: it commits when the block ends well, and undoes everything when it does not;
- only the issuer that recorded an entry can lift it (谁认定谁修复): every function takes the city that speaks.
"""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from storage.files import durable_folder, locked, make_private

DATABASE: Final = "registry.db"
PSEUDONYM_BYTES: Final = 16
BUSY_TIMEOUT_MS: Final = 10_000
SCHEMAS: Final = (  # only ever appended
    "registry_schema.sql",
    "registry_0002_codes.sql",
    "registry_0003_members.sql",
    "registry_0004_warrants.sql",
    "registry_0005_sources.sql",
    "registry_0006_members.sql",
)


class RegistryError(Exception):
    """The register cannot do what it was asked; the text names the mend."""


@contextmanager
def register(state: Path) -> Iterator[sqlite3.Connection]:
    """Open the register below `state` as one transaction; it is made when it is missing."""
    durable_folder(state, mode=0o700)
    make_private(state / DATABASE)
    conn = sqlite3.connect(str(state / DATABASE), isolation_level=None)
    try:
        conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("PRAGMA foreign_keys = ON")
        _create(conn, state)
        conn.execute("BEGIN IMMEDIATE")
        yield conn
        conn.execute("COMMIT")
    finally:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        conn.close()


def _create(conn: sqlite3.Connection, state: Path) -> None:
    if _version(conn) == len(SCHEMAS):
        return
    with locked(state / "registry.lock"):
        while (version := _version(conn)) < len(SCHEMAS):
            schema = resources.files("central").joinpath(SCHEMAS[version]).read_text("utf-8")
            conn.executescript(f"BEGIN IMMEDIATE; {schema}; PRAGMA user_version = {version + 1}; COMMIT;")


def _version(conn: sqlite3.Connection) -> int:
    found: int = conn.execute("PRAGMA user_version").fetchone()[0]
    return found


def add_city(conn: sqlite3.Connection, city: str, *, zone: str) -> None:
    """Enter a city; raise RegistryError when it is there already."""
    try:
        conn.execute("INSERT INTO city (city, zone) VALUES (?, ?)", (city, ZoneInfo(zone).key))
    except sqlite3.IntegrityError as error:
        raise RegistryError(f"{city}: is in the register already") from error


def is_known(conn: sqlite3.Connection, city: str) -> bool:
    """Return whether a city is in the register."""
    return conn.execute("SELECT 1 FROM city WHERE city = ?", (city,)).fetchone() is not None


def zone_of(conn: sqlite3.Connection, city: str) -> ZoneInfo:
    """Return the zone of a city's civil days; raise RegistryError for a city that is not here."""
    row = conn.execute("SELECT zone FROM city WHERE city = ?", (city,)).fetchone()
    if row is None:
        known = ", ".join(name for (name,) in conn.execute("SELECT city FROM city ORDER BY city"))
        raise RegistryError(f"{city}: not a city of this platform; it has {known or 'none yet'}")
    return ZoneInfo(row[0])


def pseudonym(conn: sqlite3.Connection, city: str, name: str) -> bytes:
    """Return the pseudonym of `name`, drawn now if there is none. 32 hex digits stand for themselves."""
    given = _as_pseudonym(name)
    if given is not None:
        return given
    zone_of(conn, city)
    conn.execute(
        "INSERT INTO subject (city, name, pseudonym) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (city, name, secrets.token_bytes(PSEUDONYM_BYTES)),
    )
    row = conn.execute("SELECT pseudonym FROM subject WHERE city = ? AND name = ?", (city, name)).fetchone()
    return bytes(row[0])


def known_pseudonym(conn: sqlite3.Connection, city: str, name: str) -> bytes:
    """Return the pseudonym of somebody who has one; raise RegistryError for an unknown name."""
    given = _as_pseudonym(name)
    row = conn.execute("SELECT pseudonym FROM subject WHERE city = ? AND name = ?", (city, name)).fetchone()
    if given is None and row is None:
        raise RegistryError(f"{name!r}: nobody of that name in {city}; issue to them first, or give the 32 hex digits")
    return given if given is not None else bytes(row[0])


def _as_pseudonym(name: str) -> bytes | None:
    try:
        found = bytes.fromhex(name)
    except ValueError:
        return None
    return found if len(found) == PSEUDONYM_BYTES and len(name) == 2 * PSEUDONYM_BYTES else None
