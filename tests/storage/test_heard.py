"""Whoever reads what a command says may leave: nothing is cut off, nothing is a traceback (`storage.heard`)."""

import os
import signal
import subprocess
import sys

import pytest

from storage.heard import EX_INTERRUPTED, EX_PIPE

GOES_ON = """
import sys
from pathlib import Path
from storage.heard import told
def run():
    for number in range(100_000):
        print("a line that nobody reads", file=sys.stdout if number % 2 else sys.stderr)
    Path(sys.argv[1]).write_text("done")
    return 3
sys.exit(told(run))
"""
TELLS = """
import sys
from storage.heard import told
def run():
    while True:
        print("a line")
sys.exit(told(run, tells=True))
"""
WAITS = """
import signal
import sys
from storage.heard import told
signal.signal(signal.SIGINT, signal.default_int_handler)  # in a shell's background it is ignored
def run():
    print("here", flush=True)
    while True:  # a signal is looked at between two steps; one that came just before a long read would wait for its end
        pass
sys.exit(told(run))
"""


def started(*words):
    pipe = subprocess.PIPE
    return subprocess.Popen([sys.executable, "-I", *map(str, words)], stdin=pipe, stdout=pipe, stderr=pipe)


def test_what_a_command_does_comes_to_its_end_though_both_its_readers_left(tmp_path):
    process = started("-c", GOES_ON, tmp_path / "file")
    process.stdout.close()
    process.stderr.close()

    assert process.wait(60) == 3
    assert (tmp_path / "file").read_text() == "done"


def test_a_command_that_only_tells_ends_when_nobody_reads_it(tmp_path):
    process = started("-c", TELLS)
    assert process.stdout.readline() == b"a line\n"
    process.stdout.close()

    assert process.wait(60) == EX_PIPE
    assert process.stderr.read() == b""


def test_ctrl_c_is_no_traceback():
    process = started("-c", WAITS)
    assert process.stdout.readline() == b"here\n"
    process.send_signal(signal.SIGINT)

    try:
        assert process.wait(60) == EX_INTERRUPTED
    finally:
        process.kill()
    assert process.stderr.read().decode() == "\n已中断 · interrupted\n"


@pytest.mark.parametrize("words", [("edge.cli", "version", "--json"), ("edge.cli", "scan", "--help"), ("central",)])
def test_no_command_line_of_ours_ends_in_a_traceback_when_its_pipe_is_closed(words):
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", *words], stdout=write, stderr=subprocess.PIPE, check=False, timeout=60
        )
    finally:
        os.close(write)

    assert done.stderr == b""
    assert done.returncode in (0, EX_PIPE)


def test_an_output_that_was_closed_before_goes_nowhere():
    says = "import sys; from storage.heard import told; sys.exit(told(lambda: sys.stdout.write('x') + 2))"
    shell = ["sh", "-c", 'exec "$0" -I -c "$1" >&-', sys.executable, says]

    done = subprocess.run(shell, capture_output=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (3, b"")
