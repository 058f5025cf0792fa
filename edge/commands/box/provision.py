"""`xinguan provision`: from an installed package to a terminal that is enrolled and configured, in one conversation.

Rules of this file:

- the code is asked for unseen, read by the gate's own camera (`--camera v4l2:0`), or stands in a file on a stick;
- lanes come with the signed profile; only what is plugged in where is asked, and may stand in the file;
- the configuration is checked before it is written, and written whole; nothing of an enrolled box is changed;
- enrolling acts as the owner of the data folder in a process of its own, everything else stays root's: so that nothing
  in the folder is root's, and the file in /etc is not the service's to change.
"""

import argparse
import asyncio
import getpass
import json
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from edge.clock import read_wall_ms
from edge.commands.box.sticks import StickError, read_plain
from edge.commands.common import EX_CONFIG, EX_UNAVAILABLE, complain
from edge.commands.owner import NotOwnerError, act_as_owner, keep_private
from edge.settings.reading import DEFAULT_PATH, ConfigError, load, parse
from scanner.sources import open_source
from scanner.spec import SpecError
from storage.files import replace_file
from sync.enrol import enrolling
from sync.enrol.enrolling import QR_PREFIX, Ticket, read_ticket
from sync.enrol.identity import ENROLMENT_FILE, IdentityError, load_identity
from sync.wire.profiles import Profile

DATA: Final = Path("/var/lib/xinguan")
PORTS: Final = Path("/dev/xinguan/by-port")
MAX_FILE: Final = 64 * 1024
CAMERA_S: Final = 120.0
READABLE: Final = 0o640  # by the service's group: a camera's password may stand there


class Plugged(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is plugged in at a lane."""

    source: str | None = None
    actuator: str | None = None


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file on a stick: the enrolment QR's text, the private CA (PEM text), and what is plugged in, by lane."""

    code: str
    ca: str | None = None
    lanes: dict[str, Plugged] = {}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the code comes from, and where things go."""
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--file", type=Path, help="TOML on a stick: code, ca?, [lanes.A] source, actuator")
    how.add_argument("--camera", metavar="SOURCE", help="show the enrolment QR to this camera: v4l2:0, …")
    parser.add_argument("--platform", metavar="URL", help="where the platform is, for a code without its address")
    parser.add_argument("--ca", type=Path, help="PEM file of the platform's private CA")
    parser.add_argument("--data", type=Path, default=DATA, help="data folder (default: %(default)s)")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Provision. Exit codes: 0 done, 1 refused, 2 wrong file or code, 69 nobody answered, 77 not root, 78 settings."""
    if (args.data / ENROLMENT_FILE).exists():
        complain(
            "本机已登记。换身份请用 xinguan enrol --again · it is enrolled already; to change: xinguan enrol --again"
        )
        return 2
    try:
        given = _given(args)
        ticket = read_ticket(given.code, platform=args.platform)
        ca = _keep_ca(given, args)
    except (StickError, IdentityError, SpecError, TimeoutError, OSError) as error:
        complain(str(error) or f"{CAMERA_S:.0f} 秒内没有看到登记码 · no enrolment code was seen")
        return 2
    code = _enrolled(ticket, given.code, args.data, ca)
    if code:
        return code
    profile = load_identity(args.data).profile
    try:
        text = written(args.data, ticket, ca, _plugged(profile, given))
        parse(text, str(args.config))
    except ConfigError as error:
        complain(str(error))
        return EX_CONFIG
    replace_file(args.config, text.encode(), mode=READABLE)
    os.chown(args.config, -1, args.data.stat().st_gid)
    return _told(args.config)


def _given(args: argparse.Namespace) -> Given:
    if args.file is not None:
        try:
            return msgspec.toml.decode(read_plain(args.file, MAX_FILE), type=Given)
        except (msgspec.MsgspecError, ValueError) as error:
            raise StickError(f"{args.file}: {error}") from error
    if args.camera is not None:
        print("请把登记二维码对准摄像头 · show the enrolment QR to the camera")
        return Given(code=asyncio.run(_seen(args.camera)))
    if sys.stdin.isatty():
        return Given(code=getpass.getpass("登记码 enrolment code (xinguan-enrol:…): ").strip())
    return Given(code=sys.stdin.readline().strip())


async def _seen(setting: str) -> str:
    async with asyncio.timeout(CAMERA_S), open_source(setting, clock=_Wall()) as source:
        async for presented in source:
            if presented.text.startswith(QR_PREFIX):
                return presented.text
    raise StickError(f"{setting}: 没有登记码 · it showed no enrolment code")


class _Wall:
    def now_ms(self) -> int:
        return read_wall_ms()


def _keep_ca(given: Given, args: argparse.Namespace) -> Path | None:
    """Return the private CA's file beside the configuration, written from the stick where it stands there."""
    if given.ca is None and args.ca is None:
        return None
    raw = given.ca.encode() if given.ca is not None else read_plain(args.ca, MAX_FILE)
    path: Path = args.config.parent / "ca.pem"
    replace_file(path, raw, mode=0o644)
    return path


def _enrolled(ticket: Ticket, code: str, data: Path, ca: Path | None) -> int:
    """Enrol in a process of its own, as the owner of the folder; return its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    result = EX_UNAVAILABLE
    try:
        act_as_owner(data)
        keep_private(data)
        asked = argparse.Namespace(code=code, data=data, platform=ticket.platform, ca=ca, again=False)
        result = enrolling.run(asked, now_ms=read_wall_ms())
    except NotOwnerError as error:
        complain(str(error))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(result)


def _plugged(profile: Profile, given: Given) -> dict[str, tuple[str, Plugged]]:
    """Return what is plugged in at each lane of the profile, asked where the file does not say."""
    found = {}
    for lane in profile.lanes:
        plugged = given.lanes.get(lane.id)
        if plugged is None:
            plugged = _asked(lane.id, lane.scene) if sys.stdin.isatty() else Plugged()
        found[lane.id] = (lane.scene, plugged)
    return found


def _asked(lane: str, scene: str) -> Plugged:
    ports = sorted(path.name for path in PORTS.iterdir()) if PORTS.is_dir() else []
    print(f"通道 {lane}（{scene}）· lane {lane}. 可用端口 ports: {', '.join(ports) or '—'}")
    source = input("  读码来源 source (v4l2:/dev/xinguan/by-port/…, serial:…, hid:…; 空 = 无 none): ").strip()
    actuator = input("  闸机 actuator (https://…; 空 = 无 none): ").strip()
    return Plugged(source or None, actuator or None)


def written(data: Path, ticket: Ticket, ca: Path | None, lanes: dict[str, tuple[str, Plugged]]) -> str:
    """Return the text of a configuration; a JSON string is a TOML basic string."""
    quoted = json.dumps
    lines = ["# 由 xinguan provision 写成 · written by xinguan provision; every key: docs/configuration.md"]
    lines += ["[terminal]", f"data = {quoted(str(data))}", "", "[platform]", f"url = {quoted(ticket.platform)}"]
    lines += [f"ca = {quoted(str(ca))}"] if ca else []
    for lane, (scene, plugged) in lanes.items():
        lines += ["", "[[lanes]]", f"id = {quoted(lane)}", f"scene = {quoted(scene)}"]
        lines += [f"source = {quoted(plugged.source)}"] if plugged.source else []
        lines += [f"actuator = {quoted(plugged.actuator)}"] if plugged.actuator else []
    return "\n".join(lines) + "\n"


def _told(path: Path) -> int:
    """Look at what was written once more as the service will, and say what is next."""
    try:
        load(path)
    except ConfigError as error:
        complain(str(error))
        return EX_CONFIG
    print(f"{path}: 已写入 written")
    print("下一步 next: sudo systemctl enable --now xinguan-terminal && sudo xinguan doctor")
    return 0
