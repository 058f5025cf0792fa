"""Claims on the wire: what is no claim is refused as a whole, and an answer says one thing (claims.md)."""

import doctest

import msgspec
import pytest

import sync.wire.claims
from sync.wire.claims import MAX_N, About, BoundBy, ClaimAnswer, ClaimKey, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.messages import WireError, decode

BY = {"issuer": "wulong", "code": 7, "version": 3, "part": "limit", "at": 0}
KEY = {"key": "u|wulong/b|subject:wulong:01|ever", "n": 1, "by": BY}
ASK = {"run": "run-1", "hub_no": 1, "redemption": "a-1", "at_ms": 1_700_000_000_000, "keys": [KEY]}


def said(value, kind):
    return decode(msgspec.json.encode(value), kind)


def test_the_example_of_the_page_runs():
    assert doctest.testmod(sync.wire.claims).failed == 0


def test_an_ask_travels_whole():
    nonce = ClaimKey(key="n|wulong:01:02", n=1)
    paper = ClaimKey(key="u|token:wulong:01", n=2, bound=5, borne="printed", mine=["a-0"])
    limit = ClaimKey(key=KEY["key"], n=1, by=BoundBy(**BY, tier=2), since_ms=5)
    ask = ClaimRequest(
        run="r",
        hub_no=2,
        redemption="a-1",
        at_ms=9,
        keys=[nonce, paper, limit],
        about=About(subject="wulong:01"),
        dry=True,
        release=["a-0"],
        versions={"rules.wulong": 4},
    )

    assert said(ask, ClaimRequest) == ask


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"n": MAX_N + 1},
        {"n": 2**53},
        {"n": True},
        {"n": None},
        {"fen": 5},
        {"by": None},
        {"bound": 3},
        {"bound": 3, "borne": "printed"},
        {"by": BY | {"part": "wish"}},
        {"by": BY | {"more": 1}},
        {"key": ""},
        {"key": "u|" + "x" * 600},
        {"key": "n|wulong:01:02"},
        {"mine": ["x"] * 51},
        {"colour": "red"},
    ],
)
def test_a_key_that_is_none_spoils_the_ask(wrong):
    with pytest.raises(WireError):
        said(ASK | {"keys": [KEY | wrong]}, ClaimRequest)


@pytest.mark.parametrize(
    "wrong",
    [
        {"keys": [KEY] * 65},
        {"release": ["x"] * 51},
        {"about": {}},
        {"about": {"subject": "a", "asset": "b"}},
        {"versions": {"rules.x": -1}},
        {"hub_no": -1},
        {"at_ms": 1.5},
    ],
)
def test_an_ask_beyond_its_bounds_is_none(wrong):
    with pytest.raises(WireError):
        said(ASK | wrong, ClaimRequest)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"granted": True, "gone": True},
        {"granted": True, "refused": {"key": "u|k", "state": "used"}},
        {"refused": {"key": "u|k", "state": "perhaps"}},
        {"granted": True, "reach": "moon"},
        {"learning": True, "doubtful": ["u|k"]},
    ],
)
def test_an_answer_that_does_not_say_one_thing_is_no_answer(answer):
    with pytest.raises(WireError):
        said(answer, ClaimAnswer)


def test_an_answer_may_gain_members_later():
    assert said({"granted": True, "weather": "fine"}, ClaimAnswer).granted


def test_a_lease_is_asked_for_or_given_back():
    assert said({"run": "r", "hub_no": 1, "quota": "u|k", "number": 1, "total": 5}, LeaseRequest).total == 5
    assert said({"run": "r", "hub_no": 1, "quota": "u|k", "number": 2, "used": 3}, LeaseRequest).used == 3
    for both in ({}, {"total": 1, "used": 1}):
        with pytest.raises(WireError):
            said({"run": "r", "hub_no": 1, "quota": "u|k", "number": 1} | both, LeaseRequest)
    assert said({"number": 1, "total": 5, "for_ms": 600_000}, LeaseAnswer).call_back is False
