import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import shell

KINDS = {
    "well": ("edge.cli", shell.xinguan, ("version", "--json"), ""),
    "no such command": ("central", shell.platform, ("nothing",), ""),
    "refused": ("central", shell.platform, ("report", "--state", "/nowhere/at/all"), ""),
    "typed": ("edge.cli", shell.xinguan, ("token", "show", "-"), "XG1:NOTHING\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_would_have_said_the_same(kind):
    module, called, words, typed = KINDS[kind]

    process = subprocess.run(
        [sys.executable, "-I", "-m", module, *words], input=typed, capture_output=True, text=True, timeout=60
    )

    here = called(*words, typed=typed)
    assert (here.returncode, here.stdout, here.stderr) == (process.returncode, process.stdout, process.stderr)


def test_a_command_that_crashes_ends_with_1_and_its_traceback():
    done = shell.ran(lambda _words: 1 // 0)

    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError" in done.stderr


def test_what_a_command_changes_in_its_process_is_put_back():
    def main(_words):
        logging.basicConfig(level=1)
        os.environ["XINGUAN_LEFT"] = "behind"
        os.umask(0o777)
        os.chdir("/")
        sys.exit("no")

    def everything():
        root, umask = logging.getLogger(), os.umask(0o022)
        os.umask(umask)
        return sys.stdout, dict(os.environ), umask, Path.cwd(), list(root.handlers), root.level

    before = everything()
    done = shell.ran(main)

    assert (done.returncode, done.stderr) == (1, "no\n")
    assert everything() == before
