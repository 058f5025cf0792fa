"""A limit a household names its range of group codes; nobody is put into two of them (claims.md)."""

import json

import pytest

from central.lists import cities
from central.lists.metadata_files import PublishingError
from central.register.members import standing_of
from central.register.registry import register
from central.register.warrants import Warrant
from credit.rules.benefits import parse_benefits
from credit.rules.reading import CatalogueError
from tests.lists.conftest import HOME

BENEFITS = "benefits.json"
LIMIT = {"count": "uses", "per": "group", "max": 2, "groups": [5000, 5999]}


def rules(platform):
    return json.loads((platform.state / "cities" / HOME / BENEFITS).read_bytes())


def counts_by_household(platform):
    document = rules(platform)
    document["benefits"][0]["limits"] = [LIMIT]
    document["benefits"][0]["version"] += 1
    files, by = {BENEFITS: json.dumps(document).encode()}, Warrant.by_two("li", "han")
    cities.put_rules(platform.state, HOME, files, warrant=by, now_ms=platform.later())


def standing(platform, subject="wang"):
    with register(platform.state) as conn:
        (key,) = conn.execute("SELECT pseudonym FROM subject WHERE city = ? AND name = ?", (HOME, subject)).fetchone()
        return standing_of(conn, HOME, bytes(key))


def test_nobody_is_published_in_two_households_of_one_limit(platform):
    counts_by_household(platform)
    platform.member(2, [12, 5021])
    before = standing(platform)

    with pytest.raises(PublishingError, match="is in the households 5021 and 5022"):
        platform.member(2, [12, 5021, 5022])

    assert standing(platform) == before
    platform.member(2, [12, 5022])  # one is moved


def test_a_limit_whose_households_somebody_is_in_twice_is_not_put_in_force(platform):
    platform.member(2, [5021, 5022])
    before = rules(platform)

    with pytest.raises(PublishingError, match="list this subject in one of them"):
        counts_by_household(platform)

    assert rules(platform) == before


@pytest.mark.parametrize(
    "wrong", [{"groups": [5999, 5000]}, {"groups": [5000]}, {"per": "subject"}, {"groups": [-1, 2]}]
)
def test_a_range_that_is_none_is_refused(wrong):
    boat = {"id": "boat", "code": 7, "issuer": "w", "offer": {"kind": "free"}, "limits": [LIMIT | wrong]}

    with pytest.raises(CatalogueError):
        parse_benefits([boat])
