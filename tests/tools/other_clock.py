"""Runs `xinguan` under another clock: python -I other_clock.py [--boot S] [--reboot] [--wall S | --wall-at UNIX] -- ARGUMENTS…

`--module central` runs the platform instead.

What `edge/clock.py` reads is really different in that process; the product has no hook for it:

- `--boot S`: the boot clock stands S seconds later, as after S more seconds of power (a time namespace, Linux 5.6);
- `--reboot`: the kernel's boot id is another one, as after a power cut (a mount namespace);
- `--wall S`, `--wall-at UNIX`: the wall clock is wrong by S seconds, or started at a moment. The interpreter's own
  `time.time` and `time.time_ns` are replaced before anything of ours is imported: libfaketime 0.9.10 breaks CPython's
  sleeps (EINVAL from clock_nanosleep) as soon as it leaves the monotonic clock alone, and a wall clock has no namespace.

`missing()` says what this machine lacks. The namespaces need root.
"""  # noqa: E501 - the usage is one line

import argparse
import ctypes
import os
import runpy
import sys
import tempfile
import time
import uuid
from pathlib import Path

CLONE_NEWTIME, CLONE_NEWNS = 0x80, 0x20000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
OFFSETS, BOOT_ID = Path("/proc/self/timens_offsets"), Path("/proc/sys/kernel/random/boot_id")


def missing():
    """Return what this machine lacks for other clocks, in words; empty when there is nothing."""
    if not OFFSETS.exists():
        return "time namespaces: Linux 5.6 or later with CONFIG_TIME_NS (Debian's package linux-image-amd64 has it)"
    return "" if os.geteuid() == 0 else "root rights: run as root"


def checked(result, what):
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def shift_boot_clock(libc, seconds):
    checked(libc.unshare(CLONE_NEWTIME), "unshare(CLONE_NEWTIME)")
    OFFSETS.write_text(f"boottime {seconds} 0\nmonotonic {seconds} 0\n")
    with Path("/proc/self/ns/time_for_children").open() as space:
        checked(libc.setns(space.fileno(), CLONE_NEWTIME), "setns")


def change_boot_id(libc):
    checked(libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    checked(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "mount --make-rprivate")
    with tempfile.NamedTemporaryFile("w", delete=False) as other:
        other.write(f"{uuid.uuid4()}\n")
    checked(libc.mount(other.name.encode(), str(BOOT_ID).encode(), None, MS_BIND, None), "mount --bind")
    Path(other.name).unlink()


def move_wall_clock(by_ns):
    true_ns = time.time_ns
    time.time_ns = lambda: true_ns() + by_ns
    time.time = lambda: time.time_ns() / 1e9


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--boot", type=int, default=0)
    parser.add_argument("--reboot", action="store_true")
    parser.add_argument("--wall", type=int, default=0)
    parser.add_argument("--wall-at", type=int)
    parser.add_argument("--module", default="edge.cli")
    parser.add_argument("arguments", nargs="+")
    asked = parser.parse_args()
    libc = ctypes.CDLL(None, use_errno=True)
    if asked.boot:
        shift_boot_clock(libc, asked.boot)
    if asked.reboot:
        change_boot_id(libc)
    if asked.wall or asked.wall_at is not None:
        wanted_s = asked.wall if asked.wall_at is None else asked.wall_at - time.time()
        move_wall_clock(int(wanted_s * 1e9))
    sys.argv = ["xinguan", *asked.arguments]
    runpy.run_module(asked.module, run_name="__main__")


if __name__ == "__main__":
    main()
