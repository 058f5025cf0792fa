"""Settle accounts from journals alone: a program of docs/records.md that shares no code with the platform.

usage: settle.py [--zone Asia/Shanghai] < records.jsonl

Each line of the input is {"terminal", "epoch", "record"}; each line of the output is one JSON object for a day, a site,
an issuer and a benefit, in that order. Standard library only.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MONEY = ("off_fen", "waived_fen", "later_fen")


MEMBERS = {"at_ms", "body", "id", "kind", "redemption", "seq"}


def lives(lines):
    """Return the records of each redemption, each once, whatever was sent twice; what is none is passed over."""
    seen, found = set(), defaultdict(list)
    for line in lines:
        record = line["record"]
        if not isinstance(record, dict) or record.keys() != MEMBERS:
            continue
        name = (line["terminal"], line["epoch"], record["seq"], json.dumps(record, sort_keys=True))
        if name not in seen and record["redemption"] is not None:
            seen.add(name)
            found[record["redemption"]].append(record)
    return found


class Life:
    """What became of one redemption."""

    def __init__(self, records):
        said = defaultdict(list)
        for one in records:
            said[one["kind"]].append(one["body"])
        self.grant = next((one for one in records if one["kind"] in ("granted", "opened")), None)
        self.passed, self.paid = bool(said["passed"]), bool(said["paid"])
        self.paid_fen = sum(one["amount_fen"] for one in said["paid"])
        annulled = said["annulled"]
        unpaid = all(one.get("cause") == "unpaid" for one in annulled)
        self.lapsed = bool(annulled) and not self.passed and not (unpaid and self.paid)
        self.whole = any(one["whole"] for one in said["reversed"])
        self.part_fen = sum(one["fen"] for one in said["reversed"] if not one["whole"])
        self.part_heads = sum(one["heads"] for one in said["reversed"] if not one["whole"])
        self.claims = [one["fen"] for one in said["closed"] if one["step"] == "claimed"]
        self.closed = len(said["closed"]) > len(self.claims)
        self.overdue = bool(said["overdue"]) and not said["closed"]

    @property
    def stands(self):
        """Tell whether anything of it stands."""
        return not self.lapsed and not self.whole

    @property
    def counts(self):
        """Tell whether its money counts: what waits for a payment does when it is paid."""
        return self.paid or not self.grant["body"].get("awaiting", False)


def part_of(fen, part, whole):
    """Return the share of `fen` that goes with `part` of `whole`, rounded down."""
    return fen if part >= whole else fen * part // whole


def shares(life, amount, to_pay):
    """Return what each benefit gives back of the part that came back, figure by figure."""
    given = life.grant["body"]["given"]
    figures = [[one["offer"].get(name, 0) for name in MONEY] for one in given]
    part = min(life.part_fen, amount)
    if not part:
        return [[0] * 3 for _ in given]
    back = [[part_of(fen, part, amount) for fen in row] for row in figures]
    left = part - part_of(to_pay, part, amount) - sum(map(sum, back))
    for row, most in zip(back, figures, strict=True):
        for at in range(3):
            more = max(0, min(left, most[at] - row[at]))
            row[at] += more
            left -= more
    return back


def worth(life):
    """Yield (benefit, figures) of one redemption."""
    body = life.grant["body"]
    whole = body.get("offer") or body["given"][0]["offer"]
    amount = body.get("amount_fen", 0)
    to_pay = min(whole.get("to_pay_fen", 0), amount)
    back = shares(life, amount, to_pay) if life.counts else None
    for at, one in enumerate(body["given"]):
        found = Counter(granted=1, heads=body["heads"], undone=int(not life.stands))
        moved = [one["offer"].get(name, 0) for name in MONEY]
        if life.counts and life.stands:
            standing = [fen - less for fen, less in zip(moved, back[at], strict=True)]
            found.update(dict(zip(MONEY, standing, strict=True)))
            found["back_fen"] += sum(back[at])
            found["repaid_fen"] += standing[2] if life.closed else 0
            found["overdue_fen"] += standing[2] if life.overdue else 0
        elif life.counts and life.whole:
            found["back_fen"] += sum(moved)
        if at == 0:
            found.update(once(life, amount, to_pay))
        yield one["benefit"], found


def once(life, amount, to_pay):
    """Return what belongs to a redemption and to none of its benefits alone; it stands at the first."""
    part = min(life.part_fen, amount) if life.stands else 0
    refund = to_pay if life.whole else part_of(to_pay, part, amount) if part else 0
    return {
        "returns": int(life.whole or part > 0 or life.part_heads > 0),
        "refund_fen": refund if life.counts else 0,
        "claims": len(life.claims),
        "claim_fen": sum(life.claims),
        "overdue": int(life.stands and life.overdue),
        "paid_fen": life.paid_fen,
    }


def settle(lines, zone):
    """Return {(day, site, issuer, benefit): figures}."""
    found = defaultdict(Counter)
    for records in lives(lines).values():
        life = Life(records)
        if life.grant is None:
            continue
        body = life.grant["body"]
        day = datetime.fromtimestamp(life.grant["at_ms"] / 1000, tz=UTC).astimezone(ZoneInfo(zone)).date().isoformat()
        for benefit, figures in worth(life):
            found[day, body["site"], body["issuer"], benefit].update(figures)
    return {key: {name: fen for name, fen in figures.items() if fen} for key, figures in sorted(found.items())}


def main():
    """Read, settle, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--zone", default="Asia/Shanghai", help="time zone of the days")
    zone = parser.parse_args().zone
    for (day, site, issuer, benefit), figures in settle(map(json.loads, sys.stdin), zone).items():
        print(json.dumps({"day": day, "site": site, "issuer": issuer, "benefit": benefit, **figures}))


if __name__ == "__main__":
    main()
