"""Rows 15 and 16: callers who ask nothing, too much or nonsense; a log that nobody reads. Visitors are served."""

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import aiohttp
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = 256  # what a process may have open, as a thrifty service manager sets it
SLOWER = 3  # times: how much slower a presentation may be in a crowd
LEAST_S = 0.25  # below this nobody waits, whatever the ratio says


async def served(town, ill, count=10):
    """Present fresh visitors one after the other; return their outcomes and the slowest that was fairly measured."""
    outcomes, times = set(), []
    async with ill.Beat() as beat:
        for _ in range(count):
            answer, took_s = await ill.enter(town, town.visitors.resident(town.now_s()))
            outcomes.add(answer["outcome"])
            if not beat.stalls:
                times.append(took_s)
            beat.stalls.clear()
    return outcomes, max(times, default=0.0)


def opened(town):
    return len(list(Path(f"/proc/{town.gate.process.pid}/fd").iterdir()))


CROWDS = {
    "1 100 who say nothing": (1_100, b""),
    "510 halves of a head": (510, b"GET /v1/status HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "),
    "300 hosts that are none": (300, b"GET / HTTP/1.1\r\nHost: [\r\n\r\n"),
}


@pytest.mark.parametrize(("count", "said"), CROWDS.values(), ids=CROWDS)
async def test_visitors_are_served_while_a_crowd_stands_in_the_door(town, ill, count, said):
    _, usual_s = await served(town, ill)
    pid = town.gate.process.pid

    async with ill.crowd(town.gate.port, count, said):
        outcomes, slowest_s = await served(town, ill)
        most = opened(town)

    assert outcomes == {"GRANT"}
    assert most < 1_000
    assert slowest_s <= max(SLOWER * usual_s, LEAST_S)
    assert town.gate.process.pid == pid
    assert town.gate.process.alive


async def test_with_few_files_to_open_a_crowd_takes_none_from_store_and_lanes(town, ill):
    await town.gate.process.stop()
    before = town.gate.process
    ill.run_with(town, "prlimit", f"--nofile={FILES}:{FILES}", "--")
    try:
        await town.gate.start()
        async with ill.crowd(town.gate.port, 400):
            outcomes, _ = await served(town, ill)
            most = opened(town)
            causes, ready = await ill.readiness(town)
        await town.gate.process.stop()
    finally:
        town.gate.process = before
    await town.gate.start()

    assert outcomes == {"GRANT"}
    assert most < FILES - 50
    assert (causes["store"], ready) == ("store.well", True)


async def test_listeners_beyond_the_bound_are_turned_away_and_cost_nobody_time(town, ill):
    headers = {"Authorization": f"Bearer {town.gate.tokens['display']}"}
    answers, usual = [], (await served(town, ill))[1]
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(100):
            answer = await stack.enter_async_context(session.get(f"{town.gate.url}/v1/events", headers=headers))
            answers.append(answer.status)
        outcomes, slowest_s = await served(town, ill)

    assert set(answers) == {200, 429}
    assert outcomes == {"GRANT"}
    assert slowest_s <= max(SLOWER * usual, LEAST_S)


async def test_a_log_that_nobody_reads_stops_nobody(town, ill, tmp_path):
    fifo = tmp_path / "stderr"
    os.mkfifo(fifo)
    await town.gate.process.stop()
    before, reading = town.gate.process, os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        ill.run_with(town, "sh", "-c", f'exec "$0" "$@" 2>{fifo}')
        await ill.start_ill(town)
        await ill.line(town, "store", "store.well")
        for _ in range(300):  # each is an error in the log, with a trace
            with contextlib.suppress(OSError), socket.socket() as client:
                client.connect(("127.0.0.1", town.gate.port))
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\x00" + b"y" * 900 + b"\r\n\r\n")
        with ill.full(town):
            for _ in range(40):
                refused, _ = await ill.enter(town, town.visitors.resident(town.now_s()))
                assert ill.code_of(refused) == "store_failed"
            left, _ = await ill.leave(town, town.visitors.resident(town.now_s()))
        await ill.line(town, "store", "store.well")
        outcomes, _ = await served(town, ill, 3)
        await town.gate.process.stop()
    finally:
        os.close(reading)
        town.gate.process = before
    await town.gate.start()

    assert left["obligations"] == {"open_gate": True}
    assert outcomes == {"GRANT"}


async def test_no_secret_is_in_anything_that_was_written(town, ill):
    """Whatever a caller sends, and whatever he sends it in: tokens and codes are not in the log."""
    who = town.visitors.resident(town.now_s())
    code, tokens = who.code(town.now_s()), set(town.gate.tokens.values())
    await town.gate.present(code, intent="enter")
    odd = [
        "GET /v1/status HTTP/1.1\nAuthorization: Bearer {}\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nAuthorization: Bearer {}\x01\r\n\r\n",
        "GET /v1/status HTTP/1.1\r\nAuthorization : Bearer {}\r\n\r\n",
        "GET /?token={} HTTP/9.9\r\n\r\n",
        "{} / HTTP/1.1\r\n\r\n",
    ]
    for token in tokens:
        for head in odd:
            reader, writer = await asyncio.open_connection("127.0.0.1", town.gate.port)
            writer.write(head.format(token).encode("latin-1"))
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                async with asyncio.timeout(5):
                    await reader.readline()
            writer.close()
    await town.gate.process.stop()
    written = town.gate._log.read_text("utf-8", "replace")
    await town.gate.start()

    assert "request_refused" in written
    assert not [token for token in tokens if token in written]
    assert code not in written
    assert code.removeprefix("XG1:")[:40] not in written
