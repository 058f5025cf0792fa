"""The machine under a terminal, as far as its kernel, systemd and our package tell.

Who sets the clock, heat, power, a worn card; whether it starts with the box, and whose updates it takes.

Rules of this file: files are read, nothing is started and nothing waited for; what no kernel tells is no finding.
`root` is where the machine's tree begins.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from edge.commands.looking.finding import Finding
from edge.commands.update.bundle import UpdateError
from edge.commands.update.keys import release_keys

HOT_C: Final = 80  # boards slow down from here on, and flash ages
WORN: Final = 0x09  # JEDEC life time estimate, in tenths: 80 to 90 % of its writes are used
URGENT: Final = 0x02  # JEDEC pre-EOL: 80 % of the spare blocks are gone
DAEMONS: Final = ("run/chrony/chronyd.pid", "run/systemd/timesync", "run/ntpd.pid", "run/openntpd.pid")
WANTED: Final = "etc/systemd/system/multi-user.target.wants/xinguan-terminal.service"
PACKAGE_KEYS: Final = "usr/share/xinguan/release-keys"
VERSIONS: Final = "opt/xinguan"


def machine(root: Path = Path("/")) -> Iterator[Finding]:
    """Yield what the machine tells."""
    yield _clock_source(root)
    yield from _enabled(root)
    yield from _updates(root)
    yield from _heat(root)
    yield from _power(root)
    yield from _wear(root)


def _clock_source(root: Path) -> Finding:
    battery = any((root / "sys/class/rtc").glob("rtc*"))
    zh, en = ("有硬件时钟", "a clock of its own") if battery else ("无硬件时钟", "no clock of its own (RTC)")
    if any((root / path).exists() for path in DAEMONS):
        return Finding("clock-source", f"有校时服务，{zh}", f"something sets the clock; it has {en}")
    mend = "sudo apt-get install chrony"
    return Finding("clock-source", f"没有校时服务，{zh}", f"nothing sets this box's clock; it has {en}", mend)


def _enabled(root: Path) -> Iterator[Finding]:
    if (
        not (root / "run/systemd/system").is_dir()
        or not (root / "usr/lib/systemd/system/xinguan-terminal.service").exists()
    ):
        return
    if (root / WANTED).is_symlink():
        yield Finding("unit", "开机自动启动", "it starts with the box")
        return
    yield Finding(
        "unit", "开机不会自动启动", "it does not start with the box", "sudo systemctl enable --now xinguan-terminal"
    )


def _updates(root: Path) -> Iterator[Finding]:
    """Say before anybody brings an update whether this box would take one; nothing where no package laid it out."""
    if not (root / PACKAGE_KEYS).exists():
        return
    try:
        many = len(release_keys(root / VERSIONS, root / PACKAGE_KEYS))
    except UpdateError as error:
        yield Finding("updates", "不能用更新包更新", "it takes no signed update", str(error))
        return
    yield Finding("updates", f"接受 {many} 把发布密钥签名的更新", f"updates are taken from {many} release key(s)")


def _heat(root: Path) -> Iterator[Finding]:
    told = [value for path in (root / "sys/class/thermal").glob("thermal_zone*/temp") if (value := _number(path))]
    if told:
        hottest = max(told) // 1000
        mend = "" if hottest < HOT_C else "加强散热 · give it air: shade, a larger case, a heat sink"
        yield Finding("temperature", f"温度 {hottest} °C", f"{hottest} °C", mend)


def _power(root: Path) -> Iterator[Finding]:
    low = [path for path in (root / "sys/class/hwmon").glob("hwmon*/in0_lcrit_alarm") if _number(path)]
    if low:
        mend = "更换电源和电源线 · another power supply, and a shorter cable"
        yield Finding("power", "曾经欠压", "the voltage was too low", mend)


def _wear(root: Path) -> Iterator[Finding]:
    for card in sorted((root / "sys/block").glob("mmcblk*/device")):
        name = card.parent.name
        used = max(map(_hex, _words(card / "life_time")), default=0)
        ending = max(map(_hex, _words(card / "pre_eol_info")), default=0)
        if used:
            mend = "换卡：先备份 · change the card: xinguan backup first" if used >= WORN or ending >= URGENT else ""
            yield Finding(
                "card", f"{name} 已用寿命约 {used * 10}%", f"{name}: about {used * 10} % of its writes are used", mend
            )


def _words(path: Path) -> list[str]:
    try:
        return path.read_text("ascii", "replace").split()
    except OSError:
        return []


def _number(path: Path) -> int:
    return next((int(word) for word in _words(path) if word.lstrip("-").isdigit()), 0)


def _hex(word: str) -> int:
    try:
        return int(word, 16)
    except ValueError:
        return 0
