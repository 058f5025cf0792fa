"""Drawn lives of redemptions, and what they come to: summed from their facts alone, and as a report says it."""

from collections import Counter, defaultdict

NOW = 1_790_000_000_000
SITES = ("gate", "hotel", "shop")


def a_grant(rng, site):
    """A grant whose parts add up: amount = to pay + off + waived + later."""
    items, pay = [], rng.choice([0, rng.randrange(50_000)])
    for at in range(rng.choice([1, 1, 2])):
        money = {name: rng.choice([0, 0, rng.randrange(30_000)]) for name in ("off_fen", "waived_fen", "later_fen")}
        items.append({"benefit": f"b{at}", "issuer": "w", "local": rng.random() < 0.1, "offer": money})
    total = pay + sum(sum(one["offer"].values()) for one in items)
    items[0]["offer"]["to_pay_fen"] = pay
    body = {"issuer": rng.choice("wx"), "site": site, "heads": rng.randrange(1, 4), "given": items, "amount_fen": total}
    if len(items) > 1:
        body["offer"] = {"to_pay_fen": pay}
    if rng.random() < 0.2:
        body["awaiting"] = True
    return body


def a_life(rng, body):
    """Steps that a terminal could write, and some that it could not."""
    steps, left = [], body["amount_fen"]
    if body.get("awaiting"):
        steps += rng.choice([[], [("annulled", {"cause": "unpaid"})], [("paid", {"amount_fen": 100})]])
        if steps and steps[0][0] == "annulled" and rng.random() < 0.5:
            steps.append(("paid", {"amount_fen": 100}))
    for _ in range(rng.randrange(4)):
        kind = rng.choice(["passed", "annulled", "part", "part", "whole", "closed", "claimed", "overdue"])
        if kind == "part":
            fen = rng.randrange(left + 1)
            left -= fen
            steps.append(("reversed", {"step": "reversed_part", "whole": False, "fen": fen, "heads": 0}))
        elif kind == "whole":
            steps.append(("reversed", {"step": "reversed", "whole": True, "fen": left, "heads": 1}))
        elif kind == "claimed":
            steps.append(("closed", {"step": "claimed", "fen": rng.randrange(9_000)}))
        else:
            steps.append((kind, {"step": kind}))
    return steps


def from_scratch(facts):
    """Sum the journal without the books: every redemption's facts together, whatever their order."""
    by_redemption, found = defaultdict(list), Counter()
    for kind, redemption, body, _at in facts:
        by_redemption[redemption].append((kind, body))
    for told in by_redemption.values():
        body = next(body for kind, body in told if kind in ("granted", "opened"))
        dead, money = Counter(kind for kind, _ in told), Counter()
        unpaid = all(one.get("cause") == "unpaid" for kind, one in told if kind == "annulled")
        gone = dead["annulled"] and not dead["passed"] and not (unpaid and dead["paid"])
        whole = any(kind == "reversed" and one["whole"] for kind, one in told)
        claims = [one["fen"] for kind, one in told if kind == "closed" and one["step"] == "claimed"]
        shut = any(kind == "closed" and one["step"] != "claimed" for kind, one in told)
        part = sum(one["fen"] for kind, one in told if kind == "reversed" and not one["whole"])
        counts = not body.get("awaiting") or dead["paid"]
        pay, amount = (body.get("offer") or body["given"][0]["offer"])["to_pay_fen"], body["amount_fen"]
        stood = sum(one["offer"][name] for one in body["given"] for name in ("off_fen", "waived_fen", "later_fen"))
        if counts and whole:
            money |= {"refund": pay, "back": stood}
        elif counts and not gone:
            refund = 0 if not part else pay if part == amount else pay * part // amount
            money |= {"refund": refund, "back": part - refund if part else 0}
            money["stands"] = stood - money["back"]
        money |= {"claim": sum(claims), "claims": len(claims), "undone": int(bool(gone or whole)), "granted": 1}
        money["overdue"] = int(dead["overdue"] > 0 and not (gone or whole or claims or shut))
        money["paid"] = sum(one["amount_fen"] for kind, one in told if kind == "paid")
        for name, figure in money.items():
            found[body["site"], body["issuer"], name] += figure
    return {key: figure for key, figure in found.items() if figure}


def from_report(report):
    names = {"refund": "refund_fen", "back": "back_fen", "claim": "claim_fen", "claims": "claims", "paid": "paid_fen"}
    found = Counter()
    for line in report.lines:
        first = line.benefit == "b0"  # what belongs to a redemption as a whole stands at its first benefit
        for name, column in names.items():
            found[line.site, line.issuer, name] += getattr(line, column)
        found[line.site, line.issuer, "stands"] += line.off_fen + line.waived_fen + line.later_fen
        if first:
            for name in ("undone", "granted", "overdue"):
                found[line.site, line.issuer, name] += getattr(line, name)
    return {key: figure for key, figure in found.items() if figure}
