"""Replacing a file so that a power cut leaves the old one or the new one, whole.

The pattern: write beside it, fsync the file, rename over it, fsync the folder. A rename without the first fsync may
leave an empty file; without the last one, the old name.
"""

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`, durably and at once. The file is never readable with wider rights than `mode`."""
    beside = path.with_name(f".{path.name}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def create_file(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Put `data` at `path`, which must not exist yet; raise FileExistsError when it does."""
    beside = path.with_name(f".{path.name}.first")
    replace_file(beside, data, mode=mode)
    try:
        os.link(beside, path)
    finally:
        beside.unlink()
    sync_folder(path.parent)
