"""What the setup says to somebody who is not root and lacks a package of Debian's."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).with_name("tools")


@pytest.fixture
def setup(tmp_path):
    """Return a function that runs a copy of setup.sh by a user who is not root, with a list of packages of its own."""
    tools = tmp_path / "tests" / "tools"
    tools.mkdir(parents=True)
    shutil.copy(TOOLS / "setup.sh", tools)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "id").write_text("#!/bin/sh\necho 1000\n")
    (tmp_path / "bin" / "id").chmod(0o755)

    def run(packages, kind="dev", **environment):
        (tools / "debian.txt").write_text(packages)
        clean = {name: value for name, value in os.environ.items() if name not in ("XINGUAN_NO_SKIPS", "PYTHON")}
        path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", tools / "setup.sh", kind],
            env=clean | {"PATH": path} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    assert not (tmp_path / ".venv").exists()


@pytest.mark.parametrize(
    "shown", ["library:libnever.so.9", "command:never-there", "file:/never/there/*", "python:never_there"]
)
def test_what_is_missing_is_told_with_the_exact_line(setup, shown):
    answer = setup(f"# for package shown by\nrun libnever9 {shown} nothing\nrun libc6 library:libc.so.6 all\n")

    assert answer.returncode == 1
    assert "  sudo apt-get update && sudo apt-get install -y --no-install-recommends libnever9\n" in answer.stderr


def test_what_tests_need_is_needed_where_none_may_be_skipped(setup):
    answer = setup("test never-browser command:never-there nothing\n", XINGUAN_NO_SKIPS="1")

    assert answer.returncode == 1
    assert "--no-install-recommends never-browser\n" in answer.stderr


def test_a_python_that_is_too_old_is_told(setup, tmp_path):
    old = tmp_path / "bin" / "python-old"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2"\nexit 1\n')
    old.chmod(0o755)

    answer = setup("", PYTHON="python-old")

    assert answer.returncode == 1
    assert "Python 3.9.2" in answer.stderr
