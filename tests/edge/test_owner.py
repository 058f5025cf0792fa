"""Who a command acts as: the owner of the terminal's folder, or nobody."""

import os
import subprocess
import sys

import pytest

from edge.commands.owner import act_as_owner

STRANGER = 61_000
TRY = """
import os, sys
from pathlib import Path
from edge.commands.owner import act_as_owner
act_as_owner(Path(sys.argv[1]))
Path(sys.argv[1], "made").touch()
print(os.geteuid(), os.getegid(), sorted(os.getgroups()))
try:
    os.seteuid(0)
except PermissionError:
    print("for good")
"""

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes users: runs as root")


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def test_the_owner_stays_who_they_are(data):
    act_as_owner(data)

    assert os.geteuid() == data.stat().st_uid


def test_a_folder_that_is_not_there_belongs_to_nobody(data):
    act_as_owner(data / "later")


@as_root
@pytest.mark.root
def test_what_root_types_leaves_nothing_that_the_service_cannot_read(data):
    os.chown(data, STRANGER, STRANGER)
    for folder in data.parents:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):  # noqa: S108 - pytest's own folder
            folder.chmod(0o755)

    said = subprocess.run([sys.executable, "-I", "-c", TRY, data], capture_output=True, text=True, check=True).stdout

    assert said.splitlines() == [f"{STRANGER} {STRANGER} []", "for good"]
    assert (data / "made").stat().st_uid == STRANGER


@as_root
@pytest.mark.root
def test_anybody_else_is_told_in_one_line_what_to_type(data):
    code = f"import os, edge.commands.owner; os.setgid({STRANGER}); os.setuid({STRANGER})\n{TRY}"

    said = subprocess.run([sys.executable, "-I", "-c", code, data], capture_output=True, text=True)

    assert "NotOwnerError" in said.stderr
    assert "sudo xinguan" in said.stderr
    assert not (data / "made").exists()
