"""The demo on a slow machine: an answer is its visitor's own, however late it comes, and slowness is said."""

import asyncio
import contextlib

import pytest

from central.demo.at_gate import TRIES, AtGate
from central.demo.running.pace import SLOW, Pace, sample
from central.demo.story import Story
from central.demo.street.hearing import Hearing, Said, fingerprint
from central.demo.street.visitors import KINDS, Visit
from edge.lanes import lane

CODES = {"eligible": "XG1:AAA", "not_eligible": "XG1:BBB", "payment": "https://pay.example/1"}
GRANT = {"outcome": "GRANT", "reasons": [{"code": "ok"}], "at_ms": 1}
STANDARD = {"outcome": "STANDARD", "reasons": [{"code": "not_eligible"}], "at_ms": 2}
UNWRITTEN = {"outcome": "REFER", "reasons": [{"code": "store_failed"}], "at_ms": 3}
NOTICE = {"code": "not_a_code", "at_ms": 3}


async def until(condition, seconds=10):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0)


class Town:
    """A gate whose answers the test gives: what a terminal link and an office do for the gate of the demo."""

    def __init__(self, pace):
        self.said = []
        self.gate = AtGate(self, self, pace, self.said.append)
        self.last_granted = None

    def next(self, kind, _now_s):
        return Visit(kind=kind, text=CODES[kind])

    async def reads(self):
        return True

    async def step(self, redemption, name):
        raise AssertionError

    def answer(self, kind, data):
        name = "notice" if "outcome" not in data else "decision"
        self.gate.hearing.heard(name, data | {"presented": fingerprint(CODES[kind])})

    def shows(self, kind):
        return fingerprint(CODES[kind]) in self.gate.hearing._ears


@pytest.fixture
async def town():
    built = Town(Pace())
    drawing = asyncio.create_task(built.gate.camera.run())
    yield built
    drawing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await drawing


class TestAnswersFindTheirVisitor:
    async def test_a_late_answer_is_written_to_its_own_visitor_and_not_to_the_next(self, town):
        town.gate.slow_s, town.gate.patience_s = 0.1, 0.2
        first = await town.gate.visit("eligible")
        town.gate.patience_s = 10.0
        second = asyncio.create_task(town.gate.visit("not_eligible"))
        await until(lambda: town.shows("not_eligible"))

        town.answer("eligible", GRANT)
        town.answer("not_eligible", STANDARD)

        assert (await second).outcome == "STANDARD"
        assert first.unanswered
        assert [(seen.kind, seen.outcome, seen.expected) for seen in town.gate.seen] == [
            ("eligible", "GRANT", True),
            ("not_eligible", "STANDARD", True),
        ]
        assert "late answer" in " ".join(town.said)

    async def test_an_answer_that_takes_long_is_waited_for_and_told(self, town):
        town.gate.slow_s = 0.05
        visit = asyncio.create_task(town.gate.visit("eligible"))
        await until(lambda: any("no answer yet" in line for line in town.said))

        town.answer("eligible", GRANT)

        assert (await visit).expected
        assert town.gate.outcomes == {"GRANT": 1}

    async def test_a_gate_that_could_not_write_in_time_is_asked_again(self, town):
        visit = asyncio.create_task(town.gate.visit("eligible"))
        for answer in (UNWRITTEN, GRANT):
            await until(lambda: town.shows("eligible") and town.gate.camera._phone is not None)
            town.answer("eligible", answer)
            await until(lambda: not town.shows("eligible"))

        assert (await visit).expected
        assert [(seen.outcome, seen.slow) for seen in town.gate.seen] == [("REFER", True), ("GRANT", False)]

    async def test_a_gate_that_never_writes_is_a_fault_after_all(self, town):
        visit = asyncio.create_task(town.gate.visit("eligible"))
        for _ in range(TRIES):
            await until(lambda: town.shows("eligible") and town.gate.camera._phone is not None)
            town.answer("eligible", UNWRITTEN)
            await until(lambda: not town.shows("eligible"))

        seen = await visit
        assert (seen.outcome, seen.expected) == ("REFER", False)

    async def test_a_busy_machine_is_named_as_the_reason(self, town):
        town.gate.slow_s, town.gate.patience_s = 0.01, 0.02
        town.gate._pace.note(9.0)

        await town.gate.visit("eligible")

        assert any("本机太慢" in line and "too slow (9.0 times" in line for line in town.said)

    async def test_a_notice_is_matched_like_a_decision(self, town):
        visit = asyncio.create_task(town.gate.visit("payment"))
        await until(lambda: town.shows("payment"))

        town.answer("eligible", GRANT)
        town.answer("payment", NOTICE)

        seen = await visit
        assert (seen.outcome, seen.reasons, seen.expected) == (None, ("not_a_code",), True)

    async def test_what_is_said_about_codes_that_nobody_showed_here_is_nobodys(self):
        late = []
        hearing = Hearing(late=lambda *told: late.append(told))
        with hearing.showing("XG1:MINE") as ear:
            hearing.heard("decision", GRANT | {"presented": fingerprint("XG1:FROM A TILL")})
            hearing.heard("decision", GRANT)
            hearing.heard("gate", {"presented": fingerprint("XG1:MINE")})
            assert await ear.within(0.01) is None
            hearing.heard("decision", STANDARD | {"presented": fingerprint("XG1:MINE")})
            assert (await ear.within(1.0)).data["outcome"] == "STANDARD"

        hearing.heard("decision", GRANT | {"presented": fingerprint("XG1:MINE")})
        assert late == []

    async def test_only_the_newest_codes_are_remembered(self):
        late = []
        hearing = Hearing(late=lambda mark, said: late.append((mark, said)))
        for number in range(300):
            with hearing.showing(f"XG1:{number}"):
                pass
        for number in range(300):
            hearing.heard("decision", GRANT | {"presented": fingerprint(f"XG1:{number}")})

        assert [mark for mark, _ in late] == [fingerprint(f"XG1:{number}") for number in range(44, 300)]
        assert isinstance(late[0][1], Said)

    def test_the_demo_names_a_code_as_the_gates_events_do(self):
        assert fingerprint("XG1:你好") == lane.fingerprint("XG1:你好")


class TestPace:
    def test_work_is_never_faster_than_the_processor(self):
        assert sample() >= 1.0

    def test_slowness_is_a_matter_of_several_samples(self):
        pace = Pace()
        assert not pace.slow
        for _ in range(8):
            pace.note(1.0)
        pace.note(SLOW)
        assert not pace.slow
        for _ in range(8):
            pace.note(SLOW)
        assert pace.slow
        assert set(pace.words()) == {"zh", "en"}


class Measured:
    """A world in which a restriction and a repair take as long as the test says."""

    def __init__(self, took_ms, times):
        self.took_ms, self.pace, self.said = took_ms, Pace(), []
        self.pace.note(times)
        self.say = self.said.append

    async def restrict(self):
        return self.took_ms

    repair = restrict


class TestStory:
    @pytest.mark.parametrize(
        ("took_ms", "times", "surprises"),
        [(500, 1.0, 0), (3_000, 1.0, 2), (3_000, 9.0, 0)],
        ids=["quick", "ill", "busy"],
    )
    async def test_a_repair_that_takes_long_is_a_surprise_unless_the_machine_is_busy(self, took_ms, times, surprises):
        story = Story(Measured(took_ms, times))

        await story._measures()

        assert len(story.surprises) == surprises
        assert any("too slow" in line for line in story.world.said) is (times > SLOW and took_ms > 2_000)

    def test_every_kind_of_visitor_has_a_word_for_what_is_right(self):
        assert all(kind.outcome or kind.reason == "not_a_code" for kind in KINDS.values())
