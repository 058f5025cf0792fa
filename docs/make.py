"""Writes the generated pages of the documentation and checks every link between files.

usage: python docs/make.py [--check]
With --check nothing is written; exit code 1 when a page is stale or a link is dead.
"""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from edge.cli import COMMANDS

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def help_of(*words: str) -> str:
    """Return the `--help` text of a command, laid out for 100 columns whatever the terminal."""
    environment = {**os.environ, "COLUMNS": "100", "LANG": "C.UTF-8", "PYTHON_COLORS": "0"}
    answer = subprocess.run(
        [sys.executable, "-m", "edge.cli", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return answer.stdout.rstrip()


def commands_page() -> str:
    """Return docs/commands.md."""
    parts = ["# Commands\n\nWritten by `make docs` from the program's own help.\n", f"```\n{help_of()}\n```\n"]
    parts += [f"## xinguan {name}\n\n```\n{help_of(name)}\n```\n" for name in COMMANDS]
    return "\n".join(parts)


PAGES = {"docs/commands.md": commands_page}


def dead_links() -> list[str]:
    """Return every link between our files that leads nowhere."""
    tracked = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True, cwd=ROOT)
    found = []
    for name in tracked.stdout.split():
        page = ROOT / name
        if page.exists():
            targets = LINK.findall(page.read_text("utf-8"))
            found += [f"{name}: {target}" for target in targets if not (page.parent / target).exists()]
    return found


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, "utf-8")
    dead = dead_links()
    for line in dead:
        print(f"dead link in {line}", file=sys.stderr)
    for name in stale:
        print(f"{'stale' if check else 'written'}: {name}", file=sys.stderr)
    return 1 if dead or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
