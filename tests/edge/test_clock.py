import asyncio

import pytest

from credit.inputs import ClockState
from edge.clock import BEHIND_MS, HOUR_MS, JUMP_MS, TRUST_MS, Clock, Memory, judge
from storage.sqlite import Store

NOW = 1_790_000_000_000
DAY = 86_400_000


def state(memory, *, wall_ms=NOW, boot_ms=1_000, boot_id="this"):
    return judge(memory, boot_id=boot_id, wall_ms=wall_ms, boot_ms=boot_ms)


class TestJudge:
    def test_a_terminal_that_never_saw_signed_time_is_unsure(self):
        assert state(Memory()).clock is ClockState.UNSURE
        assert state(Memory()).utc_ms == NOW

    def test_a_terminal_that_boots_in_1970_is_wrong_and_stays_at_the_floor(self):
        now = state(Memory(floor_ms=NOW, signed_ms=NOW, boot_id="before"), wall_ms=5)

        assert (now.clock, now.utc_ms) == (ClockState.WRONG, NOW)

    def test_a_signed_time_of_this_boot_is_trusted_whatever_the_wall_says(self):
        memory = Memory(floor_ms=NOW, signed_ms=NOW, boot_ms=1_000, boot_id="this")

        now = state(memory, wall_ms=5, boot_ms=4_000)

        assert (now.clock, now.utc_ms) == (ClockState.TRUSTED, NOW + 3_000)

    def test_after_a_reboot_it_is_unsure_until_it_is_told_again(self):
        memory = Memory(floor_ms=NOW, signed_ms=NOW, boot_ms=1_000, boot_id="before")

        assert state(memory, wall_ms=NOW + DAY).clock is ClockState.UNSURE

    @pytest.mark.parametrize(
        ("hours", "rtc_h", "said"),
        [(0, 12, "rtc"), (12, 12, "rtc"), (12.001, 12, "unsure"), (0, 0, "unsure"), (-1, 12, "wrong"), (72, 72, "rtc")],
    )
    def test_after_a_reboot_the_boxs_own_clock_counts_for_so_many_hours_past_the_floor(self, hours, rtc_h, said):
        memory = Memory(floor_ms=NOW, signed_ms=NOW, boot_ms=1_000, boot_id="before")
        wall_ms = NOW + int(hours * HOUR_MS)

        now = judge(memory, boot_id="this", wall_ms=wall_ms, boot_ms=1_000, rtc_h=rtc_h)

        assert now.clock.value == said

    def test_who_never_saw_signed_time_has_no_hours_to_count_from(self):
        assert judge(Memory(), boot_id="this", wall_ms=NOW, boot_ms=1_000, rtc_h=72).clock is ClockState.UNSURE

    def test_a_week_without_signed_time_makes_it_unsure(self):
        memory = Memory(floor_ms=NOW, signed_ms=NOW, boot_ms=0, boot_id="this")

        assert state(memory, boot_ms=TRUST_MS).clock is ClockState.TRUSTED
        assert state(memory, boot_ms=TRUST_MS + 1).clock is ClockState.UNSURE

    def test_a_newer_list_lifts_now(self):
        memory = Memory(floor_ms=NOW + DAY, signed_ms=NOW, boot_ms=0, boot_id="this")

        assert state(memory, boot_ms=1).utc_ms == NOW + DAY

    @pytest.mark.parametrize(
        ("ahead_ms", "said"), [(BEHIND_MS, "trusted"), (BEHIND_MS + 1, "wrong"), (3650 * DAY, "wrong")]
    )
    def test_a_time_that_was_signed_ahead_blames_no_visitor_once_the_platform_is_right_again(self, ahead_ms, said):
        memory = Memory(floor_ms=NOW + ahead_ms, signed_ms=NOW, boot_ms=1_000, boot_id="this")

        now = state(memory, boot_ms=1_000)

        assert (now.clock.value, now.utc_ms) == (said, NOW + ahead_ms)


class Readings:
    def __init__(self):
        self.wall, self.boot = NOW, 1_000

    def clock(self, store, boot_id="this"):
        return Clock(store, Memory(), boot_id=boot_id, wall_ms=lambda: self.wall, boot_ms=lambda: self.boot)


@pytest.fixture
async def store(tmp_path):
    async with Store(tmp_path / "terminal.db") as opened:
        yield opened


async def test_what_was_learned_survives_a_restart_of_the_process(store):
    readings = Readings()
    await readings.clock(store).learn(NOW + 180_000, 20)

    restored = await Clock.restore(store)

    assert restored._memory.signed_ms == NOW + 180_000
    assert restored._memory.floor_ms == NOW + 180_000 - 20


async def test_the_floor_never_goes_back(store):
    clock = Readings().clock(store)
    await clock.learn_floor(NOW + DAY)
    await clock.learn(NOW, 0)
    await clock.learn_floor(NOW)

    assert (await Clock.restore(store))._memory.floor_ms == NOW + DAY


async def test_a_set_wall_clock_is_noticed_once(store):
    readings = Readings()
    clock = readings.clock(store)
    readings.boot += 5_000
    readings.wall += 5_000

    assert clock.jump_ms() == 0
    readings.wall += JUMP_MS + 1
    assert clock.jump_ms() == JUMP_MS + 1
    assert clock.jump_ms() == 0


async def test_a_list_that_arrives_with_the_time_does_not_undo_it(store):
    clock = Readings().clock(store)

    await asyncio.gather(clock.learn(NOW, 5), clock.learn_floor(NOW - 1), clock.learn_floor(NOW + 1_000))

    assert clock.now().clock is ClockState.TRUSTED
    assert (await Clock.restore(store))._memory.signed_ms == NOW


async def test_the_platform_s_own_time_is_told_whatever_a_list_taught_and_only_in_this_boot(store):
    readings = Readings()
    clock = readings.clock(store)
    assert clock.signed_ms() is None
    await clock.learn(NOW, 0)
    await clock.learn_floor(NOW + DAY)
    readings.boot += 5_000

    assert clock.signed_ms() == NOW + 5_000
    other = readings.clock(store, boot_id="another")
    await other.remember()
    assert other.signed_ms() is None


async def test_how_far_somebody_signed_ahead_is_told_until_that_time_has_come(store):
    readings = Readings()
    clock = readings.clock(store)
    await clock.learn(NOW + DAY, 0)  # a server whose clock was a day ahead
    await clock.learn(NOW, 0)

    assert (clock.now().clock, clock.behind_ms) == (ClockState.WRONG, DAY)
    readings.boot += DAY
    assert (clock.now().clock, clock.behind_ms) == (ClockState.TRUSTED, 0)
