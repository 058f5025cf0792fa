"""Who may read what a terminal keeps: its own user alone (pseudonyms of every visitor lie there)."""

import os
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o077  # what group and others are never given


def keep_private(data: Path) -> list[str]:
    """Make new files private, and those that are not; return which were mended. What cannot be mended stays."""
    os.umask(PRIVATE)
    mended = []
    for path in (data, *(data.iterdir() if data.is_dir() else ())):
        try:
            mode = path.lstat().st_mode
            if mode & PRIVATE and not path.is_symlink():
                path.chmod(mode & ~PRIVATE & 0o7777)
                mended.append(str(path))
        except OSError:
            continue  # gone meanwhile, or not ours to change: doctor tells which
    return mended
