"""Putting the tree of a version where it is to live, as root, from bytes whose hash was signed.

Rules of this file (the signature stands before all of it; these hold even for a release that was built wrong):

- plain files, folders and links; a link stays within the tree, but for the one to Debian's Python;
- names are relative and lead nowhere else; no file is written through a link;
- everything is bounded: how many names, how many bytes in all; owners are root, nobody gets a set-uid bit;
- the tree appears under its name only when it is whole and on disk: a half one has a name that nothing links to.
"""

import lzma
import os
import re
import shutil
import tarfile
from pathlib import Path, PurePosixPath
from typing import Final

from edge.commands.update.bundle import UpdateError
from storage.files import sync_folder

MAX_NAMES: Final = 60_000
MAX_TREE: Final = 2 * 1024**3
PYTHON: Final = re.compile(r"/usr/bin/python3(\.\d{1,2})?")
BLOCK: Final = 1 << 20


def unpack(payload: Path, into: Path) -> None:
    """Unpack `payload` (tar.xz) as the folder `into`, which must not exist; raise UpdateError."""
    half = into.with_name(f".{into.name}.half")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o755)
    try:
        with tarfile.open(payload, "r:xz") as tree:
            _members(tree, half)
    except (tarfile.TarError, lzma.LZMAError, EOFError, OSError) as error:
        shutil.rmtree(half, ignore_errors=True)
        raise UpdateError(f"更新包无法展开 · it cannot be unpacked: {error}") from error
    except UpdateError:
        shutil.rmtree(half, ignore_errors=True)
        raise
    _on_disk(half)
    half.rename(into)
    sync_folder(into.parent)


def _members(tree: tarfile.TarFile, root: Path) -> None:
    names, size = 0, 0
    for member in tree:
        names, size = names + 1, size + member.size
        if names > MAX_NAMES or size > MAX_TREE:
            raise UpdateError("更新包过大 · it has no end")
        place = _place(member, root)
        if member.isdir():
            place.mkdir(mode=0o755, parents=True, exist_ok=True)
        elif member.issym():
            _may_point(member)
            place.symlink_to(member.linkname)
        elif member.isreg():
            _write(tree, member, place)
        else:
            raise UpdateError(f"更新包含特殊文件 · it holds something that is no file: {member.name}")


def _place(member: tarfile.TarInfo, root: Path) -> Path:
    """Return where a member goes; no part of the way there may be a link."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not name.parts or "\0" in member.name:
        raise UpdateError(f"更新包内路径不当 · a name leads elsewhere: {member.name}")
    place = root
    for part in name.parts:
        if place.is_symlink():
            raise UpdateError(f"更新包写入链接之后 · a name leads through a link: {member.name}")
        place = place / part
    if not member.isdir():
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if place.is_symlink() or (place.exists() and not member.isdir()):
        raise UpdateError(f"更新包内名称重复 · a name stands there twice: {member.name}")
    return place


def _may_point(member: tarfile.TarInfo) -> None:
    target = member.linkname
    if PYTHON.fullmatch(target):
        return
    depth = len(PurePosixPath(member.name).parts) - 1
    for part in PurePosixPath(target).parts:
        depth += -1 if part == ".." else 1
        if part == "/" or depth < 0:
            raise UpdateError(f"更新包内链接不当 · a link leads out of the tree: {member.name} → {target}")


def _write(tree: tarfile.TarFile, member: tarfile.TarInfo, place: Path) -> None:
    source = tree.extractfile(member)
    if source is None:
        raise UpdateError(f"{member.name}: 没有内容 · has no content")
    mode = 0o755 if member.mode & 0o100 else 0o644
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with source, os.fdopen(handle, "wb") as file:
        os.fchmod(handle, mode)
        shutil.copyfileobj(source, file, BLOCK)


def _on_disk(folder: Path) -> None:
    """Return when everything below the folder is on disk: one call for the whole file system."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
        os.sync()
    finally:
        os.close(handle)
