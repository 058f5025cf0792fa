import subprocess
import sys

import pytest

from edge.cli import CENTRAL_ROLES, COMMANDS, main
from tests.tools.shell import xinguan


def test_help_names_every_command_in_both_languages():
    answer = xinguan("--help")

    assert answer.returncode == 0
    for name in [*COMMANDS, *CENTRAL_ROLES]:
        assert f"  {name}" in answer.stdout


def test_no_command_at_all_shows_the_help():
    assert xinguan().stdout.startswith("usage: xinguan")


def test_a_wrong_command_says_where_the_right_ones_are():
    answer = xinguan("frobnicate")

    assert answer.returncode == 2
    assert "xinguan --help" in answer.stderr


def test_help_imports_nothing_of_ours_but_the_command_line():
    code = (
        "import sys; sys.argv = ['xinguan', '--help']\n"
        "import edge.cli\n"
        "try: edge.cli.main()\n"
        "except SystemExit: pass\n"
        "ours = {m for m in sys.modules if m.split('.')[0] in ('edge','cache','sync','credit','scanner','central')}\n"
        "print(sorted(ours - {'edge', 'edge.cli'}), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)

    assert answer.stderr.strip() == "[]"


def test_a_wrong_configuration_ends_with_78(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text("[terminal]\n")

    answer = xinguan("config", "check", "--config", str(path))

    assert answer.returncode == 78
    assert str(path) in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_terminal_that_was_never_enrolled_says_so(tmp_path):
    path = tmp_path / "t.toml"
    path.write_text(
        f'[terminal]\ndata = "{tmp_path}/data"\n[platform]\nurl = "https://p.example"\n'
        '[[lanes]]\nid = "A"\nscene = "gate"\n'
    )

    answer = xinguan("journal", "status", "--config", str(path))

    assert answer.returncode == 69
    assert "xinguan enrol" in answer.stderr


@pytest.mark.parametrize("name", ["version"])
def test_version_says_what_it_stands_on(capsys, name):
    assert main([name, "--json"]) == 0

    assert '"sqlite"' in capsys.readouterr().out


def test_an_enrolment_code_on_the_command_line_is_taken_and_its_owner_is_told(tmp_path):
    config = tmp_path / "terminal.toml"
    config.write_text(
        f'[terminal]\ndata = "{tmp_path / "data"}"\n[platform]\nurl = "http://127.0.0.1:9"\n'
        '[[lanes]]\nid = "A"\nscene = "gate"\n'
    )

    told = xinguan("enrol", "AAAA-BBBB", "--config", str(config))
    asked = xinguan("enrol", "--config", str(config), typed="AAAA-BBBB\n")

    assert "can be seen by other users" in told.stderr
    assert "can be seen" not in asked.stderr
    assert told.returncode == asked.returncode
