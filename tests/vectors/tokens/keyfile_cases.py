"""Vectors about key files: which ones load, and which are refused whole."""

from kit import BOUND_ONLY, ISSUER, P256_ISSUER, p256, row

from credit.codec import cbor
from credit.keys import kid_of

P = 2**255 - 19
Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7


def of_key(members, **changes):
    """Return a row for any COSE_Key, with the kid that belongs to it."""
    return {**row(ISSUER), "key": cbor.encode(members).hex(), "kid": kid_of(members).hex(), **changes}


def okp(y, sign=0, crv=6):
    return {1: 1, -1: crv, -2: (y | sign << 255).to_bytes(32, "little")}


def keyfile(name, rows, *, accepted):
    return {"name": name, "file": rows, "accepted": accepted}


def accepted_cases():
    yield keyfile("no keys", [], accepted=True)
    yield keyfile("an Ed25519 and a P-256 key", [row(ISSUER), row(P256_ISSUER)], accepted=True)
    yield keyfile("a killed key", [row(ISSUER, killed=True)], accepted=True)
    yield keyfile("a retired key", [row(ISSUER, issued_until=1)], accepted=True)
    yield keyfile("one key of two issuers", [row(ISSUER), {**row(ISSUER), "issuer": "zibo"}], accepted=True)


def refused_cases():
    fine = row(BOUND_ONLY)
    point = p256(P256_ISSUER.private)
    for name, wrong in (
        ("another key's kid", {**row(ISSUER), "kid": fine["kid"]}), ("no kid", {**row(ISSUER), "kid": ""}),
        ("alg of another kind", row(ISSUER) | {"alg": -9}), ("alg EdDSA", row(ISSUER) | {"alg": -8}),
        ("alg RSA", row(ISSUER) | {"alg": -37}), ("no classes", row(ISSUER, classes=[])),
        ("a class nobody knows", row(ISSUER, classes=["bound", "gold"])), ("a text time", row(ISSUER) | {"from": "0"}),
        ("a fraction of a second", row(ISSUER) | {"until": 1.5}), ("no issuer", row(ISSUER) | {"issuer": ""}),
        ("a member nobody knows", row(ISSUER) | {"note": "x"}), ("killed as a number", row(ISSUER) | {"killed": 1}),
        ("a private key", of_key({**okp(9), -4: bytes(32)})), ("a key with kid inside", of_key({**okp(9), 2: b"k"})),
        ("the identity", of_key(okp(1))), ("y = 0", of_key(okp(0))), ("order 2", of_key(okp(P - 1))),
        ("order 8", of_key(okp(Y_OF_ORDER_8))), ("order 8 with sign", of_key(okp(P - Y_OF_ORDER_8, 1))),
        ("y = p", of_key(okp(P))), ("y off the curve", of_key(okp(2))), ("X25519", of_key(okp(9, crv=4))),
        ("P-256 off the curve", of_key({**point, -3: bytes(32)}, alg=-9)), ("no COSE_Key", row(ISSUER) | {"key": "a0"}),
        ("a COSE_Key that is no CBOR", row(ISSUER) | {"key": "a3"}), ("no hex", row(ISSUER) | {"key": "zz"}),
    ):
        yield keyfile(f"{name}, beside a good key", [fine, wrong], accepted=False)
    yield keyfile("one key twice", [row(ISSUER), row(ISSUER)], accepted=False)
    yield keyfile("an object in place of an array", {"keys": [fine]}, accepted=False)


def cases():
    yield from accepted_cases()
    yield from refused_cases()
