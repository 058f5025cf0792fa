"""`/etc/xinguan/hub.toml`: where a hub keeps what it knows, where it answers, and who its platform is.

[hub]
data = "/var/lib/xinguan-hub"
listen = "0.0.0.0:8490"
hosts = ["192.168.7.2"]            # as its gates reach it: the first one is announced
database = "postgresql://…"        # where a site wants it; else SQLite in `data`
[platform]
url = "https://platform.example"
ca = "/etc/xinguan/ca.pem"         # where the platform has a certificate of a private CA
"""

import tomllib
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from central.platform_state import StateError
from sync.enrol.identity import IdentityError, platform_url

DEFAULT_PATH: Final = Path("/etc/xinguan/hub.toml")
DEFAULT_LISTEN: Final = "0.0.0.0:8490"
MAX_PORT: Final = 65_535
Host = Annotated[str, Meta(pattern=r"^[0-9A-Za-z.:-]{1,120}\Z")]


class HubTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[hub]`."""

    data: str
    hosts: Annotated[list[Host], Meta(min_length=1, max_length=8)]
    listen: str = DEFAULT_LISTEN
    database: str | None = None


class PlatformTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[platform]`; how often lists are looked at where nobody says that there is news (seconds)."""

    url: str
    ca: str | None = None
    poll_s: Annotated[float, Meta(ge=0.1, le=86_400)] = 60.0


class HubConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    hub: HubTable
    platform: PlatformTable

    @property
    def data(self) -> Path:
        """The hub's folder."""
        return Path(self.hub.data)

    @property
    def listen(self) -> tuple[str, int]:
        """Address and port."""
        host, _, port = self.hub.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def url(self) -> str:
        """Where terminals reach it."""
        host = self.hub.hosts[0]
        return f"https://{f'[{host}]' if ':' in host else host}:{self.listen[1]}"


def load(path: Path) -> HubConfig:
    """Read and check the file; raise StateError naming file, key and mend."""
    try:
        config = msgspec.convert(tomllib.loads(path.read_text("utf-8")), HubConfig)
    except OSError as error:
        raise StateError(f"{path}: cannot be read ({error.strerror}). Make it, or name another: --config") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise StateError(f"{path}: {error}. Mend that line") from error
    host, _, port = config.hub.listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) <= MAX_PORT:
        raise StateError(f'{path}: hub.listen: {config.hub.listen!r} is no address. Write "{DEFAULT_LISTEN}"')
    try:
        platform_url(config.platform.url)
    except IdentityError as error:
        raise StateError(f"{path}: platform.url: {error}") from error
    if config.platform.ca is not None and not Path(config.platform.ca).is_file():
        raise StateError(f"{path}: platform.ca: {config.platform.ca} is not a file. Name the PEM of your private CA")
    return config
