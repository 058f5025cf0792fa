"""Who counts beyond this terminal, over the network: the site's hub, or the platform where the profile names none.

Rules of this file:

- one authority for each key (claims.md 10): a terminal whose profile names a hub asks that hub and nobody else, also
  while it is silent; what is wider than the site the hub asks the platform for;
- the hub is who the signed profile says: TLS is held to the hash of its certificate, and to nothing else;
- a higher hub number replaces a lower one; a terminal never goes back to a hub that was replaced;
- one try, and one more where our clock was corrected: the caller has 150 ms, and a retry would cost a visitor.
"""

from collections.abc import Callable, Mapping
from typing import Final

import aiohttp
import msgspec

from cache.pen import Ids
from sync.auth import Authenticator
from sync.beyond.asking import AuthorityError
from sync.beyond.rounds import BUDGET_S, Asker
from sync.enrol.identity import Identity
from sync.transport import RefusedError, UnreachableError, exchange
from sync.wire.claims import MAX_ROWS, ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.messages import decode
from sync.wire.profiles import HubAt

CLAIMS: Final = "/v1/claims"
LEASES: Final = "/v1/leases"
UNAUTHORIZED: Final = 401
PLATFORM_NO: Final = 0  # the platform has no number: it is never replaced


class NetworkAuthority:
    """Asks over HTTP (implements `sync.beyond.asking.Authority`)."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        identity: Identity,
        auth: Authenticator,
        *,
        versions: Callable[[], Mapping[str, int]],
        ids: Ids,
    ) -> None:
        self._session = session
        self._identity = identity
        self._auth = auth
        self._versions = versions
        self._ids = ids
        self._newest_no = 0

    @property
    def hub(self) -> HubAt | None:
        """The hub that counts for this site, None where the platform does. Raises AuthorityError for a replaced one."""
        found = self._identity.profile.hub
        if found is not None and found.no < self._newest_no:
            raise AuthorityError(f"hub {found.no} was replaced by hub {self._newest_no}")
        self._newest_no = self._newest_no if found is None else found.no
        return found

    def asker(self) -> Asker:
        """Return who asks now, and under which hub's number."""
        hub = self._identity.profile.hub
        return Asker(
            run=self._identity.instance,
            hub_no=PLATFORM_NO if hub is None else hub.no,
            terminal=self._identity.terminal,
            ids=self._ids,
            hub=hub is not None,
            versions=dict(list(self._versions().items())[:MAX_ROWS]),
        )

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Return the answer to an ask. Raises AuthorityError, WireError."""
        return decode(await self._asked(CLAIMS, msgspec.json.encode(request)), ClaimAnswer)

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Return the answer to a wish for a lease. Raises AuthorityError, WireError."""
        return decode(await self._asked(LEASES, msgspec.json.encode(request)), LeaseAnswer)

    async def _asked(self, path: str, body: bytes) -> bytes:
        hub = self.hub
        base, pin = (self._identity.platform, None) if hub is None else (hub.url, bytes.fromhex(hub.cert_sha256))
        for last_try in (False, True):
            bearer = self._auth.bearer(body)
            headers = {"Content-Type": "application/json"} | bearer.header
            try:
                return await exchange(
                    self._session, "POST", base + path, headers=headers, body=body, silent_s=BUDGET_S, pin=pin
                )
            except UnreachableError as error:
                raise AuthorityError(str(error)) from error
            except RefusedError as error:
                problem = error.problem
                if last_try or problem.status != UNAUTHORIZED or problem.server_time is None:
                    raise AuthorityError(str(error)) from error
                self._auth.correct(problem.server_time, bearer.jti)
        raise AssertionError("unreachable: the last try returns or raises")
