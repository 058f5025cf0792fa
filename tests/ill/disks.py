"""A disk of its own for a terminal: an ext4 in a file, that can be frozen, or lose its power. Needs root."""

import contextlib
import fcntl
import os
import shutil
import struct
import subprocess

MIB = 1024 * 1024
SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN of fs/ext4/ext4.h: _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2  # nothing that waits in memory is written any more, not even the journal: what a power cut does
TOOLS = ("mkfs.ext4", "mount", "fsfreeze")


def missing():
    """Return what this machine lacks for such a disk, in words; empty where it has all."""
    return ", ".join(name for name in TOOLS if shutil.which(name) is None)


def _run(*words):
    subprocess.run(list(map(str, words)), check=True, timeout=60, capture_output=True)


class Disk:
    """An ext4 at a folder, from a file beside."""

    def __init__(self, folder, image, mib=64):
        self.folder, self.image, self._mib, self._cuts = folder, image, mib, 0
        self._name = image.stem

    def make(self):
        with self.image.open("wb") as file:
            file.truncate(self._mib * MIB)
        _run("mkfs.ext4", "-q", "-F", self.image)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.mount()
        (self.folder / "lost+found").rmdir()

    def mount(self):
        _run("mount", "-o", "loop", self.image, self.folder)

    def frozen(self, how):
        """Freeze it (`--freeze`) or let it go on (`--unfreeze`)."""
        _run("fsfreeze", how, self.folder)

    def lose_power(self):
        """Cut its power: every write fails from now on, and what was not on the disk yet never comes there."""
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)

    def power_returns(self):
        """Go on with what is on the disk, from a copy of it: a container that began meanwhile holds our dead mount."""
        _run("umount", "--lazy", self.folder)
        self._cuts += 1
        dead, self.image = self.image, self.image.with_name(f"{self._name}-{self._cuts}.img")
        _run("cp", "--sparse=always", dead, self.image)
        dead.unlink()
        self.mount()


@contextlib.contextmanager
def disk_of_its_own(folder, image, mib=64):
    """Mount a disk at a folder for the time of the block."""
    disk = Disk(folder, image, mib)
    disk.make()
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False, timeout=60, capture_output=True)
