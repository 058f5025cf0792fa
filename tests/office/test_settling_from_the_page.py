"""A drawn month, settled by the platform and by a program written from docs/records.md alone: equal to the fen."""

import json
import random
import subprocess
import sys
from datetime import date
from pathlib import Path

from central.books.reconciliation import reconcile
from central.books.settling.accounts import FIGURES
from sync.wire.records.kinds import problem

SETTLE = Path(__file__).parent.parent / "tools" / "settle.py"
NOW = 1_790_000_000_000
DAY_MS = 86_400_000
SITES = ("gate", "hotel", "shop")


def a_grant(rng, site):
    """A grant as a terminal writes it, whose parts add up."""
    given, pay = [], rng.randrange(30_000)
    for number in range(rng.choice([1, 1, 2])):
        kind, name = rng.choice([("amount", "off_fen"), ("deposit_waiver", "waived_fen"), ("pay_later", "later_fen")])
        offer = {"kind": kind, name: rng.randrange(20_000)}
        given.append({"benefit": f"b{number}", "issuer": "w", "code": 7, "version": 1, "local": False, "offer": offer})
    amount = pay + sum(sum(fen for fen in one["offer"].values() if isinstance(fen, int)) for one in given)
    whole = {"to_pay_fen": pay}
    body = {
        "issuer": rng.choice("wx"),
        "class": "bound",
        "site": site,
        "scene": "s",
        "lane": "A",
        "outcome": "GRANT",
        "reasons": ["ok"],
        "offline": rng.random() < 0.5,
        "clock": "trusted",
        "intent": "buy",
        "heads": rng.randrange(1, 4),
        "amount_fen": amount,
        "token": "a1" * 8,
        "subject": "b2" * 16,
        "given": given,
        "uses": [],
        "sums": [],
        "due_ms": None,
    }
    if len(given) > 1:
        body["offer"] = {"kind": given[0]["offer"]["kind"], **whole}
    else:
        given[0]["offer"] |= whole
    if rng.random() < 0.2:
        body |= {"awaiting": True, "pay_fen": pay}
    return body


def a_life(rng, body):
    """What may become of it."""
    if body.get("awaiting"):
        paid = ("paid", {"step": "paid", "order": f"o{rng.random()}", "amount_fen": body["pay_fen"]})
        unpaid = ("annulled", {"step": "annulled", "cause": "unpaid"})
        return rng.choice([[], [paid], [unpaid], [unpaid, paid], [paid, ("passed", {"step": "passed"})]])
    half = rng.randrange(body["amount_fen"] + 1)
    return rng.choice(
        [
            [],
            [("passed", {"step": "passed"})],
            [("annulled", {"step": "annulled"})],
            [("annulled", {"step": "annulled"}), ("passed", {"step": "passed", "excess": True})],
            [("reversed", {"step": "reversed_part", "fen": half, "heads": 0, "whole": False})],
            [
                ("reversed", {"step": "reversed_part", "fen": half, "heads": 0, "whole": False}),
                ("reversed", {"step": "reversed", "fen": body["amount_fen"] - half, "heads": 1, "whole": True}),
            ],
            [("overdue", {"step": "overdue"})],
            [("overdue", {"step": "overdue"}), ("closed", {"step": "closed"})],
            [("closed", {"step": "claimed", "fen": rng.randrange(9_000)})],
            [("closed", {"step": "closed"})],
        ]
    )


def settled(records):
    """Return what the program of the page says."""
    text = "\n".join(json.dumps(one) for one in records)
    done = subprocess.run([sys.executable, "-I", SETTLE], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def shown(line):
    figures = {name: getattr(line, name) for name in FIGURES if getattr(line, name)}
    return {"day": line.day, "site": line.site, "issuer": line.issuer, "benefit": line.benefit, **figures}


async def test_a_month_is_settled_to_the_fen_by_whoever_read_the_page(books, journal):
    rng = random.Random(20261127)
    terminals = {name: await journal(name, site) for name, site in (("t1", "gate"), ("t2", "hotel"), ("t3", "shop"))}
    told, seqs = [], dict.fromkeys(terminals, 0)
    for number in range(300):
        name, at_ms = rng.choice(list(terminals)), NOW + rng.randrange(30) * DAY_MS
        body = a_grant(rng, rng.choice(SITES))
        facts = [("granted", f"r{number}", body, at_ms)]
        facts += [(kind, f"r{number}", said, at_ms + 1) for kind, said in a_life(rng, body)]
        await terminals[name].bring(*facts, now_ms=at_ms + 2)
        for kind, redemption, said, at in facts:
            seqs[name] += 1
            record = {"seq": seqs[name], "id": "x", "at_ms": at, "kind": kind, "redemption": redemption, "body": said}
            told.append({"terminal": name, "epoch": "e", "record": record})
    days = {"first": date(2026, 9, 1), "last": date(2026, 11, 1), "zone": "Asia/Shanghai"}

    report = await books.read(lambda tx: reconcile(tx, **days))

    assert {problem(one["record"]) for one in told} == {""}
    assert settled(told + told[:50]) == [shown(line) for line in report.lines]
    assert sum(line.off_fen for line in report.lines) > 100_000


def test_the_program_of_the_page_knows_nothing_of_ours_and_is_short():
    lines = SETTLE.read_text("utf-8").splitlines()

    assert len(lines) <= 300
    assert [
        line for line in lines if line.startswith(("import", "from")) and ("central" in line or "cache" in line)
    ] == []
