"""What the operator's calls answer, as types: the OpenAPI document and generated clients are made from these.

What terminals are answered stands in `sync.wire`. Money is in fen, times are milliseconds UTC unless the name says
otherwise.
"""

from typing import Any, Final, Literal

from msgspec import UNSET, Struct, UnsetType

from central.http.problems import CODES, OTHER
from sync.wire.messages import Held

PROBLEM_CODES: Final = (*CODES, *OTHER)


class CodeMade(Struct, frozen=True, kw_only=True):
    """A one-time code, and the text of its QR."""

    terminal: str
    code: str
    qr: str


class Ordered(Struct, frozen=True, kw_only=True):
    """An order to a terminal, and its number."""

    terminal: str
    action: Literal["suspend", "resume", "revoke", "profile"]
    number: int


class Issued(Struct, frozen=True, kw_only=True):
    """A credential: the text for the QR, its id and pseudonym in hex; `expires` in seconds UTC."""

    token: str
    token_id: str
    subject: str
    expires: int


class TerminalHeld(Struct, frozen=True, kw_only=True):
    """How far a terminal's journal is held, and whether it is whole."""

    terminal: str
    site: str
    state: Literal["active", "suspended", "revoked", "twin"]
    enrolled_ms: int | None
    seen_ms: int | None
    records: int
    set_aside: int
    epoch: str | None
    acked_through: int
    head_hash: str | None
    missing: int
    forks: int
    unproved: int
    disproved: int
    apart: int
    excess: int


class RedemptionHeld(Struct, frozen=True, kw_only=True):
    """A redemption as the books have it. The last four are as its terminal wrote them."""

    redemption: str
    terminal: str
    site: str
    seq: int
    at_ms: int
    received_ms: int
    kind: str
    state: str
    verdict: str | None
    why: str
    apart: str
    settles: bool
    issuer: Any
    benefit: Any
    offer: Any
    amount_fen: Any


class ConflictHeld(Struct, frozen=True, kw_only=True):
    """Accepted facts that should not all have happened."""

    terminal: str
    seq: int
    kind: str
    key: str
    other_terminal: str | None
    other_seq: int | None
    redemption: str | None
    noticed_ms: int


class Finding(Struct, frozen=True, kw_only=True):
    """Something that the platform noticed in a journal."""

    terminal: str
    epoch: str | None
    seq: int | None
    kind: str
    detail: str
    noticed_ms: int


class Ledger(Struct, frozen=True, kw_only=True):
    """What the journals add up to. `duplicates` is 0 unless a fact or a redemption stands at more than one place."""

    terminals: list[TerminalHeld]
    redemptions: list[RedemptionHeld]
    conflicts: list[ConflictHeld]
    findings: list[Finding]
    records: int
    by_kind: dict[str, int]
    duplicates: int


class Health(Struct, frozen=True, kw_only=True):
    """The platform answers."""

    status: Literal["ok"]


class Problem(Struct, frozen=True, kw_only=True):
    """An error answer (RFC 9457). `code` is the stable word; `held` comes with gap, `server_time` with clock."""

    title: str
    status: int
    code: Literal[PROBLEM_CODES]  # type: ignore[valid-type]  # the words of the one table
    detail: str | UnsetType = UNSET
    type: str | UnsetType = UNSET
    held: list[Held] | UnsetType = UNSET
    server_time: str | UnsetType | None = UNSET
