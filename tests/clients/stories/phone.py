"""A visitor's phone: handed over by the city, it gets a credential, applies, and reads its receipts.

The city's app asks its identity service to hand the visitor over (`hand_over`); then the phone speaks for itself.
"""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from told import TOLD, Visitor, answered, done, holder, holds, platform, same, terminal, until
from xinguan_platform.api.default import (
    wallet_applications,
    wallet_apply,
    wallet_credential,
    wallet_enter,
    wallet_grants,
    wallet_leave,
    wallet_nonce,
    wallet_receipts,
    wallet_renewal,
)
from xinguan_platform.models import ApplicationWish, CredentialWish, HandOver, Proofs, RenewalWish
from xinguan_terminal.api.default import present
from xinguan_terminal.models import Intent, PresentBody

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:pre-authorized_code"


def text_of(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def proof(key, nonce):
    """A proof of the phone's key, as OpenID4VCI has it: a JWT over the nonce, with its public key."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": text_of(key.public_key().public_bytes_raw())}
    head = {"typ": "openid4vci-proof+jwt", "alg": "EdDSA", "jwk": jwk}
    body = {"aud": f"xinguan:{TOLD['city']}", "iat": int(time.time()), "nonce": nonce}
    said = ".".join(text_of(json.dumps(part).encode()) for part in (head, body))
    return f"{said}.{text_of(key.sign(said.encode()))}"


guest = Visitor("resident")
handed = HandOver.from_dict({"grant_type": GRANT_TYPE, "pre-authorized_code": guest.hand_over()})
mine = holder(wallet_enter.sync(client=platform, body=handed).access_token)
again = wallet_enter.sync(client=platform, body=handed)
same(again.code, "invalid_grant", "a hand-over is good once")

# A credential for a key that this phone has, and its old one anew.
key = Ed25519PrivateKey.generate()
wish = CredentialWish(proofs=Proofs(jwt=[proof(key, wallet_nonce.sync(client=mine).c_nonce)]))
made = wallet_credential.sync(client=mine, body=wish)
holds("a credential", so=made.credentials[0].credential.startswith("XG1:"))
same(wallet_credential.sync(client=mine, body=wish).code, "invalid_nonce", "a nonce is good once")
nonce = wallet_nonce.sync(client=mine).c_nonce
shown = guest.code(challenge=urlsafe_b64decode(nonce).hex())
renewed = wallet_renewal.sync(client=mine, body=RenewalWish(code=shown, nonce=nonce))
holds("the old one anew", so=renewed.credentials[0].token_id != made.credentials[0].token_id)

# What is by approval is applied for, and decided at the office.
asked = ApplicationWish.from_dict({"code": TOLD["by_approval"], "uses": 2, "until": "2098-12-31", "why": "带家人参观"})
entered = wallet_apply.sync(client=mine, body=asked)
same(entered.state, "entered", "an application")
none = ApplicationWish.from_dict({"code": 999_999, "until": "2098-12-31", "why": "带家人参观"})
same(wallet_apply.sync(client=mine, body=none).code, "refused", "what nobody approves is not applied for")
same([one.application for one in wallet_applications.sync(client=mine).applications], [entered.application], "mine")
same(wallet_grants.sync(client=mine).grants, [], "nothing is approved yet")

# A visit, and its receipt once the gate has told the platform.
body = PresentBody(code=guest.code(), lane="A", intent=Intent.ENTER, ticket="adult")
given = answered(lambda: present.sync(client=terminal, body=body))
same(given.outcome, "GRANT", "a visit")
found = until(lambda: wallet_receipts.sync(client=mine).receipts, "its receipt")
same([one.redemption for one in found], [given.redemption], "its receipt")
holds("it stands", so=found[0].stands)
holds("the session has ended", so=wallet_leave.sync(client=mine).left)
same(wallet_receipts.sync(client=mine).code, "invalid_token", "and nothing is told any more")
done("phone")
