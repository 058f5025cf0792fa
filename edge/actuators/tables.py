"""The settings of gates as they stand in terminal.toml: `actuator = {kind = "…", …}` (docs/devices.md).

Rules of this file: structs are strict, each default is safe, a secret is a file's name; `faults` says of a setting what
the types cannot hold, with the mend.
"""

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from edge.actuators.templates import KNOWN, unknown_places
from sync.enrol.identity import is_loopback

Fault = tuple[str, str, str]
Seconds = Annotated[float, Meta(ge=0.05, le=10)]
PulseMs = Annotated[int, Meta(ge=50, le=10_000)]
Port = Annotated[str, Meta(min_length=1, max_length=200)]
Register = Annotated[int, Meta(ge=0, le=65_535)]
LINE = re.compile(r"(tcp://[^/@\s]+:\d{1,5}|serial:/\S+)")


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the file: unknown keys are errors."""


class Tagged(Strict, frozen=True, tag_field="kind"):
    """A table of one kind of gate."""


class Expected(Strict, frozen=True):
    """The member of an answer that says yes: a dotted path, and what stands there."""

    path: Annotated[str, Meta(min_length=1)]
    equals: str | int | bool


class WebLogin(Strict, frozen=True):
    """How the controller wants to know who asks; the password stands in a file."""

    user: str
    password_file: str
    scheme: Literal["basic", "digest"] = "digest"


class WebStatus(Strict, frozen=True):
    """Where a controller tells what became of an attempt: `open` if it did open, `shut` if it did not."""

    url: str
    open: Expected
    shut: Expected | None = None


class WebTable(Tagged, frozen=True, tag="http"):
    """A controller with a web address."""

    url: str
    method: Literal["GET", "POST", "PUT"] = "POST"
    headers: dict[str, str] = {}
    secret_headers: dict[str, str] = {}
    json: dict[str, Any] | None = None
    form: dict[str, str] | None = None
    query: dict[str, str] | None = None
    expect: Expected | None = None
    status: WebStatus | None = None
    hold_url: str | None = None
    release_url: str | None = None
    login: WebLogin | None = None
    ca: str | None = None
    certificate_sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | None = None
    insecure: Literal["lan"] | None = None
    timeout_s: Seconds = 1.0


class FileTable(Tagged, frozen=True, tag="file"):
    """Openings as lines of a file."""

    path: str
    timeout_s: Seconds = 1.0


class RelayTable(Tagged, frozen=True, tag="relay"):
    """A relay board of the LCUS kind (CH340), on USB or behind a serial server."""

    port: Port
    relay: Annotated[int, Meta(ge=1, le=16)] = 1
    pulse_ms: PulseMs = 500
    normally: Literal["open", "closed"] = "open"
    baud: int = 9600
    usb: Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")] | None = None
    verify: bool = False
    timeout_s: Seconds = 1.0


class ModbusTable(Tagged, frozen=True, tag="modbus"):
    """A board or controller that speaks Modbus, RTU on a serial line or TCP."""

    port: Port
    framing: Literal["rtu", "tcp"] = "tcp"
    unit: Annotated[int, Meta(ge=0, le=247)] = 1
    coil: Register | None = None
    pulse_ms: PulseMs = 500
    normally: Literal["open", "closed"] = "open"
    registers: dict[str, list[Register]] = {}
    heads_register: Register | None = None
    turned_input: Register | None = None
    fire_input: Register | None = None
    fault_input: Register | None = None
    baud: int = 9600
    parity: Literal["none", "even", "odd"] = "none"
    poll_s: Annotated[float, Meta(ge=0.05, le=5)] = 0.2
    timeout_s: Seconds = 1.0


class GpioTable(Tagged, frozen=True, tag="gpio"):
    """Lines of this machine (Linux GPIO character device; the extra `gpio`)."""

    line: Annotated[int, Meta(ge=0, le=511)]
    chip: str = "/dev/gpiochip0"
    active: Literal["high", "low"] = "high"
    pulse_ms: PulseMs = 500
    turned_line: Annotated[int, Meta(ge=0, le=511)] | None = None
    fire_line: Annotated[int, Meta(ge=0, le=511)] | None = None
    timeout_s: Seconds = 2.0


class TalkTable(Tagged, frozen=True, tag="serial"):
    """A controller on a line, with words of its own: what to send, what it answers. Bytes are written {hex:02 03}."""

    port: Port
    send: str
    expect: str | None = None
    refuse: str | None = None
    ask: str | None = None
    asked_open: str | None = None
    baud: int = 9600
    parity: Literal["none", "even", "odd"] = "none"
    rs485: bool = False
    usb: Annotated[str, Meta(pattern="^[0-9a-f]{4}:[0-9a-f]{4}$")] | None = None
    timeout_s: Seconds = 1.0


GateTable = WebTable | FileTable | RelayTable | ModbusTable | GpioTable | TalkTable


def from_text(spec: str) -> GateTable:
    """Return the table that a short setting stands for: "file:PATH" or a web address; ValueError if it is neither."""
    if spec.startswith("file:"):
        return FileTable(path=spec.removeprefix("file:"))
    if urlsplit(spec).scheme in ("http", "https"):
        return WebTable(url=spec)
    raise ValueError(f'{spec!r} is not known; write "file:PATH", "https://…" or a table with kind = "…"')


def faults(table: GateTable) -> Iterator[Fault]:
    """Yield (key, problem, mend) of a setting."""
    if isinstance(table, WebTable):
        yield from _web_faults(table)
    if isinstance(table, RelayTable | ModbusTable | TalkTable) and not LINE.fullmatch(table.port):
        yield "port", f"{table.port!r} is no line", "Write serial:/dev/serial/by-path/… or tcp://address:port"
    if isinstance(table, ModbusTable):
        if (table.coil is None) == (not table.registers):
            yield "coil", "neither or both of coil and registers are set", "Write one of them: it is what opens"
        if table.framing == "tcp" and table.port.startswith("serial:"):
            yield "framing", "a serial line carries no Modbus TCP", 'Write framing = "rtu"'
        for name in table.registers:
            if not name.isdigit() or int(name) > 65_535:  # noqa: PLR2004 - the highest register
                yield "registers", f"{name!r} is no register", 'Write {"3" = [4, 10]}'
    if isinstance(table, TalkTable):
        yield from _template_faults("send", re.sub(r"\{hex:[^}]*\}", "", table.send))


def _web_faults(table: WebTable) -> Iterator[Fault]:
    urls = {"url": table.url, "hold_url": table.hold_url, "release_url": table.release_url}
    urls |= {"status.url": table.status.url if table.status else None}
    for key, text in urls.items():
        if text is not None:
            yield from _url_faults(key, text, lan=table.insecure == "lan")
            yield from _template_faults(key, text)
    for key, template in (
        ("json", table.json),
        ("form", table.form),
        ("query", table.query),
        ("headers", table.headers),
    ):
        yield from _template_faults(key, template)
    files = [
        *table.secret_headers.values(),
        *([table.login.password_file] if table.login else []),
        *filter(None, [table.ca]),
    ]
    for file in files:
        if not Path(file).is_file():
            yield "secret_headers", f"{file} is not a file", "Name a file that the service's user can read"
    if sum(one is not None for one in (table.json, table.form)) > 1:
        yield "form", "a request has one body", "Write json or form"


def _url_faults(key: str, text: str, *, lan: bool) -> Iterator[Fault]:
    url = urlsplit(text)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield key, "is no web address", "Write https://host/path"
    elif url.username is not None:
        yield key, "holds a user name", "Write login = {user = …, password_file = …}"
    elif url.scheme == "http" and not is_loopback(url.hostname) and not (lan and is_private(url.hostname)):
        mend = 'Write https://, or insecure = "lan" for one private address (10.x, 172.16-31.x, 192.168.x, fd…)'
        yield key, "http:// is allowed to this machine only", mend


def _template_faults(key: str, template: Any) -> Iterator[Fault]:
    if unknown := unknown_places(template):
        known = " ".join(f"{{{name}}}" for name in KNOWN)
        yield key, f"{{{min(unknown)}}} stands for nothing", f"There are {known}"


def is_private(host: str) -> bool:
    """Return whether a host is one private address (RFC 1918, RFC 4193); a name is not: somebody else resolves it."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    nets = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
    return any(address.version == net.version and address in net for net in map(ipaddress.ip_network, nets))


def in_clear(setting: str | GateTable | None) -> bool:
    """Return whether a gate is spoken to in plain http beyond this machine: told where the terminal tells of itself."""
    return isinstance(setting, WebTable) and setting.insecure == "lan"
