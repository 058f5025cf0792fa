"""Reading the configuration: TOML, strict, and all that is wrong told at once (contract.md §9).

Rules of this file:

- a configuration that is returned has no known fault; one that has is an error that lists each: file, key, mend, in
  both languages;
- whatever bytes the file holds, nothing but ConfigError escapes;
- what one faulty key hides is not guessed at: a table's other keys are judged as if it stood at a harmless value;
- a mark of byte order and Windows' line ends are taken: people write these files with what they have.
"""

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Final

from edge.config import Config
from edge.problems import Problem
from edge.settings import around, rules
from edge.settings.walking import Walk

DEFAULT_PATH: Final = Path("/etc/xinguan/terminal.toml")
MAX_BYTES: Final = 256 * 1024
PLACE: Final = re.compile(
    r"(?P<said>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL
)


class ConfigError(Exception):
    """The configuration cannot be used. The text is a line for each problem: file, key, what is wrong, the mend."""

    def __init__(self, name: str, problems: list[Problem]) -> None:
        super().__init__("\n".join(f"{name}: {one}" for one in problems))
        self.problems = problems


def load(path: Path) -> Config:
    """Read and check the file, and what it names on this machine; raise ConfigError."""
    try:
        raw = _read(path)
    except OSError as error:
        said = error.strerror or str(error)
        mend = "请创建该文件，或用 --config 指定另一个", "Make it, or name another with --config"
        raise ConfigError(str(path), [Problem("", f"无法读取（{said}）", f"cannot be read ({said})", *mend)]) from error
    except ValueError as error:
        mend = "请指定普通文件", "Name a plain file"
        raise ConfigError(str(path), [Problem("", "不是配置文件", str(error), *mend)]) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        zh, en = f"不是 UTF-8 文本（第 {error.start} 字节）", f"is not UTF-8 text (byte {error.start})"
        mend = "请以 UTF-8 编码保存", "Save it as UTF-8"
        raise ConfigError(str(path), [Problem("", zh, en, *mend)]) from error
    config = parse(text, str(path))
    if found := around.problems(config):
        raise ConfigError(str(path), found)
    return config


def parse(text: str, name: str) -> Config:
    """Check the text of a configuration called `name`; raise ConfigError. Nothing of this machine is looked at."""
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(name, [_not_toml(error)]) from error
    walk = Walk()
    config = walk.table(raw, Config, key="")
    silent = walk.faulty
    found = walk.problems + [one for one in rules.problems(config) if not _hidden(one.key, silent)]
    if found:
        raise ConfigError(name, found)
    return config


def _hidden(key: str, faulty: set[str]) -> bool:
    """Tell whether a problem is about a key that stands at a harmless value only because its own was faulty."""
    return any(key == one or key.startswith((f"{one}.", f"{one}[")) for one in faulty)


def _not_toml(error: Exception) -> Problem:
    found = PLACE.match(str(error))
    said = found["said"] if found else str(error) or type(error).__name__
    where_zh, where_en = "", ""
    if found:
        line, column = found["line"], found["column"]
        where_zh = f"第 {line} 行第 {column} 列：" if line else "文件末尾："
        where_en = f"line {line}, column {column}: " if line else "end of the file: "
    return Problem("", f"不是 TOML，{where_zh}{said}", f"not TOML: {where_en}{said}", "请改正该行", "Mend that line")


def _read(path: Path) -> bytes:
    """Return the bytes of a plain file; raise OSError, or ValueError when it is none. A pipe is not waited for."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("is no plain file")
        raw = file.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise ValueError(f"is longer than {MAX_BYTES // 1024} KiB")
    return raw
