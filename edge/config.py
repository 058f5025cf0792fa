"""The tables of the terminal's configuration (contract.md §9); `edge.settings.reading` makes them from the file.

Only what a terminal must know before it can talk to anybody stands here. Site, terminal id, ticket types and texts
come from the enrolled profile.
"""

from pathlib import Path
from typing import Literal

import msgspec

from credit.inputs import Intent
from edge.actuators.paper.tables import PrinterTable
from edge.actuators.signs.tables import LightTable, SoundTable
from edge.actuators.tables import GateTable

DEFAULT_LISTEN = "127.0.0.1:8470"


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors."""


class TerminalTable(Strict, frozen=True):
    """`[terminal]`: where this terminal keeps what it remembers, and how long an answer may take (seconds)."""

    data: str
    answer_s: float = 0.8


class PlatformTable(Strict, frozen=True):
    """`[platform]`: where the central platform is, and how often to look (seconds)."""

    url: str
    ca: str | None = None
    poll_s: float = 60.0


class ApiTable(Strict, frozen=True):
    """`[api]`: where the local API listens, under which host names, and how often one token may present.

    Beyond this machine only with TLS, as the platform: tokens and decisions would travel in clear.
    """

    listen: str = DEFAULT_LISTEN
    hosts: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    presents_per_s: float = 20.0


class LaneTable(Strict, frozen=True):
    """`[[lanes]]`: one lane, its scene, where its codes come from and what it opens.

    The signed profile wins over intent, ticket, prices, pay_within_s and notice (`edge.terms`).
    """

    id: str
    scene: str
    intent: Intent | None = None
    source: str | None = None
    actuator: str | GateTable | None = None
    ticket: str | None = None
    prices: bool | None = None
    pay_within_s: float | None = None
    notice: Literal["discreet", "full"] | None = None
    printer: PrinterTable | None = None
    light: LightTable | None = None
    sound: SoundTable | None = None
    grace_s: int = 10


class VerifierTable(Strict, frozen=True):
    """`[[verifiers]]`: somebody else's check of a second code, and the written policy for when it is down."""

    name: str
    url: str
    timeout_s: float = 0.5
    when_down: Literal["pass", "refer", "refuse"] = "refer"


class Config(Strict, frozen=True):
    """The whole file."""

    terminal: TerminalTable
    platform: PlatformTable
    lanes: tuple[LaneTable, ...]
    api: ApiTable = ApiTable()
    verifiers: tuple[VerifierTable, ...] = ()

    @property
    def data(self) -> Path:
        """The folder that holds the database, the key and what the terminal trusts."""
        return Path(self.terminal.data)

    @property
    def listen(self) -> tuple[str, int]:
        """The address and port of the local API."""
        host, _, port = self.api.listen.rpartition(":")
        return host.strip("[]"), int(port)
