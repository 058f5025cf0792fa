"""Write the vectors of records: what real ledgers wrote while the decision vectors were played, and what is no record.

usage: python tests/vectors/records/make.py

`records.json` is a list of {name, valid, why, record}: the first record of each kind and set of members, in the order
in which the decision vectors bring them; then records of the terminal itself; then each with something wrong. `why` is
our program's word for it, "" where nothing is; other programs need not say the same.
"""

import copy
import json
from pathlib import Path

from cache.ids import uuid7
from cache.journal import orders
from cache.journal.chain import begin_epoch
from cache.ledger import attempts, upkeep
from cache.memory.damage import mend
from cache.pen import Pen
from credit.inputs import Now
from credit.reasons import Reason
from edge.simulator.case_file import parse_case
from edge.simulator.story import Story
from storage.sqlite import immediate, memory
from sync.push.receiving import note_conflicts
from sync.wire.messages import Conflict, Other
from sync.wire.records.kinds import KINDS, problem

HERE = Path(__file__).parent
CASES = HERE.parent / "decisions"
T0 = 1_790_000_000_000
EVERY = "SELECT seq, id, at_ms, kind, redemption, body FROM journal ORDER BY seq"


def journal(conn):
    """Return the records of a journal."""
    names = ("seq", "id", "at_ms", "kind", "redemption", "body")
    found = [dict(zip(names, row, strict=True)) for row in conn.execute(EVERY)]
    return [one | {"body": json.loads(one["body"])} for one in found]


def played():
    """Yield (name, record) of every record that the decision vectors bring about."""
    for path in sorted(CASES.glob("*.json")):
        story = Story.begin(parse_case(path.read_bytes()))
        for _line in story.play():
            pass
        for name, terminal in story.terminals.items():
            yield from ((f"{path.stem}, {name}", record) for record in journal(terminal.conn) if is_ours(record))


def is_ours(record):
    """Return whether a terminal writes this: the simulator's own sign of a conflict stands for the platform's."""
    return record["kind"] != "claim_conflict"


def own():
    """Yield the records of a terminal about itself, as the code writes them."""
    conn, now = memory(), Now(utc_ms=T0)
    with immediate(conn):
        begin_epoch(conn, epoch="e-1", terminal="gate-east", reason="enrolled")
        pen = Pen(conn, now, uuid7)
        damaged = pen.fact("note", {"said": "good morning"}, named="id-damaged")
        conn.execute("UPDATE journal SET body = '{\"said\":\"good mornino\"}' WHERE seq = ?", (damaged,))
        mend(pen, damaged)
        pen.fact("started", {"run": "Zm91bmQtYS1ydW4tMTIzNA", "version": "0.1.0"})
        upkeep.refuse_unverified(pen, "A", Reason.DAMAGED_CODE)
        upkeep.count_refusal(pen, "A", Reason.LIMIT_USED)
        upkeep.summarise(pen, before_minute=T0 // 60_000 + 1)
        for number, action in ((1, "suspend"), (2, "resume"), (3, "profile"), (4, "new_epoch")):
            order = orders.Order(number=number, action=action, reason="2026-10 audit", signed="")
            orders.obey(conn, order, at_ms=T0 + number)
        orders.obey(conn, orders.Order(number=4, action="suspend", reason="another"), at_ms=T0 + 5)
        pen.fact("clock_jumped", {"by_ms": -3_600_000})
        pen.fact("emergency", {"open": True, "lane": "A", "by": "fire input", "outcome": "actuated"})
        pen.fact("emergency", {"lane": "A", "intent": "exit", "why": "store_failed"})
        pen.fact("note", {"opened": "A", "by": "li", "why": "wheelchair"})
        head = {"epoch": "e-0", "seq": 7, "hash": "ab" * 32}
        pen.fact("note", {"declares": "e-1", "heads": [], "lost": "the database is empty"})
        pen.fact("note", {"declares": "e-1", "heads": [head], "clock": "trusted"})
        pen.fact("note", {"learned": [head]})
        visit = {"issuer": "yunling", "class": "bound", "site": "tiankeng", "scene": "gate", "lane": "A"}
        asked = {"intent": "enter", "heads": 1, "offline": False, "clock": "trusted", "outcome": "REFUSE"}
        rests_on = {"measures": [{"code": 302, "entry": "00c0ffee00c0ffee"}], "lists": {"lists.yunling": 1_790_000_000}}
        denied = {"reasons": ["restricted"], "token_hash": "ab" * 16, "notice": "bm90aWNlLW5vdGljZS1ubw"}
        pen.fact("not_granted", visit | asked | denied | rests_on)
        attempts.begin(pen, "r-unknown", "A")
        pen.fact("actuating", {"attempt": "r-1.1", "lane": "A"}, of="r-1")
        pen.fact("actuated", {"attempt": "r-1.1"}, of="r-1")
        pen.fact("actuating", {"attempt": "r-2.2", "lane": "A", "by": "li"}, of="r-2")
        pen.fact("not_actuated", {"attempt": "r-2.2", "why": "the arm is blocked", "sure": True}, of="r-2")
        pen.fact("unknown", {"attempt": "r-3.1", "why": "no answer in time"}, of="r-3")
        pen.fact("lists_changed", {"versions": {"yunling/lists": 7}, "problems": {"linhai/rules": "expired"}})
        terms = {"title": {"zh": "茶水九折"}, "offer": {"kind": "percent", "percent_off": 10}}
        offer = {"benefit": "local.tea-house.1", "code": 1, "change": "made", "in_force": True, "version": 1}
        pen.fact("local_offer", offer | {"stock": 20, "lane": None, "terms": terms, "by": "li", "local": True})
        other = Other(terminal="gate-west", redemption="r-9", at_ms=T0)
        note_conflicts(conn, [Conflict(seq=1, key="u|k", kind="limit", others=[other])], now_ms=T0)
        pen.fact("stopped", {})
    yield from (("the terminal itself", record) for record in journal(conn))


def shape(record):
    """Return what makes two records alike: kind, whether a redemption is named, and the members."""
    return record["kind"], record["redemption"] is None, tuple(sorted(record["body"]))


def valid():
    """Return one vector for each shape of record."""
    found, n = {}, {}
    for where, record in (*played(), *own()):
        if shape(record) not in found:
            kind = record["kind"]
            n[kind] = n.get(kind, 0) + 1
            stable = record | {"id": f"id-{len(found) + 1}", "seq": len(found) + 1}
            name = f"{kind} {n[kind]} ({where})"
            found[shape(record)] = {"name": name, "valid": True, "why": "", "record": named(stable)}
    return list(found.values())


def named(record):
    """Return a record in which what is drawn anew each time has a fixed name."""
    text, body = json.dumps(record), record["body"]
    drawn = [record["redemption"], (body.get("pass") or {}).get("of"), (body.get("pass") or {}).get("root")]
    drawn += [body.get("epoch"), body.get("next")]
    for number, one in enumerate(dict.fromkeys(filter(None, drawn)), 1):
        text = text.replace(one, f"r-{number}")
    return json.loads(text)


def wrong(of, why, change):
    """Return a vector made of another by `change`, that is no record."""
    record = copy.deepcopy(of["record"])
    change(record)
    said = problem(record)
    assert said, why
    return {"name": f"{record['kind']}: {why}", "valid": False, "why": said, "record": record}


def invalid(good):
    """Return what is no record: a member less, of another type, out of range, or one too many, for every kind."""
    found = []
    for kind in KINDS:
        one = next((v for v in good if v["record"]["kind"] == kind and v["record"]["body"]), None)
        if one is None:
            continue
        first = min(one["record"]["body"])
        if needed(one, first):
            found.append(wrong(one, f"without {first}", lambda r, m=first: r["body"].pop(m)))
        found.append(wrong(one, "a member nobody knows", lambda r: r["body"].update(colour="red")))
        found.append(wrong(one, f"{first} is a list", lambda r, m=first: r["body"].update({m: [1]})))
        if KINDS[kind].of is not None:
            other = None if KINDS[kind].of else "r-1"
            found.append(wrong(one, "about the wrong thing", lambda r, o=other: r.update(redemption=o)))
    grant = next(v for v in good if v["record"]["kind"] == "granted")
    found += [
        wrong(grant, "2^53 heads", lambda r: r["body"].update(heads=2**53)),
        wrong(grant, "nobody came", lambda r: r["body"].update(heads=0)),
        wrong(grant, "money is negative", lambda r: r["body"].update(amount_fen=-1)),
        wrong(grant, "a subject in capitals", lambda r: r["body"].update(subject="AB")),
        wrong(grant, "no such outcome", lambda r: r["body"].update(outcome="MAYBE")),
        wrong(grant, "no kind of record", lambda r: r.update(kind="greeted")),
    ]
    return found


def needed(one, member):
    """Return whether a record without this member is none."""
    record = copy.deepcopy(one["record"])
    del record["body"][member]
    return bool(problem(record))


def vectors():
    """Return every vector."""
    good = valid()
    return [*good, *invalid(good)]


if __name__ == "__main__":
    text = json.dumps(vectors(), ensure_ascii=False, indent=1)
    (HERE / "records.json").write_text(f"{text}\n", "utf-8")
