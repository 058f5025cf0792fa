"""What `xinguan doctor` asks about a source: can it be opened, who holds it, is it fast enough, is its layout ours.

`look_at` opens nothing and disturbs nobody; `probe` opens the source for a few seconds, so only on a terminal that
is not serving; `judge_layout` compares what a scanner made of the layout test code (`layouts.LAYOUT_TEST`), serial or
keyboard, and `judge_extras` names what else it sends, with the mend.
"""

import asyncio
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from scanner.cleaning import PREFIX, TOLD
from scanner.handheld.layouts import LAYOUT_TEST, layout_of
from scanner.health import Health, State
from scanner.holder import describe, holders
from scanner.source import Clock, Source
from scanner.sources import open_source
from scanner.spec import Spec, SpecError, parse_spec

TYPICAL_CHARS = 430  # of a bound credential's code
BITS_PER_CHAR = 10  # start, 8 data, stop
MAX_TRANSFER_S = 0.2
MIN_FPS = 8.0
LAYOUT_HEAD = len("XG-LA")  # as much of the layout test code as no layout changes
DROPS = {
    "half": (
        "码没有结束符，已丢弃",
        "a code without its suffix",
        "leave #suffix out of the source; hold the scanner still",
    ),
    "flood": ("数据过长，已丢弃", "more bytes than any code has", "check the baud rate, and that this is a scanner"),
    "long": ("文字过长，已丢弃", "a text longer than any code", "check what is being scanned"),
    "unplugged": ("读码途中被拔出", "it was unplugged inside a code", "check plug and cable"),
    "key": ("未知按键", "a key that no layout has", "scan the layout test code; set the scanner to the US keyboard"),
}
MAX_LATE_MS = 100  # from the captured frame to the lane
MIN_HEIGHT = 720  # below, dense codes have too few pixels for a module
OURS = ("-m scanner", "xinguan", "edge.cli")  # in the command of a process of this terminal
SYS = Path("/sys")
NUMBERED = re.compile(r"/dev/(video|ttyUSB|ttyACM|input/event|hidraw|pts/)[0-9]+")
GROUPS = {"v4l2": "video", "serial": "dialout", "hid": "input"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` is empty when it is well."""

    name: str
    zh: str
    en: str
    mend: str = ""


def transfer_s(baud: int, chars: int = TYPICAL_CHARS) -> float:
    """Return how long a code of `chars` characters takes on a serial line."""
    return chars * BITS_PER_CHAR / baud


def look_at(setting: str) -> Iterator[Finding]:
    """Yield what can be said of a source without opening it."""
    try:
        spec = parse_spec(setting)
    except SpecError as error:
        yield Finding("source", "扫码来源配置有误", "the source setting cannot be used", str(error))
        return
    path = device(spec)
    if path is not None:
        yield from _device(spec, path)
    if spec.kind == "serial":
        yield _baud(spec.option("baud"))


def device(spec: Spec) -> str | None:
    """Return the path of the device, file or folder that the source opens; None for a network camera."""
    if spec.kind == "v4l2" and spec.target.isdigit():
        return f"/dev/video{spec.target}"
    return None if "://" in spec.target else spec.target


def _device(spec: Spec, path: str) -> Iterator[Finding]:
    if not os.path.exists(path):  # noqa: PTH110 - follows by-id links without raising on odd names
        mend = "plug it in; ls -l /dev/v4l/by-id /dev/serial/by-id /dev/input/by-id shows what is there"
        yield Finding("source", f"{path} 不存在", f"{path} is not there", mend)
        return
    if not os.access(path, os.R_OK):
        group = GROUPS.get(spec.kind)
        mend = f"usermod -aG {group} the service's user" if group else f"let the service's user read {path}"
        yield Finding("source", f"无权读取 {path}", f"{path} may not be read", mend)
        return
    held = holders(path) if spec.kind in GROUPS else []
    if held and all(any(word in command for word in OURS) for _, command in held):
        yield Finding("source", f"{spec.name} 由本服务使用", f"{spec.name} is in use by the service")
    elif held:
        yield Finding("source", f"{path} 正被占用", f"{path} is held by {describe(path)}", "stop that process")
    else:
        yield Finding("source", f"{spec.name} 可用", f"{spec.name} can be opened")
    if spec.kind in GROUPS:
        yield from _name(path)


def _name(path: str) -> Iterator[Finding]:
    """Yield what is wrong with the name of a device: a number, or a by-id name that two equal devices share."""
    if NUMBERED.fullmatch(path):
        mend = "name it by /dev/…/by-id/… or by-path/…: numbers change when devices are plugged in another order"
        yield Finding("source-name", "设备编号会变", f"{path} may be another device after a restart", mend)
    elif "/by-id/" in path and (twins := _twins(path)):
        ports = ", ".join(twins)
        mend = f"name each by its socket: {ports}"
        yield Finding("source-name", "两台同型设备共用一个名称", f"{path} stands for {len(twins)} equal devices", mend)


def _twins(path: str) -> list[str]:
    """Return the by-path names of the devices that share this by-id name, none when it is of one device alone."""
    device = Path(path)
    ports = device.parent.parent / "by-path"
    try:
        mine = usb_name(device.resolve())
        names = [port for port in sorted(ports.iterdir()) if usb_name(port.resolve()) == mine]
    except OSError:
        return []
    devices = {port.resolve(): str(port) for port in names}
    return list(devices.values()) if mine is not None and len(devices) > 1 else []


def usb_name(node: Path, *, sys: Path = SYS) -> tuple[str, ...] | None:
    """Return what udev makes a by-id name of: vendor, product and serial number; None when it is no USB device."""
    for kind in ("tty", "input", "video4linux"):
        at = (sys / "class" / kind / node.name / "device").resolve()
        for folder in (at, *at.parents):
            if (folder / "idVendor").is_file():
                told = [folder / name for name in ("idVendor", "idProduct", "serial")]
                return tuple([one.read_text().strip() if one.is_file() else "" for one in told])
    return None


def _baud(baud: int) -> Finding:
    seconds = transfer_s(baud)
    zh, en = f"串口每码约 {seconds * 1000:.0f} ms", f"a code takes {seconds * 1000:.0f} ms at {baud} baud"
    mend = "set the scanner and the source to 115200 baud (#baud=115200)"
    return Finding("serial-speed", zh, en, mend if seconds > MAX_TRANSFER_S else "")


async def probe(setting: str, *, clock: Clock, seconds: float = 8.0, show_s: float = 0.0) -> list[Finding]:
    """Open the source for at most `seconds` and return how it does; raise SpecError for an unusable setting.

    With `show_s`, wait that long for a code to be shown to it, and judge what arrives: how late, and in which layout.
    """
    async with open_source(setting, clock=clock) as source:
        try:
            async with asyncio.timeout(seconds):
                while source.health.state not in {State.LIVE, State.ENDED} or not _measured(source.health, source.spec):  # noqa: ASYNC110 - a look now and then at a value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            words = source.health.note or "nothing came"
            return [Finding("source-live", "没有画面", f"{source.health.name}: {words}", "see the line above it")]
        found = list(judge_health(source.health, source.spec))
        return found + (await _shown(source, clock, show_s) if show_s else [])


async def _shown(source: Source, clock: Clock, seconds: float) -> list[Finding]:
    """Wait for one code and judge it; that nobody showed one is no fault, that something unreadable came is."""
    found = []
    try:
        async with asyncio.timeout(seconds):
            async for presented in source:
                late_ms = max(0, clock.now_ms() - presented.at_ms)
                if _is_layout_test(presented.text, source.spec):
                    found.append(judge_layout(presented.text))
                else:
                    found.append(judge_latency(late_ms, source.spec))
                break
    except TimeoutError:
        words = f"no code was shown to {source.spec.name} within {seconds:g} s"
        found.append(Finding("code", f"{seconds:g} 秒内没有出示码", words))
    return found + list(judge_extras(source.health.cleaned)) + list(judge_drops(source.health.drops))


def _is_layout_test(text: str, spec: Spec) -> bool:
    """Return whether this should be the layout test code: whatever a keyboard types that is no code of ours."""
    return text[:LAYOUT_HEAD].upper() == LAYOUT_TEST[:LAYOUT_HEAD] or (
        spec.kind == "hid" and not text.startswith(PREFIX)
    )


def judge_extras(cleaned: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what came with codes and was understood all the same, each with the mend at the scanner."""
    for name in cleaned:
        row = TOLD[name]
        yield Finding("scanner-extras", row.zh, row.en, row.mend)


def judge_drops(drops: Mapping[str, int]) -> Iterator[Finding]:
    """Yield what was thrown away."""
    for why, count in drops.items():
        zh, en, mend = DROPS[why]
        yield Finding("scanner-drops", f"{zh}（{count} 次）", f"{en} ({count} times)", mend)


def judge_latency(late_ms: int, spec: Spec) -> Finding:
    """Return what the time from the captured frame to the lane says; a serial code's time is in its baud rate."""
    slow = spec.is_camera and late_ms > MAX_LATE_MS
    mend = "pictures of 1280×720 are enough (#width=1280&height=720); a lower budget (#budget_ms=10); fewer lanes here"
    name = "latency" if spec.is_camera else "code"
    zh, en = f"识读到达 {late_ms} ms", f"a code arrived {late_ms} ms after its picture was taken"
    if not spec.is_camera:
        zh, en = "已读到码", "a code arrived"
    return Finding(name, zh, en, mend if slow else "")


def _measured(health: Health, spec: Spec) -> bool:
    return not spec.is_camera or health.fps > 0 or health.state is State.ENDED


def judge_health(health: Health, spec: Spec) -> Iterator[Finding]:
    """Yield what the figures of a running source say."""
    if not spec.is_camera:
        yield Finding("source-live", "扫码器已连接", f"{health.name} is connected")
        return
    slow = health.state is not State.ENDED and health.fps < MIN_FPS
    zh, en = f"每秒 {health.fps:.1f} 帧", f"{health.fps:.1f} frames a second"
    yield Finding("camera-rate", zh, en, "more light, or a shorter exposure (#exposure=…)" if slow else "")
    small = health.height < MIN_HEIGHT
    zh, en = f"画面 {health.width}×{health.height}", f"pictures of {health.width}×{health.height}"
    mend = "set the camera to 1280×720 (#width=1280&height=720): dense codes need the pixels"
    yield Finding("camera-size", zh, en, mend if small else "")
    tries = sum(health.tries.values())
    ms = sum(health.step_ms.values()) / tries if tries else 0.0
    yield Finding("decode-time", f"每步解码 {ms:.1f} ms", f"a decoding step takes {ms:.1f} ms")


def judge_layout(text: str) -> Finding:
    """Return what a scanner's reading of the layout test code says about its keyboard layout."""
    if text == LAYOUT_TEST:
        return Finding("layout", "键盘布局正确", "the scanner types as a US keyboard")
    layout = layout_of(text)
    if layout is not None:
        mend = f"write #layout={layout} in the source, or set the scanner to the US keyboard"
        zh, en = f"扫码器键盘布局为 {layout}", f"the scanner types as a keyboard of layout {layout!r}"
        return Finding("layout", zh, en, mend)
    wrong = "".join(
        sorted({want for want, got in zip(LAYOUT_TEST, text.ljust(len(LAYOUT_TEST)), strict=False) if want != got})
    )
    mend = "set the scanner to the US keyboard layout, caps lock off (its manual has the code to scan)"
    return Finding("layout", f"键盘布局不符 {wrong}", f"the scanner types these otherwise: {wrong}", mend)
