"""Vectors about what an issuer says: steps 10 and 11."""

from kit import (
    CREDIT,
    GONE,
    HOLDER,
    NOW,
    bad,
    bound_claims,
    credential,
    damaged,
    good,
    minted_claims,
    presentation,
    printed_claims,
)

from credit.keys import cose_map

TOO_BIG = 2**53


def good_cases():
    grants = [9, [10, b"grant-01", 2]]
    says = {
        "grants": [{"code": 9, "grant_id": None, "uses": None}, {"code": 10, "grant_id": b"grant-01".hex(), "uses": 2}]
    }
    yield good("claims: grants of both forms", credential(printed_claims(credit={4: grants})), "printed", says=says)
    booked = {"order": b"order-01".hex(), "site": "仙女山", "from_s": NOW, "until_s": NOW + 3600, "heads": 3}
    reservation = [b"order-01", "仙女山", NOW, NOW + 3600, 3]
    yield good(
        "claims: a reservation",
        credential(printed_claims(credit={9: reservation})),
        "printed",
        says={"reservation": booked},
    )
    every = {4: grants, 5: 500156, 8: 5, 9: reservation}
    says = {**says, "region": 500156, "kind": "group", "id_check": True, "reservation": booked}
    yield good(
        "claims: every member of credit", credential(printed_claims({5: NOW}, every)), "printed",
        says={**says, "not_before": NOW},
    )
    for flags, says in (
        (0, {}), (1, {"id_check": True}), (4, {"kind": "group"}), (8, {"kind": "enterprise"}),
        (5, {"kind": "group", "id_check": True}),
    ):
        yield good(f"claims: flags {flags}", credential(printed_claims(credit={8: flags})), "printed", says=says)
    yield good(
        "claims: a test token at a test site",
        credential(printed_claims(credit={8: 2})),
        "printed",
        allow_test=True,
        says={"test": True},
    )
    for name, credit, says in (
        ("tier 0", {2: 0}, {"tier": 0}), ("tier 9", {2: 9}, {"tier": 9}), ("no groups", {3: []}, {"groups": []}),
        ("a group named twice", {3: [7, 7]}, {"groups": [7]}),
        ("a region", {5: 500156}, {"region": 500156}), ("status index 0", {6: 0}, {"status_index": 0}),
        ("max uses 0", {7: 0}, {"max_uses": 0}),
        ("the largest number", {6: TOO_BIG - 1}, {"status_index": TOO_BIG - 1}),
        ("a member 32 of a later schema", {32: "x"}, {}), ("a deep member 40", {40: [[[[1]]]]}, {}),
        ("a member of private use", {70000: {1: b"x"}}, {}), ("a member 33 of 2^53", {33: 2**53}, {}),
        ("a member 33 of 2^64 - 1", {33: 2**64 - 1}, {}), ("a member 33 of -2^64", {33: -(2**64)}, {}),
    ):
        yield good(f"claims: {name}", credential(printed_claims(credit=credit)), "printed", says=says)
    full = printed_claims(credit={40: bytes(397 - len(credential()) - 5)})
    assert len(credential(full)) == 397
    yield good("claims: a code of exactly 600 characters", credential(full), "printed")
    day = credential(printed_claims({4: NOW - 3600 + 86_400}, {6: GONE}))
    yield good(
        "claims: 24 h need no status index", day, "printed", says={"status_index": None, "expires": NOW - 3600 + 86_400}
    )
    yield good("claims: nbf", credential(printed_claims({5: NOW})), "printed", says={"not_before": NOW})


def claim_type_cases():
    for name, changes in (
        ("no exp", {4: GONE}), ("exp as text", {4: "1792592000"}), ("exp as bytes", {4: b"\x6a"}),
        ("exp negative", {4: -1}), ("exp of 2^53", {4: TOO_BIG}), ("exp as an array", {4: [NOW]}),
        ("no iat", {6: GONE}), ("iat as text", {6: "now"}), ("iat negative", {6: -1}), ("iat of 2^53", {6: TOO_BIG}),
        ("nbf as text", {5: "now"}), ("nbf negative", {5: -1}),
        ("no token id", {7: GONE}), ("a token id of 7 bytes", {7: bytes(7)}), ("a token id of 9 bytes", {7: bytes(9)}),
        ("a token id as text", {7: "token-id"}), ("a token id as number", {7: 7}),
        ("no credit", {-65537: GONE}), ("credit as an array", {-65537: [1]}), ("credit as bytes", {-65537: b"\xa0"}),
        ("an issuer name", {1: "wulong"}), ("a subject name", {2: "wang"}),
        ("an audience", {3: "xiannvshan"}), ("a claim of private use", {-70000: 1}), ("claim 9", {9: 1}),
    ):
        yield damaged(f"claims: {name}", credential(printed_claims(changes)), 10)
    yield damaged("claims: an array in place of a map", credential(b"\x80"), 10)
    yield damaged("claims: an empty map", credential(b"\xa0"), 10)


def credit_type_cases():
    for name, credit in (
        ("no schema", {0: GONE}), ("schema 2", {0: 2}), ("schema as text", {0: "1"}), ("no subject", {1: GONE}),
        ("a subject of 15 bytes", {1: bytes(15)}), ("a subject of 17 bytes", {1: bytes(17)}),
        ("a subject as text", {1: "wang-xiaoming-01"}), ("no tier", {2: GONE}), ("tier 10", {2: 10}),
        ("tier -1", {2: -1}), ("tier as text", {2: "4"}), ("no groups", {3: GONE}), ("groups as a number", {3: 12}),
        ("a group as text", {3: ["12"]}), ("a negative group", {3: [-1]}), ("a group of 2^53", {3: [TOO_BIG]}),
        ("no grants", {4: GONE}), ("grants as a map", {4: {}}), ("a grant as text", {4: ["7"]}),
        ("a negative grant", {4: [-7]}),
        ("a grant of two parts", {4: [[7, bytes(8)]]}), ("a grant of four parts", {4: [[7, bytes(8), 1, 1]]}),
        ("a grant id of 7 bytes", {4: [[7, bytes(7), 1]]}), ("a grant with uses as text", {4: [[7, bytes(8), "1"]]}),
        ("a grant with negative uses", {4: [[7, bytes(8), -1]]}), ("a region as text", {5: "500156"}),
        ("a negative region", {5: -5}), ("a month without status index", {6: GONE}),
        ("a status index as text", {6: "1"}), ("a negative status index", {6: -1}),
        ("max uses as text", {7: "5"}), ("negative max uses", {7: -5}), ("flags as text", {8: "2"}),
        ("flag 16", {8: 16}), ("group and enterprise", {8: 12}), ("negative flags", {8: -1}),
        ("a reservation of four parts", {9: [bytes(8), "a", 1, 2]}),
        ("a reservation of six parts", {9: [bytes(8), "a", 1, 2, 3, 4]}), ("a reservation as text", {9: "order"}),
        ("a reservation as number", {9: 5}), ("a reservation as a map of five", {9: dict.fromkeys(range(5), 1)}),
        ("an order of 7 bytes", {9: [bytes(7), "a", 1, 2, 3]}),
        ("a site as bytes", {9: [bytes(8), b"a", 1, 2, 3]}), ("heads as text", {9: [bytes(8), "a", 1, 2, "3"]}),
        ("a negative slot", {9: [bytes(8), "a", -1, 2, 3]}), ("member 10", {10: 1}), ("member 31", {31: 1}),
        ("member -1", {-1: 1}),
    ):
        yield damaged(f"credit: {name}", credential(printed_claims(credit=credit)), 10)
    yield bad("credit: a test token at a real site", credential(printed_claims(credit={8: 2})), "test_token", 10)
    late = minted_claims({4: NOW + 86_401, 6: NOW - 60}, {6: GONE, 7: 1})
    yield damaged(
        "credit: a second more than 24 h without status index", credential({**late, 4: NOW - 60 + 86_401}), 10
    )


def holder_claim_cases():
    key = cose_map(HOLDER.public_key())
    for name, cnf in (
        ("a number", 1), ("an empty map", {}), ("a key id", {3: b"holder-1"}),
        ("a key and a key id", {1: key, 3: b"holder-1"}), ("a key as bytes", {1: b"\xa0"}),
        ("a key without x", {1: {1: 1, -1: 6}}),
        ("a key with kid", {1: {**key, 2: b"h"}}), ("a key with alg", {1: {**key, 3: -19}}),
        ("a private key", {1: {**key, -4: bytes(32)}}), ("an encrypted key", {2: key}),
    ):
        yield damaged(f"cnf: {name}", presentation(credential(bound_claims({8: cnf}))), 10)
    yield damaged(
        "cnf: a P-256 key without curve",
        presentation(credential(bound_claims({8: {1: {1: 2, -2: bytes(32), -3: bytes(32)}}}))),
        10,
    )


def time_cases():
    minted = credential(minted_claims())
    yield good("times: in the last second", minted, "minted", now=NOW + 59)
    yield bad("times: at exp", minted, "expired", 11, now=NOW + 60)
    yield bad("times: long after exp", minted, "expired", 11, now=NOW + 10**6)
    yield good("times: at exp, when giving back", minted, "minted", now=NOW + 60, allow_expired=True)
    yield good("times: 5 s before iat", minted, "minted", now=NOW - 65)
    yield bad("times: 6 s before iat", minted, "not_yet_valid", 11, now=NOW - 66)
    yield bad("times: before iat, when giving back", minted, "not_yet_valid", 11, now=NOW - 66, allow_expired=True)
    yield bad("times: a second before iat with no skew", minted, "not_yet_valid", 11, now=NOW - 61, skew_s=0)
    later = credential(minted_claims({5: NOW + 10}))
    yield good("times: 5 s before nbf", later, "minted", now=NOW + 5, says={"not_before": NOW + 10})
    yield bad("times: 6 s before nbf", later, "not_yet_valid", 11, now=NOW + 4)
    yield bad("times: exp before iat", credential(minted_claims({4: NOW - 61})), "expired", 11)
    yield bad("times: a terminal that thinks it is 1970", minted, "not_yet_valid", 8, now=0)


def cases():
    assert CREDIT[0] == 1
    yield from good_cases()
    yield from claim_type_cases()
    yield from credit_type_cases()
    yield from holder_claim_cases()
    yield from time_cases()
