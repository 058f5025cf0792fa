"""Our lists, read by a reader of another make (tests/foreign), which was written from docs/lists.md alone."""

import ast
import json
import random
import struct
import zlib
from datetime import date
from pathlib import Path

import pytest

from cache.lists.payloads import entry_id, pack_measure
from central.example_town import FOREIGN, HOME, RESTRICT, WITHHOLD
from central.lists import keyed
from central.lists.cities import publish
from central.lists.measure_calls import Measure, Only, dispute, restrict, revoke
from central.register.registry import pseudonym, register
from central.register.warrants import Warrant
from tests.foreign import reader as another
from tests.foreign.reader import NotBelievedError, Reader

ROOT = Path(__file__).parents[2]
VECTORS = json.loads((ROOT / "tests" / "vectors" / "lists" / "lists.json").read_text("utf-8"))
OURS = {"bench", "cache", "central", "credit", "edge", "scanner", "storage", "sync"}
BY_TWO = Warrant.by_two("li", "han")
UNTIL, AUTHORITY = date(2027, 12, 31), "云岭文旅局"
ROW = (
    "INSERT INTO entry (city, subject, code, from_day, until_day, authority, recorded_ms)"
    " VALUES (?, ?, ?, '2026-01-01', '2027-12-31', ?, 0)"
)


@pytest.fixture
def reader(platform):
    return Reader(lambda path: (platform.public / path).read_bytes(), platform.repository.trust_root())


def fill(platform, many, seed):
    """Record many measures at once."""
    drawn = random.Random(seed)
    people = [drawn.randbytes(16) for _ in range(many)]
    with register(platform.state) as conn:
        conn.executemany(ROW, [(HOME, one, RESTRICT, AUTHORITY) for one in people])
    publish(platform.state, now_ms=platform.later())
    return people


def known(platform, name):
    with register(platform.state) as conn:
        return pseudonym(conn, HOME, name)


def entry(subject, code, *, disputed=False, authority=0):
    """An entry as the reader tells it, from our own words for it."""
    payload = pack_measure(code, UNTIL, authority=authority, disputed=disputed)
    told = {"code": code, "until": UNTIL, "authority": AUTHORITY, "disputed": disputed}
    return told | {"id": entry_id(HOME, subject, payload)}


def test_the_programs_of_another_make_import_nothing_of_ours():
    for path in (ROOT / "tests" / "foreign").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.partition(".")[0] for name in names} & OURS == set(), path


def test_it_reads_every_entry_of_a_list_and_nobody_elses(platform, reader):
    people = fill(platform, 300, seed=1)

    city = reader.read()[HOME]

    assert [city.measures_of(HOME, one) for one in people] == [[entry(one, RESTRICT)] for one in people]
    assert city.measures_of(HOME, random.Random(2).randbytes(16)) == []


def test_it_follows_by_small_steps_what_is_taken_disputed_and_lifted(platform, reader):
    fill(platform, 200, seed=1)
    reader.read()
    wang = known(platform, "wang")
    seen = []
    for act in (
        lambda: platform.restrict("wang"),
        lambda: restrict(
            platform.state,
            HOME,
            "wang",
            Measure(code=WITHHOLD, until=UNTIL, authority=AUTHORITY),
            warrant=BY_TWO,
            now_ms=platform.later(),
        ),
        lambda: dispute(platform.state, HOME, "wang", only=Only(RESTRICT), warrant=BY_TWO, now_ms=platform.later()),
        lambda: platform.repair("wang"),
    ):
        act()
        seen.append(reader.read()[HOME].measures_of(HOME, wang))

    both = [entry(wang, WITHHOLD), entry(wang, RESTRICT)]
    assert seen == [[entry(wang, RESTRICT)], both, [both[0], entry(wang, RESTRICT, disputed=True)], []]
    assert reader.read()[HOME].lists["measures"].steps == ["base", *["delta"] * 4]


def test_who_was_away_comes_by_one_delta_and_over_to_a_new_base(platform, reader, monkeypatch):
    people = fill(platform, 200, seed=1)
    reader.read()
    for number in range(keyed.RECENT + 2):  # more than there are single steps
        platform.restrict(f"w{number}")
    assert reader.read()[HOME].lists["measures"].steps == ["base", "delta"]

    away = Reader(reader._get, platform.repository.trust_root())
    away._held = dict(reader._held)
    monkeypatch.setattr(keyed, "REBASE_LEAST", 100)
    more = fill(platform, 40, seed=3)
    monkeypatch.undo()
    platform.restrict("chen")

    fresh = Reader(reader._get, platform.repository.trust_root()).read()[HOME]
    city = away.read()[HOME]
    assert fresh.lists["measures"].rows == city.lists["measures"].rows
    assert [city.measures_of(HOME, one) for one in (*people, *more)] == [
        [entry(one, RESTRICT)] for one in (*people, *more)
    ]


def test_it_reads_revocations_members_keys_and_rules(platform, reader):
    made = [platform.issue(name, max_uses=3) for name in ("li", "hu")]
    revoke(platform.state, HOME, made[0].token_id, now_ms=platform.later())
    platform.member(2, [12, 40])

    cities = reader.read()

    home = cities[HOME]
    assert [home.revoked(one.token_id, one.status_index) for one in made] == [True, False]
    assert home.revoked(bytes(8), 8 * len(home.bits))
    assert home.member(known(platform, "wang")) == (2, {12, 40})
    assert home.member(known(platform, "li")) is None
    assert {one["issuer"] for one in home.documents["keys.json"]} == {HOME}
    assert set(home.documents["measure-codes.json"]["codes"]) >= {str(RESTRICT), str(WITHHOLD)}
    assert home.documents["mapping.json"]["mapping"].keys() == {FOREIGN}


def test_it_follows_a_new_root(platform, reader):
    reader.read()
    platform.repository.rotate("timestamp", now_ms=platform.later())
    platform.restrict("wang")

    assert reader.read()[HOME].measures_of(HOME, known(platform, "wang")) != []


@pytest.mark.parametrize("what", ["metadata/timestamp.json", "lists/yunling/*.measures.base", "rules/yunling/*.json"])
def test_it_believes_nothing_that_was_changed(platform, reader, what):
    fill(platform, 30, seed=1)
    for path in [*platform.public.glob(what), *platform.public.glob(f"targets/{what}")]:
        data = path.read_bytes()
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])

    with pytest.raises((NotBelievedError, ValueError)):
        reader.read()


@pytest.mark.parametrize("one", VECTORS["bases"], ids=lambda one: one["name"])
def test_it_judges_the_vectors_of_bases_alike(one):
    data = bytes.fromhex(one["file"])
    try:
        kind, payload = data[8], data[9]
        rows = another.base_of(data, kind, payload)
        another.believe(rows.root(kind, payload).hex() == one["root"], "the root")
    except (NotBelievedError, IndexError, ValueError, struct.error):
        assert one["error"]
        return
    if not one["error"]:
        assert {key: b"".join(rows.of(bytes.fromhex(key))).hex() for key in one["rows"]} == one["rows"]
        assert [rows.of(bytes.fromhex(key)) for key in one["absent"]] == [[]] * len(one["absent"])


def judged(vector, judge):
    """Return whether a judge of another make agrees with a vector that something is wrong; what it says otherwise."""
    try:
        found = judge()
    except (NotBelievedError, LookupError, TypeError, ValueError, struct.error, zlib.error):
        assert vector["error"]
        return None
    assert not vector["error"]
    return found


@pytest.mark.parametrize("one", VECTORS["deltas"], ids=lambda one: one["name"])
def test_it_judges_the_vectors_of_deltas_alike(one):
    (base,) = (bytes.fromhex(base["file"]) for base in VECTORS["bases"] if base["name"] == one["base"])
    rows = another.base_of(base, 1, 6)

    led = judged(one, lambda: another.moved(rows, bytes.fromhex(one["delta"]), 1, 6)) or rows

    assert led.root(1, 6).hex() == one["root"]
    assert {key: b"".join(led.of(bytes.fromhex(key))).hex() for key in one["rows"]} == one["rows"]


@pytest.mark.parametrize("one", VECTORS["status"], ids=lambda one: one["name"])
def test_it_judges_the_vectors_of_revocations_alike(one):
    if found := judged(one, lambda: another.status_of(one["document"], VECTORS["city"], one["indexes"])):
        city = another.City({}, bits=found[0], tokens=found[1])
        assert [city.revoked(b"", at) for at in one["revoked"]] == [True] * len(one["revoked"])
        assert [city.revoked(b"", at) for at in one["not_revoked"]] == [False] * len(one["not_revoked"])


@pytest.mark.parametrize("one", VECTORS["indexes"], ids=lambda one: one["name"])
def test_it_judges_the_vectors_of_indexes_alike(one):
    judged(one, lambda: another.index_of(one["document"], VECTORS["city"]))
