"""From the register and the offices' files to the documents that a city signs (lists.md).

Rules of this file:

- keys, measures, members and revocations come from the register; benefits, calendars, measure codes, sites and the tier
  mapping are JSON files that the office edits, in `state/cities/<city>/`;
- the rows of the lists go into files of their own (`central.lists.keyed`), which the city's index names. A call that
  touched one subject brings that subject's rows; everything else is compared when the lists are looked through;
- an entry is published from its first day to its last, both in the city's zone; a lifted one is not published;
- a file that was edited by hand and put in force by nobody is not signed: what is public stays (`unapproved`);
- what a terminal would refuse is refused here, before it is signed: the error names file, member and mend;
- documents are rendered the same way every time, so that what did not change is not signed anew.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cache.lists.index import Index, read_index
from cache.lists.refusals import ContentRefusedError
from cache.lists.status import packed_status
from central.lists.keyed import Authorities, ListFolder, Wanted
from central.lists.publishing import Published, PublishingError, Repository
from central.lists.rows import check_households, measures, members
from central.register import withdrawals
from central.register.registry import add_city, is_known, register, zone_of
from central.register.warrants import FOUNDING, Warrant, approved, digest, note_rules
from credit.policy import Policy
from credit.rules.ages import USUAL, parse_ages
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.rules.documents import parse_mapping, parse_measure_codes, parse_sites
from credit.rules.listing import (
    BENEFITS,
    CALENDARS,
    INDEX,
    ISSUERS,
    KEYS,
    LIST_AGES,
    LISTS,
    MAPPING,
    MEASURE_CODES,
    OPTIONAL,
    RULES,
    SITES,
    path_of,
)
from credit.rules.reading import CatalogueError
from storage.files import PUBLIC, replace_file
from sync.wire.messages import WireError, decode

log = logging.getLogger(__name__)

CITIES: Final = "cities"
EDITED: Final = (
    (ISSUERS, MAPPING),
    *((RULES, name) for name in (BENEFITS, CALENDARS, MEASURE_CODES, SITES, LIST_AGES)),
)
DEFAULT_ZONE: Final = "Asia/Shanghai"
BITS: Final = 8
Public = Callable[[str], bytes | None]
STATUS_BLOCK: Final = 8192  # indices; one free block is always published ahead, for an index beyond the list is refused

IN_FORCE: Final = (
    "SELECT subject, code, from_day, until_day, authority, basis, state FROM entry"
    " WHERE city = ? AND lifted_ms IS NULL AND from_day <= ? AND until_day >= ? ORDER BY subject, code, number"
)
IN_FORCE_OF: Final = IN_FORCE.replace(" ORDER BY", " AND subject = ? ORDER BY")
REVOKED: Final = "SELECT status_index, revoked_ms IS NOT NULL FROM credential WHERE city = ? AND expires_s >= ?"


def enter(state: Path, city: str, *, zone: str = DEFAULT_ZONE) -> None:
    """Enter a city into the register, before its signing keys are made; raise RegistryError when it is a member.

    One that is entered and not delegated to is gone on with: a try was cut short, or it left and comes again.
    """
    with register(state) as conn:
        if city in Repository(state).cities() or not is_known(conn, city):
            add_city(conn, city, zone=zone)


def found_city(state: Path, city: str, files: Path, *, now_ms: int, keys: Path | None = None) -> Published:
    """Keep an entered city's rules (JSON files in `files`), delegate to it, publish; raise PublishingError.

    `keys`: a folder of the city's own for its keys.
    """
    found = {name: (files / name).read_bytes() for _kind, name in EDITED if (files / name).exists()}
    put_rules(state, city, found, warrant=FOUNDING, now_ms=now_ms)
    first = documents(state, city, held=None, now_ms=now_ms)
    return Repository(state).add_city(city, first, now_ms=now_ms, keys=keys)


def put_rules(state: Path, city: str, files: Mapping[str, bytes], *, warrant: Warrant, now_ms: int) -> None:
    """Replace files that the office edits (name → JSON), or none of them if one is wrong; raise PublishingError."""
    names = {name for _kind, name in EDITED}
    for name in files:
        if name not in names:
            raise PublishingError(f"{name}: not a file that an office edits; those are {', '.join(sorted(names))}")
    folder = state / CITIES / city
    held = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    checked = check_rules(city, {**held, **files})
    with register(state) as conn:
        check_households(conn, city, _ranges(checked[BENEFITS]))
        note_rules(conn, warrant, files, city=city, now_ms=now_ms)
    for name, data in files.items():
        replace_file(state / CITIES / city / name, data, mode=PUBLIC)


def publish(
    state: Path,
    *,
    now_ms: int,
    cities: Iterable[str] | None = None,
    only_due: bool = False,
    touched: Sequence[bytes] | None = None,
) -> Published:
    """Publish what changed in `cities` (all of them whose keys are here, if none is named); raise PublishingError.

    With `only_due` nothing is signed where nothing changed and nothing has to be renewed yet. With `touched` only the
    rows of these subjects are looked at.
    """
    only = None if cities is None else tuple(cities)

    def render(known: tuple[str, ...], held: Callable[[str], bytes | None]) -> dict[str, bytes]:
        changed: dict[str, bytes] = {}
        for city in known if only is None else only:
            index = held(path_of(LISTS, city, INDEX))
            changed |= documents(state, city, held=index, public=held, now_ms=now_ms, touched=touched)
        return changed

    return Repository(state).publish_from(render, now_ms=now_ms, only_due=only_due, leaving_out=only is None)


def documents(
    state: Path,
    city: str,
    *,
    held: bytes | None,
    now_ms: int,
    public: Public = lambda _path: None,
    touched: Sequence[bytes] | None = None,
) -> dict[str, bytes]:
    """Return all documents of a city as they stand now, path → bytes; raise PublishingError.

    `held` is the index that is public, `public` gives any document that is. The list files that the new one names lie
    beside it when this returns.
    """
    documents_of = check_rules(city, _in_force(state, city, public))
    found = {path_of(kind, city, name): _render(documents_of[name]) for kind, name in EDITED if name in documents_of}
    lists = ListFolder(Repository(state).public / "targets" / LISTS / city, city)
    before = _index(city, held)
    with register(state) as conn:
        found[path_of(ISSUERS, city, KEYS)] = _render(_keys(conn, city))
        wanted = _wanted(conn, city, before, now_ms)
        found[path_of(LISTS, city, INDEX)] = lists.index(wanted, held=before, touched=touched)
    return found


def households(state: Path, city: str) -> set[tuple[int, int]]:
    """Return the ranges of group codes that limits of the city count as households; raise PublishingError."""
    path = state / CITIES / city / BENEFITS
    return _ranges(_document(city, BENEFITS, path.read_bytes())) if path.exists() else set()


def _ranges(document: dict[str, Any]) -> set[tuple[int, int]]:
    limits = [limit for one in parse_benefits(document, path=f"{BENEFITS}: $") for limit in one.limits]
    return {limit.groups for limit in limits if limit.groups is not None}


def unapproved(state: Path, city: str) -> list[str]:
    """Return the rule files of a city that are not as they were put in force: edited by hand, by nobody's word."""
    with register(state) as conn:
        noted = approved(conn, city)
    folder = state / CITIES / city
    found = {name: (folder / name).read_bytes() for _kind, name in EDITED if (folder / name).exists()}
    return sorted(name for name, data in found.items() if noted and noted.get(name) != digest(data))


def _in_force(state: Path, city: str, public: Public) -> dict[str, bytes]:
    """Return the rule files that are in force, name → bytes: what was edited by hand stays as it is public."""
    folder = state / CITIES / city
    found = {name: (folder / name).read_bytes() for _kind, name in EDITED if (folder / name).exists()}
    kinds = {name: kind for kind, name in EDITED}
    for name in unapproved(state, city):
        log.warning("%s/%s was edited by hand and is not published; put it in force by two people", city, name)
        del found[name]
        if (data := public(path_of(kinds[name], city, name))) is not None:
            found[name] = data
    return found


def _index(city: str, held: bytes | None) -> Index | None:
    try:
        return None if held is None else read_index(city, held)
    except ContentRefusedError:
        log.exception("the public index cannot be read; it is made anew", extra={"city": city})
        return None


def _wanted(conn: sqlite3.Connection, city: str, before: Index | None, now_ms: int) -> Wanted:
    authorities = Authorities(list(before.authorities) if before else [])
    bits = _status_bits(conn, city, now_ms)
    gone = withdrawals.standing(conn, city, now_s=now_ms // 1000)
    revoked = {"issuer": city, "complete": True, "tokens": gone, "status_list": packed_status(bits)}
    return Wanted(
        authorities=authorities,
        measures=measures(conn, city, _today(conn, city, now_ms), authorities),
        members=members(conn, city),
        revocations=_render(revoked),
        indexes=len(bits) * BITS,
    )


def check_rules(city: str, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Return the edited files (name → JSON), read; raise PublishingError for what a terminal would refuse."""
    found = {name: _document(city, name, data) for name, data in files.items()}
    for _kind, name in EDITED:
        if name not in found and name not in OPTIONAL:
            raise PublishingError(f"{city}/{name}: missing; an empty catalogue must be there and say so itself")
    try:
        Policy.compile(
            benefits=parse_benefits(found[BENEFITS], path=f"{BENEFITS}: $"),
            calendars=parse_calendars(found[CALENDARS], path=f"{CALENDARS}: $"),
            codes=parse_measure_codes(found[MEASURE_CODES], path=f"{MEASURE_CODES}: $"),
            sites=parse_sites(found[SITES], path=f"{SITES}: $"),
            mappings={city: parse_mapping(found[MAPPING], path=f"{MAPPING}: $")} if MAPPING in found else {},
            ages=parse_ages(found[LIST_AGES], path=f"{LIST_AGES}: $") if LIST_AGES in found else USUAL,
        )
    except CatalogueError as error:
        raise PublishingError(f"{city}/{error}") from error
    return found


def measure_codes(state: Path, city: str) -> list[int]:
    """Return the codes of the city's measure catalogue, in order; raise PublishingError when it has none."""
    path = state / CITIES / city / MEASURE_CODES
    if not path.exists():
        raise PublishingError(f"{city}: has no {MEASURE_CODES}")
    document = _document(city, MEASURE_CODES, path.read_bytes())
    return sorted(code for _issuer, code in parse_measure_codes(document, path=f"{MEASURE_CODES}: $"))


def _document(city: str, name: str, data: bytes) -> dict[str, Any]:
    try:
        json.loads(data)  # whose words tell line and column
        document: Any = decode(data, object)  # which knows no NaN, no member twice, and one encoding
    except (ValueError, RecursionError, WireError) as error:
        raise PublishingError(f"{city}/{name}: not JSON: {error}") from error
    if not isinstance(document, dict) or document.get("issuer") != city:
        raise PublishingError(f"{city}/{name}: $.issuer must be {city!r}; a city publishes only its own")
    return document


def signing_keys(state: Path, city: str) -> bytes:
    """Return the city's token-signing keys as `issuers/<city>/keys.json` bears them."""
    with register(state) as conn:
        return _render(_keys(conn, city))


def _keys(conn: sqlite3.Connection, city: str) -> list[Any]:
    rows = conn.execute("SELECT entry, killed_ms FROM issuer_key WHERE city = ? ORDER BY kid", (city,))
    return [json.loads(entry) | {"killed": killed_ms is not None} for entry, killed_ms in rows]


def entries(conn: sqlite3.Connection, city: str, now_ms: int, *, subject: bytes | None = None) -> list[dict[str, Any]]:
    """Return the measures of a city that are in force today, of one subject if it is named; raise RegistryError."""
    today = _today(conn, city, now_ms)
    asked = (city, today, today)
    found = conn.execute(IN_FORCE, asked) if subject is None else conn.execute(IN_FORCE_OF, (*asked, subject))
    return [_entry(row) for row in found]


def _entry(row: tuple[Any, ...]) -> dict[str, Any]:
    subject, code, from_day, until_day, authority, basis, state = row
    entry = {
        "key": subject.hex(),
        "code": code,
        "from": from_day,
        "until": until_day,
        "authority": authority,
        "state": state,
    }
    return entry | ({"basis": basis} if basis else {})


def _today(conn: sqlite3.Connection, city: str, now_ms: int) -> str:
    return datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone_of(conn, city)).date().isoformat()


def _status_bits(conn: sqlite3.Connection, city: str, now_ms: int) -> bytes:
    highest = conn.execute("SELECT max(status_index) FROM credential WHERE city = ?", (city,)).fetchone()[0]
    bits = bytearray(((highest or 0) // STATUS_BLOCK + 2) * STATUS_BLOCK // BITS)
    for index, revoked in conn.execute(REVOKED, (city, now_ms // 1000)):
        bits[index // BITS] |= revoked << index % BITS
    return bytes(bits)


def _render(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
