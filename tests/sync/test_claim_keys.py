"""Which keys a terminal claims, and how far they reach: the vectors that a hub reads too (claims.md, "The call")."""

import importlib.util
import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "vectors" / "claims"


def made():
    spec = importlib.util.spec_from_file_location("claim_vectors", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.vectors()


WRITTEN = json.loads((FOLDER / "keys.json").read_text())


@pytest.mark.parametrize(
    ("case", "written"), list(zip(made(), WRITTEN, strict=True)), ids=[one["case"] for one in WRITTEN]
)
def test_the_keys_are_as_written(case, written):
    assert json.loads(json.dumps(case)) == written


def test_what_reaches_no_further_than_a_terminal_is_never_claimed():
    for case in WRITTEN:
        asked = {key["key"] for key in case["keys"]}
        assert not asked & {key for key, reach in case["reach"].items() if reach == "terminal"}, case["case"]
