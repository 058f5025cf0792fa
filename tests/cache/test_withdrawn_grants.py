"""A grant that its issuer withdrew is held by nobody any more, and the code stays good for everything else."""

import sqlite3
from contextlib import contextmanager

import pytest

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.ledger import settle
from cache.ledger.visit import Visit
from cache.pen import Pen
from credit.claims import Grant, Token, TokenClass
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from storage.migrations import migrate
from storage.sqlite import immediate

T0 = 1_790_000_000_000
APPROVED = b"approved"
BENEFITS = [
    {
        "id": "guide",
        "code": 7,
        "version": 1,
        "issuer": "wulong",
        "title": {"zh": "导览"},
        "offer": {"kind": "free"},
        "who": {"grant": True},
        "where": {},
        "when": {"from": "2026-01-01", "until": "2027-12-31"},
    }
]


class Lists:
    def __init__(self, *gone):
        self.gone = set(gone)

    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return token_id in self.gone

    def age_s(self, issuer, now_s):
        return 0


@contextmanager
def pen():
    conn = sqlite3.connect(":memory:", isolation_level=None)
    migrate(conn, backup_to=None)
    with immediate(conn):
        begin_epoch(conn, epoch="e1", terminal="t1", reason="enrolled")
        yield Pen(conn, Now(utc_ms=T0), uuid7)


@pytest.mark.parametrize(
    ("gone", "expected"),
    [((), "ok"), ((APPROVED,), "not_eligible"), ((b"another.",), "ok"), ((b"token-id",), "revoked")],
    ids=["standing", "withdrawn", "another withdrawn", "the whole code revoked"],
)
def test_a_withdrawn_grant_earns_nothing_and_revokes_nothing(gone, expected):
    grants = (Grant(code=7, grant_id=APPROVED, uses=2),)
    holder = Token(
        issuer="wulong",
        kid=b"k" * 8,
        token_id=b"token-id",
        token_class=TokenClass.BOUND,
        subject=b"w" * 16,
        tier=3,
        issued_at=0,
        expires=2**40,
        grants=grants,
        nonce=b"n1",
    )
    visit = Visit(holder, Request(), Place(site="gate", scene="gate", lane="A", terminal="t1"))

    with pen() as writing:
        settled = settle.settle(writing, visit, Lists(*gone), Policy.compile(benefits=parse_benefits(BENEFITS)))

    assert settled.decision.reasons[0].value == expected
