# ruff: noqa: E501 - a table of cases reads across
"""Make the vectors of claimed keys: `python -m tests.vectors.claims.make` from the top (committed; a test compares)."""

import json
from pathlib import Path

import msgspec

from cache.ledger.permit import Dry
from cache.ledger.visit import Visit
from credit.claims import Grant, Reservation, SubjectKind, Token, TokenClass
from credit.decide import decide
from credit.facts import Facts, PassState
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from credit.rules.documents import parse_sites
from sync.beyond.rounds import wide_keys
from sync.wire.claims import ClaimKey

HERE = Path(__file__).parent
NOW = Now(utc_ms=1_790_000_000_000)
PLACE = Place(site="east", scene="gate", lane="A", terminal="gate1")
SITES = parse_sites({"site_sets": {"twins": ["east", "west"], "alone": ["east"]}})
ONE = {"sites": ["east"]}
SLOT = Reservation(order=b"\x0a" * 4, site="east", from_s=1_789_999_000, until_s=1_790_001_000, heads=30)
TOKEN = {
    "issuer": "wulong",
    "kid": b"k" * 8,
    "token_id": b"\x01" * 8,
    "token_class": TokenClass.BOUND,
    "subject": b"\x02" * 4,
    "tier": 7,
    "issued_at": 0,
    "expires": 2**40,
    "nonce": b"\x03" * 4,
}
CASES = [
    ("once in one site", {"where": ONE, "limits": [{"max": 1}]}, {}, {}),
    ("once in the town", {"limits": [{"max": 1}]}, {}, {}),
    ("once each site", {"limits": [{"max": 1, "scope": "site"}]}, {}, {}),
    ("once over a set of sites", {"where": {"site_sets": ["twins"]}, "limits": [{"max": 1, "scope": "site_set"}]}, {}, {}),
    ("a set of one site stays inside", {"where": {"site_sets": ["alone"]}, "limits": [{"max": 1}]}, {}, {}),
    ("once in the programme", {"where": ONE, "limits": [{"max": 1, "scope": "programme"}]}, {}, {}),
    ("what a terminal counts is never asked", {"limits": [{"max": 1, "per": "terminal"}]}, {}, {}),
    ("by tier", {"limits": [{"max_by_tier": {"5": 1, "7": 3}}]}, {}, {}),
    ("within a day and a rolling day", {"limits": [{"max": 1, "period": "day"}, {"max": 2, "period": {"rolling_h": 24}}]}, {}, {}),
    ("a household", {"who": {"groups_any": [5001]}, "limits": [{"max": 2, "per": "group"}]}, {"groups": frozenset({5001})}, {}),
    ("a quota for all", {"limits": [{"max": 100, "per": "all", "period": "day"}]}, {}, {}),
    ("money", {"offer": {"kind": "percent", "percent_off": 10}, "limits": [{"count": "amount", "max": 5000}]}, {}, {"amount_fen": 1000}),
    ("room inside and for the day", {"where": ONE, "capacity": [{"per": "occupancy", "scope": "site", "max": 9}, {"per": "day", "max": 50}]}, {}, {}),
    ("stock", {"offer": {"kind": "gift", "stock": 5}}, {}, {}),
    ("a pass begins", {"where": ONE, "lifecycle": {"pass": {"entries": 3}}}, {}, {}),
    ("a grant with uses", {"who": {"grant": True}}, {"grants": (Grant(code=1, grant_id=b"\x0b", uses=2),)}, {}),
    ("a tour", {"where": ONE, "needs": ["reservation"]}, {"reservation": SLOT, "kind": SubjectKind.GROUP}, {"heads": 30, "heads_named": True}),
    ("paper", {}, {"token_class": TokenClass.PRINTED, "max_uses": 3, "nonce": None}, {}),
    ("minted", {"limits": [{"max": 1}]}, {"token_class": TokenClass.MINTED}, {}),
    ("nothing is bounded", {}, {}, {}),
]


def keys_of(benefit: dict, token: dict, request: dict) -> tuple[list[ClaimKey], dict[str, str]]:
    """Return what a terminal asks for one benefit alone, and how far each of its keys reaches."""
    usual = {"id": "b", "code": 1, "version": 2, "issuer": "wulong", "offer": {"kind": "free"}}
    [made] = parse_benefits([usual | benefit])
    visit = Visit(Token(**(TOKEN | token)), Request(**({"intent": Intent.ENTER} | request)), PLACE)
    policy = Policy.compile(benefits=[made], sites=SITES)
    passes: dict[str, PassState] = {}
    decision = decide(visit.token, visit.request, Facts(place=PLACE, passes=passes), policy, NOW)
    taken = decision.consumption
    reach = {one.key: one.reach.value for one in (*taken.uses, *taken.sums)}
    return wide_keys(visit, Dry(decision, {}, {})), reach


def vectors() -> list[dict]:
    """Return every case with the keys it asks for, as they travel, and their reach."""
    found = []
    for name, benefit, token, request in CASES:
        keys, reach = keys_of(benefit, token, request)
        told = json.loads(msgspec.json.encode(keys))
        found.append({"case": name, "benefit": benefit, "keys": told, "reach": reach})
    return found


if __name__ == "__main__":
    (HERE / "keys.json").write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
