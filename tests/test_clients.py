"""`make clients` installs what is written and nothing else, and says in a line what it lacks. (CI plays it.)"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLIENTS = ROOT / "tests" / "clients"
LOCK = json.loads((CLIENTS / "package-lock.json").read_text())
WANTED = json.loads((CLIENTS / "package.json").read_text())["devDependencies"]
PACKAGES = {name: one for name, one in LOCK["packages"].items() if name}


def test_every_package_is_pinned_with_its_hash_and_no_address():
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in WANTED.values())
    assert {name: PACKAGES[f"node_modules/{name}"]["version"] for name in WANTED} == WANTED
    assert [name for name, one in PACKAGES.items() if not one["integrity"].startswith("sha512-")] == []
    assert [name for name, one in PACKAGES.items() if "resolved" in one or "hasInstallScript" in one] == []
    assert "registry=" not in (CLIENTS / ".npmrc").read_text()


def test_every_dependency_in_the_lock_is_in_the_lock():
    named = {one for package in PACKAGES.values() for one in package.get("dependencies", {})}

    assert {one for one in named if not any(name.endswith(f"node_modules/{one}") for name in PACKAGES)} == set()


@pytest.mark.parametrize(
    ("there", "line"), [((), "node is missing"), (("node",), "npm is missing"), (("node", "npm"), "npm could not take")]
)
def test_what_is_missing_is_said_and_nothing_is_passed_over(tmp_path, there, line):
    for name in there:
        command = tmp_path / name
        command.write_text("#!/bin/sh\necho nobody answers; exit 1\n")
        command.chmod(0o755)
    program = (
        f"import sys, pathlib; sys.path.insert(0, {str(CLIENTS)!r}); import play;"
        f"play.BUILD = pathlib.Path({str(tmp_path / 'build')!r}); play.node_modules()"
    )

    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PATH": str(tmp_path) + ":/nowhere"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert line in done.stderr
    assert "Traceback" not in done.stderr


def test_it_is_a_stage_of_the_ci():
    assert re.search(r"(?m)^stage \d+ make clients$", (ROOT / ".ci" / "run").read_text())
