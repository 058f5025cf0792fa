"""Where a PostgreSQL database may be found: one URL, several hosts. Pure.

>>> [place.name for place in Places.parse("postgresql://u:p@a,b:5433/xinguan").all]
['a:5432', 'b:5433']
>>> Places.parse("postgresql://u@/town?host=/run/postgresql").all[0].name
'/run/postgresql:5432'
"""

from dataclasses import dataclass
from typing import Any, Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_PORT: Final = 5432


class WrongAddressError(ValueError):
    """The text names no PostgreSQL database; it is not repeated, because it may hold a password."""


@dataclass(frozen=True, slots=True)
class Place:
    """One server: `arguments` are asyncpg's, `name` is for people and holds no secret."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Places:
    """The servers of one database, in the order in which they were named."""

    all: tuple[Place, ...]

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the places in `url`; raise WrongAddressError."""
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"} or len(parts.path) < 2:  # noqa: PLR2004 - "/" and a name
            raise WrongAddressError("write postgresql://user@host:port,host:port/database")
        login, _, hosts = parts.netloc.rpartition("@")
        user, _, password = login.partition(":")
        socket = parse_qs(parts.query).get("host")
        common = {"database": unquote(parts.path[1:])}
        common |= {"user": unquote(user)} if user else {}
        common |= {"password": unquote(password)} if password else {}
        found = []
        for one in socket or hosts.split(","):
            host, port = (one, "") if one.startswith("/") else _split(one)
            number = int(port or parse_qs(parts.query).get("port", [str(DEFAULT_PORT)])[0])
            found.append(Place(f"{host}:{number}", common | {"host": host, "port": number}))
        return cls(tuple(found))


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = text.partition(":")
    if not host or (port and not port.isdecimal()):
        raise WrongAddressError("a host of the database's address is missing or its port is no number")
    return host, port
