"""Release keys of this box: who may sign its updates, and who may after them.

    /usr/share/xinguan/release-keys    came with the package: a key a line, and `# number N`, which its builder wrote
    ROOT/release-keys.json             came with an update that stayed: {"number", "keys"}

Rules of this file:

- of the two lists the one with the higher number counts, alone: it replaces the other, so that a lost key can go;
- successors stand in the signed line of an update and count from when that update has stayed: one that went back named
  nobody; an update that names none changes nothing;
- a box without any key takes no update, and says that its package was built so.
"""

import re
from pathlib import Path
from typing import Final

import msgspec

from edge.commands.update.bundle import Update, UpdateError
from storage.files import PUBLIC, replace_file

SUCCESSORS: Final = "release-keys.json"
NUMBER: Final = re.compile(r"^# number (\d{1,16})$", re.MULTILINE)
KEY: Final = re.compile(r"^[0-9a-f]{64}$", re.MULTILINE)
NONE: Final = (
    "本机没有发布密钥，不接受任何更新：软件包构建时 systemd/release-keys 为空。请安装发布方的软件包"
    " · this box has no release key and takes no update: its package was built with an empty systemd/release-keys."
    " Install the package of whoever releases for this box"
)


class Keys(msgspec.Struct, frozen=True):
    """A list of release keys (64 hex digits each) and the number of the release that named them."""

    number: int
    keys: tuple[str, ...]


def release_keys(root: Path, package: Path) -> tuple[str, ...]:
    """Return the keys that count on this box; raise UpdateError where there is none."""
    found = max(_of_package(package), _of_update(root), key=lambda one: one.number if one.keys else -1)
    if not found.keys:
        raise UpdateError(f"{package}: {NONE}")
    return found.keys


def adopt(root: Path, update: Update) -> None:
    """Let the successors that `update` names count from now on. It has stayed."""
    if update.keys and update.number > _of_update(root).number:
        raw = msgspec.json.encode(Keys(update.number, update.keys))
        replace_file(root / SUCCESSORS, raw, mode=PUBLIC)


def _of_package(path: Path) -> Keys:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return Keys(0, ())
    number = NUMBER.search(text)
    return Keys(int(number[1]) if number else 0, tuple(KEY.findall(text)))


def _of_update(root: Path) -> Keys:
    try:
        return msgspec.json.decode((root / SUCCESSORS).read_bytes(), type=Keys)
    except FileNotFoundError:
        return Keys(0, ())
    except (OSError, msgspec.MsgspecError) as error:
        mend = "删除它，以软件包的密钥为准 · remove it, and the package's keys count"
        raise UpdateError(f"{root / SUCCESSORS}: {error}. {mend}") from error
