"""The label of a period in a key: what once was named by a day, and names that may not be days."""

import doctest

import pytest

from credit.rules import periods
from credit.rules.benefits import parse_benefits
from credit.rules.reading import CatalogueError

CAMPAIGN = {
    "id": "first",
    "code": 7,
    "issuer": "wulong",
    "offer": {"kind": "free"},
    "where": {"scenes": ["gate"]},
    "limits": [{"period": "window", "max": 1}],
}


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(periods).failed == 0


@pytest.mark.parametrize(("name", "refused"), [("2026-01-01", True), ("2026", False), ("autumn", False)])
def test_a_window_is_not_named_like_a_day(name, refused):
    """Old facts bear such a day, and are read without it."""
    benefit = CAMPAIGN | {"when": {"from": "2026-01-01", "until": "2026-12-31", "window": name}}

    if refused:
        with pytest.raises(CatalogueError, match="no day"):
            parse_benefits([benefit])
    else:
        assert parse_benefits([benefit])
