"""What one terminal costs its box: start to ready, memory, idle CPU, bytes written idle and for each grant.

    .venv/bin/python -P bench/box.py [--idle 60] [--grants 1000]

Real processes: a platform on loopback, one terminal enrolled there, codes presented over its API. Bytes are what the
kernel sent to the disk for the process (`write_bytes` of /proc/PID/io), CPU is its user and system time. The last line
is one JSON object.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

import aiohttp

from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors

TICKS = os.sysconf("SC_CLK_TCK")
STARTS = 5


def written(pid: int) -> int:
    """Return the bytes that a process had written to disk."""
    lines = Path(f"/proc/{pid}/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(pid: int) -> tuple[float, float]:
    """Return resident and proportional memory."""
    told = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]:
        name, value, *_ = line.split()
        told[name.rstrip(":")] = int(value) / 1024
    return round(told["Rss"], 1), round(told["Pss"], 1)


async def measure(folder: Path, idle_s: int, grants: int) -> dict[str, object]:
    """Return the figures of one run."""
    async with aiohttp.ClientSession() as session:
        platform_port, gate_port = free_ports(2)
        platform = PlatformLink(folder, platform_port, session)
        gate = TerminalLink(town.GATE, folder, gate_port, session)
        await platform.start()
        url = f"http://127.0.0.1:{platform_port}"
        gate.config.write_text(gate.configuration(platform=url, source=None, actuator=None))
        await gate.enrol(await platform.code_for(town.GATE, platform=url))
        visitors = Visitors(platform.state)
        starts = []
        for _ in range(STARTS):
            began = time.monotonic()
            await gate.start()
            starts.append(round(time.monotonic() - began, 2))
            if len(starts) < STARTS:
                await gate.process.stop()
        pid = gate.process.pid
        if pid is None:
            raise SystemExit("the terminal is not there any more")
        await asyncio.sleep(5)
        rss, pss = memory_mib(pid)
        bytes_0, cpu_0 = written(pid), cpu_s(pid)
        await asyncio.sleep(idle_s)
        bytes_idle, cpu_idle = written(pid) - bytes_0, cpu_s(pid) - cpu_0
        bytes_1, cpu_1, given = written(pid), cpu_s(pid), 0
        for _ in range(grants):
            now = int(time.time())
            answer = await gate.present(visitors.resident(now).code(now), intent="enter", ticket="adult")
            given += answer["outcome"] == "GRANT"
        await asyncio.sleep(2)
        figures: dict[str, object] = {
            "start_to_ready_s": sorted(starts),
            "rss_mib": rss,
            "pss_mib": pss,
            "idle_cpu_percent": round(100 * cpu_idle / idle_s, 2),
            "idle_mb_per_hour": round(bytes_idle / idle_s * 3600 / 1e6, 2),
            "grants": given,
            "mb_per_1000_grants": round((written(pid) - bytes_1) / max(given, 1) * 1000 / 1e6, 1),
            "cpu_ms_per_grant": round(1000 * (cpu_s(pid) - cpu_1) / max(given, 1), 2),
            "rss_mib_after": memory_mib(pid)[0],
            "load": os.getloadavg()[0],
        }
        await gate.process.stop()
        await platform.process.stop()
        return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", type=int, default=60)
    parser.add_argument("--grants", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="xinguan-box-") as folder:
        print(json.dumps(asyncio.run(measure(Path(folder), args.idle, args.grants))))


if __name__ == "__main__":
    main()
