r"""The rows of the two lists in key file form: what the bytes beside a key say (docs/lists.md).

    measures  6 bytes  code u16 · last day u16, days since 2000-01-01, 65535 = no end · authority u8 · state u8
    members   5 bytes  tier u8 · group u32

Rules of this file:

- `authority` counts in the index's `authorities`, 255 is none; `state` is 0 active, 1 disputed;
- an entry is published only while it is in force, so it bears no first day; basis, scenes and remedy are the code's;
- a subject's rows of a member list all carry its tier, each one group; 0 is none. They take the place of what the
  claim says: one row of zeros takes tier and groups away;
- the entry id is the first 8 bytes of SHA-256(city ‖ pseudonym ‖ payload): none is stored, a changed entry has a new
  one.

    >>> packed = pack_measure(302, date(2027, 4, 30), authority=0, disputed=False)
    >>> unpack_measure("yunling", packed, ("Culture",)).until_day
    datetime.date(2027, 4, 30)
"""

import hashlib
import struct
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from cache.lists.keyfile.layout import MEASURES, MEMBERS
from credit.rules.measures import EntryState, MeasureEntry

MEASURE: Final = struct.Struct(">HHBB")
MEMBER: Final = struct.Struct(">BI")
PAYLOAD_BYTES: Final = {MEASURES: MEASURE.size, MEMBERS: MEMBER.size}
DAY_0: Final = date(2000, 1, 1)
NO_END: Final = 0xFFFF
NO_AUTHORITY: Final = 0xFF
MAX_CODE: Final = 0xFFFF
LAST_DAY: Final = DAY_0 + timedelta(days=NO_END - 1)
STATES: Final = (EntryState.ACTIVE, EntryState.DISPUTED)
ENTRY_ID_BYTES: Final = 8


class PayloadError(Exception):
    """Bytes beside a key that say nothing of ours; the row is set aside."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What a member list says of a subject, in place of its claim."""

    tier: int
    groups: frozenset[int]


def pack_measure(code: int, until: date | None, *, authority: int, disputed: bool) -> bytes:
    """Return a measure's six bytes; raise PayloadError for what they cannot say."""
    day = NO_END if until is None else (until - DAY_0).days
    if not 0 <= code <= MAX_CODE or (until is not None and not 0 <= day < NO_END):
        raise PayloadError(f"code {code} until {until}: codes end at {MAX_CODE}, days run from {DAY_0} to {LAST_DAY}")
    return MEASURE.pack(code, day, authority, int(disputed))


def unpack_measure(city: str, payload: bytes, authorities: tuple[str, ...]) -> MeasureEntry:
    """Return the entry that six bytes are; raise PayloadError."""
    code, day, authority, state = MEASURE.unpack(payload)
    if state >= len(STATES) or (authority != NO_AUTHORITY and authority >= len(authorities)):
        raise PayloadError(f"code {code}: authority {authority} or state {state} is not known")
    return MeasureEntry(
        issuer=city,
        code=code,
        state=STATES[state],
        authority=None if authority == NO_AUTHORITY else authorities[authority],
        until_day=None if day == NO_END else DAY_0 + timedelta(days=day),
    )


def pack_member(tier: int, group: int) -> bytes:
    """Return the five bytes of one row."""
    return MEMBER.pack(tier, group)


def membership_of(payloads: bytes) -> Membership | None:
    """Return what a subject's rows say together, None where there are none."""
    rows = list(MEMBER.iter_unpack(payloads))
    if not rows:
        return None
    return Membership(
        tier=max(tier for tier, _group in rows), groups=frozenset(group for _tier, group in rows if group)
    )


def entry_id(city: str, subject: bytes, payload: bytes) -> str:
    """Return the id of an entry, in hex: of this row about this subject, and of no changed one."""
    return hashlib.sha256(city.encode() + subject + payload).digest()[:ENTRY_ID_BYTES].hex()
