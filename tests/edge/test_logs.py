"""Logs: they never wait, never flood, and never tell a secret."""

import doctest
import json
import logging
import os
import subprocess
import sys
import threading

import pytest

from edge.watch import logs
from edge.watch.logs import BURST, MAX_WAITING, JsonFormatter, Sparing, Unhurried

TOKEN = "Zm9vYmFyYmF6cXV4-_Zm9vYmFyYmF6"


def record(event="event", logger="xinguan.test", **extra):
    made = logging.LogRecord(logger, logging.INFO, __file__, 1, event, (), None)
    vars(made).update(extra)
    return made


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(logs).failed == 0


@pytest.mark.parametrize(
    "text",
    [
        f"b'Authorization: Bearer {TOKEN}'",
        f"AUTHORIZATION:bearer {TOKEN}\\r\\n",
        f'{{"token": "{TOKEN}"}}',
        f"/gate?lane=A#token={TOKEN}",
        f"Bearer\t{TOKEN}",
        f"alone {TOKEN} and unannounced",
    ],
)
def test_no_token_is_logged_whatever_stands_around_it(text, monkeypatch):
    monkeypatch.setattr(logs, "_hidden", {TOKEN} if "alone" in text else set())

    assert TOKEN not in JsonFormatter().format(record(detail=text))


def test_a_line_that_the_parser_refused_is_told_by_its_kind_alone():
    try:
        json.loads(f"{TOKEN} x-secret")
    except ValueError:
        refused = record("Error handling request", logger="aiohttp.server")
        refused.exc_info = sys.exc_info()

    line = json.loads(JsonFormatter().format(refused))

    assert (line["event"], line["kind"]) == ("request_refused", "JSONDecodeError")
    assert "x-secret" not in json.dumps(line)


def test_an_event_that_repeats_is_counted_and_another_event_still_comes_through():
    now = [0.0]
    sparing = Sparing(lambda: now[0])

    through = sum(sparing.filter(record()) for _ in range(1_000))
    other = sparing.filter(record("another"))
    now[0] = 1.0
    later = record()
    assert sparing.filter(later)

    assert (through, other) == (BURST, True)
    assert later.left_out == 1_000 - BURST


def test_a_reader_that_stands_still_costs_lines_and_no_time():
    goes_on, written = threading.Event(), []

    def write(line):
        goes_on.wait(10)
        written.append(line)

    handler = Unhurried(write)
    handler.setFormatter(JsonFormatter())
    for _ in range(MAX_WAITING + 100):  # would hang here if it waited
        handler.emit(record())
    goes_on.set()
    while handler._lines:
        handler.flush()

    lost = [json.loads(line)["lines"] for line in written if b"lines_lost" in line]
    assert sum(lost) in (99, 100)
    assert len(written) - len(lost) in (MAX_WAITING, MAX_WAITING + 1)


def test_the_last_lines_are_written_when_the_process_ends():
    program = (
        "import logging; from edge.watch.logs import set_up; set_up();"
        "[logging.getLogger('x').info('event_%d', n) for n in range(40)]"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)

    assert [json.loads(line)["event"] for line in done.stderr.splitlines()] == [f"event_{n}" for n in range(40)]


def test_a_stderr_that_nobody_reads_does_not_hold_the_process():
    reading, writing = os.pipe()
    program = (
        "import logging; from edge.watch.logs import set_up; set_up();"
        "[logging.getLogger('x').info('event_%d', n, extra={'fill': 'x' * 1000}) for n in range(3000)];"
        "print('went on', flush=True)"
    )
    try:
        done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=writing, timeout=60)
    finally:
        os.close(writing)
        os.close(reading)

    assert done.stdout == b"went on\n"
