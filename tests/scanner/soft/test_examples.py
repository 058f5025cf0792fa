"""The examples in the docstrings are run."""

import doctest
import importlib
import pkgutil

import pytest

import scanner.reading.soft as room

NAMES = [f"{room.__name__}.{module.name}" for module in pkgutil.iter_modules(room.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_the_examples_of_a_module_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
