"""`xinguan simulate` and `xinguan lists check FILE` as their users meet them."""

import argparse
import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credit.rules.reading import CatalogueError
from edge.commands.words.catalogue import check_file
from edge.simulator import command
from edge.simulator.case_file import parse_case
from edge.simulator.story import Story

VECTORS = Path(__file__).parent.parent / "vectors" / "decisions"


def simulate(capsys, path, *flags):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    code = command.run(parser.parse_args([str(path), *flags]))
    said = capsys.readouterr()
    return code, [json.loads(line) for line in said.out.splitlines()], said.err


def edited(tmp_path, change, source="S02-qingzhou-holidays"):
    document = json.loads((VECTORS / f"{source}.json").read_text(encoding="utf-8"))
    change(document)
    path = tmp_path / "case.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


class TestExitCodes:
    def test_all_met_is_0_and_the_last_line_counts(self, capsys):
        code, lines, _ = simulate(capsys, VECTORS / "S02-qingzhou-holidays.json")

        assert code == 0
        assert lines[-1] == {"steps": 6, "failed": 0}
        assert [line["step"] for line in lines[:-1]] == [1, 2, 3, 4, 5, 6]

    def test_an_unmet_expectation_is_1_and_says_what(self, capsys, tmp_path):
        def change(document):
            document["steps"][0]["expect"]["outcome"] = "REFUSE"

        code, lines, _ = simulate(capsys, edited(tmp_path, change))

        assert code == 1
        assert lines[-1]["failed"] == 1
        assert lines[0]["unmet"] == ["outcome: expected REFUSE, got GRANT"]

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            (lambda d: d["catalogue"][0]["offer"].update(kind="fre"), "$.catalogue[0].offer.kind"),
            (lambda d: d["catalogue"][0].update(limts=[]), "$.catalogue[0].limts"),
            (lambda d: d["catalogue"][0]["when"].update({"except": ["nowhere"]}), "$.catalogue[0].when.except[0]"),
            (lambda d: d["steps"][1].update(at="2026-09-01T00:00:00+08:00"), "$.steps[1].at"),
            (lambda d: d["steps"][1].update(at="2026-10-01T00:00:00"), "$.steps[1].at"),
            (lambda d: d["steps"][1].update(terminal="gate9"), "$.steps[1].terminal"),
            (lambda d: d["steps"][1]["expect"].update(reasons=["no_such"]), "$.steps[1].expect.reasons[0]"),
            (lambda d: d["steps"].append({"at": "2026-11-01T00:00:00+08:00", "event": "boom"}), "$.steps[6].event"),
            (
                lambda d: d["steps"].append({"at": "2026-11-01T00:00:00+08:00", "event": "passed", "of": 7}),
                "$.steps[6].of",
            ),
            (lambda d: d.pop("steps"), "$.steps"),
        ],
    )
    def test_a_wrong_file_is_2_and_names_path_and_mend(self, capsys, tmp_path, change, path):
        code, lines, said = simulate(capsys, edited(tmp_path, change))

        assert (code, lines) == (2, [])
        assert f": {path}: " in said

    def test_no_json_and_no_file_are_2(self, capsys, tmp_path):
        (tmp_path / "x.json").write_text("{", encoding="utf-8")

        assert simulate(capsys, tmp_path / "x.json")[0] == 2
        assert simulate(capsys, tmp_path / "none.json")[0] == 2


def test_explain_says_in_both_languages_which_condition_decided(capsys):
    _, lines, _ = simulate(capsys, VECTORS / "when-all-reasons-at-once.json", "--explain")

    told = lines[0]["explain"][0]
    assert [one["condition"] for one in told["conditions"]] == ["who", "when", "needs", "slot"][
        : len(told["conditions"])
    ]
    assert "不能给予" in told["zh"]
    assert "not given: who:" in told["en"]


def walk(value, path=()):
    yield path
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from walk(child, (*path, name))


FILES = sorted(VECTORS.glob("*.json"))
JUNK = st.sampled_from(
    [None, 0, -1, 2**60, "", "x", "2026-13-01", "0001-01-01T00:00:00+08:00", [], {}, [{}], True, 1.5, "25:61"]
)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_case_file_is_an_error_with_a_path_or_plays_to_its_end(data):
    document = json.loads(data.draw(st.sampled_from(FILES)).read_text(encoding="utf-8"))
    path = data.draw(st.sampled_from(sorted(walk(document), key=str)))
    damaged = copy.deepcopy(document)
    if path:
        parent = damaged
        for name in path[:-1]:
            parent = parent[name]
        parent[path[-1]] = data.draw(JUNK)

    try:
        case = parse_case(json.dumps(damaged).encode())
    except CatalogueError as error:
        assert error.path.startswith("$")  # noqa: PT017 - either is right
        return
    assert len(list(Story.begin(case).play())) == len(case.steps)


class TestListsCheck:
    def check(self, capsys, tmp_path, document):
        path = tmp_path / "list.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        code = check_file(path)
        said = capsys.readouterr()
        return code, said.out + said.err

    def row(self, name, code, **more):
        where = {"sites": ["park"], "scenes": ["gate"]}
        return {
            "id": name,
            "code": code,
            "issuer": "w",
            "offer": {"kind": "percent", "percent_off": 10},
            "where": where,
            **more,
        }

    def test_an_error_names_its_path(self, capsys, tmp_path):
        code, said = self.check(capsys, tmp_path, {"issuer": "w", "benefits": [self.row("a", 1, needs=["luck"])]})

        assert code == 2
        assert "$.benefits[0].needs[0]" in said

    def test_what_can_never_apply_or_win_is_a_warning(self, capsys, tmp_path):
        rows = [
            self.row("old", 1, when={"until": "2020-01-01"}),
            self.row("none", 2, limits=[{"max": 0}]),
            self.row("ten", 3),
            self.row("twenty", 4, offer={"kind": "percent", "percent_off": 20}),
        ]
        code, said = self.check(capsys, tmp_path, {"issuer": "w", "benefits": rows})

        assert code == 0
        assert "$.benefits[0].when.until: old: can never apply: it ended on 2020-01-01" in said
        assert "$.benefits[1].limits[0].max: none: can never apply: is 0" in said
        assert "$.benefits[2].offer: ten: can never win; twenty ($.benefits[3]) is better" in said
        assert "4 benefits, 0 calendars, 4 warnings" in said

    def test_a_calendar_that_ends_soon_is_a_warning(self, capsys, tmp_path):
        code, said = self.check(capsys, tmp_path, {"issuer": "w", "calendars": {"h": ["2020-10-01"]}})

        assert (code, "$.calendars.h: ends on 2020-12-31" in said) == (0, True)

    @pytest.mark.parametrize(
        ("more", "path", "why"),
        [
            ({"when": {"until": "2020-01-01T00:00:00+08:00"}}, "when.until", "it ended"),
            ({"when": {"weekdays": []}}, "when.weekdays", "names no weekday"),
            ({"when": {"daily": []}}, "when.daily", "holds no minute of the day"),
            ({"when": {"only": ["past"]}}, "when.only", "calendar past holds no day from today on"),
            ({"who": {"groups_any": []}}, "who.groups_any", "is empty"),
            ({"who": {"issuers": []}}, "who.issuers", "is empty"),
            ({"where": {"scenes": []}}, "where.scenes", "is empty"),
            ({"limits": [{"max_by_tier": {"3": 0}}]}, "limits[0].max_by_tier", "is 0"),
            ({"capacity": [{"per": "day", "max": 0}]}, "capacity[0].max", "is 0"),
            ({"offer": {"kind": "gift", "stock": 0}}, "offer.stock", "is 0"),
            ({"offer": {"kind": "percent", "percent_off": 0}}, "offer.percent_off", "is 0"),
            ({"lifecycle": {"pass": {"entries": 0}}}, "lifecycle.pass.entries", "is 0"),
        ],
    )
    def test_each_way_of_never_applying_names_its_member(self, capsys, tmp_path, more, path, why):
        document = {
            "issuer": "w",
            "benefits": [{"offer": {"kind": "free"}, "id": "a", "code": 1, **more}],
            "calendars": {"past": {"dates": ["2020-10-01"], "covers_until": "2999-12-31"}},
        }

        code, said = self.check(capsys, tmp_path, document)

        assert code == 0
        assert f"$.benefits[0].{path}: a: can never apply: {why}" in said
        assert "永远不会生效" in said

    def test_one_that_is_always_there_outshines_one_with_times(self, capsys, tmp_path):
        rows = [self.row("ten", 3, when={"weekdays": [1]}), self.row("free", 4, offer={"kind": "free"})]

        _code, said = self.check(capsys, tmp_path, {"issuer": "w", "benefits": rows})

        assert "$.benefits[0].offer: ten: can never win; free" in said

    def test_what_stands_in_another_list_is_named_and_taken_as_there(self, capsys, tmp_path):
        rows = [self.row("a", 1, when={"except": ["holidays"]}), {**self.row("b", 2), "where": {"site_sets": ["six"]}}]

        code, said = self.check(capsys, tmp_path, {"issuer": "w", "benefits": rows})

        assert code == 0
        assert "check them together: calendar holidays, site set six" in said
        assert "2 benefits, 0 calendars, 0 warnings" in said

    def test_every_case_file_passes(self, capsys):
        for path in FILES[:20]:
            assert check_file(path) == 0


def test_the_published_schema_knows_every_member_that_the_reader_knows():
    from edge.simulator import case_file, case_steps
    from edge.simulator.case import EventKind

    schema = json.loads(
        (Path(__file__).parent.parent.parent / "docs" / "case-file.schema.json").read_text(encoding="utf-8")
    )
    told = set(schema["properties"])

    assert told <= set(case_file.TOP)
    assert set(schema["$defs"]["event"]["properties"]["event"]["enum"]) == {kind.value for kind in EventKind}
    assert set(schema["$defs"]["expect"]["properties"]) <= set(case_steps.EXPECT)


def test_the_examples_in_the_documentation_are_read_as_written(capsys, tmp_path):
    from credit.rules.benefits import parse_benefits

    text = (Path(__file__).parent.parent.parent / "docs" / "benefits.md").read_text(encoding="utf-8")
    blocks = [json.loads(part.split("```")[0]) for part in text.split("```json\n")[1:]]

    for block in blocks:
        if isinstance(block, dict) and "steps" in block:
            (tmp_path / "case.json").write_text(json.dumps(block))
            code, lines, _ = simulate(capsys, tmp_path / "case.json")
            assert (code, lines[-1]) == (0, {"steps": len(block["steps"]), "failed": 0})
        else:
            assert parse_benefits(block if isinstance(block, list) else [block])


@pytest.mark.parametrize("end", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_a_booking_at_the_end_of_the_calendar_is_answered_too(capsys, tmp_path, end):
    path = edited(tmp_path, lambda case: case["steps"][0]["token"]["reservation"].update(until=end), "S07-slot")

    _, lines, _ = simulate(capsys, path)

    assert lines[0]["outcome"] in ("REFER", "GRANT")


DOCS = Path(__file__).parents[2] / "docs"
EXAMPLES = sorted((DOCS / "examples").glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_worked_example_plays_as_it_stands_and_is_the_one_in_the_documentation(capsys, path):
    code, lines, _ = simulate(capsys, path, "--explain")

    assert (code, lines[-1]["failed"]) == (0, 0)
    assert check_file(path) == 0
    text = (DOCS / "benefits.md").read_text(encoding="utf-8")
    blocks = [json.loads(part.split("```")[0]) for part in text.split("```json\n")[1:]]
    shown = [row for block in blocks for row in (block if isinstance(block, list) else [block])]
    assert all(row in shown for row in json.loads(path.read_bytes())["catalogue"])
    assert f"examples/{path.name}" in text


def test_there_are_the_five_worked_examples():
    assert [path.stem for path in EXAMPLES] == ["hotel", "library", "qingzhou", "umbrella", "wulong"]


def test_a_disputed_entry_denies_nothing_and_shows_in_explain(capsys):
    _, lines, _ = simulate(capsys, VECTORS / "S09-disputed.json", "--explain")

    assert lines[2]["outcome"] == "GRANT"
    assert [one["reason"] for one in lines[2]["explain"] if one["decided"] == "nothing"] == ["disputed"]


def test_an_unknown_measure_code_is_reported_in_explain(capsys):
    _, lines, _ = simulate(capsys, VECTORS / "measure-unknown-code-ignored.json", "--explain")

    assert [one["reason"] for one in lines[0]["explain"] if one["decided"] == "nothing"] == ["unknown_code"]
