"""What a city signs may be anything: it is that city's problem, in few words, and everybody else's lists go on."""

import json

import pytest

from cache.journal.chain import records
from central import example_town
from central.example_town import HOME
from credit.rules.listing import path_of
from credit.rules.reading import MAX_QUOTED

PARTNER = next(city for city in example_town.CITIES if city != HOME)


def newest(platform, path):
    folder, _, name = path.rpartition("/")
    files = (platform.public / "targets" / folder).glob(f"*.{name}")
    return json.loads(max(files, key=lambda file: file.stat().st_mtime_ns).read_bytes())


def sign(platform, city, path, document):
    """Sign and publish a document that no office could make: by a city's own key, past every check."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    documents = {**(platform.old_lists(city) if path.startswith("lists/") else {}), path: data}
    platform.repository.publish_from(lambda _known, _held: documents, now_ms=platform.later())


POISON = {
    "a member of 70 000 letters": lambda good: {**good, "x" * 70_000: 1},
    "a value of 70 000 letters": lambda good: {**good, "benefits": "y" * 70_000},
    "an issuer of 70 000 letters": lambda good: {**good, "issuer": "z" * 70_000},
    "no UTF-8": lambda _good: b'{"issuer": "\xff\xfe"}',
    "ten thousand arrays": lambda _good: b"[" * 10_000,
    "a zone that is none": lambda good: {**good, "zone": "Nowhere/\x00"},
    "nothing at all": lambda _good: b"",
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
async def test_what_a_partner_city_signs_stops_nobody_and_is_told_in_few_words(platform, terminal, poison):
    path = path_of("rules", PARTNER, "benefits.json")
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
        held = t.lists.current.versions[f"rules.{PARTNER}"]

        sign(platform, PARTNER, path, poison(newest(platform, path)))
        platform.restrict("wang")
        await t.puller.once()

        assert t.lists.current.measures(HOME, wang)
        assert t.lists.current.versions[f"rules.{PARTNER}"] == held
        (role,) = t.lists.current.problems
        assert role == f"rules.{PARTNER}"
        assert len(t.lists.current.problems[role]) < 3 * MAX_QUOTED
        kept = await t.store.read(lambda conn: list(records(conn)))
        assert max(len(json.dumps(record.body)) for record in kept) < 4_000


WRONG = [
    {"authority": ""},
    {"code": -1},
    {"code": 10**25},
    {"code": "one"},
    {"until": "2026-02-30"},
    {"issuer": PARTNER},
    {"from": "2027-12-31", "until": "2027-01-01"},
    {"state": "perhaps"},
    {"key": "zz"},
    {"key": "00"},
    {"surprise": "x" * 70_000},
]


@pytest.mark.parametrize(
    "wrong", WRONG, ids=lambda wrong: f"{next(iter(wrong))}={str(next(iter(wrong.values())))[:12]}"
)
async def test_one_entry_of_nonsense_lifts_and_freezes_nothing(platform, terminal, wrong):
    path = path_of("lists", HOME, "measures.json")
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        platform.restrict("wang")
        document = json.loads(platform.old_lists()[path])
        entry = {"key": "ab" * 16, "code": 1, "until": "2027-12-31"}

        sign(platform, HOME, path, {**document, "entries": [{**entry, **wrong}, *document["entries"]]})
        await t.puller.once()

        assert len(t.lists.current.measures(HOME, wang)) == 1
        assert dict(t.lists.current.problems) == {}
        (told,) = t.lists.current.set_aside[f"lists.{HOME}"]
        assert len(told) < 3 * MAX_QUOTED

        platform.repair("wang")
        await t.puller.once()
        assert t.lists.current.measures(HOME, wang) == ()
