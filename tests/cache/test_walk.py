"""How a decision is read: from the ledger's door to the journal row no module is entered more than twice (issue 9)."""

import ast
import sys
from collections import Counter
from pathlib import Path

import cache
from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.ledger import settle
from cache.ledger.visit import Visit
from cache.pen import Pen
from credit.claims import Token, TokenClass
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome
from credit.rules.benefits import parse_benefits
from storage.sqlite import immediate, memory

WAY = ("cache.ledger.settle", "cache.ledger.facts", "cache.ledger.entries", "cache.ledger.writing", "cache.pen")
WAY += ("cache.journal.chain", "credit.decide", "credit.weighing.questions")
MAX_PARAMETERS = 5
BENEFIT = {"id": "b", "code": 1, "issuer": "w", "offer": {"kind": "free"}, "limits": [{"max": 1}]}


class NoLists:
    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def age_s(self, issuer, now_s):
        return 0


def visit():
    token = Token(
        issuer="w",
        kid=b"k" * 8,
        token_id=b"t" * 8,
        token_class=TokenClass.BOUND,
        subject=b"s",
        tier=3,
        issued_at=0,
        expires=2**40,
        nonce=b"n",
    )
    return Visit(token, Request(), Place(site="park", scene="gate", lane="A", terminal="t"))


def functions(tree):
    return (node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))


def test_a_grant_enters_no_module_of_its_way_more_than_twice():
    conn, policy, entered = memory(), Policy.compile(benefits=parse_benefits([BENEFIT])), Counter()
    with immediate(conn):
        begin_epoch(conn, epoch="e", terminal="t", reason="test")

    def watch(frame, event, _argument):
        if event != "call" or frame.f_back is None:
            return
        here, there = frame.f_globals.get("__name__"), frame.f_back.f_globals.get("__name__")
        name = frame.f_code.co_qualname
        if here in WAY and here != there and ("." not in name or name.startswith("Pen.")):  # no other value is a stay
            entered[here] += 1

    with immediate(conn):
        pen = Pen(conn, Now(utc_ms=1_790_000_000_000), uuid7)
        sys.setprofile(watch)
        try:
            settled = settle.settle(pen, visit(), NoLists(), policy)
        finally:
            sys.setprofile(None)

    assert settled.decision.outcome is Outcome.GRANT
    assert set(entered) == set(WAY)
    assert {module: n for module, n in entered.items() if n > 2} == {}


def test_nothing_in_this_room_takes_more_than_five_parameters():
    long = {}
    for path in Path(cache.__path__[0]).rglob("*.py"):
        for node in functions(ast.parse(path.read_text())):
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            names = [one.arg for one in every if one.arg not in ("self", "cls")]
            if len(names) > MAX_PARAMETERS:
                long[f"{path.name}:{node.name}"] = names

    assert long == {}
