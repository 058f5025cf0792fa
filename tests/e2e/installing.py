"""What both tests of an installed box do: follow blocks of a page, wait for facts, ask the terminal how it is."""

import json
import re
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text("utf-8")
SECTIONS = {head[0]: re.findall(r"```sh\n(.*?)```", head, re.DOTALL) for head in PAGE.split("\n## ")[1:]}
PRACTISE = [step for number in "2345" for step in SECTIONS[number]]
WITHIN_S = 60
EXPECTED = ["needs_bound_token", "not_eligible"]
HERE = "http://127.0.0.1:8470"
PICTURES = "/var/lib/xinguan/pictures"


def follow(box, steps, where):
    for number, step in enumerate(steps, 1):
        done = box.run(step)
        assert done.returncode == 0, f"block {number} of {where}:\n{step}\n{done.stdout}\n{done.stderr}"


def facts(box, kind):
    said = box.run("xinguan journal export").stdout
    return [fact for fact in map(json.loads, filter(None, said.splitlines())) if fact["kind"] == kind]


def until(question, what, box, *, within_s=WITHIN_S):
    """Ask until there is an answer; say what was waited for, and what the services said."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := question():
            return found
        time.sleep(0.2)
    pytest.fail(f"waited {within_s} s for {what}\n{box.run('journalctl --no-pager -n 60').stdout}")


def decided(box, many):
    """Wait for that many decisions; return the newest one's reasons."""
    found = until(lambda: (told := facts(box, "not_granted"))[many - 1 :] and told, f"{many} decisions", box)
    return found[-1]["body"]["reasons"]


def readiness(box, url=HERE):
    """Return what a terminal says of its readiness; None where nobody answers."""
    script = (
        "import urllib.request as u, urllib.error as e\n"
        f"try: a = u.urlopen('{url}/readyz', timeout=5)\n"
        "except e.HTTPError as error: a = error\n"
        "print(a.read().decode())"
    )
    said = box.run(f'python3 -c "{script}"').stdout
    return json.loads(said) if said else None


def ready(box, url=HERE):
    """Return whether a terminal says that somebody with a right would be let in."""
    said = readiness(box, url)
    return bool(said and said["ready"])


def main_pid(box):
    return int(box.must("systemctl show --property MainPID --value xinguan-terminal"))


def set_source(box, source):
    """Write another source for lane A and start the terminal with it."""
    box.must(f"sed -i 's|^source = .*|source = \"{source}\"|' /etc/xinguan/terminal.toml")
    box.must("xinguan config check && systemctl restart xinguan-terminal")
