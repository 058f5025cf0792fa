"""Whom a hub serves: the terminals of its signed profile, and how they prove who they are.

Rules of this file:

- the profile is signed by the platform, so a hub knows whom to answer also with the WAN cut;
- a request token is the terminal's own, made for the platform: the hub reads it, and hands it through. Its times are
  not judged here: TLS is held to our certificate, an ask is good once by its id, and a wrong clock of a gate or of
  this hub must not close a site;
- a terminal that left the profile is served no more; what it sent is sent on;
- a key that ended is good for the journal of its box and for what the platform has to tell it, and for nothing else:
  what it brings is counted and sent on, and its starts end nobody's claims.
"""

import contextlib
from dataclasses import replace
from typing import Final

import msgspec
from aiohttp import web

from central.http.asked import Caller, named_in
from central.register.former import FormerKey
from storage.jobs import JobStore, Tx
from sync.enrol.identity import Identity
from sync.wire.jws import public_key
from sync.wire.messages import WireError
from sync.wire.profiles import Profile, Served
from sync.wire.seals import open_auth

ENTER: Final = (
    "INSERT INTO terminals (terminal, site, profile, public_key, state) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (terminal) DO UPDATE SET site = excluded.site, public_key = excluded.public_key,"
    " state = excluded.state"
)


class Terminals:
    """The terminals of the profile in force."""

    def __init__(self, identity: Identity, books: JobStore) -> None:
        self._identity = identity
        self._books = books

    @property
    def profile(self) -> Profile:
        """The hub's own profile, as it is in force."""
        return self._identity.profile

    @property
    def site(self) -> str:
        """The site that this hub counts for."""
        return self.profile.site

    @property
    def hub_no(self) -> int:
        """The number that the platform gave this hub."""
        return self.profile.no or 0

    def names(self) -> list[str]:
        """Return whom it serves, except those that are revoked."""
        return [one.terminal for one in self.profile.terminals if one.state != "revoked"]

    def find(self, terminal: str) -> Served:
        """Return a terminal of this site; raise WireError."""
        found = next((one for one in self.profile.terminals if one.terminal == terminal), None)
        if found is None:
            raise WireError("unknown_terminal", "no terminal of this name is served by this hub")
        return found

    def caller(self, request: web.Request, body: bytes, *, terminal: str = "", former: bool = False) -> Caller:
        """Return who asks, proven; raise WireError. `terminal`: in whose name alone it may be asked.

        `former`: a key that ended is good here.
        """
        named = named_in(request)
        if terminal and named != terminal:
            raise WireError("bad_token", "this token speaks for another terminal")
        served = self.find(named)
        try:
            return self._proven(request, body, terminal=named, key=served.public_key)
        except WireError:
            for ended in served.former if former else ():
                with contextlib.suppress(WireError):
                    proven = self._proven(request, body, terminal=named, key=ended)
                    return replace(proven, former=FormerKey(ended, 0, 0, heard=True))
            raise

    def _proven(self, request: web.Request, body: bytes, *, terminal: str, key: str) -> Caller:
        """Return the caller if `key` signed the request's token; raise WireError."""
        opened = public_key(key)
        _scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        claims = open_auth(token, {terminal: opened}, audiences=frozenset(self._identity.platform_keys), body=body)
        if claims.iss != terminal:
            raise WireError("bad_token", "this token speaks for another terminal")
        return Caller(terminal, opened, claims)

    async def enter(self) -> None:
        """Let the books know the terminals of the profile in force: where a use happened stands in every refusal."""
        profile = msgspec.json.encode(msgspec.structs.replace(self.profile, terminals=[], role="terminal")).decode()
        rows = [(one.terminal, self.site, profile, one.public_key, one.state) for one in self.profile.terminals]

        async def job(tx: Tx) -> None:
            await tx.execute_many(ENTER, rows)

        await self._books.write(job)
