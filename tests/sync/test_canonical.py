"""The fast check of a record against the long one: what it calls usual, the long way accepts and reads the same."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credit.records import MAX_RECORD_BYTES, Record, canonical, encode
from sync.wire.canonical import usual
from sync.wire.messages import Fact, WireError, decode
from sync.wire.seals import Link, open_record

NAMES = st.text(st.characters(min_codepoint=1, max_codepoint=126), max_size=12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)
BODIES = st.dictionaries(NAMES, VALUES, max_size=6)
GRANT = {
    "benefit": "免票",
    "class": "bound",
    "given": [{"benefit": "free", "offer": {"kind": "free", "off_fen": 6000}}],
    "uses": [{"key": "u|wulong/free|subject:wulong:12e40000000000000000|ever", "n": 1, "max": 1}],
    "proof": "0" * 64,
}


def record(body, **changes):
    told = {"seq": 1, "id": "i", "at_ms": 1_790_000_000_000, "kind": "granted", "redemption": "r", "body": body}
    return encode(Record(**(told | changes)))


def the_long_way(raw):
    """What stood here before there was a fast way."""
    fact = decode(raw, Fact, code="bad_record")
    again = Record(
        seq=fact.seq, id=fact.id, at_ms=fact.at_ms, kind=fact.kind, redemption=fact.redemption, body=fact.body
    )
    if encode(again) != raw:
        raise WireError("bad_record", "not in RFC 8785 form")
    return again


def agree(raw):
    """Whatever the fast way finds, the long way finds as well."""
    fact = usual(raw)
    if fact is None:
        return False
    kept = the_long_way(raw)
    assert (fact.seq, fact.id, fact.at_ms, fact.kind, fact.redemption, fact.body) == (
        kept.seq,
        kept.id,
        kept.at_ms,
        kept.kind,
        kept.redemption,
        kept.body,
    )
    return True


def test_a_grant_is_usual_also_in_chinese_and_with_digits_in_its_texts():
    assert agree(record(GRANT))


@given(BODIES)
def test_every_record_is_read_alike(body):
    raw = record(body)

    agree(raw)

    assert open_record(Link(1, raw, b"")).body == body


@given(BODIES, st.data())
def test_a_changed_byte_is_never_usual_where_the_long_way_refuses(body, data):
    raw = bytearray(record(body))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    try:
        the_long_way(bytes(raw))
    except (WireError, ValueError):
        assert usual(bytes(raw)) is None
    else:
        agree(bytes(raw))


def test_every_character_is_written_by_both_alike():
    points = [*range(0xD800), *range(0xE000, 0x110000)]
    for start in range(0, len(points), 4096):
        text = "".join(map(chr, points[start : start + 4096]))
        assert msgspec.json.encode([text]) == canonical([text]) == json.dumps([text], ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "body",
    [
        '{"a":1.5}',
        '{"a":1e3}',
        '{"a":[2.0]}',
        '{"a":{"b":-0.5E1}}',
        '{"a":[-9007199254740993]}',
        '{"a":9007199254740992}',
        '{"é":1}',
        '{"a":-0}',
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
    ],
)
def test_what_is_no_record_is_left_to_the_long_way_and_refused(body):
    raw = record({"x": "x"}).replace(b'{"x":"x"}', body.encode())

    assert usual(raw) is None
    with pytest.raises(WireError):
        open_record(Link(1, raw, b""))


def test_a_record_beyond_its_size_is_refused():
    raw = json.dumps(json.loads(record({})) | {"body": {"a": "x" * MAX_RECORD_BYTES}}, separators=(",", ":"))
    assert usual(raw.encode()) is None
