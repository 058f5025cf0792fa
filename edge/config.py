"""The terminal's configuration file: TOML, strict, and errors that name file, key and mend (contract.md §9).

Only what a terminal must know before it can talk to anybody stands here. Site, terminal id, ticket types and texts
come from the enrolled profile.
"""

import re
import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from credit.inputs import Intent
from edge.actuators.tables import GateTable, faults, from_text
from scanner.spec import SpecError, parse_spec
from sync.enrol.identity import is_loopback

DEFAULT_PATH = Path("/etc/xinguan/terminal.toml")
DEFAULT_LISTEN = "127.0.0.1:8470"
LANE_ID = re.compile(r"[A-Za-z0-9_-]{1,24}")
SCENE = re.compile(r"[a-z][a-z0-9_-]{0,23}")
FIELD_PROBLEM = re.compile(r"(?P<problem>.*?)(?: - at `\$\.?(?P<path>.*)`)?$")


class ConfigError(Exception):
    """The configuration cannot be used. The text names the file, the key and the mend."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors."""


class TerminalTable(Strict, frozen=True):
    """`[terminal]`: where this terminal keeps what it remembers."""

    data: str


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


def load(path: Path) -> Config:
    """Read and check the file; raise ConfigError naming file, key and mend."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}). Make it, or name another with --config"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text (byte {error.start}). Save it as UTF-8") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Config:
    """Check the text of a configuration called `name`; raise ConfigError naming file, key and mend."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not TOML: {error}. Mend that line") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_explain(str(error))}") from error
    for key, problem, mend in _problems(config):
        raise ConfigError(f"{name}: {key}: {problem}. {mend}")
    return config


def _explain(message: str) -> str:
    found = FIELD_PROBLEM.match(message)
    assert found is not None  # noqa: S101 - the pattern matches any text
    problem, path = found["problem"], found["path"] or "the file's top"
    if unknown := re.search(r"unknown field `(.*)`", problem):
        return f"{path}: unknown key {unknown[1]!r}. Remove it or correct its spelling"
    if missing := re.search(r"missing required field `(.*)`", problem):
        return f"{path}: key {missing[1]!r} is missing. Add it"
    return f"{path}: {problem}. Write a value of that kind"


def _problems(config: Config) -> list[tuple[str, str, str]]:
    """Return (key, problem, mend) of everything that the types alone cannot hold."""
    return [
        *_platform_problems(config.platform),
        *_api_problems(config.api),
        *_lane_problems(config.lanes),
        *_verifier_problems(config.verifiers),
    ]


def _platform_problems(platform: PlatformTable) -> list[tuple[str, str, str]]:
    url, found = urlsplit(platform.url), []
    if url.scheme not in ("http", "https") or not url.hostname:
        found.append(("platform.url", f"{platform.url!r} is no web address", "Write https://host[:port]"))
    elif url.scheme == "http" and not is_loopback(url.hostname):
        found.append(("platform.url", "http:// is allowed to this machine only", "Write https://"))
    if platform.ca is not None and not Path(platform.ca).is_file():
        found.append(("platform.ca", f"{platform.ca} is not a file", "Name the PEM file of your private CA"))
    if not 0.1 <= platform.poll_s <= 86_400:  # noqa: PLR2004 - bounds of a setting, named in the text below
        found.append(("platform.poll_s", f"{platform.poll_s} is out of range", "Write 0.1 to 86400 seconds"))
    return found


def _api_problems(api: ApiTable) -> list[tuple[str, str, str]]:
    host, _, port = api.listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65_535:  # noqa: PLR2004 - the highest TCP port
        return [("api.listen", f"{api.listen!r} is no address", f'Write "{DEFAULT_LISTEN}"')]
    found = []
    if not is_loopback(host) and not api.hosts:
        found.append(
            ("api.hosts", "is empty while the API listens beyond this machine", "Name the hosts it is called by")
        )
    if not is_loopback(host) and not (api.tls_cert and api.tls_key):
        mend = "Name tls_cert and tls_key (PEM files), or listen on 127.0.0.1"
        found.append(("api.tls_cert", "is missing while the API listens beyond this machine", mend))
    if not 0.1 <= api.presents_per_s <= 10_000:  # noqa: PLR2004 - bounds of a setting, named in the mend
        found.append(("api.presents_per_s", f"{api.presents_per_s} is out of range", "Write 0.1 to 10000"))
    return found


def _lane_problems(lanes: tuple[LaneTable, ...]) -> list[tuple[str, str, str]]:
    found, seen = [], set()
    if not lanes:
        found.append(("lanes", "there is none", "Add a [[lanes]] table"))
    for number, lane in enumerate(lanes):
        key = f"lanes[{number}]"
        if not LANE_ID.fullmatch(lane.id):
            found.append((f"{key}.id", f"{lane.id!r} is no lane id", "Use 1 to 24 letters, digits, - or _"))
        if lane.id in seen:
            found.append((f"{key}.id", f"{lane.id!r} is there twice", "Give each lane its own id"))
        if not SCENE.fullmatch(lane.scene):
            found.append((f"{key}.scene", f"{lane.scene!r} is no scene", 'Write "gate", "hotel", "shop" …'))
        found += _source_problems(key, lane)
        if not 0 <= lane.grace_s <= 60:  # noqa: PLR2004 - bounds of a setting, named in the mend
            found.append((f"{key}.grace_s", f"{lane.grace_s} is out of range", "Write 0 to 60 seconds"))
        if lane.pay_within_s is not None and not 1 <= lane.pay_within_s <= 3_600:  # noqa: PLR2004 - the same
            found.append((f"{key}.pay_within_s", f"{lane.pay_within_s} is out of range", "Write 1 to 3600 seconds"))
        seen.add(lane.id)
    return found


def _source_problems(key: str, lane: LaneTable) -> list[tuple[str, str, str]]:
    found = []
    try:
        if lane.source is not None:
            parse_spec(lane.source)
    except SpecError as error:
        found.append((f"{key}.source", str(error), "Correct it"))
    return found + _actuator_problems(f"{key}.actuator", lane.actuator)


def _actuator_problems(key: str, setting: str | GateTable | None) -> list[tuple[str, str, str]]:
    if setting is None:
        return []
    try:
        table = from_text(setting) if isinstance(setting, str) else setting
    except ValueError as error:
        return [(key, str(error), "Correct it")]
    dot = "" if isinstance(setting, str) else "."
    return [(f"{key}{dot}{part if dot else ''}", problem, mend) for part, problem, mend in faults(table)]


def _verifier_problems(verifiers: tuple[VerifierTable, ...]) -> list[tuple[str, str, str]]:
    found = []
    for number, verifier in enumerate(verifiers):
        key, url = f"verifiers[{number}]", urlsplit(verifier.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            found.append((f"{key}.url", f"{verifier.url!r} is no web address", "Write https://host/path"))
        elif url.scheme == "http" and not is_loopback(url.hostname):
            found.append((f"{key}.url", "http:// is allowed to this machine only", "Write https://"))
        if not 0.05 <= verifier.timeout_s <= 5:  # noqa: PLR2004 - bounds of a setting, named in the mend
            found.append((f"{key}.timeout_s", f"{verifier.timeout_s} is out of range", "Write 0.05 to 5 seconds"))
    return found
