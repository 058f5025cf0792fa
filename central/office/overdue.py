"""Pay-later that is overdue blocks the next one by itself, and is lifted by itself once it is paid (mission F4, S15).

Rules of this file:

- the city's measure catalogue says so: a code with `"x-when": "overdue"` is taken against whoever owes. Two people put
  the catalogue in force, and that is the word this stands on; without such a code nothing is taken;
- a catalogue that was edited by hand, or that cannot be read, is nobody's word: nothing is taken by it;
- one measure stands against whoever owes for a pay-later benefit, from the day the platform hears of it, for as long as
  the catalogue allows the code; lifted when nothing is overdue any more, whatever the catalogue says by then. What
  people lifted is not taken again;
- a redemption whose proof failed, or that stands apart, bars nobody; neither does one of somebody unknown here;
- each is an act of the office journal; it can be disputed and repaired like any other measure.
"""

import json
import logging
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from central.lists.cities import CITIES, unapproved
from central.lists.metadata_files import PublishingError
from central.office import changing, entries
from central.office.desk import Desk
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import RegistryError, register, zone_of
from central.register.warrants import Warrant
from credit.rules.catalogue import OfferKind
from credit.rules.listing import MEASURE_CODES

log = logging.getLogger("central.office")

WHEN: Final = "x-when"
OVERDUE: Final = "overdue"
AT_ONCE: Final = 500  # of each round; the next round takes the next
BY_RULE: Final = Person(operator="@overdue", title="逾期规则 rule", duties=(), via="rule")

OWED: Final = (
    "SELECT r.redemption, f.raw FROM redemptions r"
    " JOIN facts f ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq"
    " WHERE r.state = 'overdue' AND r.verdict <> 'disproved' AND r.apart = '' ORDER BY r.redemption"
)
TAKEN: Final = (
    "SELECT substr(w.source, 9), e.number, e.subject, e.lifted_ms FROM warrant w"
    " JOIN entry e ON e.number = CAST(w.about AS INTEGER)"
    " WHERE w.city = ? AND w.source >= 'overdue:' AND w.source < 'overdue;' AND w.what = 'take' ORDER BY e.number"
)
TAKEN_IN: Final = "SELECT DISTINCT city FROM warrant WHERE source >= 'overdue:' AND source < 'overdue;'"


@dataclass(frozen=True, slots=True)
class Owed:
    """Something that is overdue: which redemption, whose."""

    redemption: str
    city: str
    subject: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What was taken for overdue redemptions of a city: which, and what of it stands, by subject (entry number)."""

    redemptions: frozenset[str]
    standing: Mapping[str, int]


async def keep_blocked(desk: Desk) -> tuple[int, int]:
    """Take a measure against whoever newly owes, lift it of whoever owes no more; return how many of each."""
    codes = await desk.run(lambda: _codes(desk.folder))
    taken = await desk.run(lambda: _all_taken(desk.folder, codes))
    if not taken:
        return 0, 0
    owed = _read(await desk.books.read(lambda tx: tx.rows(OWED)), taken)
    blocked = 0
    for one in _new([one for one in owed if one.city in codes], taken)[:AT_ONCE]:
        blocked += await _block(desk, one, codes[one.city])
    owing = {(one.city, one.subject) for one in owed}
    paid = [
        (city, subject, number)
        for city, found in taken.items()
        for subject, number in found.standing.items()
        if (city, subject) not in owing
    ]
    for city, subject, number in paid[:AT_ONCE]:
        await _lift(desk, city, subject, number)
    return blocked, len(paid[:AT_ONCE])


def _new(owed: Iterable[Owed], taken: Mapping[str, Taken]) -> list[Owed]:
    """Return one redemption of each subject against whom nothing stands; one that people lifted is not taken again."""
    found: dict[tuple[str, str], Owed] = {}
    for one in owed:
        held = taken[one.city]
        if one.subject not in held.standing and one.redemption not in held.redemptions:
            found.setdefault((one.city, one.subject), one)
    return list(found.values())


def _codes(folder: Path) -> dict[str, int]:
    """Return, by city, the code that its catalogue takes against whoever owes."""
    found = {}
    for path in sorted((folder / CITIES).glob(f"*/{MEASURE_CODES}")):
        city = path.parent.name
        try:
            entries.catalogue(folder, city)
            document = json.loads(path.read_bytes())
            by_hand = MEASURE_CODES in unapproved(folder, city)
        except (RefusedError, RegistryError, PublishingError, OSError):
            log.warning("%s cannot be read; whoever owes there is not blocked", path, exc_info=True)
            continue
        named = [int(code) for code, one in document.get("codes", document).items() if one.get(WHEN) == OVERDUE]
        if named and by_hand:
            log.warning("%s was edited by hand; whoever owes there is not blocked by nobody's word", path)
        elif named:
            found[city] = min(named)
    return found


def _all_taken(folder: Path, codes: Iterable[str]) -> dict[str, Taken]:
    """Return what was taken, by city: of each that blocks now, and of each where something stands from before."""
    with register(folder) as conn:
        before = [str(row[0]) for row in conn.execute(TAKEN_IN)]
    return {city: _taken(folder, city) for city in sorted({*codes, *before})}


def _read(rows: Iterable[tuple[Any, ...]], cities: Container[str]) -> list[Owed]:
    """Return what is owed to these cities, of pay-later benefits of their own."""
    found: dict[str, Owed] = {}
    for redemption, raw in rows:
        body = json.loads(bytes(raw)).get("body", {})
        issuer, subject = body.get("issuer"), body.get("subject")
        given = body.get("given") if isinstance(body.get("given"), list) else []
        offers = [one.get("offer") for one in given if isinstance(one, dict)]
        kinds = {one.get("kind") for one in offers if isinstance(one, dict)}
        if issuer in cities and isinstance(subject, str) and OfferKind.PAY_LATER.value in kinds:
            found.setdefault(redemption, Owed(redemption, issuer, subject))
    return list(found.values())


def _taken(folder: Path, city: str) -> Taken:
    with register(folder) as conn:
        rows = conn.execute(TAKEN, (city,)).fetchall()
    standing = {bytes(subject).hex(): int(number) for _one, number, subject, lifted_ms in rows if lifted_ms is None}
    return Taken(frozenset(str(row[0]) for row in rows), standing)


async def _block(desk: Desk, one: Owed, code: int) -> bool:
    try:
        content = await desk.run(lambda: _content(desk.folder, one, code, now_ms=desk.now_ms()))
    except RefusedError as error:
        log.warning("redemption %s is overdue and blocks nobody: %s", one.redemption, error)
        return False
    warrant = _word(f"overdue:{one.redemption}")

    def work() -> dict[str, Any]:
        number, published = changing.record(desk.folder, one.city, content, warrant=warrant, now_ms=desk.now_ms())
        return {"entry": number, "published": published.version}

    act = Act(act="overdue.block", city=one.city, subject=one.subject, before={"redemption": one.redemption})
    await desk.effect(BY_RULE, act, work, lambda told: told)
    return True


def _content(folder: Path, one: Owed, code: int, *, now_ms: int) -> dict[str, Any]:
    """Return the measure, of somebody known here and as the catalogue says it; raise RefusedError."""
    codes, longest = entries.catalogue(folder, one.city)
    listed = codes[code]
    if not (listed.authority and listed.basis):
        raise RefusedError(f"目录 {code} 未写机关或依据 · code {code} of the catalogue names no authority or no basis")
    with register(folder) as conn:
        entries.known_subject(conn, one.city, one.subject)
        today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone_of(conn, one.city)).date()
    last = today + timedelta(days=longest.get(code, entries.MAX_DAYS) - 1)
    return {
        "subject": one.subject,
        "code": code,
        "from_day": today.isoformat(),
        "until_day": last.isoformat(),
        "authority": listed.authority,
        "basis": listed.basis,
    }


async def _lift(desk: Desk, city: str, subject: str, number: int) -> None:
    warrant = _word(f"paid:{number}")

    def work() -> dict[str, Any]:
        published = changing.lift(desk.folder, city, number, warrant=warrant, now_ms=desk.now_ms())
        return {"entry": number, "published": published.version}

    act = Act(act="overdue.lift", city=city, subject=subject, before={"entry": number})
    await desk.effect(BY_RULE, act, work, lambda told: told)


def _word(source: str) -> Warrant:
    """Return the word of the catalogue, which two people put in force."""
    return Warrant.by_two(BY_RULE.operator, "@catalogue", source=source)
