"""What a listener of `GET /v1/events` hears, as types; the rules of `answers` hold here too."""

from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType

from edge.api.answers import PresentAnswer, StatusAnswer


class DecisionEvent(PresentAnswer, frozen=True, kw_only=True):
    """`decision`: an answer of this terminal. `presented`: a fingerprint of the text, 16 hex digits.

    On public screens `reasons[].facts` are empty.
    """

    presented: str


class NoticeEvent(Struct, frozen=True, kw_only=True):
    """`notice`: something at a lane that is no decision: two codes at once, a text that is no code, an ill scanner."""

    lane: str
    code: Literal["two_codes", "not_a_code", "scanner"]
    at_ms: int
    presented: str | UnsetType = UNSET


class GateEvent(Struct, frozen=True, kw_only=True):
    """`gate`: what became of an opening (`opened`, `failed`, `unknown`), or of its redemption (its new state)."""

    lane: str
    redemption: str
    state: Literal[
        "opened",
        "failed",
        "unknown",
        "paid",
        "unpaid",
        "awaiting",
        "granted",
        "passed",
        "annulled",
        "reversed",
        "open",
        "overdue",
        "closed",
        "claimed",
    ]


class EmergencyEvent(Struct, frozen=True, kw_only=True):
    """`emergency`: a lane is held open, or no more."""

    lane: str
    open: bool


class OffersEvent(Struct, frozen=True, kw_only=True):
    """`offers`: one of the shop's own offers changed; ask for them anew."""

    changed: str


EVENTS: Final[dict[str, type[Struct]]] = {
    "hello": StatusAnswer,
    "status": StatusAnswer,
    "decision": DecisionEvent,
    "notice": NoticeEvent,
    "gate": GateEvent,
    "emergency": EmergencyEvent,
    "offers": OffersEvent,
}
"""Every event by its name, and what its data is."""
