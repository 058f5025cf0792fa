"""A policy case as typed values (decision.md, "The case file"; contract.md §6).

Rules of this file:

- values only; `edge.simulator.case_file` reads them, `edge.simulator.story` plays them;
- expectations are kept as JSON: they are compared with the output, which is JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from credit.checking.catalogue import Catalogue
from credit.inputs import Override, Place, Request, SecondResult
from credit.keys import Keyring
from credit.rules.measures import MeasureEntry
from edge.simulator.token_spec import Presented


class EventKind(StrEnum):
    """What can happen between presentations."""

    PASSED = "passed"
    NOT_TURNED = "not_turned"
    PAID = "paid"
    UNPAID = "unpaid"
    CLOSE = "close"
    CLAIM = "claim"
    REVERSE = "reverse"
    RESTRICT = "restrict"
    REPAIR = "repair"
    DISPUTE = "dispute"
    UNDISPUTE = "undispute"
    KILL_KEY = "kill_key"
    REVOKE = "revoke"
    CUT_NETWORK = "cut_network"
    RESTORE_NETWORK = "restore_network"
    STOP_ENTRY = "stop_entry"
    SUSPEND = "suspend"
    RESTART = "restart"
    SET_CLOCK = "set_clock"
    PUBLISH = "publish"


OF_A_STEP = frozenset(
    {
        EventKind.PASSED,
        EventKind.NOT_TURNED,
        EventKind.PAID,
        EventKind.UNPAID,
        EventKind.CLOSE,
        EventKind.CLAIM,
        EventKind.REVERSE,
    }
)
OF_AN_ENTRY = frozenset({EventKind.RESTRICT, EventKind.REPAIR, EventKind.DISPUTE, EventKind.UNDISPUTE})
OF_TERMINALS = frozenset(
    {
        EventKind.CUT_NETWORK,
        EventKind.RESTORE_NETWORK,
        EventKind.RESTART,
        EventKind.SET_CLOCK,
        EventKind.SUSPEND,
    }
)


@dataclass(frozen=True, slots=True)
class Listed:
    """A measure entry and whom it is about."""

    subject: str
    entry: MeasureEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Catalogue):
    """What the platform has in force at one moment: its catalogue, and whom its measures and revocations are about."""

    entries: tuple[Listed, ...] = ()
    killed: frozenset[str] = frozenset()
    revoked: frozenset[tuple[str, str, str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSpec:
    """A second code or token of a request: a described token, a text, or a result in so many words."""

    presented: Presented | None = None
    text: str | None = None
    check: str | None = None
    result: SecondResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """A second verifier: the codes it knows, whether it is down, and what then."""

    codes: Mapping[str, bool]
    when_down: SecondResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """A presentation: who shows what where. `token` None: brought back by asset or by the step that opened it."""

    number: int
    at: str
    at_ms: int
    path: str
    expect: Mapping[str, Any]
    terminal: str
    token: Presented | None
    request: Request
    seconds: tuple[SecondSpec, ...]
    of: int | None
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens. Only what its kind needs is set; `parts` is what a publish replaces."""

    number: int
    at: str
    at_ms: int
    path: str
    expect: Mapping[str, Any]
    kind: EventKind
    terminals: tuple[str, ...] = ()
    of: int | None = None
    amount_fen: int | None = None
    order: str | None = None
    heads: int | None = None
    entry: Mapping[str, Any] = field(default_factory=dict)
    issuer: str = ""
    subject: str = ""
    identity: str = "1"
    site: str = ""
    on: bool = True
    offset_ms: int = 0
    reach: tuple[str, ...] | None = None
    hub_answers: bool = False
    by: Override | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A whole case file."""

    title: str
    zone: str
    terminals: Mapping[str, Place]
    published: Published
    steps: tuple[Show | Event, ...]
    keyring: Keyring
    verifiers: Mapping[str, Verifier]
    test: bool
    grace_ms: int
