"""The demo's own parts: a phone that can be read, a network that can be cut, ledgers that are really compared."""

import asyncio
import json
import secrets
import subprocess
import sys
import tomllib
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import numpy as np
import pytest
import segno
import zxingcpp
from aiohttp import web
from aiohttp.test_utils import TestServer

from central.demo.audit import Book, Fact, compare
from central.demo.running import processes
from central.demo.running.processes import PORTS, TRIES, Child, ChildError, free_ports, python, run_once
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street.camera import Camera
from central.demo.street.drawing import CODE_PX, QUIET_MODULES, Pose, booth, frame, grain, phone_picture
from central.demo.street.phone import APPROACH_S, GESTURES, gone, pose
from central.demo.street.town import GATE
from scanner.child.worker import configured
from scanner.decode import Config, StreamReader
from scanner.spec import parse_spec

CODE = "XG1:" + "".join("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"[i * 7 % 45] for i in range(425))


class TestPhone:
    @pytest.mark.parametrize("gesture", GESTURES)
    def test_a_code_held_before_the_camera_is_read(self, gesture):
        phone, background, noise = phone_picture(CODE), booth(1), grain(1)
        views = [
            frame(background, phone, pose(gesture, APPROACH_S + 0.3 + step / 12), noise=noise) for step in range(12)
        ]

        read = [[code.text for code in zxingcpp.read_barcodes(view)] for view in views]

        assert [CODE] in read
        assert all(texts in ([], [CODE]) for texts in read)

    def test_a_hand_comes_moves_and_goes(self):
        gesture = GESTURES[0]

        assert pose(gesture, 0.1).speed > 20
        assert pose(gesture, 3.0).speed < 8
        assert pose(gesture, 3.0) != pose(gesture, 3.1)
        assert gone(1.0)
        assert not gone(0.1)

    def test_an_empty_view_holds_no_code(self):
        assert zxingcpp.read_barcodes(np.asarray(booth(2))) == []


class TestGate:
    def test_the_gate_reads_what_only_the_soft_decoder_does(self, tmp_path):
        """Its own configuration says how: a phone at 1.5 pixels a module under a lamp, as its camera would draw it."""
        link = TerminalLink(GATE, tmp_path, 1, None)
        lanes = tomllib.loads(
            link.configuration(platform="http://a", source="http://127.0.0.1:1/camera", actuator=None)
        )
        spec = parse_spec(lanes["lanes"][0]["source"])
        phone = phone_picture(CODE)
        modules = len(segno.make(CODE, error="l", boost_error=False).matrix) + 2 * QUIET_MODULES
        at = Pose(x=640, y=420, scale=1.5 * modules / CODE_PX)
        rows, columns = np.mgrid[0:720, 0:1280].astype(np.float32)
        lamp = 255 / (1 + (((columns - 650) / 14) ** 2 + ((rows - 385) / 8) ** 2) ** 2)
        views = []
        for seed in range(3):
            view = frame(booth(seed), phone, at, noise=grain(seed))
            views.append(np.clip(view + lamp[..., None], 0, 255).astype(np.uint8))

        with_soft, without = (StreamReader(setting, lambda: 0.0) for setting in (configured(spec), Config(mend=None)))

        assert [text for view in views for text in without.read(view)] == []
        assert CODE in [text for view in views for text in with_soft.read(view)]
        assert with_soft.tally.decodes.get("mend")


class TestCamera:
    async def test_the_stream_shows_the_phone_and_then_nothing(self):
        camera = Camera()
        app = web.Application()
        app.router.add_get("/camera", camera.serve)
        async with TestServer(app) as server, aiohttp.ClientSession() as session:
            drawing = asyncio.create_task(camera.run())
            async with session.get(server.make_url("/camera")) as stream:
                await camera.show(CODE)
                assert await self.next_text(stream) == CODE
                await camera.take_away()
                assert await self.next_text(stream, wanted=None) is None
            drawing.cancel()

    async def next_text(self, stream, wanted=CODE):
        import cv2

        reader = stream.content
        for _ in range(60):
            while b"Content-Length" not in (line := await reader.readline()):
                assert line
            await reader.readline()
            jpeg = await reader.readexactly(int(line.split(b":")[1]))
            texts = [code.text for code in zxingcpp.read_barcodes(cv2.imdecode(np.frombuffer(jpeg, np.uint8), 0))]
            if (texts[0] if texts else None) == wanted:
                return wanted
        raise AssertionError("not seen in 60 frames")


class TestProxy:
    async def test_a_cut_network_carries_nothing_and_a_restored_one_carries_again(self):
        async def hello(_request):
            return web.Response(text="there")

        app = web.Application()
        app.router.add_get("/", hello)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(TestServer(app))
            proxy = await stack.enter_async_context(CuttableProxy(server.port))
            session = await stack.enter_async_context(aiohttp.ClientSession())
            url = f"http://127.0.0.1:{proxy.port}/"

            assert await (await session.get(url)).text() == "there"
            proxy.cut()
            with pytest.raises(aiohttp.ClientError):
                await session.get(url)
            proxy.restore()
            assert await (await session.get(url)).text() == "there"

    async def test_an_absent_platform_is_a_refused_connection_not_a_hang(self):
        [port] = free_ports(1)
        async with CuttableProxy(port) as proxy, aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"http://127.0.0.1:{proxy.port}/")


class TestProcesses:
    def test_a_port_is_given_to_one_process_only_until_it_ends(self, monkeypatch):
        first = secrets.choice(PORTS[: -2 * TRIES])
        monkeypatch.setattr(processes, "PORTS", range(first, first + TRIES))
        mine = set(free_ports(TRIES - 50))
        asked = f"from central.demo.running import processes as p; p.PORTS = range({first}, {first + TRIES});"
        command = [sys.executable, "-c", f"{asked} print(p.free_ports(35))"]

        others = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)

        assert len(others) == 35
        assert not mine & set(others)
        assert not mine & set(free_ports(35))  # theirs are free again

    async def test_a_child_dies_with_the_process_that_started_it(self, tmp_path):
        script = (
            "import asyncio, os, sys, pathlib\n"
            "from central.demo.running.processes import Child\n"
            "async def main():\n"
            "    child = await Child('sleeper', ['/bin/sleep', '600'], pathlib.Path(sys.argv[1])).start()\n"
            "    print(child.pid, flush=True)\n"
            "    await asyncio.sleep(600)\n"
            "asyncio.run(main())\n"
        )
        parent = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-c", script, str(tmp_path / "log"), stdout=asyncio.subprocess.PIPE
        )
        pid = int(await parent.stdout.readline())
        await self.until(lambda: self.command_of(pid).startswith(b"/bin/sleep"))

        parent.kill()
        await parent.wait()

        await self.until(lambda: not self.command_of(pid))

    async def test_a_child_that_ends_by_itself_is_told_with_the_end_of_its_log(self, tmp_path):
        child = await Child(
            "loser", [sys.executable, "-I", "-c", "raise SystemExit('no luck')"], tmp_path / "log"
        ).start()

        async def never():
            return False

        with pytest.raises(ChildError, match="no luck"):
            await child.until(never, within_s=20)

    async def test_a_command_gives_what_it_printed_or_why_it_failed(self, tmp_path):
        log = tmp_path / "log"

        assert await run_once("hello", [sys.executable, "-I", "-c", "print('hi')"], log) == "hi\n"
        with pytest.raises(ChildError, match="No module named"):
            await run_once("absent", python("central.demo.absent"), log)

    @staticmethod
    def command_of(pid):
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            return b""

    @staticmethod
    async def until(reached):
        async with asyncio.timeout(20):
            while not reached():
                await asyncio.sleep(0.02)


class TestAudit:
    def fact(self, seq, **more):
        kept = {
            "terminal": "gate",
            "seq": seq,
            "hash": bytes([seq]) * 32,
            "raw": b"record %d" % seq,
            "id": f"id-{seq}",
            "kind": "granted",
            "redemption": f"r-{seq}",
        }
        return Fact(**(kept | more))

    def book(self, *facts, acked=0, broken=0):
        return Book(facts=facts, acked_through=acked, broken=broken)

    def test_equal_ledgers_lose_nothing_and_repeat_nothing(self):
        facts = [self.fact(1), self.fact(2)]

        audit = compare([self.book(*facts, acked=2)], facts, {"r-1": 1, "r-2": 1})

        assert (audit.lost, audit.duplicated, audit.unsent) == (0, 0, 0)
        assert (audit.journal_records, audit.platform_records) == (2, 2)

    def test_what_is_not_there_yet_is_unsent_and_what_was_acknowledged_is_lost(self):
        audit = compare([self.book(self.fact(1), self.fact(2), acked=1)], [], {})

        assert (audit.lost, audit.unsent) == (1, 1)

    def test_a_record_with_one_other_byte_is_lost(self):
        audit = compare([self.book(self.fact(1), acked=1)], [self.fact(1, raw=b"record l")], {})

        assert audit.lost == 1

    def test_a_broken_chain_counts_as_lost(self):
        assert compare([self.book(self.fact(1), acked=1, broken=1)], [self.fact(1)], {}).lost == 1

    @pytest.mark.parametrize(
        ("held", "passages"),
        [
            ([{"seq": 1}, {"seq": 2, "id": "id-1", "redemption": "r-2"}], {}),
            ([{"seq": 1}, {"seq": 2, "redemption": "r-1"}], {}),
            ([{"seq": 1}, {"seq": 2}, {"seq": 3}], {}),
            ([{"seq": 1}, {"seq": 2}], {"r-1": 2}),
        ],
        ids=["one fact at two places", "one redemption granted twice", "a fact nobody wrote", "two people on one code"],
    )
    def test_what_stands_twice_is_counted(self, held, passages):
        facts = [self.fact(1), self.fact(2)]

        audit = compare([self.book(*facts, acked=2)], [self.fact(**one) for one in held], passages)

        assert audit.duplicated == 1
