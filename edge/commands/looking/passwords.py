"""Passwords and keys that anybody on the box can read: in the configuration, or in a file that it names.

Rules of this file: only root and the service's group need them; what is in a file is not looked at. They are plain
files with the rights 0640, not systemd's credentials: what root types (`config check`, `doctor`) reads the same files.
"""

import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from edge.actuators.tables import WebTable
from edge.commands.looking.finding import Finding
from edge.config import Config


def readable(path: Path, config: Config) -> Iterator[Finding]:
    """Name the files with secrets that others can read, and what takes that right away."""
    files = [Path(file) for file in _named(config)]
    files += [path] if any(_password(lane.source) for lane in config.lanes) else []
    if found := sorted({str(file) for file in files if _open(file)}):
        names = " ".join(found)
        mend = f"sudo chgrp --reference={config.data} {names} && sudo chmod 0640 {names}"
        yield Finding(
            "secrets", f"其他用户可读取密码：{names}", f"anybody on this box can read the secrets in {names}", mend
        )


def _named(config: Config) -> Iterator[str]:
    if config.api.tls_key is not None:
        yield config.api.tls_key
    for lane in config.lanes:
        if isinstance(lane.actuator, WebTable):
            yield from lane.actuator.secret_headers.values()
            if lane.actuator.login is not None:
                yield lane.actuator.login.password_file


def _password(source: str | None) -> bool:
    return source is not None and bool(urlsplit(source).password)


def _open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False  # `config check` says what is not there
