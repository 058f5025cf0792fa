"""Light and sound: the colours of the screen, OFF at start and end, and nobody who waits for them."""

import asyncio
import os
import pty
import sys
import time
import tty

import pytest
import serialx.descriptor_transport

from edge.actuators.lines import Turns
from edge.actuators.relays import command
from edge.actuators.signs.cues import COLOURS, LINES, Colour, Cue, cue_of
from edge.actuators.signs.lights import Light
from edge.actuators.signs.sounds import TONES, Sound, tone
from edge.actuators.signs.tables import LightTable, SoundTable, light_faults
from edge.lanes.beside.signs import Signs, Voice

PLAYER = (
    "import sys, time\n"
    "wav = sys.stdin.buffer.read()\n"
    "open(sys.argv[1], 'ab').write(len(wav).to_bytes(4, 'big') + wav)\n"
)


class Board:
    """A relay board on a serial line: which relays are on, and in which order they were switched."""

    def __enter__(self):
        self.master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = f"serial:{os.ttyname(self._slave)}"
        self.on, self.seen = set(), []
        asyncio.get_running_loop().add_reader(self.master, self._heard)
        return self

    def __exit__(self, *_):
        asyncio.get_running_loop().remove_reader(self.master)
        os.close(self.master)
        os.close(self._slave)

    def _heard(self):
        data = os.read(self.master, 4096)
        for at in range(0, len(data), 4):
            _, relay, on, _ = data[at : at + 4]
            (self.on.add if on else self.on.discard)(relay)
            self.seen.append(frozenset(self.on))

    async def until(self, on):
        async with asyncio.timeout(20):
            while self.on != on:
                await asyncio.sleep(0.01)


def decided(outcome, **more):
    return {"lane": "A", "outcome": outcome, "intent": "enter", "obligations": {}} | more


OPENING = {"obligations": {"open_gate": True}}


@pytest.mark.parametrize(
    ("name", "told", "gated", "cue"),
    [
        ("decision", decided("GRANT", **OPENING), False, Cue.GRANT),
        ("decision", decided("GRANT", **OPENING), True, None),
        ("decision", decided("GRANT", obligations={"pay_fen": 3000}), True, Cue.PAY),
        ("decision", decided("GRANT", intent="quote"), False, None),
        ("decision", decided("STANDARD"), True, Cue.STANDARD),
        ("decision", decided("REFER"), True, Cue.STAFF),
        ("decision", decided("REFUSE"), True, Cue.REFUSE),
        ("gate", {"state": "opened"}, True, Cue.GRANT),
        ("gate", {"state": "failed"}, True, Cue.AGAIN),
        ("gate", {"state": "unknown"}, True, Cue.AGAIN),
        ("gate", {"state": "passed"}, True, None),
        ("emergency", {"open": True}, True, Cue.EMERGENCY),
        ("emergency", {"open": False}, True, Cue.OVER),
        ("notice", {"code": "two_codes"}, True, Cue.NOTICE),
        ("hello", {}, True, None),
    ],
)
def test_each_event_has_its_cue(name, told, gated, cue):
    assert cue_of(name, told, gated=gated) is cue


def test_every_cue_has_a_colour_a_tone_and_words_in_both_languages():
    assert set(COLOURS) == set(Cue)
    assert set(TONES) == set(LINES) == set(Cue) - {Cue.OVER}
    assert all(zh and en for zh, en in LINES.values())
    assert len({tone(cue) for cue in TONES}) == len(TONES)


class TestLight:
    async def test_it_is_off_at_the_start_and_at_the_end_whatever_was_left_on(self):
        with Board() as board:
            board.on = {1, 2, 3}
            async with Light(LightTable(port=board.port, seconds=60, timeout_s=15), Turns()) as light:
                await board.until(set())
                saying = asyncio.create_task(light.say(Cue.REFUSE))
                await board.until({3})
                saying.cancel()
            await board.until(set())

    async def test_never_two_colours_at_once_and_the_newest_wins(self):
        with Board() as board:
            async with Light(LightTable(port=board.port, seconds=60, timeout_s=15), Turns()) as light:
                voice = Voice(light)
                running = asyncio.create_task(voice.run())
                for cue, relay in ((Cue.GRANT, 1), (Cue.REFUSE, 3), (Cue.STAFF, 2), (Cue.GRANT, 1)):
                    voice.take(cue)
                    await board.until({relay})
                running.cancel()
            assert max(map(len, board.seen)) == 1

    async def test_no_exchange_finds_its_device_still_held_by_the_one_before(self, monkeypatch):
        closing = serialx.descriptor_transport._safe_close
        monkeypatch.setattr("serialx.descriptor_transport._safe_close", lambda file: time.sleep(0.05) or closing(file))
        with Board() as board:
            async with Light(LightTable(port=board.port, seconds=60, timeout_s=15), Turns()) as light:
                for colour in (Colour.GREEN, Colour.RED, Colour.GREEN):
                    await light._switch(colour)
                    assert light.fault == ""

    async def test_it_goes_out_by_itself(self):
        with Board() as board:
            async with Light(LightTable(port=board.port, seconds=0.2, timeout_s=15), Turns()) as light:
                await light.say(Cue.GRANT)
                await board.until(set())
            assert frozenset({1}) in board.seen

    async def test_an_emergency_shines_until_it_is_over(self):
        with Board() as board:
            async with Light(LightTable(port=board.port, seconds=0.2, timeout_s=15), Turns()) as light:
                await light.say(Cue.EMERGENCY)
                await light.say(Cue.REFUSE)
                await board.until({1})
                await light.say(Cue.OVER)
                await board.until(set())

    async def test_one_that_is_not_there_says_so_and_is_well_again_when_it_is_back(self):
        light = Light(LightTable(port="serial:/dev/nothing", seconds=0.2), Turns())
        await light.say(Cue.GRANT)
        assert "nothing" in light.fault

        with Board() as board:
            light = Light(LightTable(port=board.port, seconds=0.2), Turns())
            light.fault = "gone"
            await light.say(Cue.GRANT)
            assert light.fault == ""

    def test_two_colours_on_one_relay_are_told(self):
        assert [key for key, *_ in light_faults(LightTable(port="serial:/x", red=1))] == ["green"]


class TestSound:
    def sound(self, tmp_path, **more):
        player = tmp_path / "player.py"
        player.write_text(PLAYER)
        return Sound(SoundTable(command=[sys.executable, str(player), str(tmp_path / "heard")], **more))

    def heard(self, tmp_path):
        data, found = (tmp_path / "heard").read_bytes(), []
        while data:
            length = int.from_bytes(data[:4], "big")
            found.append(data[4 : 4 + length])
            data = data[4 + length :]
        return found

    async def test_both_languages_are_spoken_chinese_first(self, tmp_path):
        (tmp_path / "grant.en.wav").write_bytes(b"welcome")
        (tmp_path / "grant.zh.wav").write_bytes("请通行".encode())

        await self.sound(tmp_path, folder=str(tmp_path)).say(Cue.GRANT)

        assert self.heard(tmp_path) == ["请通行".encode(), b"welcome"]

    async def test_without_lines_it_is_a_tone_of_its_own(self, tmp_path):
        sound = self.sound(tmp_path)
        await sound.say(Cue.GRANT)
        await sound.say(Cue.REFUSE)

        assert self.heard(tmp_path) == [tone(Cue.GRANT), tone(Cue.REFUSE)]
        assert tone(Cue.GRANT)[:4] == b"RIFF"

    async def test_a_player_that_is_not_there_or_fails_is_told(self):
        gone = Sound(SoundTable(command=["/nowhere/aplay"]))
        fails = Sound(SoundTable(command=["false"]))
        await gone.say(Cue.GRANT)
        await fails.say(Cue.GRANT)

        assert gone.fault
        assert "false" in fails.fault

    async def test_a_new_cue_ends_the_voice_before(self, tmp_path):
        (tmp_path / "player.py").write_text(
            "import os, sys, time\nopen(sys.argv[1] + str(os.getpid()), 'w')\nsys.stdin.buffer.read()\ntime.sleep(60)\n"
        )
        sound = Sound(SoundTable(command=[sys.executable, str(tmp_path / "player.py"), str(tmp_path / "p")]))
        voice = Voice(sound)
        running = asyncio.create_task(voice.run())
        for cue in (Cue.GRANT, Cue.REFUSE):
            count = len(list(tmp_path.glob("p[0-9]*")))
            voice.take(cue)
            async with asyncio.timeout(10):
                while len(list(tmp_path.glob("p[0-9]*"))) == count:
                    await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        pids = [int(one.name[1:]) for one in tmp_path.glob("p[0-9]*")]

        assert len(pids) == 2
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


async def test_a_lane_hears_its_own_events_alone_and_a_broken_sign_takes_nothing_with_it():
    class Broken:
        fault = ""

        async def say(self, cue):
            raise RuntimeError(cue)

    class Kept:
        fault = ""

        def __init__(self):
            self.said = []

        async def say(self, cue):
            self.said.append(cue)

    broken, kept = Broken(), Kept()
    signs = Signs("A", [broken, kept], gated=False)
    running = [asyncio.create_task(voice.run()) for voice in signs.voices]
    signs.heard("decision", decided("REFUSE") | {"lane": "B"})
    signs.heard("decision", decided("STANDARD"))
    async with asyncio.timeout(5):
        while not (kept.said and broken.fault):
            await asyncio.sleep(0.005)
    signs.heard("decision", decided("REFER"))
    async with asyncio.timeout(5):
        while len(kept.said) < 2:
            await asyncio.sleep(0.005)
    for task in running:
        task.cancel()

    assert kept.said == [Cue.STANDARD, Cue.STAFF]
    assert broken.fault == "RuntimeError"
    assert command(1, on=True) == b"\xa0\x01\x01\xa2"
    assert Colour.GREEN in COLOURS.values()
