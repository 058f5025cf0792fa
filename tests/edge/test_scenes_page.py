"""docs/scenes.md: every row names what proves it, and what it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "scenes.md").read_text()
VECTORS = {path.stem for path in (ROOT / "tests" / "vectors" / "decisions").glob("*.json")}
ROWS = re.findall(r"^\| (\d+) \|(.*)\|$", PAGE, re.MULTILINE)
SCENES = re.findall(r"^\| (S\d+) \|(.*?)\|", PAGE, re.MULTILINE)
STORIES = "".join(path.read_text() for path in (ROOT / "tests" / "e2e").glob("test_*.py"))


def test_every_row_is_there():
    assert [int(number) for number, _row in ROWS] == list(range(1, 33))
    assert [scene for scene, _row in SCENES] == [f"S{n}" for n in (*range(1, 16), 17)]


@pytest.mark.parametrize(("number", "row"), ROWS)
def test_a_row_names_a_vector_or_a_test(number, row):
    named = re.findall(r"`([^`]+)`", row)

    assert any(name in VECTORS or name.startswith(("tests/", "bench/")) for name in named)


def test_whatever_is_named_exists():
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("|"))
    for name in re.findall(r"`([a-zA-Z0-9][\w./-]+)`", rows):
        if "/" in name:
            assert (ROOT / name).exists(), name
        elif "-" in name:
            assert name in VECTORS, name


@pytest.mark.parametrize(("scene", "row"), SCENES)
def test_a_scene_has_its_case_file_and_its_story(scene, row):
    numbered = re.findall(r"`(S\d\d)-", row)

    assert numbered
    assert {int(name[1:]) for name in numbered} == {int(scene[1:])}
    assert f"async def test_{scene.lower()}_" in STORIES
