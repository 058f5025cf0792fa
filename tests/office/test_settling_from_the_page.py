"""A drawn month, settled by the platform and by a program written from docs/records.md alone: equal to the fen."""

import asyncio
import json
import random
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from central.books.reconciliation import Line
from central.store import sqlite_books
from sync.wire.records.kinds import problem
from tests.tools.pages import PAGES
from tests.tools.shell import platform

SETTLE = Path(__file__).parent.parent / "tools" / "settle.py"
NOW = 1_790_000_000_000
DAY_MS = 86_400_000
SITES = ("gate", "hotel", "shop")
TERMINALS = (("t1", "gate"), ("t2", "hotel"), ("t3", "shop"))
NAMES = ("day", "site", "issuer", "benefit")
FIGURES = (
    *("granted", "heads", "undone", "off_fen", "waived_fen", "later_fen", "repaid_fen", "refund_fen", "back_fen"),
    *("returns", "claims", "claim_fen", "overdue", "overdue_fen", "paid_fen"),
)
VERDICTS = ("proved", "vouched", "unproved", "disproved", "waiting")


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


async def brought(database, journals):
    """Bring a drawn month of three terminals, and return it as a program of the page reads it. One has a fork."""
    rng, told = random.Random(20261127), []

    async def bring(name, number, fate=None):
        body, at_ms = a_grant(rng, rng.choice(SITES)), NOW + rng.randrange(30) * DAY_MS
        life = a_life(rng, body) if fate is None else fate
        facts = [("granted", f"r{number}", body, at_ms)]
        facts += [(kind, f"r{number}", said, at_ms + 1) for kind, said in life]
        for seq, (kind, redemption, said, at) in enumerate(facts, terminals[name].seq + 1):
            record = {"id": f"{name}-{seq:08d}", "at_ms": at, "kind": kind, "redemption": redemption, "body": said}
            told.append({"terminal": name, "epoch": "e", "record": record | {"seq": seq}})
        await terminals[name].bring(*facts, now_ms=at_ms + 2)

    async with sqlite_books(database) as books:
        terminals = {name: await journals(books, name).enrol(site) for name, site in TERMINALS}
        for number in range(300):
            await bring(rng.choice(list(terminals)), number)
        before = terminals["t1"].head, terminals["t1"].seq
        for side in ("one side", "the other side"):
            terminals["t1"].head, terminals["t1"].seq = before
            await bring("t1", side, fate=[])
    return told


def test_a_month_is_settled_to_the_fen_by_whoever_read_the_page(tmp_path, journals):
    state = tmp_path / "state"
    assert platform("init", "--state", state).returncode == 0
    told = asyncio.run(brought(state / "central.db", journals))

    report = platform("report", "--state", state, "--from", "2026-09-01", "--until", "2026-11-01")

    assert {problem(one["record"]) for one in told} == {""}
    lines = json.loads(report.stdout)["lines"]
    again = [*told[:50], {"terminal": "t1", "epoch": "e", "record": [2]}]
    assert settled(told + again) == [figures_of(line) for line in lines]
    assert sum(line["off_fen"] for line in lines) > 100_000
    assert sum(line["granted"] for line in lines if line["benefit"] == "b0") == 302
    assert [line for line in lines if line["net"] != line["granted"] - line["undone"]] == []


def figures_of(line):
    """Return a line of the report with the figures that the page names."""
    return {name: line[name] for name in NAMES} | {name: line[name] for name in FIGURES if line[name]}


def test_the_page_names_every_figure_of_a_line():
    [told] = [
        one for one in PAGES["records.md"].split("\n\n") if one.startswith("`xinguan central report` has one line")
    ]
    doubts = {"conflicts", "late", "latest_s", "local", "apart", *VERDICTS}

    assert set(re.findall(r"`(\w+)`", told)) >= set(FIGURES) | {"net", "conflicts", "late", "apart", "settled"}
    assert {one.name for one in fields(Line)} == {
        *FIGURES,
        *NAMES,
        *doubts,
        "net",
        "settled",
        *(f"settled_{name}" for name in ("off_fen", "waived_fen", "later_fen")),
    }


def test_the_program_of_the_page_knows_nothing_of_ours_and_is_short():
    lines = SETTLE.read_text("utf-8").splitlines()

    assert len(lines) <= 300
    assert [
        line for line in lines if line.startswith(("import", "from")) and ("central" in line or "cache" in line)
    ] == []
