"""What the types of a configuration cannot hold, told at once. Pure: nothing of this machine is looked at.

Rules of this file: each finding names key, problem and mend in both languages; a password is never repeated.
"""

import difflib
import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Final

from edge.actuators.paper.tables import faults as printer_faults
from edge.actuators.signs.tables import light_faults, sound_faults
from edge.actuators.tables import FileTable, GateTable, ModbusTable, RelayTable, TalkTable, faults, from_text
from edge.config import DEFAULT_LISTEN, ApiTable, Config, LaneTable, PlatformTable, TerminalTable, VerifierTable
from edge.problems import Problem, web_address
from scanner.spec import Spec, SpecError, parse_spec
from sync.enrol.identity import is_loopback

LANE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,24}")
SCENE: Final = re.compile(r"[a-z][a-z0-9_-]{0,23}")
HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\]")
USUAL_SCENES: Final = ("gate", "hotel", "shop", "counter", "library", "hospital", "parking", "bus", "bicycle", "room")
LOWEST_PORT, HIGHEST_PORT = 1024, 65_535
LIMITS: Final = {  # setting → lowest, highest, unit
    "answer_s": (0.1, 0.9, ("秒", "seconds")),
    "poll_s": (0.1, 86_400, ("秒", "seconds")),
    "presents_per_s": (0.1, 10_000, ("次", "a second")),
    "grace_s": (0, 60, ("秒", "seconds")),
    "pay_within_s": (1, 3_600, ("秒", "seconds")),
    "timeout_s": (0.05, 5, ("秒", "seconds")),
}
CONTROLLED: Final = ("/proc/", "/sys/", "/dev/")
HTTPS: Final = ("请写 https://", "Write https://")


def problems(config: Config) -> list[Problem]:
    """Return everything that is wrong with a configuration, in the order of the file."""
    return [
        *(one.under("terminal") for one in _terminal(config.terminal)),
        *(one.under("platform") for one in _platform(config.platform)),
        *(one.under("api") for one in _api(config.api)),
        *_lanes(config.lanes),
        *_verifiers(config.verifiers),
    ]


def _terminal(table: TerminalTable) -> Iterator[Problem]:
    yield from _limits("answer_s", table.answer_s)
    if not table.data.startswith("/"):
        zh, en = f"{table.data!r} 不是完整路径", f"{table.data!r} is no whole path: it would depend on where one stands"
        yield Problem("data", zh, en, "请写 /var/lib/xinguan", "Write /var/lib/xinguan")
    elif table.data.startswith(CONTROLLED) or table.data.rstrip("/") in ("", "/proc", "/sys", "/dev"):
        zh, en = f"{table.data} 不能存放数据", f"{table.data} is no place for data"
        yield Problem("data", zh, en, "请写 /var/lib/xinguan", "Write /var/lib/xinguan")


def _platform(table: PlatformTable) -> Iterator[Problem]:
    yield from _address("url", table.url, bare=True)
    yield from _limits("poll_s", table.poll_s)


def _address(key: str, text: str, *, bare: bool) -> Iterator[Problem]:
    """Judge an address of ours; a `bare` one is a host, a port and a path, and nothing behind it."""
    url = web_address(text)
    if url is None:
        shown = "此设置" if "@" in text else repr(text)
        mend = "请写 https://主机[:端口]", "Write https://host[:port]"
        yield Problem(key, f"{shown} 不是网址", f"{shown if '@' not in text else 'it'} is no web address", *mend)
        return
    if url.username is not None or url.password is not None:
        mend = "请删除 @ 及其前的内容", "Remove what stands before the @"
        yield Problem(key, "含用户名或密码", "holds a user name or a password", *mend)
    if bare and (url.query or url.fragment or text.endswith(("?", "#"))):
        mend = "请删除 ? 或 # 及其后的内容", "Remove the ? or # and what follows"
        yield Problem(key, "含 ? 或 #，不会起作用", "holds a ? or #, which has no effect", *mend)
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        yield Problem(key, "http:// 只允许用于本机", "http:// is allowed to this machine only", *HTTPS)


def _limits(key: str, value: float) -> Iterator[Problem]:
    low, high, (zh, en) = LIMITS[key]
    if not low <= value <= high:
        mend = f"请写 {low} 到 {high} {zh}", f"Write {low} to {high} {en}"
        yield Problem(key, f"{value} 超出范围", f"{value} is out of range", *mend)


def _api(api: ApiTable) -> Iterator[Problem]:
    yield from _limits("presents_per_s", api.presents_per_s)
    for host in api.hosts:
        if not HOST.fullmatch(host):
            mend = "请只写主机名，不带 https:// 和端口", "Write the name alone, without https:// and port"
            yield Problem("hosts", f"{host!r} 不是主机名", f"{host!r} is no host name", *mend)
    if (api.tls_cert is None) != (api.tls_key is None):
        missing = "tls_key" if api.tls_key is None else "tls_cert"
        mend = "证书与私钥须同时填写", "Name tls_cert and tls_key together"
        yield Problem(missing, "缺少此键", "is missing beside the other", *mend)
    address = _listen(api.listen)
    if address is None:
        mend = f'请写 "{DEFAULT_LISTEN}"，IPv6 写 "[::1]:8470"', f'Write "{DEFAULT_LISTEN}", IPv6 as "[::1]:8470"'
        yield Problem("listen", f"{api.listen!r} 不是监听地址", f"{api.listen!r} is no address", *mend)
        return
    if address.is_loopback:
        return
    if not api.hosts:
        zh, en = "为空，而接口对外监听", "is empty while the API listens beyond this machine"
        yield Problem("hosts", zh, en, "请写访问时所用的主机名", "Name the hosts it is called by")
    if api.tls_cert is None and api.tls_key is None:
        zh, en = "缺少，而接口对外监听", "is missing while the API listens beyond this machine"
        mend = (
            "请写 tls_cert 与 tls_key（PEM），或只在 127.0.0.1 监听",
            "Name tls_cert and tls_key (PEM files), or listen on 127.0.0.1",
        )
        yield Problem("tls_cert", zh, en, *mend)


def _listen(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not LOWEST_PORT <= int(port) <= HIGHEST_PORT:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    return address if bracketed == (address.version == 6) else None  # noqa: PLR2004 - IPv6 stands in brackets


def _lanes(lanes: tuple[LaneTable, ...]) -> Iterator[Problem]:
    if not lanes:
        yield Problem("lanes", "一条也没有", "there is none", "请添加 [[lanes]] 表", "Add a [[lanes]] table")
    for number, lane in enumerate(lanes):
        yield from (one.under(f"lanes[{number}]") for one in _lane(lane))
    yield from twice(((f"lanes[{number}].id", lane.id) for number, lane in enumerate(lanes)))
    yield from _shared(lanes)


def _lane(lane: LaneTable) -> Iterator[Problem]:
    if not LANE_ID.fullmatch(lane.id):
        mend = "请用 1 到 24 个英文字母、数字、- 或 _", "Use 1 to 24 letters, digits, - or _"
        yield Problem("id", f"{lane.id!r} 不能作通道编号", f"{lane.id!r} is no lane id", *mend)
    if not SCENE.fullmatch(lane.scene):
        mend = '请写 "gate"、"hotel"、"shop" …', 'Write "gate", "hotel", "shop" …'
        yield Problem("scene", f"{lane.scene!r} 不是场景", f"{lane.scene!r} is no scene", *mend)
    elif lane.scene not in USUAL_SCENES and (near := difflib.get_close_matches(lane.scene, USUAL_SCENES, 1, 0.75)):
        mend = f'是否应为 "{near[0]}"？', f'Did you mean "{near[0]}"?'
        yield Problem("scene", f"没有 {lane.scene!r} 场景", f"there is no scene {lane.scene!r}", *mend)
    yield from _limits("grace_s", lane.grace_s)
    if lane.pay_within_s is not None:
        yield from _limits("pay_within_s", lane.pay_within_s)
    try:
        if lane.source is not None:
            parse_spec(lane.source)
    except SpecError as error:
        yield Problem("source", error.zh, str(error), "请改正", "Correct it")
    yield from _gate("actuator", lane.actuator)
    if lane.printer is not None:
        yield from (one.under("printer") for one in printer_faults(lane.printer))
    if lane.light is not None:
        yield from (one.under("light") for one in light_faults(lane.light))
    if lane.sound is not None:
        yield from (one.under("sound") for one in sound_faults(lane.sound))


def _gate(key: str, setting: str | GateTable | None) -> Iterator[Problem]:
    if setting is None:
        return
    try:
        table = from_text(setting) if isinstance(setting, str) else setting
    except ValueError:
        shown = repr(setting) if "@" not in str(setting) else "…"
        mend = '"file:路径"、"https://…" 或带 kind 的表', '"file:PATH", "https://…" or a table with kind = "…"'
        yield Problem(key, f"不认识 {shown}", f"{shown} is not known", f"请写 {mend[0]}", f"Write {mend[1]}")
        return
    if isinstance(table, FileTable):
        yield from (one.under(key) for one in _line_file(table.path))
    yield from (one.under(key) if not isinstance(setting, str) else one._replace(key=key) for one in faults(table))


def _line_file(path: str) -> Iterator[Problem]:
    if not path.startswith("/") or path.startswith(CONTROLLED) or path.endswith("/"):
        zh, en = f"{path!r} 不能作开闸记录文件", f"{path!r} is no file for openings"
        yield Problem("", zh, en, "请写完整路径，不在 /proc /sys /dev 下", "Write a whole path, not in /proc /sys /dev")


def _shared(lanes: tuple[LaneTable, ...]) -> Iterator[Problem]:
    """Tell of a device that two lanes would fight for, or that would let one code in at two gates."""
    seen: dict[str, str] = {}
    for number, lane in enumerate(lanes):
        for key, device in _devices(f"lanes[{number}]", lane):
            if device in seen and not (key.endswith("actuator.port") and seen[device].endswith("actuator.port")):
                zh, en = f"与 {seen[device]} 是同一设备", f"is the same device as {seen[device]}"
                yield Problem(key, zh, en, "每处请用各自的设备", "Give each a device of its own")
            seen.setdefault(device, key)


def _devices(key: str, lane: LaneTable) -> Iterator[tuple[str, str]]:
    """Yield what a lane opens for itself. Relays of one board share its line."""
    try:
        spec = parse_spec(lane.source) if lane.source is not None else None
    except SpecError:
        spec = None
    if spec is not None:
        yield f"{key}.source", _device(spec)
    if isinstance(lane.actuator, RelayTable | ModbusTable | TalkTable) and lane.actuator.port.startswith("serial:"):
        yield f"{key}.actuator.port", lane.actuator.port.removeprefix("serial:")


def _device(spec: Spec) -> str:
    if spec.kind == "v4l2" and spec.target.isdecimal():
        return f"/dev/video{int(spec.target)}"
    return spec.target


def twice(values: Iterable[tuple[str, str]]) -> Iterator[Problem]:
    """Tell of each (key, value) whose value stood there before."""
    seen = set()
    for key, value in values:
        if value in seen:
            mend = "请各用不同的名称", "Give each its own"
            yield Problem(key, f"{value!r} 重复", f"{value!r} is there twice", *mend)
        seen.add(value)


def _verifiers(verifiers: tuple[VerifierTable, ...]) -> Iterator[Problem]:
    for number, verifier in enumerate(verifiers):
        key = f"verifiers[{number}]"
        if not LANE_ID.fullmatch(verifier.name):
            mend = "请用 1 到 24 个英文字母、数字、- 或 _", "Use 1 to 24 letters, digits, - or _"
            yield Problem(f"{key}.name", f"{verifier.name!r} 不能作名称", f"{verifier.name!r} is no name", *mend)
        yield from (one.under(key) for one in _address("url", verifier.url, bare=False))
        yield from (one.under(key) for one in _limits("timeout_s", verifier.timeout_s))
    yield from twice(((f"verifiers[{number}].name", one.name) for number, one in enumerate(verifiers)))
