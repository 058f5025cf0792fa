"""What a lane is for: the signed profile's word, the file's where the profile says nothing (contract.md §10). Pure.

Rules of this file:

- the profile wins; what it leaves out the file may say; what neither says has the default of `Terms`;
- a value of the file that the profile contradicts, and a lane that it does not name, are told (`differences`): an error
  of `xinguan config check` and a line of readiness, red for the first, yellow for the second; the lane serves;
- source, actuator, printer, light, sound and grace are the file's alone.

>>> from sync.wire.profiles import Lane, Profile
>>> profile = Profile(site="s", title={}, issuer="c", lanes=[Lane(id="A", scene="gate", pay_within_s=60)])
>>> table = LaneTable(id="A", scene="gate", pay_within_s=90, prices=False)
>>> terms_of(table, profile).pay_within_s, terms_of(table, profile).prices
(60, False)
>>> [str(one) for one in differences([table], profile)]
['lanes.A.pay_within_s: 90 here, 60 in the profile']
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from credit.inputs import Intent
from edge.config import LaneTable
from sync.wire.profiles import Lane, Profile, TicketType

log = logging.getLogger("xinguan.lane")

INTENT_OF_SCENE: Final = {"gate": Intent.ENTER, "hotel": Intent.OPEN, "shop": Intent.QUOTE}
SAID: Final = ("scene", "intent", "ticket", "prices", "pay_within_s", "notice")  # by the profile or by the file


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is in force at one lane. `ticket` is asked where nobody says, None for a lane without prices."""

    id: str
    scene: str
    intent: Intent
    grace_s: int = 10
    ticket: str | None = None
    prices: bool = True
    pay_within_s: float = 120.0
    notice: str = "discreet"
    tickets: Mapping[str, TicketType] = field(default_factory=dict)

    def price_fen(self, ticket: str | None, heads: int) -> int | None:
        """Return what so many pay for a ticket, None without one."""
        return None if ticket is None else self.tickets[ticket].price_fen * heads


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of the file that the profile contradicts; `ours` None: the profile does not name the lane at all."""

    lane: str
    key: str
    ours: Any = None
    theirs: Any = None

    def __str__(self) -> str:
        """Return it in words."""
        if self.ours is None:
            return f"lanes.{self.lane}: the profile names no such lane"
        return f"lanes.{self.lane}.{self.key}: {self.ours} here, {self.theirs} in the profile"


def terms_of(table: LaneTable, profile: Profile) -> Terms:
    """Return what is in force at the lane of this table."""
    lane = _named(table.id, profile)
    said = {key: getattr(table, key) for key in ("id", "grace_s", *SAID) if getattr(table, key) is not None}
    if lane is not None:
        said |= {key: getattr(lane, key) for key in SAID if getattr(lane, key) is not None}
    intent = Intent(said["intent"]) if said.get("intent") else INTENT_OF_SCENE.get(said["scene"], Intent.ENTER)
    tickets = {ticket.id: ticket for ticket in profile.ticket_types}
    terms = Terms(**said | {"intent": intent, "tickets": tickets})
    ticket = _own_ticket(terms, table.id)
    return Terms(**said | {"intent": intent, "tickets": tickets, "ticket": ticket})


def differences(tables: Iterable[LaneTable], profile: Profile) -> Iterator[Difference]:
    """Yield what the file says otherwise than the profile."""
    for table in tables:
        lane = _named(table.id, profile)
        if lane is None:
            yield Difference(table.id, "id")
            continue
        for key in SAID:
            ours, theirs = getattr(table, key), getattr(lane, key)
            if ours is not None and theirs is not None and ours != theirs:
                yield Difference(table.id, key, ours, theirs)


def notices_of(profile: Profile, platform: str) -> str:
    """Return what stands before a notice's name in its address: as visitors reach the platform."""
    said = profile.texts.get("notice_url", {})
    return said.get("zh") or said.get("en") or f"{platform}/n/"


def _named(name: str, profile: Profile) -> Lane | None:
    return next((lane for lane in profile.lanes if lane.id == name), None)


def _own_ticket(terms: Terms, lane: str) -> str | None:
    if not terms.prices or not terms.tickets:
        return None
    if terms.ticket is not None and terms.ticket not in terms.tickets:
        log.error("ticket_not_sold", extra={"lane": lane, "ticket": terms.ticket})
        return next(iter(terms.tickets))
    return terms.ticket or next(iter(terms.tickets))
