"""Keys, credentials and presentations for the token tests, all made by `central.minting` from fixed seeds."""

import json
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central import minting
from credit.keys import Keyring

NOW = 1_790_000_000
DAY = 86_400


def make_world():
    issuer = minting.issuer_key("wulong", b"\x01" * 32)
    holder = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    p256_issuer = minting.IssuerKey("zibo", ec.derive_private_key(3, ec.SECP256R1()))
    p256_holder = ec.derive_private_key(4, ec.SECP256R1())

    def row(key=issuer, **changes):
        return minting.public_entry(key, **{"from_s": NOW - 30 * DAY, "until_s": NOW + 365 * DAY, **changes})

    def keyring(*rows):
        return Keyring.from_json(json.dumps(list(rows) or [row(), row(p256_issuer)]).encode())

    def credential(key=issuer, **changes):
        claims = {
            "subject": b"subject-pseudonm", "tier": 4, "token_id": b"token-id", "iat": NOW - 3600,
            "exp": NOW + 30 * DAY, "groups": [12, 300], "holder_key": holder.public_key(), "status_index": 7,
        }  # fmt: skip
        return minting.mint_credential(key, **{**claims, **changes})

    def presentation(raw=None, private=holder, **changes):
        claims = {"iat": NOW - 3, "nonce": b"nonce-01"}
        return minting.present(credential() if raw is None else raw, private, **{**claims, **changes})

    def minted(**changes):
        return credential(**{"holder_key": None, "exp": NOW + 60, "iat": NOW - 60, "status_index": None, **changes})

    def printed(**changes):
        return credential(**{"holder_key": None, "max_uses": 5, **changes})

    return SimpleNamespace(
        now=NOW, day=DAY, issuer=issuer, holder=holder, p256_issuer=p256_issuer, p256_holder=p256_holder, row=row,
        keyring=keyring, credential=credential, presentation=presentation, minted=minted, printed=printed,
        text=minting.to_text,
    )  # fmt: skip


@pytest.fixture
def world():
    """A trusted Ed25519 issuer (wulong), a P-256 one (zibo), holders of both kinds, and what they sign."""
    return make_world()
