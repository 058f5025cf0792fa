"""Write the vectors of records: what real ledgers wrote while the decision vectors were played, and what is no record.

usage: python tests/vectors/records/make.py

`records.json` is a list of {name, valid, why, record}: the first record of each kind and set of members (of its parts
as well), in the order in which the decision vectors bring them; then records of the terminal itself; then each with
something wrong. `why` is our program's word for it, "" where nothing is; other programs need not say the same.
`set-aside.json` is a list of {name, raw, set_aside}: octets (base64) in the place of record 2 of a batch, and
whether a platform that keeps them can make anything of them.
"""

import base64
import copy
import json
from pathlib import Path

from cache.ids import uuid7
from cache.journal import orders
from cache.journal.chain import begin_epoch
from cache.ledger import attempts, upkeep
from cache.memory.damage import mend
from cache.pen import Pen
from cache.texts import BODY, clear
from credit.inputs import Now
from credit.reasons import Reason
from credit.records import Record, encode
from edge.simulator.case_file import parse_case
from edge.simulator.story import Story
from storage.sqlite import immediate, memory
from sync.push.receiving import note_conflicts
from sync.wire.messages import Conflict, Other
from sync.wire.records.kinds import KINDS, problem

HERE = Path(__file__).parent
CASES = HERE.parent / "decisions"
T0 = 1_790_000_000_000
EVERY = f"SELECT seq, id, at_ms, kind, redemption, {BODY} FROM journal ORDER BY seq"


def journal(conn):
    """Return the records of a journal."""
    names = ("seq", "id", "at_ms", "kind", "redemption", "body")
    found = [dict(zip(names, row, strict=True)) for row in conn.execute(EVERY)]
    return [one | {"body": json.loads(clear(one["body"]))} for one in found]


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
        offer = {"benefit": "local.tea-house.1", "code": 1, "change": "created", "in_force": True, "version": 1}
        pen.fact("local_offer", offer | {"stock": 20, "lane": "C", "terms": terms, "by": "li", "local": True})
        other = Other(terminal="gate-west", redemption="r-9", at_ms=T0)
        note_conflicts(conn, [Conflict(seq=1, key="u|k", kind="limit", others=[other])], now_ms=T0)
        pen.fact("stopped", {})
        orders.obey(conn, orders.Order(number=5, action="suspend", reason="stocktaking", signed=""), at_ms=T0 + 6)
        beyond(pen, visit)
    yield from (("the terminal itself", record) for record in journal(conn))


def beyond(pen, visit):
    """Write what takes a network, a hub, a phone's presentation or a loss, which no decision vector plays."""
    asked = {"intent": "enter", "heads": 1, "offline": True, "clock": "trusted"}
    given = {"benefit": "yunling.first-visit", "issuer": "yunling", "code": 1, "version": 1, "local": False}
    free = {"kind": "free", "off_fen": 6000, "to_pay_fen": 0}
    counted = {"uses": [], "sums": [], "due_ms": None, "token": "a1" * 8, "subject": "b2" * 16}
    granted = visit | asked | counted | {"outcome": "GRANT", "reasons": ["ok"], "given": [given | {"offer": free}]}
    with_proof = {"nonce": "c3" * 8, "proof": "d4" * 32, "amount_fen": 6000}
    pen.fact("granted", granted | with_proof | {"claim": "site", "hub_no": 1}, of="r-4")
    rolling = [{"key": "a|yunling/b|subject:yunling:b2", "fen": 6000, "max": 20_000, "since_ms": T0 - 86_400_000}]
    used = [{"key": "u|yunling/b|subject:yunling:b2", "n": 1, "max": 2, "since_ms": T0 - 86_400_000}]
    pen.fact("granted", granted | {"uses": used, "sums": rolling}, of="r-6")
    leased = {"lease": [{"quota": "u|yunling/b|day:2026-09-21", "number": 0}], "negative_lifted": [302]}
    pen.fact("granted", granted | leased, of="r-5")
    for offer in (
        {"kind": "extend_time", "minutes": 30},
        {"kind": "hold", "until": "2026-09-22T00:00:00+08:00"},
        {"kind": "multiplier", "multiplier": 2},
        {"kind": "gift", "item": "tea"},
    ):
        pen.fact("granted", granted | {"given": [given | {"offer": offer}]}, of=f"r-{offer['kind']}")
    denied = visit | asked | {"outcome": "REFER", "reasons": ["in_use"], "token_hash": "ab" * 16}
    pen.fact("not_granted", denied | {"claim": "site", "hub_no": 1, "negative_lifted": [302]})
    elsewhere = {"terminal": "gate-west", "at_ms": T0, "site": "tiankeng", "redemption": "r-9"}
    pen.fact("not_granted", denied | {"key": "u|yunling/b|subject:yunling:b2|ever", "with": elsewhere})
    left = visit | asked | {"intent": "exit", "outcome": "GRANT", "reasons": ["ok"], "subject": "b2" * 16, "inside": 0}
    pen.fact("exited", left | {"claim": "site", "hub_no": 1, "negative_lifted": [302]})
    for kind in ("actuated", "not_actuated", "unknown"):
        pen.fact(kind, {"attempt": "exit.1", "lane": "A", "why": "exit"})
    pen.fact("closed", {"step": "closed", "unmatched": True, "asset": "umbrella-7"})
    pen.fact("note", {"order": 5, "action": "suspend", "known": True})
    pen.fact("note", {"upheld": 5, "suspended": True, "was": False})
    pen.fact("note", {"upheld": 6, "twin": True, "was": None})
    pen.fact("note", {"declares": "e-1", "heads": [], "lost": "no network", "accepts_loss": True, "by": "li"})
    pen.fact("lists_changed", {"versions": {}, "problems": {"linhai/rules": "expired"}, "left_out": 3})


def shape(record):
    """Return what makes two records alike: kind, whether a redemption is named, and the members of every part."""
    return record["kind"], record["redemption"] is None, members(record["body"])


def members(part):
    """Return the members of a part and of its parts; how many there are of a list makes no difference."""
    if isinstance(part, dict):
        return tuple((name, members(one)) for name, one in sorted(part.items()))
    return tuple(sorted({members(one) for one in part})) if isinstance(part, list) else ()


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
    drawn = [record["redemption"], (body.get("pass") or {}).get("root")]
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


PASSED = {"at_ms": T0, "body": {"step": "passed"}, "id": "f-2", "kind": "passed", "redemption": "r-1", "seq": 2}


def set_asides():
    """Return what may stand in a record's place: a record, one that says something odd, and what is none."""
    good = encode(Record(**PASSED))
    corrupt = next(one["record"] for one in valid() if one["record"]["kind"] == "corrupt")
    found = {
        "a record": (good, False),
        "a kind that nobody knows": (good.replace(b'"kind":"passed"', b'"kind":"waved"'), False),
        "a member that nobody knows": (good.replace(b'{"step"', b'{"a":1,"step"'), False),
        "a grant that says nothing": (good.replace(b'{"step":"passed"}', b"{}").replace(b"passed", b"granted"), False),
        "another number": (good.replace(b'"seq":2', b'"seq":3'), True),
        "a blank": (good.replace(b":2}", b": 2}"), True),
        "members in another order": (json.dumps(dict(reversed(PASSED.items())), separators=(",", ":")).encode(), True),
        "a member that is not there": (good.replace(b'"redemption":"r-1",', b""), True),
        "a member too many": (good.replace(b'"seq"', b'"said":1,"seq"'), True),
        "an escape that RFC 8785 does not write": (good.replace(b"r-1", rb"\u0072-1"), True),
        "a float": (good.replace(b"1790000000000", b"1790000000000.5"), True),
        "2^53": (good.replace(b"1790000000000", b"9007199254740992"), True),
        "a list": (b"[2]", True),
        "what a terminal sends in place of a damaged record": (
            encode(Record(**corrupt | {"seq": 2})),
            True,
        ),
    }
    return [
        {"name": name, "raw": base64.b64encode(raw).decode(), "set_aside": aside}
        for name, (raw, aside) in found.items()
    ]


def written(value):
    """Return a file's text."""
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    (HERE / "records.json").write_text(written(vectors()), "utf-8")
    (HERE / "set-aside.json").write_text(written(set_asides()), "utf-8")
