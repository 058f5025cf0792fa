"""Acting as the owner of the terminal's folder: what root types must leave no file that the service cannot read.

Rules of this file:

- root drops to the folder's owner, for good, before anything in the folder is opened: groups, group, user in turn;
- what only root may read (a stick, a file in /root) is opened before that, by its own command;
- anybody else is told in one line what to type; no traceback reaches a person;
- a folder that is not there yet belongs to nobody: who makes it owns it;
- what a terminal keeps is read by its own user alone: pseudonyms of every visitor lie there.
"""

import os
import pwd
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o077  # what group and others are never given


class NotOwnerError(Exception):
    """The folder belongs to somebody else. The text says to whom, and what to type."""


def act_as_owner(data: Path) -> None:
    """Become the owner of `data` if root asks; raise NotOwnerError if somebody else does."""
    try:
        owner = data.stat().st_uid
    except FileNotFoundError:
        return
    except PermissionError:
        owner = -1
    mine = os.geteuid()
    if mine == owner:
        return
    if mine != 0:
        raise NotOwnerError(
            f"{data} 属于 {_name(owner)}。请这样运行 · it belongs to {_name(owner)}. Type: sudo xinguan …"
        )
    os.umask(PRIVATE)
    entry = pwd.getpwuid(owner) if _known(owner) else None
    group = entry.pw_gid if entry else data.stat().st_gid
    if entry:
        os.initgroups(entry.pw_name, group)
    else:
        os.setgroups([])
    os.setgid(group)
    os.setuid(owner)


def _known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _name(uid: int) -> str:
    if uid < 0:
        return "其他用户 somebody else"
    return pwd.getpwuid(uid).pw_name if _known(uid) else f"uid {uid}"


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
