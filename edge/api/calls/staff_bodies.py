"""The bodies of the calls about staff, and their answers."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

Name = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f/\\]+$")]
Pin = Annotated[str, Meta(min_length=1, max_length=64)]
Why = Annotated[str, Meta(min_length=2, max_length=200)]


class UnlockBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/staff/unlock`."""

    person: Name
    pin: Pin


class PersonBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/staff`: a new person."""

    person: Name
    role: Literal["keeper", "supervisor"] = "keeper"
    pin: Pin


class PinBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/staff/{person}/reset`: a new PIN."""

    pin: Pin


class OpenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/lanes/{lane}/open`: open once, and why."""

    why: Why


class StopBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/staff/entry`: stop entry to the site, or let it go on, in one's own name."""

    stopped: bool


class PersonAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who works here."""

    person: str
    role: Literal["keeper", "supervisor"] | UnsetType = UNSET


class SessionAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An unlocked screen: its token, good for `seconds`."""

    token: str
    person: str
    role: Literal["keeper", "supervisor"]
    seconds: int


class OpenedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A lane was asked to open once, by name."""

    lane: str
    journal_seq: int
