"""Notices: what the QR code on a discreet screen leads to (lane.md, "Staff and service").

Rules of this file:

- a notice is 16 random bytes that stand in the fact of a denial; it follows from nothing and names nobody;
- kept is what the public page says: where, when, and the class of the answer; and for its holder alone
  (central.proofs.holding) the reasons, with the hash of the credential that stands in the fact. No measure, no person:
  those stand on the slip and on staff's screen;
- what is no notice (another form, another length) is passed over: the fact is kept all the same.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from credit.reasons import Outcome, Reason
from credit.records import Record
from storage.jobs import Tx
from sync.wire.profiles import Profile

KEPT_MS: Final = 180 * 86_400_000
NOTICE: Final = re.compile(r"[A-Za-z0-9_-]{22}")
HASH: Final = re.compile(r"[0-9a-f]{32}")

KEEP: Final = (
    "INSERT INTO notices (notice, terminal, class, at_ms, received_ms, token_hash, reasons)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
)
CLEAN: Final = "DELETE FROM notices WHERE received_ms < $1"
READ: Final = (
    "SELECT n.class, n.at_ms, t.profile, n.token_hash, n.reasons FROM notices n"
    " JOIN terminals t ON t.terminal = n.terminal WHERE n.notice = $1"
)


class Class(StrEnum):
    """What kind of answer it was: as much as the public screen said."""

    RESTRICTED = "restricted"
    REFUSED = "refused"
    REFERRED = "referred"
    STANDARD = "standard"


CLASSES: Final[dict[str, Class]] = {
    Outcome.REFUSE: Class.REFUSED,
    Outcome.REFER: Class.REFERRED,
    Outcome.STANDARD: Class.STANDARD,
}


class Noticed(NamedTuple):
    """One notice: its class, when it was (ms UTC), the terminal's profile, and what its holder alone may read."""

    kind: Class
    at_ms: int
    profile: Profile
    token_hash: str | None = None
    reasons: tuple[Reason, ...] = ()


async def keep(tx: Tx, terminal: str, record: Record, *, received_ms: int) -> None:
    """Keep the notice of a fact, if it has one."""
    notice, outcome, reasons = (record.body.get(name) for name in ("notice", "outcome", "reasons"))
    if not (isinstance(notice, str) and NOTICE.fullmatch(notice) and isinstance(outcome, str)):
        return
    kind = CLASSES.get(outcome)
    if kind is Class.REFUSED and isinstance(reasons, list) and reasons[:1] == [Reason.RESTRICTED.value]:
        kind = Class.RESTRICTED
    if kind is not None:
        await tx.execute(CLEAN, received_ms - KEPT_MS)
        hashed = record.body.get("token_hash")
        token_hash = hashed if isinstance(hashed, str) and HASH.fullmatch(hashed) else None
        told = " ".join(known(reasons)) if isinstance(reasons, list) else ""
        await tx.execute(KEEP, notice, terminal, kind.value, record.at_ms, received_ms, token_hash, told)


def known(reasons: Iterable[object]) -> list[str]:
    """Return the codes among them that the catalogue has, each once."""
    return [one.value for one in Reason if one.value in [code for code in reasons if isinstance(code, str)]]


async def read(tx: Tx, notice: str) -> Noticed | None:
    """Return a notice, None when it is not here: the fact is not here yet, or long gone."""
    row = await tx.row(READ, notice)
    if row is None:
        return None
    reasons = tuple(Reason(code) for code in (row[4] or "").split())
    return Noticed(Class(row[0]), row[1], msgspec.json.decode(row[2], type=Profile), row[3], reasons)
