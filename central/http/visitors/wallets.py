"""The calls of a visitor's phone, under `/v1/wallet/`: come in by a hand-over, then see and get what is one's own.

Names and shapes are those of OpenID for Verifiable Credential Issuance 1.0 where they fit: the pre-authorised code (§6)
is the hand-over that the city's identity service signed, `c_nonce` (§7), `proofs` and `credentials` (§8). Bodies are
JSON, and what is refused is a problem like everywhere here. Who says whom these calls are about is the session alone.
"""

from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from central.http.asked import read_bounded
from central.http.problems import Handler
from central.lists.issuing import Issued
from central.office.approving.wallet import NONCE_S
from central.office.desk import Desk
from central.office.holders import doing, handing, receipts
from central.office.holders.handing import Holder, NoHandOverError
from central.office.holders.receipts import OwnReceipt
from central.office.refusals import RefusedError
from central.register.accounts.acts import RepeatedError
from storage.jobs import JobStore
from sync.wire.messages import WireError, decode

MAX_BODY: Final = 16 * 1024
MAX_SECRET: Final = 200
BEARER: Final = "Bearer "

Text = Annotated[str, Meta(max_length=500)]
T = TypeVar("T", bound=msgspec.Struct)


class HandOver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the city's app brings: the hand-over that its identity service signed."""

    grant_type: Literal["urn:ietf:params:oauth:grant-type:pre-authorized_code"]
    pre_authorized_code: Annotated[str, Meta(max_length=4_000)] = msgspec.field(name="pre-authorized_code")


class HolderSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session: the secret for `Authorization: Bearer`, and for how many seconds it is good."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class ProofNonce(msgspec.Struct, frozen=True, kw_only=True):
    """A nonce to prove a key with, once."""

    c_nonce: str
    c_nonce_expires_in: int


class Proofs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Proofs of the phone's key: exactly one JWT (docs/office.md)."""

    jwt: Annotated[tuple[Annotated[str, Meta(max_length=2_000)], ...], Meta(min_length=1, max_length=1)]


class CredentialWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for a credential."""

    proofs: Proofs


class RenewalWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Have one's credential renewed: the phone's code, which answers the nonce (its bytes) as its challenge."""

    code: Annotated[str, Meta(min_length=5, max_length=600)]
    nonce: Annotated[str, Meta(min_length=24, max_length=24)]


class HeldCredential(msgspec.Struct, frozen=True, kw_only=True):
    """One credential: XG1 text without a presentation, and when it ends, in seconds UTC."""

    credential: str
    token_id: str
    expires: int


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What was issued, and the ids of the grants it carries."""

    credentials: list[HeldCredential]
    grants: list[str]


class OwnGrant(msgspec.Struct, frozen=True, kw_only=True):
    """What was approved: used `used` of `uses`, `left` of them left; it ends at `until_s`."""

    grant_id: str
    code: int
    uses: int
    used: int
    left: int
    until_s: int
    state: Literal["active", "withdrawn"]
    reason: str | None


class OwnGrants(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was approved for the holder, the newest first."""

    grants: list[OwnGrant]


class ApplicationWish(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Apply for a benefit by approval, by its code."""

    code: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    uses: Annotated[int, Meta(ge=1, le=10_000)] = 1
    until: date
    why: Text


class OwnApplication(msgspec.Struct, frozen=True, kw_only=True):
    """An application, and how far it is. `asked`: what is missing, said once; decided by `due_ms`."""

    application: str
    code: int
    uses: int
    until_s: int
    state: Literal["entered", "asked", "completed", "approved", "rejected", "withdrawn"]
    made_ms: int
    due_ms: int
    asked: str | None
    decided_ms: int | None
    reason: str | None


class OwnApplications(msgspec.Struct, frozen=True, kw_only=True):
    """The holder's newest applications."""

    applications: list[OwnApplication]


class OwnReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """A page of receipts, the newest first; `before` asks for the next page, "" when there is none."""

    receipts: list[OwnReceipt]
    before: str


class SessionEnded(msgspec.Struct, frozen=True, kw_only=True):
    """The session has ended."""

    left: bool


class WalletCalls:
    """Handlers over one platform."""

    def __init__(self, folder: Path, store: JobStore, now_ms: Callable[[], int]) -> None:
        self._desk = Desk(folder, store, now_ms)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/v1/wallet/token", self.enter),
            web.post("/v1/wallet/leave", self._own(self.leave)),
            web.post("/v1/wallet/nonce", self._own(self.nonce)),
            web.post("/v1/wallet/credential", self._own(self.credential)),
            web.post("/v1/wallet/renewal", self._own(self.renewal)),
            web.get("/v1/wallet/grants", self._own(self.grants)),
            web.get("/v1/wallet/applications", self._own(self.applications)),
            web.post("/v1/wallet/applications", self._own(self.apply)),
            web.get("/v1/wallet/receipts", self._own(self.receipts)),
        ]

    def _own(self, handler: Callable[[web.Request, Holder], Awaitable[msgspec.Struct]]) -> Handler:
        """Return `handler` behind a holder's session; what the office refuses is told in its words."""

        async def answered(request: web.Request) -> web.StreamResponse:
            holder = await handing.holder_of(self._desk, _secret(request))
            if holder is None:
                raise WireError("invalid_token", "请从小程序重新进入 · the session is none or has ended: come in anew")
            try:
                return _json(await handler(request, holder))
            except RefusedError as error:
                raise WireError("refused", str(error)) from error
            except RepeatedError as error:
                raise WireError(
                    "invalid_nonce", "随机数已用过，请重新获取 · the nonce was used: get another"
                ) from error

        return answered

    async def enter(self, request: web.Request) -> web.Response:
        """Begin a session for whom the identity service hands over."""
        asked = decode(await read_bounded(request, MAX_BODY), HandOver)
        try:
            secret, _holder = await handing.hand_over(self._desk, asked.pre_authorized_code)
        except NoHandOverError as error:
            raise WireError("invalid_grant", str(error)) from error
        return _json(HolderSession(access_token=secret, token_type="Bearer", expires_in=handing.SESSION_MS // 1000))  # noqa: S106 - the kind of a token

    async def leave(self, request: web.Request, _holder: Holder) -> SessionEnded:
        """End the session."""
        await handing.leave(self._desk, _secret(request))
        return SessionEnded(left=True)

    async def nonce(self, _request: web.Request, holder: Holder) -> ProofNonce:
        """Give a nonce."""
        return ProofNonce(c_nonce=await doing.nonce(self._desk, holder), c_nonce_expires_in=NONCE_S)

    async def credential(self, request: web.Request, holder: Holder) -> Credentials:
        """Issue a credential for a key that was proved."""
        asked = decode(await read_bounded(request, MAX_BODY), CredentialWish)
        return _told(*await doing.credential(self._desk, holder, asked.proofs.jwt[0]))

    async def renewal(self, request: web.Request, holder: Holder) -> Credentials:
        """Renew the holder's credential."""
        asked = decode(await read_bounded(request, MAX_BODY), RenewalWish)
        return _told(*await doing.renewal(self._desk, holder, asked.code, asked.nonce))

    async def grants(self, _request: web.Request, holder: Holder) -> OwnGrants:
        """Say what was approved, and what is left of it."""
        found = await doing.own_grants(self._desk, holder)
        return OwnGrants(grants=[_as(OwnGrant, one.to_json()) for one in found])

    async def applications(self, _request: web.Request, holder: Holder) -> OwnApplications:
        """Say how far the holder's applications are."""
        found = await doing.own_applications(self._desk, holder)
        return OwnApplications(applications=[_as(OwnApplication, one.to_json()) for one in found])

    async def apply(self, request: web.Request, holder: Holder) -> OwnApplication:
        """Enter an application."""
        asked = decode(await read_bounded(request, MAX_BODY), ApplicationWish)
        wished = doing.Wished(code=asked.code, uses=asked.uses, until=asked.until, why=asked.why)
        return _as(OwnApplication, (await doing.apply(self._desk, holder, wished)).to_json())

    async def receipts(self, request: web.Request, holder: Holder) -> OwnReceipts:
        """Give a page of receipts."""
        before = request.query.get("before", "")[:64]
        found = await doing.own_receipts(self._desk, holder, before=before)
        last = found[-1].redemption if len(found) == receipts.PAGE else ""
        return OwnReceipts(receipts=found, before=last)


def _secret(request: web.Request) -> str:
    given = request.headers.get("Authorization", "")
    return given.removeprefix(BEARER)[:MAX_SECRET] if given.startswith(BEARER) else ""


def _as(kind: type[T], told: dict[str, Any]) -> T:
    """Return a value of `kind` from JSON values; what the type does not name stays with the office."""
    return msgspec.convert({one: told[one] for one in kind.__struct_fields__}, kind)


def _told(issued: Issued, names: tuple[str, ...]) -> Credentials:
    held = HeldCredential(credential=issued.text, token_id=issued.token_id.hex(), expires=issued.expires_s)
    return Credentials(credentials=[held], grants=list(names))


def _json(message: msgspec.Struct) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return web.Response(body=msgspec.json.encode(message), content_type="application/json", headers=headers)
