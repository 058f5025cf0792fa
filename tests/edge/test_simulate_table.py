"""`xinguan simulate` for people: a table on a terminal, JSON lines in a pipe."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

from edge.simulator.telling import table
from tests.tools.shell import xinguan

CASE = Path(__file__).parents[2] / "docs" / "examples" / "hotel.json"
COMMAND = [sys.executable, "-I", "-m", "edge.cli", "simulate", str(CASE)]


def test_columns_are_counted_as_a_terminal_shows_them():
    assert table.width("中a") == 3
    assert table.width(table.padded("一二三四五六", 7)) == 7
    assert table.padded("一二三四五六", 7).rstrip().endswith("…")


def test_a_step_says_when_who_what_and_why():
    line = {
        "step": 3,
        "at": "2026-05-01T23:40:00+08:00",
        "terminal": "desk",
        "outcome": "STANDARD",
        "benefit": None,
        "reasons": [{"code": "limit_used", "zh": "次数已用完"}],
        "unmet": {"outcome": "GRANT"},
    }

    shown = table.row(line)

    assert [part in shown for part in ("05-01 23:40", "desk", "STANDARD", "次数已用完", "不符")] == [True] * 5


def test_a_pipe_gets_json_lines_and_a_terminal_a_table():
    piped = xinguan("simulate", CASE).stdout
    ours, theirs = pty.openpty()
    shown = subprocess.Popen(COMMAND, stdout=theirs)
    os.close(theirs)
    raw = b""
    while True:
        try:
            more = os.read(ours, 65_536)
        except OSError:  # Linux says so when the other end is gone
            break
        if not more:
            break
        raw += more
    os.close(ours)
    told = raw.decode()

    lines = [json.loads(line) for line in piped.splitlines()]
    assert (lines[0]["outcome"], lines[-1]["failed"], shown.wait(60)) == ("GRANT", 0, 0)
    assert "GRANT inn.no-deposit waived 300.00" in told
    assert "7 步 steps，0 步与预期不符" in told
    assert '{"step"' not in told


def test_each_can_be_asked_for():
    as_table = xinguan("simulate", CASE, "--table").stdout

    assert as_table.startswith("时间 time")
