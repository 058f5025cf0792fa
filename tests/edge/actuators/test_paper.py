"""Receipts: what stands on a slip, what a printer is sent, and what its paper then shows a person."""

import asyncio
import importlib.util
import os
import pty
import tty
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp

from edge.actuators.lines import Turns
from edge.actuators.paper.escpos import ASK, Paper, encode, paper_of, text
from edge.actuators.paper.printers import Printer
from edge.actuators.paper.slips import House, broken, columns, slip_of, trial
from edge.actuators.paper.tables import PrinterTable, faults

spec = importlib.util.spec_from_file_location(
    "receipt_paper", Path(__file__).parents[3] / "tests" / "tools" / "receipt_paper.py"
)
receipt_paper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(receipt_paper)
printed = receipt_paper.printed

HOUSE = House(
    title={"zh": "云溪古镇 · 东门闸机", "en": "Yunxi Old Town · East gate"},
    notices="https://yunxi.example/n/",
    clock="2026-09-30 08:15:00",
)
GRANT = {
    "outcome": "GRANT",
    "at_ms": 0,
    "redemption": "0199f3a1-7000-7000-8000-0000000c0ffee"[:36],
    "offers": [{"benefit": "yunxi.shop", "title": {"zh": "诚信购物九折"}}],
    "offer": {"kind": "percent", "off_fen": 12_345_600, "to_pay_fen": 111_110_400},
    "list_price_fen": 123_456_000,
    "benefit": "yunxi.shop",
    "left": {"yunxi.shop": 1, "yunxi.first-visit": 7},
    "reasons": [{"code": "ok"}],
}
DENIAL = {
    "outcome": "REFUSE",
    "at_ms": 0,
    "redemption": None,
    "notice": "Q7fRkS2mV0a9hX3bN1cD4w",
    "reasons": [
        {
            "code": "restricted",
            "zh": "您今天暂不能使用这项服务，因为一项依法作出的限制仍然有效",
            "en": "This service is restricted for you today by a measure that is still in force",
            "facts": {"authority": "云溪市文化和旅游局", "until": "2026-12-31", "code": 302},
            "next": {"zh": "向认定机关申请信用修复", "en": "Ask the authority for repair"},
        }
    ],
}


class Sink:
    """A printer on TCP: answers about its paper, and keeps what it was sent."""

    def __init__(self, status=b"\x12"):
        self.status = status
        self.got = bytearray()
        self.ended = asyncio.Event()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = f"tcp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        async with asyncio.timeout(5):
            await self.ended.wait()
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        while data := await reader.read(4096):
            if data.startswith(ASK):
                writer.write(self.status)
                await writer.drain()
                data = data[len(ASK) :]
            self.got += data
        writer.close()
        self.ended.set()


def reads(sheet):
    picture = cv2.imdecode(np.frombuffer(sheet.png(), np.uint8), cv2.IMREAD_GRAYSCALE)
    return [one.text for one in zxingcpp.read_barcodes(picture)]


class TestOnPaper:
    def test_a_denial_says_everything_and_a_phone_reads_its_notice(self):
        sheet = printed(encode(slip_of(DENIAL, HOUSE), 32, cut=True))

        said = "".join(sheet.lines)
        assert "今天不能使用这项服务" in said
        assert "拒绝" not in said
        assert "云溪市文化和旅游局" in said
        assert "2026-12-31" in said
        assert "向认定机关申请信用修复" in said
        assert reads(sheet) == ["https://yunxi.example/n/Q7fRkS2mV0a9hX3bN1cD4w"]
        assert sheet.cut

    def test_a_grant_has_its_sums_whole_and_no_code(self):
        sheet = printed(encode(slip_of(GRANT, HOUSE), 32, cut=False))

        assert any("￥1,234,560.00" in line for line in sheet.lines)
        assert any("-￥123,456.00" in line for line in sheet.lines)
        assert any(line.endswith("￥1,111,104.00") for line in sheet.lines)
        assert any(line.startswith("剩余") and line.endswith(" 1") for line in sheet.lines)
        assert (sheet.codes, sheet.cut) == ([], False)

    @pytest.mark.parametrize("width", [20, 32, 48, 64])
    @pytest.mark.parametrize("answer", [GRANT, DENIAL])
    def test_nothing_runs_off_the_paper(self, width, answer):
        slip = slip_of(answer, HOUSE)

        sheet = printed(encode(slip, width, cut=True), width)

        assert max(columns(line) for line in sheet.lines) <= width
        assert all(columns(line) <= width for line in text(slip, width).splitlines() if not line.startswith("[QR]"))

    def test_a_picture_of_it_can_be_looked_at(self):
        folder = Path(__file__).parents[3] / "build" / "look"
        folder.mkdir(parents=True, exist_ok=True)
        for name, slip in (
            ("grant", slip_of(GRANT, HOUSE)),
            ("denial", slip_of(DENIAL, HOUSE)),
            ("trial", trial(HOUSE)),
        ):
            png = printed(encode(slip, 32, cut=True)).png()
            (folder / f"slip-{name}.png").write_bytes(png)
            picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert 20 < picture.mean() < 254
            assert picture.shape[1] == 384

    def test_every_slip_leaves_nothing_switched_on(self):
        for answer in (GRANT, DENIAL):
            sent = encode(slip_of(answer, HOUSE), 32, cut=True)
            for on, off in ((b"\x1bE\x01", b"\x1bE\x00"), (b"\x1d!\x11", b"\x1d!\x00"), (b"\x1ba\x01", b"\x1ba\x00")):
                assert sent.count(on) == sent.count(off)
                assert sent.rfind(off) > sent.rfind(on)

    def test_a_long_word_and_wide_characters_are_broken_and_nothing_is_lost(self):
        for said in ("a" * 90, "云" * 45, "云a" * 30, "one  two", "￥1 云溪", " "):
            lines = list(broken(said, 32))
            assert "".join(lines).replace(" ", "") == said.replace(" ", "")
            assert all(columns(line) <= 32 for line in lines)

    def test_what_gb18030_cannot_write_does_not_stop_a_slip(self):
        house = House(title={"zh": "\ud800 x"}, notices="", clock="")
        assert "? x" in printed(encode(trial(house), 32, cut=True)).lines[0]


class TestPrinting:
    async def test_a_slip_goes_out_and_the_paper_is_known(self):
        async with Sink() as sink:
            printer = Printer(PrinterTable(port=sink.port), Turns())

            told = await printer.print(slip_of(GRANT, HOUSE))

        assert (told.well, told.paper) == (True, Paper.WELL)
        assert bytes(sink.got) == encode(slip_of(GRANT, HOUSE), 32, cut=True)

    async def test_without_paper_nothing_is_sent_and_that_is_said(self):
        async with Sink(status=b"\x72") as sink:
            printer = Printer(PrinterTable(port=sink.port), Turns())

            told = await printer.print(slip_of(GRANT, HOUSE))

        assert (told.well, told.paper, printer.standing) == (False, Paper.OUT, told)
        assert sink.got == b""

    async def test_paper_that_runs_low_still_prints(self):
        async with Sink(status=b"\x1e") as sink:
            told = await Printer(PrinterTable(port=sink.port), Turns()).print(trial(HOUSE))

        assert (told.well, told.paper) == (True, Paper.LOW)

    @pytest.mark.parametrize("status", [b"", b"\xff", b"\x00", b"OK"])
    async def test_one_that_does_not_say_still_prints(self, status):
        async with Sink(status=status) as sink:
            told = await Printer(PrinterTable(port=sink.port, timeout_s=2), Turns()).print(trial(HOUSE))

        assert (told.well, told.paper) == (True, Paper.UNKNOWN)
        assert sink.got

    async def test_one_that_is_not_there_says_why(self):
        told = await Printer(PrinterTable(port="tcp://127.0.0.1:1"), Turns()).print(trial(HOUSE))

        assert not told.well
        assert "127.0.0.1:1" in told.why

    async def test_one_on_a_serial_line_is_sent_the_same(self):
        master, slave = pty.openpty()
        tty.setraw(slave)
        table = PrinterTable(port=f"serial:{os.ttyname(slave)}", asks=False)

        told = await Printer(table, Turns()).print(trial(HOUSE))

        assert told.well
        assert await asyncio.to_thread(os.read, master, 65_536) == encode(trial(HOUSE), 32, cut=True)
        os.close(master)
        os.close(slave)

    async def test_one_behind_the_kernels_usb_driver_is_a_file_that_answers(self, tmp_path):
        master, slave = pty.openpty()
        tty.setraw(slave)
        tty.setraw(master)
        os.write(master, b"\x72")

        told = await Printer(PrinterTable(port=f"usb:{os.ttyname(slave)}"), Turns()).print(trial(HOUSE))

        assert (told.paper, told.well) == (Paper.OUT, False)
        assert os.read(master, 64) == ASK
        os.close(master)
        os.close(slave)

    async def test_a_usb_printer_that_says_nothing_holds_nobody_up(self):
        master, slave = pty.openpty()
        tty.setraw(slave)
        table = PrinterTable(port=f"usb:{os.ttyname(slave)}", timeout_s=0.2)

        told = await Printer(table, Turns()).print(trial(HOUSE))

        assert not told.well
        os.write(master, b"\x12")  # let the thread go
        os.close(master)
        os.close(slave)

    async def test_a_file_takes_text(self, tmp_path):
        path = tmp_path / "slips"
        told = await Printer(PrinterTable(port=f"file:{path}"), Turns()).print(slip_of(DENIAL, HOUSE))

        assert told.well
        assert "[QR] https://yunxi.example/n/Q7fRkS2mV0a9hX3bN1cD4w" in path.read_text()


@pytest.mark.parametrize("byte", range(256))
def test_whatever_a_printer_answers_is_one_of_four_standings(byte):
    assert paper_of(bytes([byte])) in Paper
    if byte & 0x60 and byte & 0b10010011 == 0b00010010:
        assert paper_of(bytes([byte])) is Paper.OUT


@pytest.mark.parametrize("port", ["tcp://host", "COM3", "/dev/usb/lp0", "http://x:9100", "serial:"])
def test_what_is_no_printer_is_told(port):
    assert [key for key, *_ in faults(PrinterTable(port=port))] == ["port"]
