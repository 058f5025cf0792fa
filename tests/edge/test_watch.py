"""The owners of the safety bounds, the board, and tasks that outlive what they meet. No process, no sleep."""

import asyncio
import doctest
import logging
import sqlite3

import pytest

from credit.inputs import ClockState, Now
from edge.commands import doctor
from edge.housekeeping import pieces
from edge.metrics import Metrics
from edge.terminal import LOG_BYTES
from edge.watch import disk, network
from edge.watch.alive import Faults, Tasks
from edge.watch.board import Board, Line, readiness
from edge.watch.causes import CAUSES
from edge.watch.network import Outage
from edge.watch.status import LaneReading, ListsReading, PlatformReading, Reading, lines
from edge.watch.store import DECIDE, KEEP, Fault, StoreHealth, fault_of
from edge.watch.told.cause import Level
from storage.jobs import JobWithdrawnError, StoreFailedError
from storage.sqlite import LEFT_FREE


def failure(name):
    try:
        error = sqlite3.OperationalError(name)
        error.sqlite_errorname = name
        raise error
    except sqlite3.Error as cause:
        failed = StoreFailedError("the store cannot write")
        failed.__cause__ = cause
        return failed


@pytest.mark.parametrize("module", [disk, network])
def test_the_examples_in_the_docstrings_are_true(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("free", [LEFT_FREE * LOG_BYTES - 1, disk.LAST_BYTES])
def test_the_light_is_yellow_wherever_the_log_is_not_made_long(tmp_path, free):
    """docs/durability.md: what a growing log does not promise is told before, here and by doctor."""
    room = disk.Disk(tmp_path)
    room.note(free)
    light = next(one for one in lines(Reading(disk=room.stage, free_bytes=free)) if one.name == "disk")

    cause = CAUSES[light.cause]
    assert (light.cause, cause.level, light.detail) == ("disk.low", Level.WARN, f"{free // 2**20} MiB")
    assert cause.zh.startswith("磁盘空间不足")
    assert cause.en.startswith("the disk is nearly full")
    assert free < doctor.MIN_FREE_BYTES


class TestOutage:
    def test_an_outage_is_not_forgotten_by_a_restart(self):
        outage = Outage()
        outage.remember(1_000)

        outage.note(in_touch=False, answered_ms=0, now_ms=90_000)

        assert outage.since_ms == 1_000

    def test_a_contact_that_was_over_between_two_rounds_counts(self):
        outage = Outage()
        outage.remember(1_000)

        outage.note(in_touch=False, answered_ms=7_000, now_ms=9_000)

        assert outage.since_ms == 7_000

    def test_it_begins_with_the_last_answer_and_stays_there(self):
        outage = Outage()
        outage.note(in_touch=True, answered_ms=5_000, now_ms=5_000)

        outage.note(in_touch=False, answered_ms=5_000, now_ms=9_000)
        outage.note(in_touch=False, answered_ms=5_000, now_ms=10_000)

        assert outage.since_ms == 5_000


class TestStoreHealth:
    def well(self):
        health = StoreHealth()
        health.begin()
        return health

    @pytest.mark.parametrize(
        ("name", "fault"),
        [
            ("SQLITE_FULL", Fault.FULL),
            ("SQLITE_READONLY_DIRECTORY", Fault.READ_ONLY),
            ("SQLITE_BUSY", Fault.BUSY),
            ("SQLITE_CORRUPT_INDEX", Fault.CORRUPT),
            ("SQLITE_NOTADB", Fault.CORRUPT),
            ("SQLITE_IOERR_FSYNC", Fault.IO),
            ("SQLITE_TOOBIG", Fault.OTHER),
        ],
    )
    def test_a_failure_is_called_by_its_kind(self, name, fault):
        assert fault_of(failure(name)) is fault

    def test_a_job_that_was_not_begun_in_time_means_the_store_is_busy(self):
        assert fault_of(JobWithdrawnError("late")) is Fault.BUSY

    def test_nothing_may_be_decided_before_the_start_is_journalled(self):
        health = StoreHealth()

        assert (health.begun, health.standing.fault) == (False, Fault.OPENING)
        health.begin()
        assert (health.begun, health.standing) == (True, None)

    def test_another_kind_of_work_heals_nothing(self):
        health = self.well()
        health.failed(DECIDE, failure("SQLITE_IOERR"))

        health.succeeded(KEEP)

        assert health.standing.fault is Fault.IO
        health.succeeded(DECIDE)
        assert health.standing is None

    def test_damage_stands_until_the_restart(self):
        health = self.well()
        health.failed(DECIDE, failure("SQLITE_CORRUPT"))

        health.succeeded(DECIDE)

        assert health.standing.fault is Fault.CORRUPT

    def test_a_hundred_refusals_are_one_line_in_the_log(self, caplog):
        health = self.well()
        with caplog.at_level(logging.INFO, "xinguan.store"):
            for _ in range(100):
                health.failed(DECIDE, failure("SQLITE_FULL"))
            health.succeeded(DECIDE)

        assert [record.getMessage() for record in caplog.records] == ["store_failing", "store_mended"]


class TestBoard:
    def test_a_line_keeps_its_time_while_it_stands_and_changes_are_logged_once(self, caplog):
        metrics = Metrics()
        board = Board(metrics)
        with caplog.at_level(logging.INFO, "xinguan.readiness"):
            board.show([Line("store", "store.well")], now_ms=1)
            board.show([Line("store", "store.full")], now_ms=2)
            (shown,) = board.show([Line("store", "store.full", "again")], now_ms=3)

        assert shown.since_ms == 2
        assert [record.cause for record in caplog.records] == ["store.full"]
        assert 'xinguan_line{line="store"} 2.0' in metrics.text().decode()

    def test_yellow_keeps_nobody_out_and_red_does(self):
        def ready(cause):
            return readiness(Board(Metrics()).show([Line("any", cause)], now_ms=1))["ready"]

        for cause, said in CAUSES.items():
            assert ready(cause) is (said.level is not Level.BAD)

    def test_each_line_that_is_not_well_names_its_mend_in_both_languages(self):
        for cause, said in CAUSES.items():
            assert said.zh, cause
            assert said.en, cause
            assert bool(said.mend_zh and said.mend_en) is (said.level is not Level.WELL), cause

    @pytest.mark.parametrize(
        ("reading", "cause"),
        [
            (Reading(clock=ClockState.UNSURE), "clock.challenge"),
            (Reading(clock=ClockState.WRONG), "clock.untrusted"),
            (Reading(clock=ClockState.WRONG, behind_s=7_200), "clock.ahead"),
            (Reading(lists=ListsReading(keys=2, keys_over=True)), "keys.over"),
            (Reading(lanes=(LaneReading(id="a", scene="gate", intent="enter"),), entry_stopped=True), "entry.stopped"),
            (Reading(lanes=(LaneReading(id="a", scene="gate", barred="offline_limit"),)), "offers.barred"),
            (Reading(suspended=True), "suspended.ordered"),
            (Reading(suspended=True, revoked=True), "suspended.revoked"),
            (Reading(platform=PlatformReading(push="refused")), "push.refused"),
            (Reading(platform=PlatformReading(push="alarm")), "push.alarm"),
            (Reading(platform=PlatformReading(push="unreachable", offline_s=3)), "platform.away"),
            (Reading(platform=PlatformReading(site_only=True)), "platform.behind_hub"),
            (Reading(platform=PlatformReading(contradicted=7)), "orders.contradicted"),
            (Reading(platform=PlatformReading(alarms=("push: ValueError: x",))), "tasks.alarm"),
            (Reading(platform=PlatformReading(pull_error="version 3 must be >= 6")), "news.refused"),
            (Reading(lists=ListsReading(partner_trouble="rules.nanshan: …")), "partners.trouble"),
            (Reading(lists=ListsReading(too_old="lists.yunxi")), "news.too_long"),
            (Reading(lists=ListsReading(missing=("lists.yunxi",))), "lists.missing"),
            (Reading(lanes=(LaneReading(id="a", scene="gate", strikes=3),)), "gate.not_actuated"),
            (Reading(faults="lane a: KeyError × 1"), "faults.seen"),
        ],
    )
    def test_what_is_ill_has_a_line(self, reading, cause):
        assert cause in [line.cause for line in lines(reading)]


class TestTasks:
    async def test_whatever_a_task_raises_it_is_tried_again_and_its_cause_is_told(self, caplog):
        waited, runs = [], iter([KeyError("odd"), RuntimeError("odder"), None])

        async def pause(seconds):
            waited.append(seconds)

        async def run():
            if (error := next(runs)) is not None:
                raise error

        tasks = Tasks(pause=pause)
        await tasks.keep("pull", run, worked=lambda: 0)

        assert len(waited) == 2
        assert tasks.alarms == {"pull": "RuntimeError: odder"}
        assert [record.getMessage() for record in caplog.records] == ["task_alarm", "task_alarm"]

    async def test_the_same_cause_a_hundred_times_is_one_line_in_the_log(self, caplog):
        runs = iter([ValueError("the same")] * 100 + [None])

        async def pause(_seconds):
            await asyncio.sleep(0)

        async def run():
            if (error := next(runs)) is not None:
                raise error

        await Tasks(pause=pause).keep("pull", run, worked=lambda: 0)

        assert len(caplog.records) == 1

    async def test_an_alarm_ends_only_when_the_same_task_did_its_work(self):
        done = {"push": 0}
        tasks = Tasks(pause=lambda _s: asyncio.sleep(0))

        async def run():
            raise ValueError("poison")

        task = asyncio.create_task(tasks.keep("push", run, worked=lambda: done["push"]))
        while not tasks.alarms:
            await asyncio.sleep(0)
        task.cancel()
        assert tasks.alarms
        done["push"] = 1

        assert tasks.alarms == {}

    def test_what_nobody_foresaw_is_counted_by_place(self):
        faults = Faults()
        faults.met("lane a", KeyError("x"))
        faults.met("lane a", KeyError("y"))

        assert faults.told() == "lane a: KeyError × 2"


@pytest.mark.parametrize("clock", [ClockState.UNSURE, ClockState.WRONG])
def test_a_clock_that_is_not_trusted_makes_nobody_a_defaulter_and_erases_nothing(clock):
    assert pieces(Now(utc_ms=10**13, clock=clock)) == []
    assert pieces(Now(utc_ms=10**13, clock=ClockState.TRUSTED))
