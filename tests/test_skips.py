"""A skipped test is counted by its reason, and is a failure where none may be skipped."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SOME = """
import pytest
def test_one(): pytest.skip("no Moon on this machine")
@pytest.mark.skipif(True, reason="no Moon on this machine")
def test_two(): pass
def test_three(): pass
"""


@pytest.fixture
def run(tmp_path):
    shutil.copy(Path(__file__).parent / "tools" / "skips.py", tmp_path / "conftest.py")
    (tmp_path / "test_some.py").write_text(SOME)

    def run_(*words, **environment):
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("XINGUAN_", "PYTEST_"))}
        clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", tmp_path, *words, tmp_path]
        return subprocess.run(
            command, env=clean | environment, capture_output=True, text=True, check=False, cwd=tmp_path
        )

    return run_


def test_skips_are_counted_by_reason_and_forgiven(run):
    answer = run()

    assert answer.returncode == 0
    assert "skipped 2: no Moon on this machine" in answer.stdout


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["alone", "with workers"])
def test_a_skip_fails_the_run_where_none_may_be_skipped(run, workers):
    answer = run(*workers, XINGUAN_NO_SKIPS="1")

    assert answer.returncode == 1
    assert "skipped 2: no Moon on this machine" in answer.stdout
    assert "a skipped test is a failure" in answer.stdout


def test_a_run_without_skips_passes_where_none_may_be_skipped(run):
    assert run("-k", "three", XINGUAN_NO_SKIPS="1").returncode == 0
