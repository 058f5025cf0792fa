"""What a decision costs: pure `decide`, against one raw Ed25519 verify in the same round. JSON lines.

Targets (issue "Every scene is data"): 1 000 benefits in the catalogue of which 20 are offered here cost at most 1.5
verifies, and differ by less than 5 % from a catalogue of those 20 alone.

What a grant has of it is told as well, `decide.grant`: naming what to read, and deciding with what was named, of twenty
offered and of one.

A round takes floor, small and large in turn, so a busy machine slows all three, and counts processor time of this
thread; figures are medians over the rounds, ratios medians of the rounds' ratios. Visitors differ from call to call:
no answer is asked for twice in a row, and half of what can be used up is used up.

    python bench/decide.py [--rounds 100]
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from credit.claims import Token, TokenClass
from credit.decide import decide
from credit.facts import Facts, Used
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.weighing.questions import Questions, questions

OFFERED = 20
TOTAL = 1000
CALLS = 16
T0 = 1_790_000_000_000  # 2026-09-21, an ordinary Monday
PLACE = Place(site="park", scene="gate", lane="A", terminal="t1")
NOW = Now(utc_ms=T0)
CALENDARS = parse_calendars(
    {
        "major-holidays": {"dates": ["2026-10-01/2026-10-07", "2026-02-16/2026-02-22"], "make_up_days": ["2026-10-10"]},
        "weekend": {"dates": [], "weekdays": [6, 7], "make_up_days": ["2026-10-10"]},
    }
)

YEAR = {"from": "2026-01-01", "until": "2026-12-31", "day_starts": "04:00"}
ONCE_HERE = {"count": "uses", "per": "subject", "scope": "site", "period": "window", "max": 1}
KINDS: tuple[dict[str, Any], ...] = (
    {
        "offer": {"kind": "free"},
        "who": {"groups_any": [12, 13, 14, 15, 16, 17, 18], "issuers": ["wulong", "zibo"]},
        "when": YEAR,
        "limits": [ONCE_HERE],
        "needs": ["bound-token"],
        "stacks": "entrance",
        "offline": {"max_list_age_h": 72, "max_uses": 200, "max_amount_fen": 0},
    },
    {"offer": {"kind": "free"}, "who": {"min_tier": 3}, "when": {"except": ["major-holidays"]}},
    {
        "offer": {"kind": "percent", "percent_off": 20, "cap_fen": 3000},
        "who": {"min_tier": 2},
        "stacks": "entrance",
        "limits": [{"period": "month", "max": 4}, {"count": "amount", "period": "month", "max": 20_000}],
    },
    {
        "offer": {"kind": "fixed_price", "price_fen": 2000},
        "who": {"groups_any": [30]},
        "stacks": "tour",
        "when": {**YEAR, "weekdays": [1, 2, 3, 4, 5], "daily": [["06:00", "23:00"]]},
        "limits": [{"period": "day", "max": 2}],
    },
    {
        "offer": {"kind": "amount", "off_fen": 500, "min_spend_fen": 2000},
        "who": {"residents_of": ["3707"]},
        "when": {"only": ["weekend"]},
        "limits": [{"period": "week", "max": 2}],
    },
    {
        "offer": {"kind": "gift", "item": "water", "stock": 500},
        "who": {"min_tier": 3},
        "limits": [{"period": "day", "max": 1}],
    },
    {"offer": {"kind": "multiplier", "times": 2}, "who": {"min_tier": 1}, "when": {"daily": [["18:00", "26:00"]]}},
    {
        "offer": {"kind": "service", "item": "guide"},
        "who": {"min_tier": 4},
        "needs": ["staff-confirm"],
        "capacity": [{"per": "day", "max": 40}],
        "limits": [{"scope": "programme", "period": "year", "max": 12}],
    },
    {"offer": {"kind": "lane", "lane": "VIP"}, "who": {"min_tier": 5}},
    {
        "offer": {"kind": "free"},
        "who": {"groups_all": [12, 44], "subject": "person"},
        "when": YEAR,
        "limits": [{"period": {"rolling_h": 24}, "max": 1}, {"per": "all", "period": "day", "max": 300}],
    },
)
"""Ten benefits as the five cities write them, of every kind: bounds, needs, calendars, two that stack, stock."""

WHO = ({"groups_any": [12, 13]}, {"min_tier": 3}, {"groups_any": [99]}, {"min_tier": 5})
WHEN = ({"except": ["major-holidays"]}, {"daily": [["06:00", "23:00"]], "day_starts": "04:00"})
OFFER = ({"kind": "free"}, {"kind": "percent", "percent_off": 10})
PERIOD = ("ever", "day", "month")


def plain(number: int) -> dict[str, Any]:
    """Return the terms of an entrance benefit: a group or a tier, hours or holidays, one limit."""
    limits = [{"scope": "site", "period": PERIOD[number % 3], "max": 1}]
    return {"offer": OFFER[number % 2], "who": WHO[number % 4], "when": WHEN[number % 2], "limits": limits}


def every_kind(number: int) -> dict[str, Any]:
    """Return the terms of the next of KINDS; of twenty each comes twice."""
    return KINDS[number % len(KINDS)]


def policy(total: int, terms: Callable[[int], dict[str, Any]] = every_kind) -> Policy:
    """Return a compiled policy of `total` benefits of which OFFERED are offered here."""
    rows = [
        terms(n)
        | {
            "id": f"b{n}",
            "code": n,
            "issuer": "wulong",
            "where": {"sites": ["park" if n < OFFERED else f"site{n % 300}"], "scenes": ["gate"]},
        }
        for n in range(total)
    ]
    return Policy.compile(benefits=parse_benefits(rows), calendars=CALENDARS)


def visitors(of: Policy) -> list[tuple[Token, Request, Facts]]:
    """Return presentations by visitors of every tier, with what a ledger would know of each."""
    found = []
    for number in range(CALLS):
        token = Token(
            issuer="wulong",
            kid=b"k" * 8,
            token_id=number.to_bytes(8, "big"),
            token_class=TokenClass.BOUND,
            subject=number.to_bytes(16, "big"),
            nonce=number.to_bytes(8, "big"),
            issued_at=0,
            expires=2**40,
            tier=1 + number % 5,
            groups=frozenset({12, 30 + number % 2}),
            region=370700 + number % 2,
        )
        request = Request(intent=Intent.ENTER, amount_fen=6000 + number)
        asked = questions(token, request, PLACE, of, NOW)
        used = {
            key: Used(n=20_000, at_ms=T0 - 3_600_000, where="park/B") if index % 2 else Used()
            for index, key in enumerate(asked.keys)
        }
        found.append((token, request, Facts(place=PLACE, used=used, ages_s={"wulong": 600})))
    return found


def cpu(call: Callable[[int], object]) -> float:
    """Return the processor seconds that CALLS calls took."""
    start = time.thread_time()
    for number in range(CALLS):
        call(number)
    return time.thread_time() - start


def measure(name: str, terms: Callable[[int], dict[str, Any]], rounds: int) -> list[dict[str, object]]:
    """Return what was measured, one object a line."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, message = key.public_key(), b"m" * 130
    signature = key.sign(message)
    small, large = policy(OFFERED, terms), policy(TOTAL, terms)
    shown = visitors(large)

    def decides(of: Policy) -> Callable[[int], object]:
        return lambda number: decide(*shown[number], of, NOW)

    floor, few, many = (lambda _: public.verify(signature, message)), decides(small), decides(large)
    taken = []
    for turn in itertools.islice(itertools.cycle(((few, many), (many, few))), rounds + 2):
        verify = cpu(floor)
        times = {call: cpu(call) for call in turn}
        taken.append((verify, times[few], times[many]))
    taken = taken[2:]  # the first two warm up

    def us(index: int) -> float:
        return round(statistics.median(one[index] for one in taken) / CALLS * 1e6, 1)

    def ratio(over: int, under: int) -> float:
        return statistics.median(one[over] / one[under] for one in taken)

    bench = f"decide.{name}"
    return [
        {"bench": bench, "what": "floor: one raw Ed25519 verify", "us": us(0), "rounds": rounds},
        {
            "bench": bench,
            "what": f"{OFFERED} benefits, {OFFERED} offered",
            "us": us(1),
            "verifies": round(ratio(1, 0), 2),
        },
        {
            "bench": bench,
            "what": f"{TOTAL} benefits, {OFFERED} offered",
            "us": us(2),
            "verifies": round(ratio(2, 0), 2),
            "target": 1.5,
        },
        {
            "bench": bench,
            "what": f"{TOTAL} against {OFFERED} in the catalogue",
            "percent": round((ratio(2, 1) - 1) * 100, 1),
            "target": 5,
        },
    ]


def grant(rounds: int) -> list[dict[str, object]]:
    """Return what the two parts of a grant cost, by how many are offered."""
    lines: list[dict[str, object]] = []
    for offered in (OFFERED, 1):
        of = policy(offered, plain)
        shown = visitors(of)
        named = [questions(token, request, PLACE, of, NOW) for token, request, _facts in shown]

        def names(number: int, of: Policy = of, shown: list[tuple[Token, Request, Facts]] = shown) -> object:
            return questions(*shown[number][:2], PLACE, of, NOW)

        def decides(
            number: int,
            of: Policy = of,
            shown: list[tuple[Token, Request, Facts]] = shown,
            named: list[Questions] = named,
        ) -> object:
            return decide(*shown[number], of, NOW, asked=named[number])

        for what, call in (("naming what to read", names), ("deciding", decides)):
            us = statistics.median(cpu(call) for _ in range(rounds + 2)) / CALLS * 1e6
            lines.append({"bench": "decide.grant", "what": f"{what}, {offered} offered", "us": round(us, 1)})
    return lines


def main() -> None:
    """Measure, and print one JSON object per line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    for name, terms in (("plain", plain), ("every_kind", every_kind)):
        for line in measure(name, terms, rounds):
            print(json.dumps(line))
    for line in grant(rounds):
        print(json.dumps(line))


if __name__ == "__main__":
    main()
