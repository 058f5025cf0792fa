"""What lies around a terminal: its platform, its port, its files' owner."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp

from edge.commands.looking.finding import Finding
from edge.config import Config
from sync.transport import open_session

ASK_S: Final = 5.0
NAMED: Final = 3


def platform(config: Config) -> Finding:
    """Ask the platform once whether it is there, as the terminal would: same address, same CA, same idea of time."""
    url = config.platform.url
    try:
        return asyncio.run(_asked(config))
    except aiohttp.ClientConnectorCertificateError as error:
        why, mend = str(error.certificate_error), "私有 CA 请写入 [platform] ca · name its private CA in [platform] ca"
    except (aiohttp.ClientError, ssl.SSLError, TimeoutError, OSError) as error:
        why = str(error) or f"no answer within {ASK_S:.0f} s"
        mend = (
            "检查网线、DNS 与防火墙；断网时闸机照常工作 · look at cable, DNS and firewall; the gate works on meanwhile"
        )
    return Finding("reach", f"无法访问平台 {url}", f"the platform cannot be reached: {why}", mend)


async def _asked(config: Config) -> Finding:
    ca = Path(config.platform.ca) if config.platform.ca else None
    async with (
        asyncio.timeout(ASK_S),
        open_session(ca) as session,
        session.get(f"{config.platform.url}/healthz") as answer,
    ):
        status = answer.status
    url = config.platform.url
    return Finding("reach", f"平台有应答 {url}（{status}）", f"the platform answers at {url} ({status})")


def port(config: Config) -> Finding:
    """Look whether the terminal could listen where it is to; only where none runs."""
    host, number = config.listen
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trying:
        trying.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trying.bind((host, number))
        except OSError as error:
            mend = f"sudo ss -ltnp 'sport = :{number}'；或修改 [api] listen · shows who has it; or change [api] listen"
            return Finding("port", f"端口 {number} 不可用", f"{host}:{number} cannot be used: {error.strerror}", mend)
    return Finding("port", f"端口 {number} 可用", f"{host}:{number} is free")


def owners(data: Path) -> Iterator[Finding]:
    """Name files of the data folder that its owner, the service, does not own."""
    owner = data.stat().st_uid
    strange = sorted(path.name for path in data.rglob("*") if not path.is_symlink() and path.lstat().st_uid != owner)
    if strange:
        names = ", ".join(strange[:NAMED]) + (f" +{len(strange) - NAMED}" if len(strange) > NAMED else "")
        mend = f"sudo chown -R --reference={data} {data}"
        yield Finding("owners", f"属于其他用户：{names}", f"of another user than the folder's: {names}", mend)
