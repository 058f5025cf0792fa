"""Packages for boxes: one deb a Debian release and machine, or a tarball, from the hashed requirements alone.

    python systemd/packaging/build.py deb     [--debian 12] [--arch amd64] [--out dist]
    python systemd/packaging/build.py tarball [--debian 12] [--arch amd64] [--out dist]
    python systemd/packaging/build.py update --sign KEY.pem [--debian 12] [--arch amd64] [--out dist]

    each with [--keys FILE]: the public release keys of whoever releases, in place of systemd/release-keys

Rules of this file:

- what goes in is what requirements/*.txt name by hash, and the project's own wheel; nothing is resolved;
- `xinguan` is a terminal; `xinguan-central` adds the platform, the hub and the demo to the same version's folder;
- versions lie side by side under /opt/xinguan/versions; `current` is a link that the maintainer scripts and the updater
  move. Each version is a virtual environment of Debian's own Python, laid out by hand: no step runs on the box;
- every compiled file must be for the machine that the package is for: its ELF header is read;
- the same commit gives the same bytes: times are those of the commit, order is sorted, owners are root.
"""

import argparse
import hashlib
import io
import json
import os
import platform
import re
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
KEYS: Final = ROOT / "systemd" / "release-keys"
PREFIX: Final = Path("opt/xinguan")
PYTHON_OF: Final = {12: "3.11", 13: "3.13"}
GLIBC_OF: Final = {12: 36, 13: 41}
MACHINE_OF: Final = {"amd64": ("x86_64", 62), "arm64": ("aarch64", 183)}  # wheel tag, ELF e_machine
LIBRARIES: Final = {12: "libzbar0", 13: "libzbar0t64"}
UNIT_FOLDER: Final = Path("usr/lib/systemd/system")
FIRST_WITH_RESTART_STEPS: Final = 13
TECHNICIAN: Final = (
    "install",
    "boxes",
    "kiosk",
    "configuration",
    "devices",
    "monitoring",
    "commands",
    "when-things-break",
)
PAGES: Final = ("README.md", "README.zh-CN.md", "CHANGELOG.md", *(f"docs/{page}.md" for page in TECHNICIAN))
TRY_AGAIN: Final = ("xinguan-terminal.service", "xinguan-central.service", "xinguan-hub.service")
ELF_MAGIC: Final = b"\x7fELF"
MAINTAINER: Final = "Xinguan maintainers <xinguan@localhost>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a package is for, and what it holds: Debian release, machine, version, the commit's time, who may update."""

    debian: int
    arch: str
    version: str
    epoch: int
    keys: str = ""  # public release keys, a line each, as their file has them

    @property
    def python(self) -> str:
        """The release's own Python, as 3.11."""
        return PYTHON_OF[self.debian]

    @property
    def home(self) -> Path:
        """Where this version lives on the box, without the leading slash."""
        return PREFIX / "versions" / self.version

    @property
    def site(self) -> Path:
        """Where its packages live."""
        return self.home / "lib" / f"python{self.python}" / "site-packages"

    @property
    def platforms(self) -> list[str]:
        """The wheel tags that this release runs, newest first."""
        machine = MACHINE_OF[self.arch][0]
        return [
            *(f"manylinux_2_{minor}_{machine}" for minor in range(GLIBC_OF[self.debian], 4, -1)),
            f"manylinux2014_{machine}",
        ]


def main(argv: list[str] | None = None) -> int:
    """Build what was asked for and print where it lies."""
    args = asked(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    target = Target(
        debian=args.debian,
        arch=args.arch,
        version=project_version(),
        epoch=commit_time(),
        keys=args.keys.read_text("utf-8"),
    )
    if not keys_of(target.keys):
        if args.keys != KEYS:
            raise SystemExit(f"{args.keys} names no key: 64 hex digits a line, docs/boxes.md says how to make one")
        print(f"{KEYS.relative_to(ROOT)} names nobody: boxes with this package will take no update", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="xinguan-build-") as folder:
        terminal, central = Path(folder, "xinguan"), Path(folder, "xinguan-central")
        lay_out(target, terminal, central)
        if args.kind == "update":
            print(update(target, (terminal, central), args.out, args.sign))
            return 0
        build = deb if args.kind == "deb" else tarball
        for tree in (terminal, central):
            print(build(target, tree, args.out))
    return 0


def asked(argv: list[str] | None) -> argparse.Namespace:
    """Return what shall be built."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["deb", "tarball", "update"])
    parser.add_argument("--sign", type=Path, help="PEM file of the release key (Ed25519), for update")
    parser.add_argument("--keys", type=Path, default=KEYS, help="public release keys, one a line (%(default)s)")
    parser.add_argument("--debian", type=int, choices=sorted(PYTHON_OF), default=this_debian(), help="%(default)s")
    parser.add_argument("--arch", choices=sorted(MACHINE_OF), default=this_arch(), help="%(default)s")
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    args = parser.parse_args(argv)
    if args.kind == "update" and args.sign is None:
        parser.error("an update is signed: --sign KEY.pem")
    return args


def this_debian() -> int:
    """Return this machine's Debian release where packages are made for it, else 12."""
    said = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
    number = said.get("VERSION_ID", "")
    return int(number) if said.get("ID") == "debian" and number.isdigit() and int(number) in PYTHON_OF else 12


def this_arch() -> str:
    """Return this machine's architecture as Debian calls it, amd64 for one that packages are not made for."""
    return {tag: name for name, (tag, _) in MACHINE_OF.items()}.get(platform.machine(), "amd64")


def project_version() -> str:
    """Return the version that pyproject.toml names."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def commit_time() -> int:
    """Return the time every file gets: SOURCE_DATE_EPOCH, or that of the commit (seconds)."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    said = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=True)
    return int(said.stdout)


def lay_out(target: Target, terminal: Path, central: Path) -> None:
    """Fill both trees as they will lie on the box, and check every compiled file."""
    print(f"installing the pinned wheels of a terminal for Debian {target.debian} on {target.arch}", file=sys.stderr)
    install(target, terminal / target.site, ROOT / "requirements" / "terminal.txt")
    with tempfile.TemporaryDirectory(prefix="xinguan-build-") as folder:
        print("and those that the platform needs beside them", file=sys.stderr)
        every = Path(folder)
        install(target, every, ROOT / "requirements" / "central.txt")
        own_wheel(every)
        move_what_is_new(every, terminal / target.site, central / target.site)
    for name in ("edge", "scanner", "cache", "sync", "credit", "storage"):
        (central / target.site / name).rename(terminal / target.site / name)
    for info in (central / target.site).glob("xinguan-*.dist-info"):
        info.rename(terminal / target.site / info.name)
    add_environment(target, terminal)
    of_central = {"xinguan-central.service", "xinguan-hub.service"}
    every = {unit.name for kind in ("service", "socket") for unit in (ROOT / "systemd").glob(f"*.{kind}")}
    add_system_files(target, terminal, every - of_central)
    add_system_files(target, central, of_central)
    wrong = [path for tree in (terminal, central) for path in foreign_binaries(tree, target.arch)]
    if wrong:
        raise SystemExit(f"not for {target.arch}: {', '.join(map(str, wrong))}")


def pip(*words: str) -> None:
    """Run this interpreter's pip."""
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--quiet", "--disable-pip-version-check"], check=True, cwd=ROOT
    )


def install(target: Target, into: Path, requirements: Path) -> None:
    """Unpack the wheels that `requirements` names by hash, for the target's Python and machine."""
    tags = [word for tag in target.platforms for word in ("--platform", tag)]
    kind = (
        "--python-version",
        target.python,
        "--implementation",
        "cp",
        "--abi",
        f"cp{target.python.replace('.', '')}",
        "--abi",
        "abi3",
        "--abi",
        "none",
    )
    pip(
        "install",
        "--no-deps",
        "--require-hashes",
        "--only-binary",
        ":all:",
        *tags,
        *kind,
        "--no-compile",
        "--target",
        str(into),
        "-r",
        str(requirements),
    )
    shutil.rmtree(into / "bin", ignore_errors=True)


def own_wheel(into: Path) -> None:
    """Add the project itself."""
    with tempfile.TemporaryDirectory(prefix="xinguan-wheel-") as folder:
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, str(ROOT))
        (wheel,) = Path(folder).glob("*.whl")
        shutil.unpack_archive(wheel, into, "zip")


def move_what_is_new(source: Path, known: Path, into: Path) -> None:
    """Move the top-level names of `source` that `known` does not have."""
    into.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        if not (known / path.name).exists():
            shutil.move(path, into / path.name)


def add_environment(target: Target, tree: Path) -> None:
    """Lay out the virtual environment by hand: a link to Debian's Python, its configuration, the command."""
    home = tree / target.home
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(f"/usr/bin/python{target.python}")
    (home / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n"
    )
    put(
        home / "bin" / "xinguan",
        '#!/bin/sh\nexec "$(dirname "$(readlink -f "$0")")/python" -I -m edge.cli "$@"\n',
        0o755,
    )
    put(home / "bin" / "kiosk-start", (ROOT / "systemd" / "kiosk-start.sh").read_text("utf-8"), 0o755)
    command = tree / "usr" / "bin" / "xinguan"
    command.parent.mkdir(parents=True)
    command.symlink_to("/opt/xinguan/current/bin/xinguan")
    for source, place in (
        ("sysusers.conf", "usr/lib/sysusers.d/xinguan.conf"),
        ("udev.rules", "usr/lib/udev/rules.d/60-xinguan.rules"),
        ("terminal.toml", "usr/share/doc/xinguan/examples/terminal.toml"),
    ):
        put(tree / place, (ROOT / "systemd" / source).read_text("utf-8"))
    put(tree / "usr/share/xinguan/release-keys", f"# number {target.epoch}\n{target.keys}")
    put(tree / PREFIX / "settle", (HERE / "settle.sh").read_text("utf-8"), 0o755)
    facts = {"version": target.version, "number": target.epoch, "debian": target.debian, "arch": target.arch}
    put(home / "update.json", json.dumps(facts | {"size": 1, "sha256": "0" * 64}))
    for name in ("rules.yml", "dashboard.json"):
        put(tree / "usr/share/xinguan/monitoring" / name, (ROOT / "systemd/monitoring" / name).read_text("utf-8"))
    for page in PAGES:
        put(tree / "usr/share/doc/xinguan" / Path(page).name, (ROOT / page).read_text("utf-8"))
    put(tree / "usr/share/doc/xinguan/copyright", (ROOT / "LICENSE").read_text("utf-8"))


def keys_of(text: str) -> tuple[str, ...]:
    """Return the release keys of a text, a key a line."""
    return tuple(re.findall(r"^[0-9a-f]{64}$", text, re.MULTILINE))


def add_system_files(target: Target, tree: Path, units: Iterable[str]) -> None:
    """Add the units, and what only a newer systemd understands as a drop-in."""
    folder = tree / UNIT_FOLDER
    for unit in units:
        put(folder / unit, (ROOT / "systemd" / unit).read_text("utf-8"))
        if target.debian >= FIRST_WITH_RESTART_STEPS and unit in TRY_AGAIN:
            put(folder / f"{unit}.d" / "restart.conf", (ROOT / "systemd/since-254/restart.conf").read_text("utf-8"))


def put(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of the package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def foreign_binaries(tree: Path, arch: str) -> Iterator[Path]:
    """Yield compiled files that another machine would need."""
    for path in files_of(tree):
        with path.open("rb") as file:
            head = file.read(20)
        if head.startswith(ELF_MAGIC) and struct.unpack_from("<H", head, 18)[0] != MACHINE_OF[arch][1]:
            yield path.relative_to(tree)


def files_of(tree: Path) -> Iterator[Path]:
    """Yield the plain files below `tree`, in order."""
    return (path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink())


def settle(tree: Path, epoch: int) -> int:
    """Give every name the commit's time and rights that no umask changed; return the size in KiB."""
    size = 0
    for path in (*sorted(tree.rglob("*")), tree):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if executable else 0o644)
            size += path.stat().st_size if path.is_file() else 0
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    return size // 1024


def deb(target: Target, tree: Path, out: Path) -> Path:
    """Build one Debian package of a tree; return its path."""
    size = settle(tree, target.epoch)
    control = tree / "DEBIAN"
    control.mkdir()
    put(control / "control", control_of(target, tree.name, size))
    for script in sorted((HERE / tree.name).iterdir()):
        text = script.read_text("utf-8").replace("@VERSION@", target.version)
        put(control / script.name, text, 0o755)
    settle(control, target.epoch)
    os.utime(tree, (target.epoch, target.epoch))
    made = out / f"{tree.name}_{target.version}~deb{target.debian}_{target.arch}.deb"
    words = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z12", "--build", str(tree), str(made)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(target.epoch)}
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, env=environment)
    return made


def control_of(target: Target, name: str, size: int) -> str:
    """Return the control file of a package."""
    low, high = target.python, f"3.{int(target.python.partition('.')[2]) + 1}"
    version = f"{target.version}~deb{target.debian}"
    depends = {
        "xinguan": f"python3 (>= {low}), python3 (<< {high}), {LIBRARIES[target.debian]}, "
        "systemd | systemd-standalone-sysusers",
        "xinguan-central": f"xinguan (= {version})",
    }[name]
    short = {
        "xinguan": "edge verification of credit + tourism codes: one terminal",
        "xinguan-central": "reference platform, site hub and demo of Xinguan",
    }[name]
    recommends = {
        "xinguan": "Recommends: chrony\nSuggests: cage, chromium, fonts-noto-cjk\n",
        "xinguan-central": "Suggests: postgresql\n",
    }[name]
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: {target.arch}\nMaintainer: {MAINTAINER}\n"
        f"Installed-Size: {size}\nDepends: {depends}\n{recommends}Section: misc\nPriority: optional\n"
        f"Description: {short}\n Reads a visitor's code, verifies it offline, decides, writes it down, syncs.\n"
    )


def tarball(target: Target, tree: Path, out: Path) -> Path:
    """Pack one tree for a machine without dpkg, with the script that installs it; return its path."""
    script = (HERE / "install.sh").read_text("utf-8")
    for word, meant in (("VERSION", target.version), ("PART", tree.name), ("ARCH", target.arch)):
        script = script.replace(f"@{word}@", meant)
    put(tree / "install.sh", script, 0o755)
    if tree.name == "xinguan":
        put(tree / PREFIX / "uninstall", (HERE / "uninstall.sh").read_text("utf-8"), 0o755)
    settle(tree, target.epoch)
    made = out / f"{tree.name}-{target.version}-debian{target.debian}-{target.arch}.tar.xz"
    with tarfile.open(made, "w:xz") as packed:
        for path in sorted(tree.rglob("*")):
            packed.add(path, arcname=str(path.relative_to(tree)), recursive=False, filter=as_root)
    return made


def update(target: Target, trees: tuple[Path, ...], out: Path, key: Path) -> Path:
    """Pack the version's own tree, terminal and platform together, as a signed update; return its path.

    The signed line is the program's own (edge.commands.update.bundle): one form, written in one place.
    """
    sys.path.insert(0, str(ROOT))
    bundle = import_module("edge.commands.update.bundle")
    pem = import_module("cryptography.hazmat.primitives.serialization").load_pem_private_key(key.read_bytes(), None)
    keys = keys_of(target.keys)  # who may sign the next one
    if keys and import_module("sync.wire.jws").public_hex(pem) not in keys:
        print(f"{key} is none of the keys it names: boxes must have it from before", file=sys.stderr)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz") as tree:
        for part in trees:
            settle(part, target.epoch)
            home = part / target.home
            for path in sorted(home.rglob("*")):
                tree.add(path, arcname=str(path.relative_to(home)), recursive=False, filter=as_root)
    raw = packed.getvalue()
    version = f"{target.version}+{target.epoch}"  # a name of its own: two builds of one version lie side by side
    facts = {"version": version, "number": target.epoch, "debian": target.debian, "arch": target.arch}
    line = bundle.Update(**facts, size=len(raw), sha256=hashlib.sha256(raw).hexdigest(), keys=keys)
    made = out / f"xinguan-{version}-debian{target.debian}-{target.arch}.xgu"
    made.write_bytes(bundle.signed(line, pem) + raw)
    return made


def as_root(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Make root the owner of everything."""
    info.uid = info.gid = 0
    info.uname = info.gname = "root"
    return info


if __name__ == "__main__":
    sys.exit(main())
