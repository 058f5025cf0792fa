"""docs/commands.md: every command of the program with its help, those of `central` and all below them."""

import argparse
import contextlib
import importlib
import io
import os
import re
from unittest import mock

from central import cli as central
from edge import cli as edge

COLUMNS = 100
PART = re.compile(r"\(.*?\)+(?=\s|$)|\[.*?\]+(?=\s|$)|\S+")  # what argparse keeps on one line where it can
WIDE = {"COLUMNS": str(COLUMNS), "LANG": "C.UTF-8", "PYTHON_COLORS": "0"}


def page() -> str:
    """Return docs/commands.md."""
    with mock.patch.dict(os.environ, WIDE):
        parts = ["# Commands\n\nWritten by `make docs` from the program's own help.\n", f"```\n{shown()}\n```\n"]
        parts += [_section(words) for words in every_command()]
    return "\n".join(parts)


def every_command() -> list[tuple[str, ...]]:
    """Return every command that has a help of its own, in the order of the help above it."""
    found: list[tuple[str, ...]] = []
    for name in (*edge.COMMANDS, *edge.CENTRAL_ROLES):
        below = [(name, one) for one in central.COMMANDS] if name == "central" else []
        for words in ((name,), *below):
            found += [words, *((*words, more) for more in subcommands(words))]
    return found


def subcommands(words: tuple[str, ...]) -> list[str]:
    """Return the names of the commands below one, where they have a help of their own."""
    table = edge.COMMANDS if words[0] in edge.COMMANDS else central.COMMANDS
    if words[-1] not in table:  # `central` alone: its commands are a table of their own
        return []
    parser = argparse.ArgumentParser()
    importlib.import_module(table[words[-1]].module).add_arguments(parser)
    below = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]  # noqa: SLF001
    return [name for one in below for name in one.choices]


def help_of(*words: str) -> str:
    """Return the `--help` text of a command as the program prints it, for 100 columns."""
    run = edge.main
    if words and words[0] in edge.CENTRAL_ROLES:  # what edge.cli hands over to `python -m central`
        run, words = central.main, words[1:] if words[0] == "central" else words
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        run([*words, "--help"])
    return said.getvalue().rstrip()


def shown(*words: str) -> str:
    """Return the help of a command with its usage in lines of ours: each Python breaks them elsewhere."""
    text = help_of(*words)
    with mock.patch.dict(os.environ, {"COLUMNS": "10000"}):
        whole = help_of(*words).split("\n\n", 1)[0]
    head, told = re.match(r"(usage: xinguan(?: [a-z-]+)*) ?(.*)", whole, re.DOTALL).groups()  # type: ignore[union-attr]
    lines = [head]
    for part in PART.findall(told):
        if len(lines[-1]) + 1 + len(part) <= COLUMNS - 2:
            lines[-1] += f" {part}"
        else:
            lines.append(f"{' ' * len(head)} {part}")
    return "\n".join(lines) + text[len(text.split("\n\n", 1)[0]) :]


def _section(words: tuple[str, ...]) -> str:
    return f"{'#' * (len(words) + 1)} xinguan {' '.join(words)}\n\n```\n{shown(*words)}\n```\n"
