"""What a configuration names on this machine: files that must be there, and be what they are taken for.

Rules of this file: nothing is made, no device is opened, nothing is sent; a file that we may not read is told as that.
"""

import os
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from edge.actuators.tables import FileTable, WebTable
from edge.config import Config
from edge.problems import Problem


def problems(config: Config) -> list[Problem]:
    """Return what is wrong with the files and folders that `config` names."""
    return [*_data(config.terminal.data), *_certificates(config), *_gates(config)]


def _kind(path: str) -> int | None:
    """Return the mode of a path, 0 when there is nothing, None when we may not look."""
    try:
        return os.stat(path).st_mode  # noqa: PTH116 - Path.stat swallows nothing more
    except PermissionError:
        return None
    except (OSError, ValueError):
        return 0


def _data(data: str) -> Iterator[Problem]:
    mode = _kind(data)
    if mode and not stat.S_ISDIR(mode):
        mend = "请写文件夹，例如 /var/lib/xinguan", "Name a folder: /var/lib/xinguan"
        yield Problem("terminal.data", f"{data} 不是文件夹", f"{data} is no folder", *mend)


def _certificates(config: Config) -> Iterator[Problem]:
    if (ca := config.platform.ca) is not None:
        mend = "请写私有 CA 的 PEM 文件", "Name the PEM file of your private CA"
        yield from _loaded("platform.ca", ca, lambda: ssl.create_default_context(cafile=ca), mend)
    cert, key = config.api.tls_cert, config.api.tls_key
    if cert is not None and key is not None:
        mend = "请写配套的 PEM 证书与私钥", "Name a certificate and the key that belongs to it (PEM files)"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # OpenSSL asks at the keyboard for a passphrase unless it is told that there is none.
        yield from _loaded("api.tls_cert", cert, lambda: context.load_cert_chain(cert, key, password=""), mend)
        if not _kind(key) and _kind(key) is not None:
            yield Problem("api.tls_key", f"{key} 不存在", f"{key} is not there", *mend)


def _loaded(key: str, path: str, load: Callable[[], object], mend: tuple[str, str]) -> Iterator[Problem]:
    mode = _kind(path)
    if mode is not None and not stat.S_ISREG(mode):
        yield Problem(key, f"{path} 不是文件", f"{path} is not a file", *mend)
        return
    try:
        load()
    except PermissionError:
        zh, en = f"无权读取 {path}", f"{path} cannot be read by this user"
        yield Problem(key, zh, en, "请让服务用户可读", "Let the service's user read it")
    except ssl.SSLError as error:
        said = error.reason or "not PEM"
        yield Problem(key, f"{path} 不是可用的证书（{said}）", f"{path} is no usable certificate ({said})", *mend)
    except (OSError, ValueError) as error:
        yield Problem(key, f"{path} 无法使用（{error}）", f"{path} cannot be used ({error})", *mend)


def _gates(config: Config) -> Iterator[Problem]:
    for number, lane in enumerate(config.lanes):
        gate, key = lane.actuator, f"lanes[{number}].actuator"
        if isinstance(gate, str) and gate.startswith("file:"):
            yield from _openings(key, gate.removeprefix("file:"))
        elif isinstance(gate, FileTable):
            yield from _openings(f"{key}.path", gate.path)
        elif isinstance(gate, WebTable):
            yield from _named(key, gate)


def _openings(key: str, path: str) -> Iterator[Problem]:
    folder = str(Path(path).parent)
    mode = _kind(folder)
    if mode is not None and not stat.S_ISDIR(mode):
        zh, en = f"文件夹 {folder} 不存在", f"the folder {folder} is not there"
        yield Problem(key, zh, en, "请先创建", "Make it first")
    elif (found := _kind(path)) and not stat.S_ISREG(found):
        yield Problem(key, f"{path} 不是普通文件", f"{path} is no plain file", "请改用普通文件", "Name a plain file")


def _named(key: str, gate: WebTable) -> Iterator[Problem]:
    files = [(f"secret_headers.{name}", file) for name, file in gate.secret_headers.items()]
    files += [("login.password_file", gate.login.password_file)] if gate.login else []
    for part, file in files:
        mode = _kind(file)
        if mode is not None and not stat.S_ISREG(mode):
            mend = "请写服务用户可读的文件", "Name a file that the service's user can read"
            yield Problem(f"{key}.{part}", f"{file} 不是文件", f"{file} is not a file", *mend)
    if gate.ca is not None:
        mend = "请写控制器 CA 的 PEM 文件", "Name the PEM file of the controller's CA"
        ca = gate.ca
        yield from _loaded(f"{key}.ca", ca, lambda: ssl.create_default_context(cafile=ca), mend)
