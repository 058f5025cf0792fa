"""Which grants are to be judged now, as values that may travel to another process."""

import json
from typing import Final, NamedTuple

import msgspec

from central.proofs.judging import NOWHERE, Case
from central.proofs.opening import STATIC
from storage.jobs import Row, Tx
from sync.wire.profiles import Profile

FORM: Final = (
    "SELECT r.redemption, r.terminal, r.epoch, r.seq, r.at_ms, r.site, r.proof, r.verdict, f.raw, p.shown, p.hash,"
    " t.profile, r.account, r.settles, r.apart, r.keys,"
    " (SELECT count(*) FROM facts o WHERE o.terminal = r.terminal AND o.redemption = r.redemption"
    " AND o.kind = 'override')"
)
FACT: Final = (
    " JOIN facts f ON f.terminal = r.terminal AND f.epoch = r.epoch AND f.seq = r.seq AND f.redemption = r.redemption"
    " JOIN terminals t ON t.terminal = r.terminal"
)
ARRIVED: Final = (
    f"{FORM} FROM proofs p JOIN redemptions r ON r.redemption = p.redemption AND r.terminal = p.terminal{FACT}"
    " WHERE p.judged_ms IS NULL ORDER BY p.received_ms, r.redemption LIMIT $1"
)
DUE: Final = (
    f"{FORM} FROM redemptions r LEFT JOIN proofs p ON p.redemption = r.redemption AND p.terminal = r.terminal{FACT}"
    " WHERE r.due_ms <= $1 ORDER BY r.due_ms, r.redemption LIMIT $2"
)
ORPHANS: Final = (
    "SELECT p.redemption, p.terminal FROM proofs p WHERE p.judged_ms IS NULL AND NOT EXISTS"
    " (SELECT 1 FROM redemptions r WHERE r.redemption = p.redemption AND r.terminal = p.terminal) LIMIT $1"
)
MOST: Final = 100  # grants of one round


class Place(NamedTuple):
    """Whose grant it is, and where its fact stands."""

    redemption: str
    terminal: str
    epoch: str
    seq: int


class Standing(NamedTuple):
    """How a grant stands when it is read: its steps, its verdict, whether it settles, why it stands apart."""

    account: str | None
    verdict: str
    settles: int
    apart: str


class Doubt(NamedTuple):
    """A grant to be judged. `foreign`: bytes came that its fact does not bear."""

    place: Place
    before: Standing
    keys: list[str]
    case: Case
    text: bytes | None  # SHA-256 of a static code, to be looked for in the issuer's register
    foreign: bool


async def doubts(tx: Tx, *, now_ms: int) -> list[Doubt]:
    """Return what is to be judged at `now_ms`, the oldest first, MOST at once."""
    found = {one.place: one for one in map(_doubt, await tx.rows(ARRIVED, MOST))}
    for one in map(_doubt, await tx.rows(DUE, now_ms, MOST - len(found))) if len(found) < MOST else ():
        found.setdefault(one.place, one)
    return list(found.values())


async def orphans(tx: Tx) -> list[tuple[str, str]]:
    """Return (redemption, terminal) of proofs that belong to no grant."""
    return [(row[0], row[1]) for row in await tx.rows(ORPHANS, MOST)]


def _doubt(row: Row) -> Doubt:
    redemption, terminal, epoch, seq, at_ms, site, proof, before, raw, shown, hashed, profile, *more = row
    account, settles, apart, keys, overrides = more
    body, said = json.loads(bytes(raw))["body"], msgspec.json.decode(profile, type=Profile)
    foreign = hashed is not None and bytes(hashed) != (None if proof is None else bytes(proof))
    case = Case(
        at_ms=at_ms,
        site=site,
        body=body,
        shown=None if shown is None or foreign else bytes(shown),
        test=said.test,
        ahead_s=said.skew_ahead_s,
        overridden=bool(overrides),
        registered=NOWHERE,
    )
    static = proof is not None and body.get("class") in STATIC
    place, standing = Place(redemption, terminal, epoch, seq), Standing(account, before, settles, apart)
    return Doubt(place, standing, json.loads(keys), case, bytes(proof) if static else None, foreign)
