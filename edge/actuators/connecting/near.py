"""A TCP connection that is made a moment before it is used, and only then.

While an attempt to open is being made durable its gate can already be connected to: that asks it for nothing. The
connection is for the very next request; one that is not used within NEAR_S, or that the other side has closed, is
dropped, and the request makes its own as if there had been none.

Rules of this file:

- whoever asks first waits for the approach that is under way (`settled`): a second connection beside it would come no
  sooner, and cost the controller one more;
- only an address in digits is approached: resolving a name may take longer than everything else;
- what cannot be connected is no fault here: the request will say so.
"""

import asyncio
import ipaddress
import socket
from typing import Any, Final

NEAR_S: Final = 0.5


class Connected(socket.socket):
    """A socket that is connected already: whoever connects it to where it is finds it done."""

    def connect(self, address: Any, /) -> None:
        """Do nothing."""


class Near:
    """Owns at most one connection to `host`:`port` that waits for its request."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._to: tuple[str, int] | None = (str(ipaddress.ip_address(host)), port)
        except ValueError:
            self._to = None
        self._made: Connected | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._still = asyncio.Event()  # no approach is under way
        self._still.set()

    async def make(self, *, within_s: float) -> None:
        """Connect, unless the address is a name, or this is done or begun; never raises for what a network does."""
        if self._to is None or self._made is not None or not self._still.is_set():
            return
        self._still.clear()
        try:
            await self._connect(self._to, within_s)
        finally:
            self._still.set()

    async def settled(self) -> None:
        """Return once no approach is under way: at the latest when the time of the one that is, is over."""
        await self._still.wait()

    async def _connect(self, to: tuple[str, int], within_s: float) -> None:
        loop = asyncio.get_running_loop()
        made = socket.socket(socket.AF_INET6 if ":" in to[0] else socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(0)
        try:
            async with asyncio.timeout(within_s):
                await loop.sock_connect(made, to)
        except (OSError, TimeoutError):
            made.close()
            return
        except BaseException:
            made.close()
            raise
        self.drop()
        self._made = Connected(fileno=made.detach())
        self._timer = loop.call_later(NEAR_S, self.drop)

    def take(self, address: tuple[Any, ...]) -> socket.socket:
        """Return a socket for `address` (as getaddrinfo has it): the connection that waits for it, or a new one."""
        family, kind, protocol, _name, where = address
        made, self._made = self._made, None
        self.drop()
        if made is not None and where[:2] == self._to and _open(made):
            return made
        if made is not None:
            made.close()
        return socket.socket(family, kind, protocol)

    def drop(self) -> None:
        """Close what was not used."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._made is not None:
            self._made.close()
            self._made = None


def _open(made: socket.socket) -> bool:
    """Return whether the other side still listens, and has said nothing unasked."""
    try:
        made.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
