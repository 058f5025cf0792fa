"""Vectors about the holder: steps 12 to 14."""

from kit import (
    GONE,
    HOLDER,
    ISSUER,
    NOW,
    P256_HOLDER,
    P256_ISSUER,
    SHOWN,
    SITE,
    STRANGER,
    bad,
    bound_claims,
    changed,
    credential,
    damaged,
    forged,
    good,
    minted_claims,
    p256,
    presentation,
    zibo,
)

P = 2**255 - 19
Y_OF_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
IDENTITY = b"\x01" + bytes(31)


def okp(y, sign=0):
    return {1: 1, -1: 6, -2: (y | sign << 255).to_bytes(32, "little")}


def holder_key_cases():
    yield bad("holder: a bound credential shown bare", credential(bound_claims()), "bare_bound_token", 12)
    yield forged("holder: a printed credential presented", presentation(credential()), 12)
    yield forged("holder: a minted credential presented", presentation(credential(minted_claims())), 12)
    for name, key in (
        ("y = 0", okp(0)), ("y = 0 and sign", okp(0, 1)), ("the identity", okp(1)),
        ("the identity with sign", okp(1, 1)), ("order 2", okp(P - 1)), ("order 8", okp(Y_OF_ORDER_8)),
        ("order 8 with sign", okp(Y_OF_ORDER_8, 1)), ("order 8, negative", okp(P - Y_OF_ORDER_8)), ("y = p", okp(P)),
        ("y = p + 1", okp(P + 1)), ("y = 2^255 - 1", okp(2**255 - 1)),
    ):
        raw = presentation(credential(bound_claims({8: {1: key}})), signature=IDENTITY + bytes(32))
        yield forged(f"holder key: Ed25519, {name}, with a signature anyone can make", raw, 12)
    bare = credential(bound_claims({8: {1: okp(1)}}))
    yield forged("holder key: Ed25519, the identity, shown bare: the key comes first", bare, 12)
    nowhere = presentation(credential(bound_claims({8: {1: okp(2)}})))
    yield forged("holder key: Ed25519, y that is on no point, verifies nothing", nowhere, 13)
    point = p256(P256_HOLDER)
    for name, key in (
        ("off the curve", {**point, -3: bytes(31) + b"\x01"}), ("x beyond the field", {**point, -2: b"\xff" * 32}),
        ("zero", {**point, -2: bytes(32), -3: bytes(32)}),
        ("a short y", {**point, -3: bytes(31)}), ("without y", changed(point, {-3: GONE})),
        ("P-384", {**point, -1: 2}), ("secp256k1", {**point, -1: 8}),
    ):
        yield forged(
            f"holder key: P-256, {name}", presentation(credential(bound_claims({8: {1: key}})), private=P256_HOLDER), 12
        )
    for name, key in (
        ("X25519", {**okp(9), -1: 4}), ("Ed448", {**okp(9), -1: 7}), ("Ed25519 with a y", {**okp(9), -3: bytes(32)}),
        ("31 bytes", {1: 1, -1: 6, -2: bytes(31)}), ("33 bytes", {1: 1, -1: 6, -2: bytes(33)}),
        ("text", {1: 1, -1: 6, -2: "x" * 32}), ("symmetric", {1: 4, -1: 6, -2: bytes(32)}),
        ("a curve as text", {1: 1, -1: "Ed25519", -2: bytes(32)}), ("a curve as a map", {1: 1, -1: {}, -2: bytes(32)}),
    ):
        yield forged(f"holder key: {name}", presentation(credential(bound_claims({8: {1: key}}))), 12)


def holder_signature_cases():
    raw = presentation()
    real = raw[-64:]
    cross = credential(bound_claims(holder=P256_HOLDER))
    yield good("holder: P-256 under an Ed25519 issuer", presentation(cross, private=P256_HOLDER), "bound")
    both = credential(bound_claims(holder=P256_HOLDER), P256_ISSUER)
    yield good("holder: P-256 under a P-256 issuer", presentation(both, private=P256_HOLDER), "bound", says=zibo())
    for name, wrong in (
        ("by a stranger", presentation(private=STRANGER)), ("by the issuer", presentation(private=ISSUER.private)),
        ("all zero", presentation(signature=bytes(64))),
        ("alg of another kind", presentation(alg=-9)), ("alg EdDSA", presentation(alg=-8)),
        ("a P-256 holder under alg Ed25519", presentation(cross, private=P256_HOLDER, alg=-19)),
        ("last bit flipped", raw[:-1] + bytes([raw[-1] ^ 0x80])),
        ("time moved after signing", presentation(members={**SHOWN, 6: NOW}, signature=real)),
        ("audience added after signing", presentation(members={**SHOWN, 3: SITE}, signature=real)),
        ("moved to another credential", presentation(credential(bound_claims(credit={2: 9})), signature=real)),
    ):
        yield forged(f"holder signature: {name}", wrong, 13)
    yield forged(
        "holder signature: the issuer's is bad", presentation(credential(bound_claims(), signature=bytes(64))), 9
    )


def presentation_claim_cases():
    for name, changes in (
        ("no iat", {6: GONE}), ("iat as text", {6: "now"}), ("iat negative", {6: -1}), ("iat of 2^53", {6: 2**53}),
        ("no nonce", {7: GONE}), ("a nonce of 7 bytes", {7: bytes(7)}), ("a nonce of 9 bytes", {7: bytes(9)}),
        ("a nonce as text", {7: "nonce-01"}), ("an empty audience", {3: ""}),
        ("an audience of 25 bytes", {3: "a" * 25}), ("an audience of 9 characters in 27 bytes", {3: "仙" * 9}),
        ("an audience as bytes", {3: b"xiannvshan"}),
        ("a list of audiences", {3: ["xiannvshan"]}), ("a challenge as text", {39: "A7"}),
        ("a challenge as number", {39: 7}), ("an exp", {4: NOW + 9}), ("an issuer name", {1: "phone"}),
        ("a claim of private use", {-70000: 1}),
    ):
        yield damaged(f"presentation: {name}", presentation(members=changed(SHOWN, changes)), 10)
    yield damaged("presentation: claims as an array", presentation(members=b"\x80"), 10)
    yield damaged(
        "presentation: claims unsorted",
        presentation(members=b"\xa2\x07\x48" + SHOWN[7] + b"\x06\x1a" + SHOWN[6].to_bytes(4, "big")),
        4,
    )


def fresh_cases():
    def made(at):
        return presentation(members={**SHOWN, 6: at})

    for name, at, options in (
        ("now", NOW, {}), ("35 s ago", NOW - 35, {}), ("5 s ahead", NOW + 5, {}),
        ("30 s ago, no skew", NOW - 30, {"skew_s": 0}), ("150 s ago, skew 120 s", NOW - 150, {"skew_s": 120}),
    ):
        yield good(f"fresh: made {name}", made(at), "bound", says={"presented_at": at}, **options)
    for name, at, reason, options in (
        ("36 s ago", NOW - 36, "stale_code", {}), ("3 minutes ago", NOW - 180, "stale_code", {}),
        ("a screenshot of yesterday", NOW - 86_400, "stale_code", {}),
        ("31 s ago, no skew", NOW - 31, "stale_code", {"skew_s": 0}),
        ("36 s ago, when giving back", NOW - 36, "stale_code", {"allow_expired": True}),
        ("6 s ahead", NOW + 6, "not_yet_valid", {}), ("a phone 3 minutes fast", NOW + 180, "not_yet_valid", {}),
        ("1 s ahead, no skew", NOW + 1, "not_yet_valid", {"skew_s": 0}),
    ):
        yield bad(f"fresh: made {name}", made(at), reason, 14, **options)


def audience_cases():
    def meant(site):
        return presentation(members={3: site, **SHOWN})

    yield good("audience: this site", meant(SITE), "bound", says={"audience": SITE})
    yield good("audience: none named", presentation(), "bound")
    yield good("audience: none named, none given", presentation(), "bound", audience=None)
    yield good("audience: 24 bytes", meant("仙" * 8), "bound", audience="仙" * 8, says={"audience": "仙" * 8})
    yield good("audience: one letter", meant("x"), "bound", audience="x", says={"audience": "x"})
    yield bad("audience: another site", meant("tiankeng"), "wrong_audience", 14)
    yield bad("audience: the beginning of this site's id", meant(SITE[:-1]), "wrong_audience", 14)
    yield bad("audience: this site in capitals", meant(SITE.upper()), "wrong_audience", 14)
    yield bad("audience: named where none is given", meant(SITE), "wrong_audience", 14, audience=None)
    answer = presentation(members={**SHOWN, 39: b"lane-A-7"})
    yield good("challenge: answered", answer, "bound", challenge=b"lane-A-7", says={"challenged": True})
    yield good("challenge: answered where none is shown", answer, "bound")
    yield good("challenge: not answered", presentation(), "bound", challenge=b"lane-A-7")
    yield bad("challenge: an older one answered", answer, "needs_challenge", 14, challenge=b"lane-A-8")
    yield bad("challenge: the beginning of it answered", answer, "needs_challenge", 14, challenge=b"lane-A-77")
    yield bad("challenge: a later one answered", answer, "needs_challenge", 14, challenge=b"lane-A-6")
    empty = presentation(members={**SHOWN, 39: b""})
    yield bad("challenge: an empty answer", empty, "needs_challenge", 14, challenge=b"lane-A-7")


def cases():
    assert HOLDER is not STRANGER
    yield from holder_key_cases()
    yield from holder_signature_cases()
    yield from presentation_claim_cases()
    yield from fresh_cases()
    yield from audience_cases()
