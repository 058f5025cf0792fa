"""The settings of gates as they stand in terminal.toml: `actuator = {kind = "…", …}` (docs/devices.md).

Rules of this file: structs are strict, each default is safe, a secret is a file's name; `faults` says of a setting what
the types cannot hold, with the mend. What it names on this machine is `edge.settings.around`'s to judge.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from edge.actuators.templates import KNOWN, PLACE, unknown_places
from edge.problems import Problem, web_address
from scanner.spec import BAUDS
from sync.enrol.identity import is_loopback

Seconds = Annotated[float, Meta(ge=0.05, le=10)]
Turn = Annotated[float, Meta(ge=1, le=120)]
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
    turn_within_s: Turn | None = None
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
    turn_within_s: Turn | None = None
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


def faults(table: GateTable) -> Iterator[Problem]:
    """Yield what is wrong with a setting, by its keys. Files that it names are not looked at."""
    if isinstance(table, WebTable):
        yield from _web_faults(table)
    if isinstance(table, RelayTable | ModbusTable | TalkTable):
        yield from line_faults(table.port, table.baud)
    if isinstance(table, ModbusTable):
        yield from _modbus_faults(table)
    if isinstance(table, ModbusTable | GpioTable):
        yield from _turn_faults(table)
    if isinstance(table, TalkTable):
        for key in ("send", "ask"):
            yield from _template_faults(key, re.sub(r"\{hex:[^}]*\}", "", getattr(table, key) or ""))
        yield from _byte_faults(table)


def _turn_faults(table: ModbusTable | GpioTable) -> Iterator[Problem]:
    told = table.turned_input if isinstance(table, ModbusTable) else table.turned_line
    if table.turn_within_s is not None and told is None:
        key = "turned_input" if isinstance(table, ModbusTable) else "turned_line"
        zh, en = f"没有 {key}，无从得知有人通过", f"nothing tells that somebody walked through: {key} is missing"
        yield Problem("turn_within_s", zh, en, f"请写 {key}，或去掉此项", f"Name {key}, or leave this out")


def line_faults(port: str, baud: int) -> Iterator[Problem]:
    """Yield what is wrong with a serial line or a TCP address."""
    if not LINE.fullmatch(port) or (port.startswith("tcp:") and not _is_port(port)):
        mend = "serial:/dev/serial/by-path/… 或 tcp://地址:端口", "serial:/dev/serial/by-path/… or tcp://address:port"
        zh, en = f"{port!r} 不是线路", f"{port!r} is no line"
        yield Problem("port", zh, en, f"请写 {mend[0]}", f"Write {mend[1]}")
    if baud not in BAUDS:
        near = min(BAUDS, key=lambda one: abs(one - baud))
        mend = f"请写 {near}", f"Write {near}"
        yield Problem("baud", f"没有 {baud} 这一波特率", f"no line runs at {baud} baud", *mend)


def _is_port(line: str) -> bool:
    return 0 < int(line.rpartition(":")[2]) <= 65_535  # noqa: PLR2004 - the highest TCP port


def _modbus_faults(table: ModbusTable) -> Iterator[Problem]:
    if (table.coil is None) == (not table.registers):
        zh, en = "coil 与 registers 应且只应填一项", "neither or both of coil and registers are set"
        yield Problem("coil", zh, en, "它决定如何开闸", "Write one of them: it is what opens")
    if table.framing == "tcp" and table.port.startswith("serial:"):
        zh, en = "串行线路不能用 Modbus TCP", "a serial line carries no Modbus TCP"
        yield Problem("framing", zh, en, '请写 framing = "rtu"', 'Write framing = "rtu"')
    for name in table.registers:
        if not re.fullmatch("[0-9]{1,5}", name) or int(name) > 65_535:  # noqa: PLR2004 - the highest register
            mend = '请写 {"3" = [4, 10]}', 'Write {"3" = [4, 10]}'
            yield Problem("registers", f"{name!r} 不是寄存器", f"{name!r} is no register", *mend)


def _byte_faults(table: TalkTable) -> Iterator[Problem]:
    for key in ("send", "expect", "refuse", "ask", "asked_open"):
        for digits in re.findall(r"\{hex:([^}]*)\}", getattr(table, key) or ""):
            try:
                bytes.fromhex(digits)
            except ValueError:
                mend = "请写 {hex:02 41}", "Write {hex:02 41}"
                yield Problem(key, f"{digits!r} 不是十六进制字节", f"{digits!r} are no bytes in hex", *mend)


def _web_faults(table: WebTable) -> Iterator[Problem]:
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
    if sum(one is not None for one in (table.json, table.form)) > 1:
        mend = "请写 json 或 form", "Write json or form"
        yield Problem("form", "一个请求只有一个正文", "a request has one body", *mend)


def _url_faults(key: str, text: str, *, lan: bool) -> Iterator[Problem]:
    url = web_address(PLACE.sub("x", text))
    if url is None:
        yield Problem(key, "不是网址", "is no web address", "请写 https://主机/路径", "Write https://host/path")
    elif url.username is not None:
        mend = "login = {user = …, password_file = …}"
        yield Problem(key, "含用户名", "holds a user name", f"请写 {mend}", f"Write {mend}")
    elif url.scheme == "http" and not is_loopback(url.hostname or "") and not (lan and is_private(url.hostname or "")):
        zh, en = "http:// 只允许用于本机", "http:// is allowed to this machine only"
        private = "10.x, 172.16-31.x, 192.168.x, fd…"
        mend_zh = f'请写 https://，或对一个内网地址（{private}）写 insecure = "lan"'
        yield Problem(key, zh, en, mend_zh, f'Write https://, or insecure = "lan" for one private address ({private})')


def _template_faults(key: str, template: Any) -> Iterator[Problem]:
    if unknown := unknown_places(template):
        known = " ".join(f"{{{name}}}" for name in KNOWN)
        zh, en = f"{{{min(unknown)}}} 没有含义", f"{{{min(unknown)}}} stands for nothing"
        yield Problem(key, zh, en, f"只有 {known}", f"There are {known}")


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
