"""Hostile bytes where lists are read: one kind of error comes out, and what is in force stays."""

import contextlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tuf.api.exceptions import RepositoryError

from cache.lists.content import Content, open_role
from cache.lists.index import read_index
from cache.lists.measures import _read_plain, read_measures
from cache.lists.refusals import ContentRefusedError
from central.example_town import HOME
from central.lists import cities
from central.lists.metadata_files import MetadataFiles
from central.lists.role_keys import RoleKeys
from central.register.registry import pseudonym, register
from central.register.warrants import Warrant
from credit.rules.documents import parse_measures
from credit.rules.listing import DOCUMENTS, OLD_DOCUMENTS, path_of, role_of
from credit.rules.reading import CatalogueError
from sync.pull.puller import PullFailedError
from sync.pull.verify import ListRefusedError, read_role

REVOCATIONS = b'{"issuer": "yunling", "complete": true, "tokens": ["00112233445566aa"], "status": "AAAAAA=="}'

SLOW = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FORMS = {**DOCUMENTS, **OLD_DOCUMENTS}
NAMED = st.sampled_from([(kind, name) for kind, names in FORMS.items() for name in names])


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The documents of a real city, by kind and name."""
    from datetime import date

    from central import example_town
    from central.lists import measure_calls

    state = tmp_path_factory.mktemp("state")
    example_town.found(state, now_ms=1_795_000_000_000)
    measure = measure_calls.Measure(code=302, until=date(2027, 1, 1), authority="x", basis="y")
    with register(state) as conn:
        pseudonym(conn, HOME, "wang")
    by = Warrant.by_two("li", "han")
    measure_calls.restrict(state, HOME, "wang", measure, warrant=by, now_ms=1_795_000_000_000)
    documents = cities.documents(state, HOME, held=None, now_ms=1_795_000_000_000)
    with register(state) as conn:
        entries = cities.entries(conn, HOME, 1_795_000_000_000)
    measures = {"issuer": HOME, "complete": True, "entries": entries}
    documents[path_of("lists", HOME, "measures.json")] = json.dumps(measures).encode()
    documents[path_of("lists", HOME, "revocations.json")] = REVOCATIONS
    roles = MetadataFiles(state / "public", RoleKeys(state / "keys")).load().roles
    return {
        "documents": documents,
        "roles": {kind: roles[role_of(kind, HOME)].to_bytes() for kind in DOCUMENTS},
    }


def opened(kind, good, name, data):
    documents = {path_of(kind, HOME, one): good["documents"][path_of(kind, HOME, one)] for one in FORMS[kind]}
    documents[path_of(kind, HOME, name)] = data
    try:
        content = open_role(role_of(kind, HOME), documents)
    except ContentRefusedError as error:
        refused = str(error)
    else:
        assert isinstance(content, Content)
        return content
    assert HOME in refused
    return None


@SLOW
@given(NAMED, VALUES)
def test_any_json_in_place_of_a_document(good, named, value):
    kind, name = named
    opened(kind, good, name, json.dumps(value).encode())


@SLOW
@given(NAMED, st.binary(max_size=64))
def test_any_bytes_in_place_of_a_document(good, named, data):
    kind, name = named
    assert opened(kind, good, name, data) is None


@SLOW
@given(NAMED, st.data())
def test_one_member_changed_anywhere_in_a_good_document(good, named, data):
    kind, name = named
    document = json.loads(good["documents"][path_of(kind, HOME, name)])
    _change(document, data)
    opened(kind, good, name, json.dumps(document).encode())


ENTRIES = st.fixed_dictionaries(
    {
        "key": st.sampled_from(["00" * 16, "11" * 16, "0A" * 16, "00 11", "x"]),
        "code": st.integers(-1, 9) | st.just(2**53),
    },
    optional={
        "state": st.sampled_from(["active", "disputed", "gone", None]),
        "authority": st.sampled_from(["文旅局", "", None]),
        "scenes": st.sampled_from([[], ["gate"], ["gate", "desk"], [""], None, "gate"]),
        "from": st.sampled_from(["2026-01-01", "20260101", "2026-02-30", "2026-W01-1", "2026-01-01T00:00", None]),
        "until": st.sampled_from(["2027-01-01", None, 5]),
        "issuer": st.sampled_from([HOME, "else"]),
        "note": st.just("a remark"),
    },
)


@SLOW
@given(st.lists(ENTRIES, max_size=4))
def test_the_fast_reader_of_measures_says_what_the_slow_one_says(entries):
    document = {"issuer": HOME, "complete": True, "entries": entries}
    data = json.dumps(document).encode()
    fast = _read_plain(data)
    try:
        slow = (HOME, parse_measures(document))
    except CatalogueError:
        slow = None
    assert fast in (None, slow)
    if slow is not None:
        assert read_measures(data, path="$") == (*slow, ())


@SLOW
@given(st.lists(ENTRIES, max_size=4))
def test_a_wrong_entry_is_set_aside_and_every_right_one_is_in_force(entries):
    def alone(entry):
        try:
            return parse_measures({"issuer": HOME, "complete": True, "entries": [entry]})
        except CatalogueError:
            return None

    read = [alone(entry) for entry in entries]

    data = json.dumps({"issuer": HOME, "complete": True, "entries": entries}).encode()
    _issuer, found, wrong = read_measures(data, path="$")

    assert len(wrong) == read.count(None)
    assert sum(map(len, found.values())) == len(entries) - len(wrong)
    for one in filter(None, read):
        ((key, (entry,)),) = one.items()
        assert entry in found[key]


def test_the_fast_reader_reads_what_cities_publish(good):
    data = good["documents"][path_of("lists", HOME, "measures.json")]
    assert len(_read_plain(data)[1]) == 1


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"issuer":"yunling","x":' + b"[" * 100_000])
@pytest.mark.parametrize(("kind", "name"), [(kind, names[0]) for kind, names in FORMS.items()])
def test_nesting_without_end(good, kind, name, nested):
    assert opened(kind, good, name, nested) is None


@SLOW
@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_one_member_changed_anywhere_in_a_roles_metadata(good, kind, data):
    document = json.loads(good["roles"][kind])
    _change(document["signed"], data)
    try:
        state = read_role(role_of(kind, HOME), json.dumps(document).encode())
    except (ListRefusedError, RepositoryError):
        return
    assert all(len(one.sha256) == 64 for one in state.documents)


@pytest.mark.parametrize("seed", range(12))
async def test_any_served_file_changed_is_refused_and_the_lists_stay(platform, site, terminal, seed):
    import random

    draw = random.Random(seed)
    async with terminal.open() as t:
        await t.puller.once()
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        versions = dict(t.lists.current.versions)
        site.asked.clear()
        await t.puller.once()
        asked = [path for path in site.asked if not path.endswith(".root.json")]
        in_force = dict(t.lists.current.versions)
        assert in_force != versions
        platform.repair("wang")
        site.asked.clear()
        for _ in range(10):
            files = {path.name: path for path in platform.public.rglob("*.json")}
            victim = draw.choice(sorted(name for name in files if name[0] != "1"))
            data = bytearray(files[victim].read_bytes())
            for _ in range(draw.randint(1, 3)):
                data[draw.randrange(len(data))] = draw.randrange(256)
            site.answers = {str(files[victim].relative_to(platform.public)): bytes(data)}
            with contextlib.suppress(PullFailedError):
                await t.puller.once()
            assert t.lists.current.versions.keys() == in_force.keys()
        site.answers = {}
        await t.puller.once()
        assert not t.lists.current.measures(HOME, wang)
        assert dict(t.lists.current.problems) == {}
        assert asked


def _change(document, data):
    """Replace, drop or add one member at a drawn place."""
    places = []

    def walk(value):
        if isinstance(value, dict):
            places.extend((value, key) for key in value)
            for one in value.values():
                walk(one)
        if isinstance(value, list):
            places.extend((value, index) for index in range(len(value)))
            for one in value:
                walk(one)

    walk(document)
    if not places:
        return
    where, key = data.draw(st.sampled_from(range(len(places))).map(lambda index: places[index]))
    if data.draw(st.booleans()):
        where[key] = data.draw(VALUES)
    elif isinstance(where, dict):
        del where[key]
    else:
        where.append(data.draw(VALUES))


@SLOW
@given(VALUES)
def test_any_json_in_place_of_an_index(value):
    with contextlib.suppress(ContentRefusedError):
        read_index(HOME, json.dumps(value).encode())


@SLOW
@given(st.data())
def test_one_member_changed_anywhere_in_a_good_index(good, data):
    document = json.loads(good["documents"][path_of("lists", HOME, "index.json")])
    _change(document, data)
    with contextlib.suppress(ContentRefusedError):
        read_index(HOME, json.dumps(document).encode())


@pytest.mark.parametrize("nested", [b"[" * 100_000, b'{"issuer":"yunling","x":' + b"[" * 100_000])
def test_an_index_nested_without_end_is_refused(nested):
    with pytest.raises(ContentRefusedError):
        read_index(HOME, nested)
