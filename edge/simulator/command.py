"""`xinguan simulate CASE.json [--explain]`: why was this decided? A table for people, JSON lines in a pipe.

A JSON line per step, then {steps, failed}; `--json` and `--table` say which, whatever standard output is.

Exit codes: 0 every expectation met · 1 some not · 2 the file is wrong (path and mend are named on stderr).
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from credit.rules.reading import CatalogueError
from edge.simulator.case import Show
from edge.simulator.case_file import parse_case
from edge.simulator.expectation import unmet
from edge.simulator.story import Played, Story
from edge.simulator.telling import table
from edge.simulator.telling.explain import explain

MET, NOT_MET, WRONG_FILE = 0, 1, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `xinguan simulate`."""
    parser.add_argument(
        "case", metavar="CASE.json", help="案例文件（- 表示标准输入） · the case file (- reads standard input)"
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--table", action="store_true", help="表格，给人看 · a table for people, also in a pipe")
    how.add_argument("--json", action="store_true", help="逐行 JSON，给程序 · JSON lines, also on a terminal")
    parser.add_argument(
        "--explain", action="store_true", help="说明每项优惠由哪个条件决定 · say which condition decided"
    )


def run(args: argparse.Namespace) -> int:
    """Play the case, print its lines, and return the exit code."""
    try:
        raw = sys.stdin.buffer.read() if args.case == "-" else Path(args.case).read_bytes()
        case = parse_case(raw)
    except OSError as error:
        print(f"{args.case}: {error.strerror or error}", file=sys.stderr)
        return WRONG_FILE
    except CatalogueError as error:
        print(f"{args.case}: {error}", file=sys.stderr)
        return WRONG_FILE
    failed = 0
    people = args.table or (sys.stdout.isatty() and not (args.json or args.explain))
    if people:
        print(table.head())
    for played in Story.begin(case).play():
        line = complete(played, explained=args.explain)
        failed += "unmet" in line
        print(table.row(line)) if people else _print(line)
    whole = {"steps": len(case.steps), "failed": failed}
    print(table.last(whole)) if people else _print(whole)
    return NOT_MET if failed else MET


def complete(played: Played, *, explained: bool) -> dict[str, Any]:
    """Return the line of a step, with what was expected and not met, and the explanation if it is wanted."""
    line = dict(played.line)
    missed = unmet(played.step.expect, line)
    if missed:
        line["unmet"] = missed
    if explained and isinstance(played.step, Show) and played.decision is not None and played.terminal is not None:
        line["explain"] = explain(played.decision, played.terminal.in_force.policy)
    return line


def _print(line: dict[str, Any]) -> None:
    print(json.dumps(line, ensure_ascii=False, separators=(", ", ": ")))
