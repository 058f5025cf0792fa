"""docs/configuration.md names every key of terminal.toml with its default, and docs/devices.md every kind of gate."""

import json
import re
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from edge.actuators.paper.tables import PrinterTable
from edge.actuators.signs.tables import LightTable, SoundTable
from edge.actuators.tables import GateTable, Tagged, faults
from edge.config import ApiTable, LaneTable, PlatformTable, TerminalTable, VerifierTable
from edge.settings.reading import parse

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text()
DEVICES = (DOCS / "devices.md").read_text()
BESIDE = {"printer": PrinterTable, "light": LightTable, "sound": SoundTable}
KINDS = {kind.__struct_config__.tag: kind for kind in get_args(GateTable)}
TABLES = {
    "[terminal]": TerminalTable,
    "[platform]": PlatformTable,
    "[api]": ApiTable,
    "[[lanes]]": LaneTable,
    "[[verifiers]]": VerifierTable,
    "printer": PrinterTable,
    "light": LightTable,
    "sound": SoundTable,
    **{f'actuator, kind = "{tag}"': kind for tag, kind in KINDS.items()},
}


def written():
    """Return what the page says: key → default, by section."""
    found = {}
    for section in PAGE.split("\n## ")[1:]:
        title, _, body = section.partition("\n")
        found[title] = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", body, re.MULTILINE))
    return found


def default(field):
    if field.default is not msgspec.NODEFAULT:
        return json.dumps(msgspec.to_builtins(field.default))
    if field.default_factory is not msgspec.NODEFAULT:
        return json.dumps(msgspec.to_builtins(field.default_factory()))
    return "(none)"


def test_the_page_has_a_section_for_each_table_and_no_other():
    assert set(written()) == set(TABLES)


@pytest.mark.parametrize("title", sorted(TABLES))
def test_each_key_stands_there_with_its_default(title):
    fields = {field.encode_name: default(field) for field in msgspec.structs.fields(TABLES[title])}

    assert written()[title] == fields


def test_the_example_of_the_page_is_good(tmp_path):
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]

    assert parse(example, "page").lanes[0].id == "north"


def test_each_example_of_a_gate_is_good():
    shown = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", DEVICES, re.DOTALL)]
    whole = [text for text in re.findall(r"```toml\n(.*?)```", DEVICES, re.DOTALL) if text.startswith("[[lanes]]")]
    for text in whole:
        head = '[terminal]\ndata = "/d"\n[platform]\nurl = "https://platform.example"\n'
        assert parse(head + text, "page").lanes[0].actuator is not None
    shown = [one for one in shown if isinstance(one["lanes"], dict)]
    assert len(whole) == 1
    tables = [one["lanes"]["actuator"] for one in shown if "actuator" in one["lanes"]]
    beside = {key: one["lanes"][key] for one in shown for key in BESIDE if key in one["lanes"]}
    for key, kind in BESIDE.items():
        assert msgspec.convert(beside[key], kind)

    assert {table["kind"] for table in tables} >= set(KINDS) - {"file"}
    for table in tables:
        gate = msgspec.convert(table, GateTable)
        assert isinstance(gate, Tagged)
        assert not list(faults(gate))
