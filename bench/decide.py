"""What a decision costs: pure `decide`, against one raw Ed25519 verify in the same run. JSON lines.

Targets (issue "Every scene is data"): 1 000 benefits in the catalogue of which 20 are offered here cost at most 1.5
verifies, and differ by less than 5 % from a catalogue of those 20 alone. CPU time, best of three runs.
"""

import json
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.benefits import parse_benefits
from credit.claims import Token, TokenClass
from credit.decide import decide
from credit.facts import Facts, Used
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.questions import questions

ROUNDS = 400
RUNS = 3
OFFERED = 20
PLACE = Place(site="park", scene="gate", lane="A", terminal="t1")
NOW = Now(utc_ms=1_790_000_000_000)
TOKEN = Token(
    issuer="wulong", kid=b"k" * 8, token_id=b"t" * 8, token_class=TokenClass.BOUND, subject=b"s" * 16, tier=3,
    issued_at=0, expires=2**40, groups=frozenset({12, 30}), nonce=b"n" * 8,
)  # fmt: skip
REQUEST = Request(amount_fen=6000)


def row(number: int, site: str) -> dict[str, object]:
    """Return a benefit like those of the five cities: group or tier, hours, one or two limits."""
    who = [{"groups_any": [12, 13]}, {"min_tier": 3}, {"groups_any": [99]}, {"min_tier": 5}][number % 4]
    return {
        "id": f"b{number}", "code": number, "issuer": "wulong", "who": who,
        "offer": [{"kind": "free"}, {"kind": "percent", "percent_off": 10}][number % 2],
        "where": {"sites": [site], "scenes": ["gate"]},
        "when": [{}, {"daily": [["06:00", "23:00"]], "day_starts": "04:00"}][number % 2],
        "limits": [{"scope": "site", "period": ["ever", "day", "month"][number % 3], "max": 1}],
    }  # fmt: skip


def policy(total: int) -> Policy:
    """Return a compiled policy of `total` benefits of which OFFERED are offered here."""
    rows = [row(n, "park") for n in range(OFFERED)] + [row(n, f"site{n % 300}") for n in range(OFFERED, total)]
    return Policy.compile(benefits=parse_benefits(rows))


def best_us(call: Callable[[], object]) -> float:
    """Return the best of RUNS means over ROUNDS calls, in microseconds of CPU time."""
    best = float("inf")
    for _ in range(RUNS):
        start = time.process_time()
        for _ in range(ROUNDS):
            call()
        best = min(best, (time.process_time() - start) / ROUNDS)
    return best * 1e6


def main() -> None:
    """Measure, and print one JSON object per line."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, message = key.public_key(), b"m" * 130
    signature = key.sign(message)
    small, large = policy(OFFERED), policy(1000)
    asked = questions(TOKEN, REQUEST, PLACE, large, NOW)
    used = {name: Used(n=index % 2, at_ms=NOW.utc_ms - 1) for index, name in enumerate(asked.keys)}
    facts = Facts(place=PLACE, used=used)
    verify = best_us(lambda: public.verify(signature, message))
    few = best_us(lambda: decide(TOKEN, REQUEST, facts, small, NOW))
    many = best_us(lambda: decide(TOKEN, REQUEST, facts, large, NOW))
    print(json.dumps({"bench": "decide", "what": "floor: one raw Ed25519 verify", "us": round(verify, 1)}))
    for name, cost in (("20 benefits, 20 offered", few), ("1000 benefits, 20 offered", many)):
        print(json.dumps({"bench": "decide", "what": name, "us": round(cost, 1), "verifies": round(cost / verify, 2)}))
    difference = round(abs(many / few - 1) * 100, 1)
    print(json.dumps({"bench": "decide", "what": "1000 against 20 in the catalogue", "percent": difference}))


if __name__ == "__main__":
    main()
