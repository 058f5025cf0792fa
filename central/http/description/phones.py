"""The calls of a visitor's phone, for the platform's description."""

from collections.abc import Mapping
from typing import Final

from central.http.description.saying import BODY, problems
from central.http.visitors import wallets
from sync.wire.described import Call, Parameter

BEFORE: Final = Parameter("before", {"type": "string", "maxLength": 64}, "the last receipt of the page before")


def _own(*codes: str) -> Mapping[int, list[str]]:
    return problems("invalid_token", "refused", *codes)


CALLS: Final[Mapping[str, Call]] = {
    "POST /v1/wallet/token": Call(
        "walletEnter",
        "Begin a visitor's session by the hand-over that the city's identity service signed",
        wallets.HandOver,
        wallets.HolderSession,
        problems=problems(*BODY, "invalid_grant"),
    ),
    "POST /v1/wallet/leave": Call("walletLeave", "End the session", answers=wallets.SessionEnded, problems=_own()),
    "POST /v1/wallet/nonce": Call(
        "walletNonce", "A nonce to prove the phone's key with", answers=wallets.ProofNonce, problems=_own()
    ),
    "POST /v1/wallet/credential": Call(
        "walletCredential",
        "A credential for a key that was proved",
        wallets.CredentialWish,
        wallets.Credentials,
        problems=_own(*BODY, "invalid_nonce"),
    ),
    "POST /v1/wallet/renewal": Call(
        "walletRenewal",
        "The holder's credential anew",
        wallets.RenewalWish,
        wallets.Credentials,
        problems=_own(*BODY, "invalid_nonce"),
    ),
    "GET /v1/wallet/grants": Call(
        "walletGrants", "What was approved, and what is left of it", answers=wallets.OwnGrants, problems=_own()
    ),
    "GET /v1/wallet/applications": Call(
        "walletApplications", "How far one's applications are", answers=wallets.OwnApplications, problems=_own()
    ),
    "POST /v1/wallet/applications": Call(
        "walletApply",
        "Apply for a benefit by approval",
        wallets.ApplicationWish,
        wallets.OwnApplication,
        problems=_own(*BODY),
    ),
    "GET /v1/wallet/receipts": Call(
        "walletReceipts",
        "What one was given, where, and what became of it",
        answers=wallets.OwnReceipts,
        parameters=(BEFORE,),
        problems=_own(),
    ),
}
