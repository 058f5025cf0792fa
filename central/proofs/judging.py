"""Judging a grant by what was shown for it, at its own time: pure, and made to run in a process of its own.

    proved      a phone of the holder signed this presentation, in the terminal's window, under a key in force then
    vouched     paper, or a code drawn by the platform: exactly this code stands in the issuer's register
    unproved    nothing says that it did not happen, and nothing says that it did
    disproved   what was shown contradicts what the fact says

Rules of this file:

1. The fact's time counts, and the key windows of then. A key that was killed since proves nothing any more; one that
   had been dead for longer than any list may be old contradicts.
2. Times are judged only where the terminal's clock was trusted.
3. What the presentation says of issuer, token, subject and nonce must be what the fact says.
4. An override is a person's word: it proves nothing.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

from credit.claims import Token
from credit.codec import base45
from credit.keys import Keyring
from credit.reasons import Reason
from credit.tokens import PREFIX, SKEW_S, TokenError, open_token

LIST_BOUND_MS: Final = 14 * 86_400_000  # no list may be older (contract.md §1)
UNJUDGED_S: Final = 2**40
TRUSTED: Final = frozenset({"trusted", "rtc"})  # clocks that judge freshness (contract.md §10)
TIMES: Final = frozenset({Reason.EXPIRED, Reason.STALE_CODE, Reason.NOT_YET_VALID, Reason.CLOCK_NOT_TRUSTED})
UNKNOWN: Final = frozenset({Reason.UNKNOWN_KEY})
MEMBERS: Final = ("issuer", "token", "subject", "nonce")


class Verdict(StrEnum):
    """What a grant is worth by its proof."""

    WAITING = "waiting"
    PROVED = "proved"
    VOUCHED = "vouched"
    UNPROVED = "unproved"
    DISPROVED = "disproved"

    @property
    def good(self) -> bool:
        """Whether it settles without a person."""
        return self in (Verdict.PROVED, Verdict.VOUCHED)


class IssuerRow(NamedTuple):
    """A signing key that this platform's register ever listed: its row of keys.json, and when it was killed."""

    city: str
    entry: str
    killed_ms: int | None


class Registered(NamedTuple):
    """What the register says of a static code: whether the city's register is here, and the id whose code it is."""

    known: bool
    token: str | None


NOWHERE: Final = Registered(known=False, token=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A grant as its fact tells it, and what was shown. `test` and `ahead_s` are of the terminal's profile."""

    at_ms: int
    site: str
    body: Mapping[str, Any]
    shown: bytes | None
    test: bool = False
    ahead_s: int = 30
    overridden: bool = False
    registered: Registered = NOWHERE


class Judged(NamedTuple):
    """A verdict, and what it rests on. `presentation`: SHA-256 of what must not prove another redemption as well."""

    verdict: Verdict
    why: str
    presentation: bytes | None = None


def judge(case: Case, keys: tuple[IssuerRow, ...]) -> Judged:
    """Return the verdict on a grant."""
    if case.body.get("class") in ("printed", "minted"):
        found = _vouch(case)
    elif case.shown is None:
        found = Judged(Verdict.UNPROVED, "no_proof")
    else:
        found = _prove(case, case.shown, keys)
    if case.overridden and found.verdict.good:
        return replace_verdict(found, Verdict.UNPROVED, "override")
    return found


def replace_verdict(found: Judged, verdict: Verdict, why: str) -> Judged:
    """Return another verdict on the same presentation."""
    return Judged(verdict, why, found.presentation)


def _vouch(case: Case) -> Judged:
    registered = case.registered
    if not registered.known:
        return Judged(Verdict.UNPROVED, "register_elsewhere")
    if registered.token is None:  # issued before the register kept codes, or never
        return Judged(Verdict.UNPROVED, "not_in_register")
    same = registered.token == case.body.get("token")
    return Judged(Verdict.VOUCHED, "registered") if same else Judged(Verdict.DISPROVED, "another_token")


def _prove(case: Case, shown: bytes, keys: tuple[IssuerRow, ...]) -> Judged:
    clock_good = case.body.get("clock") in TRUSTED
    try:
        token = open_token(
            PREFIX + base45.encode(shown),
            keyring_of(keys),
            now=case.at_ms // 1000,
            audience=case.site,
            allow_test=case.test,
            skew_s=SKEW_S if clock_good else UNJUDGED_S,
            ahead_s=case.ahead_s,
        )
    except TokenError as error:
        if error.reason in UNKNOWN or (error.reason in TIMES and not clock_good):
            return Judged(Verdict.UNPROVED, error.reason.value)
        return Judged(Verdict.DISPROVED, error.reason.value)
    if token.presented_at is None:
        return Judged(Verdict.DISPROVED, "no_presentation")
    told = {"issuer": token.issuer, "token": token.token_id.hex(), "subject": token.subject.hex()}
    told["nonce"] = (token.nonce or b"").hex()
    said = {"nonce": case.body.get("token"), **case.body}  # no nonce: the token's id was it
    for name in MEMBERS:
        if said.get(name) != told[name]:
            return Judged(Verdict.DISPROVED, f"another_{name}")
    named = Judged(Verdict.PROVED, "shown", _presentation(token))
    killed_ms = _killed(keys).get((token.issuer, token.kid))
    if killed_ms is not None:
        long_dead = case.at_ms > killed_ms + LIST_BOUND_MS
        return replace_verdict(named, Verdict.DISPROVED if long_dead else Verdict.UNPROVED, "key_killed")
    return named if clock_good else replace_verdict(named, Verdict.UNPROVED, "clock_not_trusted")


def _presentation(token: Token) -> bytes:
    return sha256(b"\0".join((token.issuer.encode(), token.token_id, token.nonce or b""))).digest()


@lru_cache(maxsize=2)
def keyring_of(keys: tuple[IssuerRow, ...]) -> Keyring:
    """Return every key ever listed, none of them killed: a signature is judged first, its key's end afterwards."""
    return Keyring.merged(
        Keyring.from_json(f"[{json.dumps(json.loads(row.entry) | {'killed': False})}]".encode()) for row in keys
    )


@lru_cache(maxsize=2)
def _killed(keys: tuple[IssuerRow, ...]) -> dict[tuple[str, bytes], int]:
    return {
        (row.city, bytes.fromhex(json.loads(row.entry)["kid"])): row.killed_ms
        for row in keys
        if row.killed_ms is not None
    }
