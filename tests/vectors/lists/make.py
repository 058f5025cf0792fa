"""Write the vectors of list files: bases, deltas, status lists and indexes, good ones and each with something wrong.

usage: python tests/vectors/lists/make.py

`lists.json` is an object of lists; bytes are hex:

- `bases`: {name, file, root, count, rows: {key: payloads}, absent: [key], error}. `error` is our program's word for
  what is wrong, "" where nothing is; other programs need not say the same;
- `deltas`: {name, base, delta, root, rows, error}: `base` names one of the bases;
- `status`: {name, document, indexes, revoked: [index], not_revoked: [index], error};
- `indexes`: {name, document, error}: `lists/<city>/index.json`;
- `payloads`: {kind, payload, means}; `entry_ids`: {city, pseudonym, payload, id}.
"""

import json
import random
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from cache.lists.index import read_index
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import write_rows
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import MEASURES, MEMBERS, KeyFileError, Layout, bits_for
from cache.lists.keyfile.view import View
from cache.lists.payloads import PAYLOAD_BYTES, entry_id, pack_measure, pack_member
from cache.lists.refusals import ContentRefusedError
from cache.lists.status import packed_status, read_revocations
from credit.rules.ages import parse_ages
from credit.rules.reading import CatalogueError

HERE = Path(__file__).parent
CITY = "yunling"
ROW = pack_measure(302, date(2027, 4, 30), authority=0, disputed=False)
OTHER = pack_measure(301, None, authority=255, disputed=True)


def town(entries, payload, *, seed):
    """Return so many subjects with one row, and one with two."""
    drawn = random.Random(seed)
    rows = {drawn.randbytes(16): [payload] for _ in range(entries)}
    first = next(iter(rows), None)
    if first:
        rows[first] = sorted([payload, OTHER if len(payload) == len(OTHER) else pack_member(4, 7)])
    return rows


def built(folder, rows, *, kind, bits=None):
    """Return (path, root) of a base of these rows."""
    flat = [(key, one) for key, payloads in rows.items() for one in payloads]
    layout = Layout(kind=kind, payload=PAYLOAD_BYTES[kind], bits=bits_for(len(flat)) if bits is None else bits)
    path = folder / "base"
    return path, write_rows(flat, layout=layout, out=path)


def opened(folder, data, root):
    """Return what a terminal says of a base: its view and "", or None and the word for what is wrong."""
    path = folder / "opened"
    path.write_bytes(data)
    try:
        return View.over(Base.open(path, root=root)), ""
    except KeyFileError as error:
        return None, str(error)


def bases(folder):
    """Yield good bases, then one with each kind of fault."""
    good = {
        "nobody": ({}, MEASURES, None),
        "measures of one": (town(1, ROW, seed=1), MEASURES, None),
        "measures of 200": (town(200, ROW, seed=2), MEASURES, None),
        "measures in 8 buckets": (town(40, ROW, seed=3), MEASURES, 3),
        "members of 30": (town(30, pack_member(3, 12), seed=4), MEMBERS, None),
    }
    for name, (rows, kind, bits) in good.items():
        path, root = built(folder, rows, kind=kind, bits=bits)
        yield base(folder, name, path.read_bytes(), root, rows)
    path, root = built(folder, town(40, ROW, seed=3), kind=MEASURES, bits=3)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 1
    wrong = {
        "another magic": b"XGKEYS1\n" + whole[8:],
        "cut short": whole[:-1],
        "an octet more": whole + b"\0",
        "a bit of a row": bytes(flipped),
        "another count": whole[:16] + (42).to_bytes(8, "big") + whole[24:],
        "a fan-out that descends": whole[:64] + (41).to_bytes(4, "big") + whole[68:],
    }
    for name, data in wrong.items():
        yield base(folder, name, data, root, {})
    yield base(folder, "not the signed root", whole, bytes(32), {})


def base(folder, name, data, root, rows):
    """Return one vector of a base."""
    _view, error = opened(folder, data, root)
    return {
        "name": name,
        "file": data.hex(),
        "root": root.hex(),
        "count": sum(map(len, rows.values())),
        "rows": {key.hex(): b"".join(payloads).hex() for key, payloads in rows.items()},
        "absent": [random.Random(9).randbytes(16).hex()],
        "error": error,
    }


def deltas(folder):
    """Yield deltas onto "measures in 8 buckets"."""
    rows = town(40, ROW, seed=3)
    path, root = built(folder, rows, kind=MEASURES, bits=3)
    view = View.over(Base.open(path, root=root))
    gone, kept = list(rows)[3], list(rows)[5]
    step = view.delta({gone: b"", kept: OTHER, b"\xee" * 16: ROW})
    data = step.written()
    after = {key: b"".join(one) for key, one in rows.items() if key != gone} | {kept: OTHER, b"\xee" * 16: ROW}
    again = view.applied(step).delta({gone: ROW})
    cases = {
        "one goes, one changes, one comes": data,
        "nothing changes": view.delta({}).written(),
        "over a gap": again.written(),
        "cut short": data[:-1],
        "an octet more": data + b"\0",
        "leads elsewhere": data[:-1] + bytes([data[-1] ^ 1]),
        "another root after": data[:56] + bytes(32) + data[88:],
        "a hundred thousand and one changes": data[:12] + (100_001).to_bytes(4, "big") + data[16:],
        "another magic": b"xgdelta2" + data[8:],
    }
    for name, one in cases.items():
        try:
            view.applied(Delta.read(one))
            error = ""
        except KeyFileError as problem:
            error = str(problem)
        wanted = after if one == data else {key: b"".join(payloads) for key, payloads in rows.items()}
        yield {
            "name": name,
            "base": "measures in 8 buckets",
            "delta": one.hex(),
            "root": (step.after if one == data else root).hex(),
            "rows": {key.hex(): payloads.hex() for key, payloads in wanted.items()},
            "error": error,
        }


def status():
    """Yield status lists."""
    bits = bytes([0b1001_0001, 0])
    plain = {"issuer": CITY, "complete": True, "tokens": ["00112233445566aa"], "status_list": packed_status(bits)}
    cases = {
        "three of sixteen": plain,
        "a bomb": plain | {"status_list": packed_status(bytes(1_000_000))},
        "too short": plain | {"status_list": packed_status(b"\1")},
        "not zlib": plain | {"status_list": {"bits": 1, "lst": "AAAA"}},
        "two bits a token": plain | {"status_list": {**packed_status(bits), "bits": 2}},
        "not complete": plain | {"complete": False},
        "another city's": plain | {"issuer": "linhai"},
        "a token id of seven octets": plain | {"tokens": ["00112233445566"]},
    }
    for name, document in cases.items():
        try:
            read_revocations(CITY, "revocations.json", json.dumps(document).encode(), indexes=16)
            error = ""
        except ContentRefusedError as problem:
            error = str(problem)
        revoked, free = ([0, 4, 7, 16, 10**9], [1, 2, 15]) if not error else ([], [])
        yield {
            "name": name,
            "document": document,
            "indexes": 16,
            "revoked": revoked,
            "not_revoked": free,
            "error": error,
        }


def named(letter, **more):
    """Return how an index names a file."""
    return {"sha256": letter * 64, "size": 602, **more}


def indexes():
    """Yield indexes: least and most that one may say, then one with each kind of fault."""
    measures = {"root": "a" * 64, "count": 41, "base": named("b", root="a" * 64)}
    least = {"issuer": CITY, "complete": True, "authorities": ["云岭文旅局"], "measures": measures}
    least |= {"revocations": named("c", indexes=16384)}
    steps = [named("d", **{"from": "e" * 64}), named("f", **{"from": "1" * 64})]
    null = measures | {"since": None, "before": None, "recent": []}
    ways = measures | {"since": named("2", **{"from": "3" * 64}), "recent": steps, "before": steps[0]}
    cases = {
        "the least": least,
        "null is left out": least | {"measures": null, "members": None},
        "every way, and members": least | {"measures": ways, "members": ways},
        "not complete": least | {"complete": False},
        "another city's": least | {"issuer": "linhai"},
        "a member too many": least | {"grace": 1},
        "no measures": {name: one for name, one in least.items() if name != "measures"},
        "a base without its root": least | {"measures": measures | {"base": named("b")}},
        "a delta that says whither": least | {"measures": ways | {"since": named("2", **{"from": "3" * 64, "to": ""})}},
        "a delta beyond its bound": least | {"measures": ways | {"before": steps[0] | {"size": (32 << 20) + 1}}},
        "seventeen steps": least | {"measures": ways | {"recent": steps[:1] * 17}},
        "256 authorities": least | {"authorities": [str(number) for number in range(256)]},
        "revocations without their indexes": least | {"revocations": named("c")},
    }
    for name, document in cases.items():
        try:
            read_index(CITY, json.dumps(document).encode())
            error = ""
        except ContentRefusedError as problem:
            error = str(problem)
        yield {"name": name, "document": document, "error": error}


def ages():
    """Yield policies of ages: what each gives (hours, kind → most fen, null unbounded, -1 nothing), or its fault."""
    kinds = ("free", "lane", "deposit_waiver")
    asked = [(hours, kind) for hours in (0, 24, 25, 72, 73, 336, 337, 2160) for kind in kinds]
    steps = {"24": {}, "72": {"max_fen": {"deposit_waiver": 20000}}, "336": {"offers": ["lane"]}}
    cases = {
        "one step": {"336": {}},
        "three steps": steps,
        "in any order": dict(reversed(steps.items())),
        "to the very end": {"2160": {"offers": ["lane", "free"], "max_fen": {"free": 0}}},
        "no step": {},
        "beyond the end": {"2161": {}},
        "no whole hours": {"1.5": {}},
        "a kind that is none": {"24": {"offers": ["credit"]}},
        "less than nothing": {"24": {"max_fen": {"free": -1}}},
        "a member too many": {"24": {"max": 1}},
    }
    for name, told in cases.items():
        document, given, error = {"issuer": CITY, "ages": told}, [], ""
        try:
            policy = parse_ages(document)
            given = [[hours, kind, policy.most_fen(kind, hours * 3600)] for hours, kind in asked]
        except CatalogueError as problem:
            error = str(problem)
        yield {"name": name, "document": document, "given": given, "error": error}


def vectors():
    """Return everything."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        pseudonym = bytes(range(16))
        return {
            "city": CITY,
            "bases": list(bases(folder)),
            "deltas": list(deltas(folder)),
            "status": list(status()),
            "indexes": list(indexes()),
            "ages": list(ages()),
            "payloads": [
                {"kind": MEASURES, "payload": ROW.hex(), "means": {"code": 302, "until": "2027-04-30", "authority": 0}},
                {"kind": MEASURES, "payload": OTHER.hex(), "means": {"code": 301, "until": None, "state": "disputed"}},
                {"kind": MEMBERS, "payload": pack_member(3, 12).hex(), "means": {"tier": 3, "group": 12}},
                {"kind": MEMBERS, "payload": pack_member(0, 0).hex(), "means": {"tier": 0, "group": 0}},
            ],
            "entry_ids": [
                {"city": CITY, "pseudonym": pseudonym.hex(), "payload": one.hex(), "id": entry_id(CITY, pseudonym, one)}
                for one in (ROW, OTHER)
            ],
        }


if __name__ == "__main__":
    (HERE / "lists.json").write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", "utf-8")
