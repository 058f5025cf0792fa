"""Keys, credentials and presentations for the token tests, all made by `central.register.minting` from fixed seeds."""

import json
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.register import minting
from credit.codec import cbor
from credit.cose import XG1
from credit.keys import Keyring
from credit.opening import usual
from credit.opening.claim_types import read_credential, read_presentation
from credit.opening.layers import layers_of, take_apart
from credit.tokens import TokenError

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
            "subject": b"subject-pseudonm",
            "tier": 4,
            "token_id": b"token-id",
            "iat": NOW - 3600,
            "exp": NOW + 30 * DAY,
            "groups": [12, 300],
            "holder_key": holder.public_key(),
            "status_index": 7,
        }
        return minting.mint_credential(key, minting.Credential(**{**claims, **changes}))

    def presentation(raw=None, private=holder, **changes):
        claims = {"iat": NOW - 3, "nonce": b"nonce-01"}
        return minting.present(credential() if raw is None else raw, private, **{**claims, **changes})

    def minted(**changes):
        return credential(**{"holder_key": None, "exp": NOW + 60, "iat": NOW - 60, "status_index": None, **changes})

    def printed(**changes):
        return credential(**{"holder_key": None, "max_uses": 5, **changes})

    return SimpleNamespace(
        now=NOW,
        day=DAY,
        issuer=issuer,
        holder=holder,
        p256_issuer=p256_issuer,
        p256_holder=p256_holder,
        row=row,
        keyring=keyring,
        credential=credential,
        presentation=presentation,
        minted=minted,
        printed=printed,
        text=minting.to_text,
    )


@pytest.fixture
def world():
    """A trusted Ed25519 issuer (wulong), a P-256 one (zibo), holders of both kinds, and what they sign."""
    return make_world()


def long_way(raw, read):
    """Return what the long way reads out of `raw` in place of the usual one, or None if it refuses."""
    try:
        envelope = XG1.envelope(cbor.decode(raw))
        claims = read(envelope.claims)
    except (cbor.CborError, TokenError):
        return None
    return envelope._replace(protected={}, claims=claims), envelope.protected


def refusal(way, text):
    """Return what `way` of taking `text` apart refuses of either layer: reason and step; None if nothing."""
    try:
        assert way(text).envelope
    except TokenError as error:
        return error.reason, error.step


def hold_against_each_other(raw):
    """Hold both ways against each other on any bytes; return whether the usual one read them."""
    bare, presented = usual.credential(raw), usual.presentation(raw)
    text = minting.to_text(raw)
    assert refusal(layers_of, text) == refusal(take_apart, text)
    if bare is not None:
        assert (bare, {1: bare.alg, 4: bare.kid, 16: 65001}) == long_way(raw, read_credential)
    if presented is not None:
        envelope, inner = presented
        long = long_way(raw, read_presentation)
        if long is None:  # then it is the credential that is no good, which the usual way did not look at
            assert usual.credential(inner) is None
            assert long_way(inner, read_credential) is None
        else:
            assert (envelope, inner) == (long[0], long[1][13].raw)
            hold_against_each_other(inner)
    return bare is not None or presented is not None


@pytest.fixture
def both_ways():
    """Call it with bytes: both ways of taking a code apart are held against each other; true if the usual one read."""
    return hold_against_each_other
