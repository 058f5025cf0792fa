"""What a thousand terminals that poll cost a web server: Debian's nginx before a platform's public folder.

Each terminal has one connection and asks for `timestamp.json` every 60 s with jitter, by its entity tag, as
`sync.pull.polling` does; nothing changes, so every answer after the first is a 304. Told are the answers and the
processor time that nginx took for them, by its own processes' count: a busy machine changes little of it.

    python bench/pollers.py [--terminals 1000] [--seconds 60] [--nginx /usr/sbin/nginx]
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from central import example_town

POLL_S = 60.0
JITTER = 0.1
PORT = 18_480
CONFIGURATION = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; etag on;
  keepalive_timeout 180s; keepalive_requests 100000;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location /lists/ {{ alias {public}/; expires max; }}
    location = /lists/metadata/timestamp.json {{ alias {public}/metadata/timestamp.json; expires 1s; }}
  }}
}}
"""


class Terminal:
    """One connection that polls."""

    def __init__(self, answers: Counter[int]) -> None:
        self._answers = answers
        self._tag = ""

    async def run(self, until: float) -> None:
        """Poll until then; the first ones are spread over a whole period, as terminals are."""
        await asyncio.sleep(random.uniform(0, POLL_S))  # noqa: S311 - a moment, no secret
        reading, writing = await asyncio.open_connection("127.0.0.1", PORT)
        while time.monotonic() < until:
            condition = f"If-None-Match: {self._tag}\r\n" if self._tag else ""
            writing.write(f"GET /lists/metadata/timestamp.json HTTP/1.1\r\nHost: l\r\n{condition}\r\n".encode())
            head = (await reading.readuntil(b"\r\n\r\n")).decode()
            self._answers[int(head.split(" ", 2)[1])] += 1
            fields = dict(line.split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
            self._tag = fields.get("ETag", self._tag)
            if "Content-Length" in fields:
                await reading.readexactly(int(fields["Content-Length"]))
            await asyncio.sleep(POLL_S * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - a moment
        writing.close()


def ticks(pid: int) -> int:
    """Return the processor time of a process, its own and the kernel's for it, in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def processes(pid: int) -> list[int]:
    """Return nginx's processes."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


async def poll(pid: int, terminals: int, seconds: float) -> None:
    """Let all of them poll, and count while every one is at it."""
    answers: Counter[int] = Counter()
    until = time.monotonic() + 1.1 * POLL_S + seconds
    running = [asyncio.create_task(Terminal(answers).run(until)) for _ in range(terminals)]
    await asyncio.sleep(1.1 * POLL_S)
    answers.clear()
    before, began = sum(map(ticks, processes(pid))), time.monotonic()
    await asyncio.sleep(seconds)
    took, spent = time.monotonic() - began, sum(map(ticks, processes(pid))) - before
    told = dict(answers)
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    share = 100 * spent / os.sysconf("SC_CLK_TCK") / took
    result = {"terminals": terminals, "seconds": round(took, 1), "answers": told, "percent_of_a_core": round(share, 3)}
    print(json.dumps({**result, "target_percent": 5}))


def main() -> None:
    """Read the arguments, start nginx, poll."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--terminals", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--nginx", default="/usr/sbin/nginx")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        example_town.found(folder / "central", now_ms=time.time_ns() // 1_000_000)
        (folder / "central").chmod(0o755)
        configuration = folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, port=PORT, public=folder / "central" / "public"))
        server = subprocess.Popen([args.nginx, "-p", made, "-c", str(configuration)])
        try:
            asyncio.run(poll(server.pid, args.terminals, args.seconds))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
