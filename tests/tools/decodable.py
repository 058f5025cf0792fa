"""Anything that a message type can hold: a document that decodes, and is otherwise as odd as the type lets it be.

`decodable(draw, kind)` walks the type as msgspec sees it and draws a value for each member: the ends of every bound,
texts that are no words, numbers that are no times, members left out. What a type refuses all the same (a rule between
two members) is drawn again. The same seed draws the same documents on every machine. `kept` returns the documents that
once did harm: each property test plays those first.
"""

import json
import random
import re
from pathlib import Path

import msgspec
from msgspec import inspect

CORPUS = Path(__file__).parents[1] / "fuzz" / "corpus"
TEXTS = (
    *("", "x", "\x00", "\u202e", "信用", "{}", "[]", "null", "nonsense"),
    *('{"offer": 1}', '{"offers": 7}', "a|b|c", "-1", "../.."),
)
NUMBERS = (0, 1, -1, 2, 10, 86_400_000, 1_790_000_000_000, 2**31, 2**53 - 1, -(2**53) + 1, 2**62)
PATTERNED = (
    *("gate-1", "0" * 64, "0" * 16, "a" * 22, "https://hub.example", "ab"),
    *("A", "x" * 40, "a.b_c~d", "2026-01-01", "08:00"),
)
TRIES = 300
OFTEN = 0.6  # how often a member that may be left out is there
LISTS = (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)


def decodable(draw: random.Random, kind: type) -> bytes:
    """Return the JSON of something that decodes as `kind`."""
    info = inspect.type_info(kind)
    for _ in range(TRIES):
        raw = json.dumps(_value(draw, info, 0)).encode()
        try:
            msgspec.json.decode(raw, type=kind)
        except msgspec.MsgspecError:
            continue
        return raw
    raise AssertionError(f"nothing of {kind.__name__} came of {TRIES} tries")


def anything(draw: random.Random, depth: int = 0):
    """Return any JSON value."""
    kind = draw.random()
    if depth > 3 or kind < 0.35:
        return draw.choice(TEXTS)
    if kind < 0.6:
        return draw.choice((*NUMBERS, 1.5, 1e308, None, True, False))
    if kind < 0.8:
        return [anything(draw, depth + 1) for _ in range(draw.randrange(3))]
    return {draw.choice(TEXTS): anything(draw, depth + 1) for _ in range(draw.randrange(4))}


def kept(what: str) -> list[bytes]:
    """Return the documents of `what` that once did harm, by their names' order."""
    return [file.read_bytes() for file in sorted((CORPUS / what).glob("*"))]


def _struct(draw, info, depth):
    members = [one for one in info.fields if one.required or draw.random() < OFTEN]
    return {one.encode_name: _value(draw, one.type, depth + 1) for one in members}


def _list(draw, info, depth):
    least = info.min_length or 0
    most = max(least, min(2 if info.max_length is None else info.max_length, 2))
    return [_value(draw, info.item_type, depth + 1) for _ in range(draw.randint(least, most))]


def _dict(draw, info, depth):
    names = [str(_value(draw, info.key_type, depth + 1)) for _ in range(draw.randrange(3))]
    return {name: _value(draw, info.value_type, depth + 1) for name in names}


def _number(draw, info, _depth):
    low = info.ge if info.ge is not None else info.gt + 1 if info.gt is not None else -(2**63)
    high = info.le if info.le is not None else info.lt - 1 if info.lt is not None else 2**63 - 1
    return draw.choice([low, high, *(one for one in NUMBERS if low <= one <= high)])


def _text(draw, info, _depth):
    if info.pattern:
        return draw.choice([one for one in (*PATTERNED, *TEXTS) if re.search(info.pattern, one)])
    least, most = info.min_length or 0, info.max_length or 200
    one = draw.choice((*TEXTS, "x" * most, "\u202e" * most))
    return (one + "x" * least)[: max(least, len(one))][:most]


DRAWN = {
    inspect.StructType: _struct,
    inspect.UnionType: lambda draw, info, depth: _value(draw, draw.choice(info.types), depth),
    inspect.LiteralType: lambda draw, info, _depth: draw.choice(info.values),
    inspect.EnumType: lambda draw, info, _depth: draw.choice(list(info.cls)).value,
    **dict.fromkeys(LISTS, _list),
    inspect.DictType: _dict,
    inspect.IntType: _number,
    inspect.FloatType: lambda draw, _info, _depth: draw.choice((0.0, -1.5, 1e300)),
    inspect.BoolType: lambda draw, _info, _depth: draw.random() < 0.5,
    inspect.NoneType: lambda _draw, _info, _depth: None,
    inspect.StrType: _text,
    inspect.BytesType: lambda _draw, _info, _depth: "",
}


def _value(draw, info, depth):
    drawn = DRAWN.get(type(info))
    return anything(draw, depth) if drawn is None else drawn(draw, info, depth)
