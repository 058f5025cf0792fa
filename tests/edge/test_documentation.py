import re
import subprocess
import sys
from pathlib import Path

import pytest

from central.cli import COMMANDS as CENTRAL
from edge.cli import COMMANDS
from edge.watch.causes import CAUSES, light
from edge.watch.told.cause import Level
from tests.tools.pages import BLOCKS

ROOT = Path(__file__).parent.parent.parent


def test_the_commands_page_is_what_the_program_says_and_no_link_is_dead():
    answer = subprocess.run([sys.executable, "docs/make.py", "--check"], cwd=ROOT, capture_output=True, text=True)

    assert answer.stderr == ""
    assert answer.returncode == 0


def test_the_commands_page_names_each_command_of_the_platform_and_each_below_another():
    page = (ROOT / "docs" / "commands.md").read_text()
    heads = {line.lstrip("# ") for line in page.splitlines() if line.startswith("#")}

    assert {f"xinguan central {name}" for name in CENTRAL} | {f"xinguan {name}" for name in COMMANDS} <= heads
    assert {"xinguan token show", "xinguan central", "xinguan hub", "xinguan demo"} <= heads
    assert "--holder-key" in page


def test_both_readmes_show_the_two_commands_and_the_same_links():
    pages = [(ROOT / name).read_text() for name in ("README.md", "README.zh-CN.md")]

    for page in pages:
        first_screen = "\n".join(page.splitlines()[:25])
        assert "make demo" in first_screen
        assert "make test" in first_screen
    links = [{part.split(")")[0] for part in page.split("](")[1:]} - {"README.md", "README.zh-CN.md"} for page in pages]
    assert links[0] == links[1]


def test_a_technician_finds_each_line_that_is_not_well_on_the_page_with_its_words_and_its_mend():
    page = (ROOT / "docs" / "when-things-break.md").read_text()

    for cause, said in CAUSES.items():
        if said.level is not Level.WELL:
            (row,) = [line for line in page.splitlines() if f"`{cause}`" in line]
            for words in (light(said.level), said.zh, said.en, said.mend_zh, said.mend_en):
                assert words in row


def test_each_test_that_the_threat_model_names_is_there():
    page, folder, named = (ROOT / "THREAT_MODEL.md").read_text(), "", []
    for name in re.findall(r"`((?:(?:tests|edge)/[a-z_/]+|test_[a-z_]+)\.py)`", page):
        folder = name.rpartition("/")[0] or folder  # a bare name stands in the folder of the one before it
        named.append(f"{folder}/{name.rpartition('/')[2]}")

    assert len(named) > 50
    assert [name for name in named if not (ROOT / name).is_file()] == []
    tests = {name: (ROOT / name).read_text() for name in named if name.startswith("tests/")}
    assert [name for name, text in tests.items() if not re.search(r"def test_|\bTestCase\b", text)] == []


def test_each_row_of_the_threat_model_names_a_test_or_says_that_it_is_not_held():
    page = (ROOT / "THREAT_MODEL.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith(("| tries", "| state"))]

    assert len(rows) > 25
    assert [row for row in rows if "`tests/" not in row and "**not held**" not in row] == []


def test_both_readmes_name_the_way_of_a_decision_and_every_folder_that_there_is():
    ways = []
    for name in ("README.md", "README.zh-CN.md"):
        page = (ROOT / name).read_text()
        ways.append(re.findall(r"^\d+\. `([a-z_/]+\.py)`", page, re.MULTILINE))
        folders = re.findall(r"^\| `([a-z]+)/`", page, re.MULTILINE)
        rows = re.findall(r"^\| `([a-z]+)/` \| (.*)", page, re.MULTILINE)
        rooms = {f"{folder}/{room}" for folder, row in rows for room in re.findall(r"`([a-z]+)/`", row)}
        assert {"credit", "storage", "cache", "sync", "scanner", "edge", "central", "systemd"} <= set(folders)
        assert [room for room in rooms if not (ROOT / room).is_dir()] == []
        (house,) = (text for at, kind, text in BLOCKS if (at, kind) == (name, "") and "─▶" in text)
        named = {one.replace(".", "/") for one in re.findall(r"\b[a-z]+[./][a-z]+\b", house)}
        assert len(named) > 8
        assert [one for one in named if not (ROOT / one).is_dir() and not (ROOT / f"{one}.py").is_file()] == []

    assert ways[0] == ways[1]
    assert [path for path in ways[0] if not (ROOT / path).is_file()] == []
    assert all((ROOT / path).read_text().count('"""') >= 2 for path in ways[0])


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_a_newcomer_finds_every_page_from_either_readme(readme):
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", (ROOT / readme).read_text("utf-8")))

    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")}
