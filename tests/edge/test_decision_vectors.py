"""Every decision vector is played on the real engine and ledger, and the generator makes exactly these files."""

import json
import runpy
import sys
from functools import cache
from pathlib import Path

import msgspec
import pytest

from edge.api.calls.given_bodies import GivenShown, Obligations, OfferShown, ReasonShown
from edge.simulator.case_file import parse_case
from edge.simulator.command import complete
from edge.simulator.plain import LABELS, UNTOLD
from edge.simulator.story import Story

VECTORS = Path(__file__).parent.parent / "vectors" / "decisions"
PARTS = {
    "offer": OfferShown,
    "offers": list[GivenShown],
    "obligations": Obligations,
    "reasons": list[ReasonShown],
    "left": dict[str, int],
}
FILES = sorted(VECTORS.glob("*.json"))


@cache
def played(path, *, explained):
    """The lines of a case, as the command prints them. Played once and explained once, for all that look at them."""
    story = Story.begin(parse_case(path.read_bytes()))
    return tuple(complete(step, explained=explained) for step in story.play())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_case_plays_as_written(path):
    assert [line for line in played(path, explained=False) if "unmet" in line] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_explaining_changes_no_decision(path):
    plain = list(played(path, explained=False))
    told = [{name: said for name, said in line.items() if name != "explain"} for line in played(path, explained=True)]

    assert told == plain


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_answer_is_of_the_type_that_the_api_describes(path):
    for line in played(path, explained=False):
        for member, kind in PARTS.items():
            if line.get(member) is not None:
                assert msgspec.to_builtins(msgspec.convert(line[member], kind)) == line[member]


def facts_in(lines):
    for line in lines:
        for told in line.get("explain", ()):
            for condition in told.get("conditions", ()):
                yield from condition["facts"].items()


def test_explanations_are_words_and_every_fact_has_a_label_in_both_languages():
    lines = [line for path in FILES for line in played(path, explained=True)]
    facts = list(facts_in(lines))
    names = {name for name, _ in facts} | {
        part for name, value in facts if name == "missing" and isinstance(value, dict) for part in value
    }
    spoken = [told[lang] for line in lines for told in line.get("explain", ()) for lang in ("zh", "en")]

    assert names - LABELS.keys() - UNTOLD == set()
    assert [text for text in spoken if set("{}[]") & set(text)] == []
    assert len(set(spoken)) > len(FILES) // 2


def test_the_generator_makes_exactly_these_files(monkeypatch):
    for name in ("building", "edge_cases", "money_cases", "scene_cases"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    cases = runpy.run_path(str(VECTORS / "make.py"))["CASES"]

    assert {name: json.dumps(case) for name, case in cases.items()} == {
        path.stem: json.dumps(json.loads(path.read_text(encoding="utf-8"))) for path in FILES
    }


def test_there_is_a_case_for_every_scene_that_needs_no_hub_and_enough_edges():
    scenes = {path.stem[:3] for path in FILES if path.stem[0] == "S" and path.stem[1:3].isdigit()}

    assert {f"S{number:02d}" for number in (*range(1, 16), 17)} <= scenes
    assert len([path for path in FILES if path.stem[:3] not in scenes]) >= 120
