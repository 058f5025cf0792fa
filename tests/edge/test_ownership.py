"""Our package names are plain words: whoever else installs one of them is found before the service starts."""

import tomllib
from pathlib import Path

import pytest

from edge import ownership

ROOT = Path(__file__).parents[2]


def test_every_package_that_we_install_is_watched():
    told = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]

    assert sorted(ownership.OURS) == sorted(name.removesuffix("*") for name in told["include"])


def test_here_nobody_else_owns_a_name_of_ours():
    assert ownership.strangers() == {}


@pytest.mark.parametrize("name", ownership.OURS)
def test_a_package_that_brings_one_of_our_names_is_told_by_its_own(monkeypatch, name):
    monkeypatch.setattr(ownership, "packages_distributions", lambda: {name: ["xinguan", "other"], "numpy": ["numpy"]})

    assert ownership.strangers() == {name: ["other"]}
