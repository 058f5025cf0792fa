"""Records about the terminal itself: orders, switches, lists, offers of the shop, emergencies, starts and ends."""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sync.wire.records.parts import Body, Count, Signed, Whole, With, Words


class Switched(Body, frozen=True, kw_only=True):
    """`note`, `suspended`: a switch that somebody threw here."""

    switch: str
    on: bool
    by: Words


class Ordered(Body, frozen=True, kw_only=True):
    """`note`, `suspended`: an order of the platform that was obeyed, or (`known`) had been before."""

    order: Whole
    action: str
    reason: str | UnsetType = UNSET
    epoch: str | UnsetType = UNSET
    known: bool | UnsetType = UNSET


class Contradicted(Body, frozen=True, kw_only=True):
    """`note`: the platform gave one number to two orders."""

    contradicts: Whole
    told: str
    obeyed: str


class Upheld(Body, frozen=True, kw_only=True):
    """`note`: a switch that was not what the newest signed order says was set right."""

    upheld: Whole
    suspended: bool | UnsetType = UNSET
    twin: bool | UnsetType = UNSET
    was: bool | None


class Head(Body, frozen=True, kw_only=True):
    """An end of a journal under this terminal's name."""

    epoch: str
    seq: Whole
    hash: str


class Declared(Body, frozen=True, kw_only=True):
    """`note`: which epoch goes on after a loss (`lost` says why), and which heads are known of this name.

    `accepts_loss`: a person (`by`) answers for it where no network is.
    """

    declares: str
    heads: list[Head]
    lost: str | UnsetType = UNSET
    clock: str | UnsetType = UNSET
    accepts_loss: bool | UnsetType = UNSET
    by: Words | UnsetType = UNSET


class Learned(Body, frozen=True, kw_only=True):
    """`note`: the facts of these ends came back, and the chain went on as it was."""

    learned: list[Head]


class Opened(Body, frozen=True, kw_only=True):
    """`note`: a lane was opened once for somebody without a code."""

    opened: str
    by: Words
    why: Words


class Corrupt(Body, frozen=True, kw_only=True):
    """`corrupt`: what stood in the place of this record and no more fits its hash, as base64 (`raw`, perhaps cut).

    `bytes` and `sha256` are of all of it; `found` is the chain hash that it gives, `hash` the one that stood there
    (null: it is gone, with all up to `through`). Epoch `next` follows. For people: it is never read as a fact.
    """

    bytes: Whole
    found: str | None
    hash: str | None
    next: str
    raw: str
    sha256: str
    through: Whole


class Conflict(Body, frozen=True, kw_only=True):
    """`claim_conflict`: the platform says that the fact `seq` here should not have happened beside those."""

    seq: Whole
    conflict: str
    key: str
    with_: list[With] = msgspec.field(name="with")


class Emergency(Body, frozen=True, kw_only=True):
    """`emergency`: a lane was opened and kept open, or that ended, and what came of it."""

    open: bool
    lane: str
    by: Words
    outcome: Literal["actuated", "not_actuated", "unknown"]


class LetOut(Body, frozen=True, kw_only=True):
    """`emergency`: somebody was let out while nothing could be written or verified."""

    lane: str
    intent: Literal["exit"]
    why: str


class LocalOffer(Body, frozen=True, kw_only=True):
    """`local_offer`: a shop's own offer as it stands after a change."""

    benefit: str
    code: Whole
    change: str
    in_force: bool
    version: Whole
    stock: Whole | None
    lane: str | None
    terms: dict[str, Any]
    by: Words
    local: bool


class ListsChanged(Body, frozen=True, kw_only=True):
    """`lists_changed`: which versions are in force now, and what was wrong with which."""

    versions: dict[str, Any]
    problems: dict[str, str]
    left_out: Count | UnsetType = UNSET


class Started(Body, frozen=True, kw_only=True):
    """`started`: a process began; `run` names it in claims and request tokens."""

    run: str
    version: str


class Nothing(Body, frozen=True, kw_only=True):
    """`stopped`: the process ended in good order."""


class Jumped(Body, frozen=True, kw_only=True):
    """`clock_jumped`: somebody set the wall clock, by so much."""

    by_ms: Signed
