"""What is said against a catalogue before it is signed."""

from datetime import date

import pytest

from credit.checking.catalogue import read_document
from credit.checking.publication import objections
from credit.rules.reading import CatalogueError

CALENDARS = {"calendars": {"holidays": ["2026-10-01"]}}


def catalogue(**when):
    benefit = {
        "id": "first",
        "code": 1,
        "issuer": "wulong",
        "offer": {"kind": "free"},
        "limits": [{"period": "window", "max": 1}],
        "when": when,
    }
    return read_document({"benefits": [benefit], **CALENDARS})


def paths(before, after):
    return [one.path.split(".", 1)[1] for one in objections(before, after)]


def test_a_benefit_may_not_outlive_a_calendar_that_it_names():
    ends = {"from": "2026-01-01", "until": "2026-12-31", "except": ["holidays"]}

    assert paths(catalogue(), catalogue(**ends)) == []
    assert paths(catalogue(), catalogue(**ends | {"until": "2027-01-01"})) == ["when"]
    assert paths(catalogue(), catalogue(**{"except": ["holidays"]})) == ["when"]


def test_a_calendar_without_an_end_is_known_to_the_end_of_its_last_year():
    assert catalogue().calendars["holidays"].last_day == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ({"from": "2026-02-01", "until": "2026-12-31"}, []),  # a date is corrected
        ({"from": "2027-01-01", "until": "2027-12-31"}, ["when.window"]),
        ({"from": "2027-01-01", "until": "2027-12-31", "window": "2027"}, []),
    ],
)
def test_a_new_campaign_under_the_old_name_gives_nobody_a_new_visit(when, said):
    before = catalogue(**{"from": "2026-01-01", "until": "2026-12-31"})

    assert paths(before, catalogue(**when)) == said


@pytest.mark.parametrize("document", [7, {}, {"benefits": 3}, [{"id": "x"}]])
def test_what_is_no_list_of_ours_names_its_path(document):
    with pytest.raises(CatalogueError):
        read_document(document)
