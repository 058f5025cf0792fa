"""Boards on lines: relays (pty and TCP), Modbus (an independent server), controllers with words of their own, GPIO."""

import asyncio
import os
import pty
import socket
from contextlib import asynccontextmanager

import pytest
from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge.actuators.files import FileSink
from edge.actuators.gate import Attempt, Heard, Outcome
from edge.actuators.gpio import GpioGate
from edge.actuators.lines import Turns
from edge.actuators.making import make_gate
from edge.actuators.modbus import ModbusGate
from edge.actuators.relays import RelayGate, command
from edge.actuators.tables import GpioTable, ModbusTable, RelayTable, TalkTable, faults, from_text
from edge.actuators.talk import TalkGate

ATTEMPT = Attempt(lane="north", redemption="r1", heads=2)


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


class Board:
    """A relay board on a pty: keeps what it was told; `says` answers a status query."""

    def __init__(self, *, says=True, deaf=False):
        self.master, slave = pty.openpty()
        os.set_blocking(self.master, False)
        self.slave = slave
        self.port = f"serial:{os.ttyname(slave)}"
        self.heard, self.relays, self.says, self.deaf = b"", {}, says, deaf
        self.history = []

    async def __aenter__(self):
        asyncio.get_running_loop().add_reader(self.master, self._read)
        return self

    async def __aexit__(self, *_):
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self.slave)

    def _read(self):
        self.heard += os.read(self.master, 4096)
        while len(self.heard) >= 1:
            if self.heard[0] == 0xFF:
                self.heard = self.heard[1:]
                lines = "".join(f"CH{n}: {'ON' if on else 'OFF'} \r\n" for n, on in sorted(self.relays.items()))
                if self.says:
                    os.write(self.master, lines.encode())
            elif len(self.heard) >= 4:
                start, relay, on, check = self.heard[:4]
                assert (start, check) == (0xA0, (start + relay + on) & 0xFF)
                if not self.deaf:
                    self.relays[relay] = bool(on)
                self.history.append((relay, bool(on)))
                self.heard = self.heard[4:]
            else:
                return


class TestRelay:
    @pytest.mark.parametrize(("normally", "idle"), [("open", False), ("closed", True)])
    async def test_a_pulse_and_off_at_start_and_stop(self, normally, idle):
        async with Board() as board:
            table = RelayTable(port=board.port, relay=2, pulse_ms=50, normally=normally, baud=9600)
            async with RelayGate(table, Turns()) as gate:
                await until(lambda: board.history == [(2, idle)])
                assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
                await until(lambda: board.history == [(2, idle), (2, not idle), (2, idle)])
            await until(lambda: board.history[3:] == [(2, idle)])

    async def test_a_gate_that_is_stopped_within_the_pulse_is_switched_off(self):
        async with Board() as board:
            async with RelayGate(RelayTable(port=board.port, pulse_ms=9_000), Turns()) as gate:
                opening = asyncio.ensure_future(gate.open(ATTEMPT))
                await until(lambda: board.relays.get(1))
                opening.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await opening
            await until(lambda: board.relays == {1: False})

    async def test_fire_holds_it_open_until_it_is_over(self):
        async with Board() as board, RelayGate(RelayTable(port=board.port, pulse_ms=50), Turns()) as gate:
            assert (await gate.hold(open_=True)).outcome is Outcome.ACTUATED
            assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
            await until(lambda: board.relays == {1: True})
            await gate.hold(open_=False)
            await until(lambda: board.relays == {1: False})

    async def test_a_board_that_can_be_asked_is_believed_only_when_it_switched(self):
        async with Board() as board, RelayGate(RelayTable(port=board.port, pulse_ms=50, verify=True), Turns()) as gate:
            assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
        async with Board(deaf=True) as board:
            gate = RelayGate(RelayTable(port=board.port, pulse_ms=50, verify=True, timeout_s=0.6), Turns())
            done = await gate.open(ATTEMPT)
        assert done.outcome is Outcome.UNKNOWN

    async def test_a_board_that_is_not_there_was_sent_nothing_and_is_there_after_a_replug(self, tmp_path):
        port = tmp_path / "relay"
        gate = RelayGate(RelayTable(port=f"serial:{port}", pulse_ms=50), Turns())
        assert (await gate.open(ATTEMPT)).outcome is Outcome.NOT_ACTUATED
        async with Board() as board:
            port.symlink_to(board.port.removeprefix("serial:"))
            assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED

    async def test_another_usb_device_under_the_same_name_is_sent_nothing(self):
        async with Board() as board:
            done = await RelayGate(RelayTable(port=board.port, usb="1a86:7523"), Turns()).open(ATTEMPT)
            assert done.outcome is Outcome.NOT_ACTUATED
            assert "another device" in done.detail
            assert not board.history

    async def test_two_lanes_on_one_board_take_turns(self):
        turns = Turns()
        async with Board() as board:
            gates = [RelayGate(RelayTable(port=board.port, relay=n, pulse_ms=50), turns) for n in (1, 2)]
            done = await asyncio.gather(*(gate.open(ATTEMPT) for gate in gates))
            await until(lambda: board.relays == {1: False, 2: False})
        assert [one.outcome for one in done] == [Outcome.ACTUATED] * 2

    async def test_a_network_board_is_the_same_over_tcp(self):
        heard = bytearray()

        async def serve(reader, writer):
            while data := await reader.read(64):
                heard.extend(data)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            done = await RelayGate(RelayTable(port=port, relay=3, pulse_ms=50), Turns()).open(ATTEMPT)
            await until(lambda: bytes(heard) == command(3, on=True) + command(3, on=False))
        assert done.outcome is Outcome.ACTUATED


class Unit:
    """One unit of the independent server: what was written to it, and inputs that can be switched."""

    def __init__(self):
        self.coils, self.holding, self.inputs = {}, {}, set()

    async def action(self, function, _start, address, _count, registers, values):
        if values is not None:
            written = self.coils if function in (5, 15) else self.holding
            written.update({address + n: int(value) for n, value in enumerate(values)})
        elif function == 2:
            for n in range(len(registers)):
                registers[n] = sum(1 << bit for bit in range(16) if 16 * n + bit in self.inputs)

    def device(self, number):
        bits = SimData(0, count=256, values=False, datatype=DataType.BITS)
        words = SimData(0, count=64, values=0, datatype=DataType.REGISTERS)
        return SimDevice(number, simdata=([bits], [bits], [words], [words]), action=self.action)


@asynccontextmanager
async def modbus(framer=FramerType.SOCKET, numbers=(1,)):
    """An independent Modbus server; yields (port, its units by number)."""
    units = {number: Unit() for number in numbers}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    devices = [unit.device(number) for number, unit in units.items()]
    server = ModbusTcpServer(devices, framer=framer, address=("127.0.0.1", port))
    await server.serve_forever(background=True)
    try:
        yield f"tcp://127.0.0.1:{port}", units
    finally:
        await server.shutdown()


class TestModbus:
    @pytest.mark.parametrize(("framing", "framer"), [("tcp", FramerType.SOCKET), ("rtu", FramerType.RTU)])
    async def test_a_coil_is_pulsed_and_the_heads_are_told(self, framing, framer):
        async with modbus(framer) as (port, units):
            table = ModbusTable(port=port, framing=framing, coil=7, heads_register=9, pulse_ms=300)
            async with ModbusGate(table, Turns()) as gate:
                opening = asyncio.ensure_future(gate.open(ATTEMPT))
                await until(lambda: units[1].coils.get(7) == 1)
                assert (await opening).outcome is Outcome.ACTUATED
            assert units[1].coils == {7: 0}
            assert units[1].holding == {9: 2}

    async def test_a_board_that_times_the_pulse_is_written_once(self):
        async with modbus() as (port, units):
            gate = make_gate(ModbusTable(port=port, registers={"3": [4, 10]}), Turns())
            assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
            assert units[1].holding == {3: 4, 4: 10}

    async def test_another_unit_does_not_open(self):
        async with modbus(numbers=(5,)) as (port, units):
            gate = ModbusGate(ModbusTable(port=port, coil=0, unit=1, timeout_s=0.3), Turns())
            done = await gate.open(ATTEMPT)
            assert done.outcome is not Outcome.ACTUATED
            assert units[5].coils == {}

    async def test_an_address_that_the_board_does_not_have_is_refused(self):
        async with modbus() as (port, _):
            done = await ModbusGate(ModbusTable(port=port, coil=6000), Turns()).open(ATTEMPT)
        assert done.outcome is Outcome.NOT_ACTUATED
        assert "refuses" in done.detail

    async def test_a_board_that_is_away_was_sent_nothing_and_one_that_is_silent_is_unknown(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
            done = await ModbusGate(ModbusTable(port=port, coil=0, timeout_s=0.2), Turns()).open(ATTEMPT)
            assert done.outcome is Outcome.UNKNOWN
        done = await ModbusGate(ModbusTable(port=port, coil=0, timeout_s=0.2), Turns()).open(ATTEMPT)
        assert done.outcome is Outcome.NOT_ACTUATED

    async def test_turning_fire_and_faults_are_heard(self):
        heard = []
        async with modbus() as (port, units):
            table = ModbusTable(port=port, coil=0, turned_input=1, fire_input=2, fault_input=3, poll_s=0.05)
            units[1].inputs.add(2)
            listening = asyncio.ensure_future(ModbusGate(table, Turns()).listen(heard.append))
            await until(lambda: heard == [Heard.FIRE])
            units[1].inputs.remove(2)
            units[1].inputs.add(1)
            await until(lambda: len(heard) == 3)
            units[1].inputs.add(3)
            await until(lambda: len(heard) == 4)
            listening.cancel()
        assert set(heard[1:3]) == {Heard.FIRE_OVER, Heard.TURNED}
        assert heard[3] is Heard.FAULT


@asynccontextmanager
async def controller(*answers):
    """A controller that answers each exchange with the next of `answers` (None: nothing)."""
    heard = []

    async def serve(reader, writer):
        heard.append(await reader.read(256))
        said = answers[min(len(heard), len(answers)) - 1]
        if said is not None:
            writer.write(said)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard


class TestWordsOfTheirOwn:
    async def test_what_is_sent_and_what_is_waited_for(self):
        async with controller(b"\x02OK r1.1\r") as (port, heard):
            table = TalkTable(
                port=port, send="{hex:02}OPEN {attempt},{heads}{hex:0d}", expect="OK {attempt}", timeout_s=2
            )
            assert (await TalkGate(table, Turns()).open(ATTEMPT)).outcome is Outcome.ACTUATED
        assert heard == [b"\x02OPEN r1.1,2\r"]

    @pytest.mark.parametrize(
        ("said", "outcome"),
        [(b"ERR 5\r", Outcome.NOT_ACTUATED), (None, Outcome.UNKNOWN), (b"OK r9.1\r", Outcome.UNKNOWN)],
    )
    async def test_other_answers(self, said, outcome):
        async with controller(said) as (port, _):
            table = TalkTable(port=port, send="OPEN", expect="OK {attempt}", refuse="ERR", timeout_s=0.3)
            assert (await TalkGate(table, Turns()).open(ATTEMPT)).outcome is outcome

    async def test_it_can_be_asked(self):
        async with controller(b"STATE open\r") as (port, heard):
            table = TalkTable(port=port, send="OPEN", ask="STATE {attempt}", asked_open="open")
            assert (await TalkGate(table, Turns()).opened(ATTEMPT)).outcome is Outcome.ACTUATED
        assert heard == [b"STATE r1.1"]


class Chip:
    """A GPIO chip in memory: what was driven, and inputs that can be switched."""

    def __init__(self):
        self.driven, self.inputs, self.happened = [], {}, []
        self.reading, self.writing = os.pipe()

    def take(self, _table):
        return self

    def drive(self, *, on):
        self.driven.append(on)

    def fileno(self):
        return self.reading

    def events(self):
        os.read(self.reading, 64)
        found, self.happened = self.happened, []
        return found

    def value(self, line):
        return self.inputs.get(line, False)

    def close(self):
        self.driven.append("closed")

    def edge(self, line, *, rose):
        self.happened.append((line, rose))
        os.write(self.writing, b".")


class TestGpio:
    async def test_a_line_is_pulsed_and_left_off(self):
        chip = Chip()
        async with GpioGate(GpioTable(line=4, pulse_ms=50), chip.take) as gate:
            assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
            assert chip.driven == [True, False]
        assert chip.driven == [True, False, False, "closed"]

    async def test_edges_are_heard_and_a_fire_that_burns_already(self):
        chip, heard = Chip(), []
        chip.inputs[6] = True
        async with GpioGate(GpioTable(line=4, turned_line=5, fire_line=6), chip.take) as gate:
            listening = asyncio.ensure_future(gate.listen(heard.append))
            await until(lambda: heard == [Heard.FIRE])
            chip.edge(5, rose=True)
            chip.edge(5, rose=False)
            chip.edge(6, rose=False)
            await until(lambda: heard == [Heard.FIRE, Heard.TURNED, Heard.FIRE_OVER])
            listening.cancel()

    async def test_a_chip_that_is_not_there_opens_nothing_and_says_so(self):
        async with GpioGate(GpioTable(line=4, chip="/dev/gpiochip99")) as gate:
            done = await gate.open(ATTEMPT)
        assert done.outcome is Outcome.NOT_ACTUATED
        assert "gpiochip99" in done.detail


class TestFile:
    async def test_each_attempt_is_a_line_and_can_be_found_again(self, tmp_path):
        gate = make_gate(f"file:{tmp_path}/gate", Turns())
        assert (await gate.opened(ATTEMPT)).outcome is Outcome.NOT_ACTUATED
        assert (await gate.open(ATTEMPT)).outcome is Outcome.ACTUATED
        assert (tmp_path / "gate").read_text() == '{"open": "r1", "attempt": "r1.1", "heads": 2}\n'
        assert (await gate.opened(ATTEMPT)).outcome is Outcome.ACTUATED
        assert (await gate.opened(Attempt(lane="north", redemption="r1", number=11))).outcome is Outcome.NOT_ACTUATED

    async def test_a_pipe_that_nobody_reads_holds_nobody_up(self, tmp_path):
        os.mkfifo(tmp_path / "gate")
        done = await FileSink(tmp_path / "gate").open(ATTEMPT)
        assert done.outcome is Outcome.NOT_ACTUATED

        reader = os.open(tmp_path / "gate", os.O_RDONLY | os.O_NONBLOCK)
        while (done := await FileSink(tmp_path / "gate").open(ATTEMPT)).outcome is Outcome.ACTUATED:
            pass
        os.close(reader)
        assert done.outcome is Outcome.NOT_ACTUATED
        assert (await FileSink(tmp_path / "gate").opened(ATTEMPT)).outcome is Outcome.UNKNOWN

    async def test_a_folder_that_is_not_there_says_which(self, tmp_path):
        done = await FileSink(tmp_path / "none" / "gate").open(ATTEMPT)
        assert done.outcome is Outcome.NOT_ACTUATED
        assert "none" in done.detail


@pytest.mark.parametrize(
    ("table", "key"),
    [
        (RelayTable(port="/dev/ttyUSB0"), "port"),
        (ModbusTable(port="tcp://1.2.3.4:502"), "coil"),
        (ModbusTable(port="tcp://1.2.3.4:502", coil=1, registers={"1": [1]}), "coil"),
        (ModbusTable(port="serial:/dev/x", coil=1), "framing"),
        (ModbusTable(port="tcp://1.2.3.4:502", registers={"x": [1]}), "registers"),
        (TalkTable(port="serial:/dev/x", send="{hex:02}{code}"), "send"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told(table, key):
    assert key in {found[0] for found in faults(table)}


def test_a_short_setting_is_a_file_or_an_address_and_nothing_is_no_gate():
    assert make_gate(None, Turns()) is None
    with pytest.raises(ValueError, match="file:PATH"):
        from_text("magic")
