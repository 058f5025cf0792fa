"""Nothing in a box in README or docs/ is only prose: each block is run, read or made by a test, each command exists.

`CHECKED` names, for each page and kind of block, the test that does; a block without one fails here, and so does a name
without a test. Tables: `test_documented_tables.py`.
"""

import argparse
import contextlib
import functools
import importlib
import io
import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import yaml

from central import cli as central
from central.http.description.openapi import JWS
from central.http.problems import CODES
from central.register.accounts.duties import TITLES
from central.site.config import load as load_hub
from edge import cli as edge
from edge.actuators.gate import Outcome
from edge.api.access import KEPT
from edge.api.calls.offer_bodies import OfferBody
from edge.commands.box.provision import Given
from edge.settings.reading import parse
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.messages import Command, decode
from sync.wire.profiles import Profile
from tests.tools.pages import BLOCKS, PAGES, ROOT, cells, table, without_blocks

MADE = "tests/edge/test_documentation.py::test_the_commands_page_is_what_the_program_says_and_no_link_is_dead"
PROTOCOL = "tests/sync/test_protocol_doc.py::test_every_example_in_the_document_is_what_really_went_over_the_wire"
TOKENS = "tests/credit/test_token_format_page.py::test_the_parts_of_the_example_are_shown_byte_for_byte"
LINES = "tests/edge/test_documented_blocks.py::test_every_command_line_is_one_that_the_program_takes"
WAY = "tests/edge/test_documentation.py::test_both_readmes_name_the_way_of_a_decision_and_every_folder_that_there_is"
HUB = "tests/edge/test_documented_blocks.py::test_a_hubs_profile_and_configuration_are_taken"
CLIENTS = "tests/edge/test_documented_blocks.py::test_clients_are_generated_by_the_commands_of_the_page"
HANDS = "tests/edge/test_documented_blocks.py::test_what_is_run_by_hand_is_there"
CHECKED = {
    "api.md": {"json": "tests/edge/test_documented_blocks.py::test_the_tokens_on_the_page_are_the_roles_that_have_one"},
    "benefits.md": {
        "json": "tests/edge/test_simulate_command.py::test_the_examples_in_the_documentation_are_read_as_written",
        "": "tests/edge/test_documented_blocks.py::test_an_own_offer_on_the_page_is_one",
    },
    "boxes.md": {
        "toml": "tests/edge/test_documented_blocks.py::test_what_lies_on_a_stick_is_read",
        "console": LINES,
        "sh": "tests/update/test_release_keys.py::test_a_release_key_made_by_the_page_signs_what_a_box_takes",
    },
    "clients.md": {"ts": MADE, "python": MADE, "sh": CLIENTS},
    "commands.md": {"": MADE},
    "configuration.md": {"toml": "tests/edge/test_configuration_page.py::test_the_example_of_the_page_is_good"},
    "devices.md": {"toml": "tests/edge/test_configuration_page.py::test_each_example_of_a_gate_is_good"},
    "federation.md": {
        "sh": "tests/lists/test_federation.py::test_every_command_on_the_page_works_and_nobody_is_enrolled_again"
    },
    "hub.md": {"json": HUB, "toml": HUB},
    "install.md": {"sh": "tests/e2e/test_install_page.py::test_from_nothing_to_a_decided_code_on_a_screen"},
    "lists.md": {"json": "tests/lists/test_lists_doc.py::test_every_document_on_the_page_is_one_a_terminal_accepts"},
    "monitoring.md": {"yaml": "tests/edge/test_documented_blocks.py::test_prometheus_is_told_what_there_is"},
    "office.md": {"": LINES},
    "protocol.md": {"json": PROTOCOL, "text": PROTOCOL},
    "records.md": {"json": MADE},
    "testing.md": {"": HANDS, "sh": HANDS},
    "token-format.md": {"": TOKENS, "json": TOKENS, "cddl": TOKENS},
    "README.md": {
        "sh": LINES,
        "": WAY,
        "toml": "tests/edge/test_documented_blocks.py::test_the_readmes_configuration_is_taken",
    },
}
CHECKED["README.zh-CN.md"] = CHECKED["README.md"]


def test_every_block_has_a_test_that_runs_it_and_every_named_test_is_there():
    without = [(page, kind, text[:60]) for page, kind, text in BLOCKS if kind not in CHECKED.get(page, {})]
    there = {(page, kind) for page, kind, _text in BLOCKS}
    too_many = [(page, kind) for page in CHECKED for kind in CHECKED[page] if (page, kind) not in there]

    assert (without, too_many) == ([], [])
    for name in {one for page in CHECKED.values() for one in page.values()}:
        path, _, test = name.partition("::")
        assert re.search(rf"(?m)^(async )?def {test}\(", (ROOT / path).read_text()), name


def first_column(page, head):
    """Return what stands in the first column of the table with this head, without its marks."""
    return {name for row in table(page, head) for name in re.findall(r"`([^`]+)`", cells(row)[0])}


def test_the_table_of_outcomes_names_each():
    assert first_column("devices.md", "| outcome | when |") == {outcome.value for outcome in Outcome}


def test_the_offices_roles_are_those_of_the_page():
    rows = table("office.md", "| 角色 role |")

    assert [cells(row)[0] for row in rows] == [f"{zh} {en.split()[0]}" for zh, en in TITLES.values()]


def test_the_protocols_tables_name_each_form_and_each_word():
    page = PAGES["protocol.md"]
    source = "".join(path.read_text() for room in ("sync", "central", "edge") for path in (ROOT / room).rglob("*.py"))

    named = first_column("protocol.md", "| typ | signed by |")

    assert named == set(re.findall(r"xg-[a-z-]+\+jwt", source))
    assert named >= JWS.keys()
    orders = page.split("\n## Orders\n")[1].split("\n## ")[0]
    assert [one for one in get_args(Command.__annotations__["action"]) if f"`{one}`" not in orders] == []
    assert [code for code in CODES if f"`{code}`" not in page and code != "wrong_operator"] == []


def test_what_the_protocol_shows_of_claims_is_what_both_sides_read():
    shown = PAGES["protocol.md"].split("## Claims:")[1].split("## Re-ask")[0]
    blocks = [text for page, kind, text in BLOCKS if (page, kind) == ("protocol.md", "json") and text in shown]
    forms = (ClaimRequest, ClaimAnswer, ClaimAnswer, LeaseRequest, LeaseAnswer)

    read = [msgspec.json.decode(text, type=form) for text, form in zip(blocks, forms, strict=True)]

    for text, one in zip(blocks, read, strict=True):
        assert json.loads(text).keys() <= json.loads(msgspec.json.encode(one)).keys()
    assert read[1].left.keys() == {read[0].keys[1].key} == {read[2].refused.key}


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_the_readmes_configuration_is_taken(page):
    for text in (text for name, kind, text in BLOCKS if (name, kind) == (page, "toml")):
        assert parse(text, page).lanes[0].actuator is not None


def blocks_of(page, kind):
    return [text for name, of, text in BLOCKS if (name, of) == (page, kind)]


def test_a_hubs_profile_and_configuration_are_taken(tmp_path):
    [profile], [configuration] = blocks_of("hub.md", "json"), blocks_of("hub.md", "toml")
    (tmp_path / "hub.toml").write_text(configuration)

    assert decode(profile.encode(), Profile).role == "hub"
    assert load_hub(tmp_path / "hub.toml").platform.url == "https://platform.example"


def test_clients_are_generated_by_the_commands_of_the_page():
    [text] = blocks_of("clients.md", "sh")
    played = (ROOT / "tests" / "clients" / "play.py").read_text()

    for word in re.findall(r"openapi-[a-z-]+|generate|--[a-z]+|-o", text.split("\n", 1)[1]):
        assert f'"{word}"' in played, word


def test_what_lies_on_a_stick_is_read():
    [text] = [text for page, kind, text in BLOCKS if (page, kind) == ("boxes.md", "toml")]

    assert msgspec.convert(tomllib.loads(text), Given).lanes["A"].source


def test_the_tokens_on_the_page_are_the_roles_that_have_one():
    [text] = [text for page, kind, text in BLOCKS if (page, kind) == ("api.md", "json")]

    assert set(json.loads(text)) == {role.value for role in KEPT}


def test_an_own_offer_on_the_page_is_one():
    [text] = [text for page, kind, text in BLOCKS if (page, kind) == ("benefits.md", "")]

    assert msgspec.json.decode(text, type=OfferBody).stock == 20


def test_prometheus_is_told_what_there_is():
    [text] = [text for page, kind, text in BLOCKS if (page, kind) == ("monitoring.md", "yaml")]
    told = yaml.safe_load(text)

    assert [Path(one).name for one in told["rule_files"]] == ["rules.yml"]
    assert list(ROOT.glob("systemd/**/rules.yml"))
    assert told["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:8470"]


def test_what_is_run_by_hand_is_there():
    named = [one for page, _, text in BLOCKS if page == "testing.md" for one in re.findall(r"tests/[\w/.]+", text)]

    assert len(named) > 2
    assert [one for one in named if not (ROOT / one).exists()] == []


# ---- command lines: those of blocks, and those that stand in a sentence or a table ----
SPOKEN = re.compile(r"`((?:sudo )?xinguan [^`]+)`")
SHORTER = re.compile("required|expected one argument")  # a sentence names what it is about, not all that is taken
LEFT_OPEN = re.compile(r"…|\.\.\.|[<>\[\]|]|\b[A-Z][A-Z_]+\b")


def spoken():
    """Yield (page, command line) of everything that calls our program or make."""
    for page, words in PAGES.items():
        if page != "commands.md":
            yield from ((page, one) for one in SPOKEN.findall(without_blocks(words)))
    for page, kind, text in BLOCKS:
        if kind in ("sh", "console", "") and page != "commands.md":
            lines = text.replace("\\\n", " ").splitlines()
            yield from ((page, one) for one in lines if re.match(r"(\$ )?(sudo )?(xinguan|make) ", one))


@functools.cache
def parser_of(words):
    """Return the parser of a command; raise KeyError for one that there is not."""
    table = central.COMMANDS if words[0] == "central" else {**edge.COMMANDS, "hub": central.COMMANDS["hub"]}
    parser = argparse.ArgumentParser()
    importlib.import_module(table[words[-1]].module).add_arguments(parser)
    return parser


def wrong_with(line):
    """Return what is wrong with a command line, None where nothing is. What is left open (…, FILE) is not judged."""
    line = re.sub(r"^(\$ )?(sudo )?", "", line.split("#")[0].split(" && ")[0]).strip()
    program, *words = shlex.split(line.replace("…", " … "))
    if program == "make":
        return None if words[0] in re.findall(r"(?m)^([a-z]+):", (ROOT / "Makefile").read_text()) else "no such target"
    name = tuple(words[:2]) if words[0] == "central" else (words[0],)
    if name in (("central",), ("demo",)) or name[-1].startswith("-") or LEFT_OPEN.search(name[-1]):
        return None
    try:
        parser = parser_of(name)
    except KeyError:
        return f"no command {' '.join(name)}"
    return wrong_arguments(parser, words[len(name) :])


def wrong_arguments(parser, words):
    options = {option for action in parser._actions for option in action.option_strings}
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    options |= {o for one in below for sub in one.choices.values() for a in sub._actions for o in a.option_strings}
    if unknown := [one for one in words if one.startswith("--") and one.strip("[]").split("=")[0] not in options]:
        return f"no option {unknown}"
    if LEFT_OPEN.search(" ".join(words)) or not words:
        return None
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        parser.parse_args(words)
    error = said.getvalue().strip().splitlines()[-1] if said.getvalue() else ""
    return error if error and not SHORTER.search(error) else None


def test_every_command_line_is_one_that_the_program_takes():
    wrong = [(page, line, why) for page, line in spoken() if (why := wrong_with(line))]

    assert wrong == []
    assert len(list(spoken())) > 60


@pytest.mark.parametrize(
    "line",
    ["xinguan sing", "xinguan central sing --state DIR", "xinguan run --loud", "make tea", "xinguan config sing"],
)
def test_a_command_line_that_is_none_is_found(line):
    assert wrong_with(line)


def test_every_command_line_is_run_somewhere():
    """`tests/office/test_documented_commands.py` runs an office's day; a new line wants its place there."""
    commands = importlib.import_module("tests.office.test_documented_commands")

    commands.test_every_line_is_run_here_or_by_a_test_that_is_there()


def test_what_stands_in_braces_within_a_sentence_is_read_somewhere():
    """`tests/edge/test_documented_words.py` reads it; a new one wants its place there."""
    words = importlib.import_module("tests.edge.test_documented_words")

    words.test_each_has_a_reader_or_a_type_and_each_of_those_stands_somewhere()
