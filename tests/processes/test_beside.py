"""Light, sound and paper of a lane, at a real terminal: they hear what happens, and what is wrong with them is told."""

import asyncio
import importlib.util
import os
import pty
import tty
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from central.demo.street import town

pytestmark = pytest.mark.asyncio(loop_scope="module")
_SPEC = importlib.util.spec_from_file_location(
    "receipt_paper", Path(__file__).parents[1] / "tools" / "receipt_paper.py"
)
receipt_paper = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(receipt_paper)


class Devices:
    """A light on a pty, a printer on TCP that can be out of paper, a player that keeps what it is given."""

    def __init__(self, folder):
        self.folder = folder
        self.status, self.got, self.on, self.seen = b"\x12", bytearray(), set(), []

    async def start(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        asyncio.get_running_loop().add_reader(self.master, self._switched)
        self.server = await asyncio.start_server(self._print, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        player = self.folder / "player.sh"
        player.write_text(f"#!/bin/sh\ncat > {self.folder}/heard.$$\n")
        player.chmod(0o755)
        return "\n".join(
            [
                f'printer = {{port = "tcp://127.0.0.1:{port}", when = "denied"}}',
                f'light = {{port = "serial:{os.ttyname(self.slave)}", seconds = 0.3}}',
                f'sound = {{command = ["{player}"]}}',
            ]
        )

    def _switched(self):
        data = os.read(self.master, 4096)
        for at in range(0, len(data), 4):
            (self.on.add if data[at + 2] else self.on.discard)(data[at + 1])
            self.seen.append(frozenset(self.on))

    async def _print(self, reader, writer):
        while data := await reader.read(4096):
            if data.startswith(b"\x10\x04\x04"):
                writer.write(self.status)
                data = data[3:]
            self.got += data
        writer.close()

    def heard(self):
        return len([one for one in self.folder.glob("heard.*") if one.stat().st_size])

    def close(self):
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)
        self.server.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    folder = tmp_path_factory.mktemp("beside")
    async with running_town(folder) as built:
        built.devices = Devices(folder)
        text = built.gate.config.read_text()
        built.gate.config.write_text(text.replace("[[lanes]]\n", f"[[lanes]]\n{await built.devices.start()}\n"))
        await built.gate.start()
        yield built
        built.devices.close()


async def post(served, path, body):
    head = {"Authorization": f"Bearer {served.gate.tokens['desk']}"}

    async def asked():
        async with session.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async with aiohttp.ClientSession(served.gate.url, headers=head) as session:
        return await served.decided(asked)


async def line(served, name):
    async with served.gate._session.get(f"{served.gate.url}/readyz") as answer:
        return next(one["cause"] for one in (await answer.json())["checks"] if one["name"] == f"{name}:A")


async def test_green_once_the_gate_has_opened_a_sound_and_no_paper(served):
    devices = served.devices
    answer = await served.gate.present(served.visitors.resident(served.now_s()).code(served.now_s()))
    await served.until(lambda: answer["redemption"] in served.openings)

    await served.until(lambda: frozenset({1}) in devices.seen)
    await served.until(lambda: not devices.on)
    await served.until(devices.heard)
    assert devices.got == b""
    assert [await line(served, name) for name in ("light", "sound")] == ["light.well", "sound.well"]


async def test_a_denial_is_printed_by_itself_and_again_when_asked_for(served):
    devices = served.devices
    who = served.visitors.person(served.now_s(), tier=0)
    answer = await served.gate.present(who.code(served.now_s()))
    await served.until(lambda: devices.got.endswith(b"\x1dVB\x03"))
    sheet = receipt_paper.printed(bytes(devices.got))

    assert "标准" in sheet.lines
    assert sheet.codes == [f"{(await served.gate.status())['notices']}{answer['notice']}"]
    await served.until(lambda: frozenset({2}) in devices.seen)

    devices.got.clear()
    assert await post(served, "/v1/lanes/A/print", {"notice": answer["notice"]}) == (
        200,
        {"lane": "A", "paper": "well"},
    )
    await served.until(lambda: receipt_paper.printed(bytes(devices.got)).codes == sheet.codes)


async def test_a_grant_is_printed_when_asked_for_also_after_a_restart(served):
    answer = await served.gate.present(served.visitors.resident(served.now_s()).code(served.now_s()))
    await served.gate.process.stop()
    await served.gate.start()
    served.devices.got.clear()

    status, told = await post(served, "/v1/lanes/A/print", {"redemption": answer["redemption"]})

    assert (status, told["paper"]) == (200, "well")
    await served.until(lambda: "通过" in receipt_paper.printed(bytes(served.devices.got)).lines)


async def test_a_printer_without_paper_says_so_and_keeps_nobody_out(served):
    served.devices.status = b"\x72"
    served.devices.got.clear()
    answer = await served.gate.present(served.visitors.resident(served.now_s()).code(served.now_s()))

    status, problem = await post(served, "/v1/lanes/A/print", {"redemption": answer["redemption"]})

    assert (status, answer["outcome"]) == (409, "GRANT")
    assert "no paper" in problem["detail"]
    assert served.devices.got == b""
    assert await line(served, "printer") == "printer.out"
    assert (await served.gate.status())["ready"]
    served.devices.status = b"\x12"
    await post(served, "/v1/lanes/A/print", {})
    assert await line(served, "printer") == "printer.well"


async def test_what_is_not_there_is_told(served):
    assert (await post(served, "/v1/lanes/Z/print", {}))[0] == 404
    assert (await post(served, "/v1/lanes/A/print", {"redemption": "nobody's"}))[0] == 404
    assert town.GATE.lane == "A"
