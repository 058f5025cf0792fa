"""A camera's health in readiness: told, with why, and never a reason not to be ready."""

import pytest

from credit.inputs import ClockState
from edge.watch.status import LaneReading, Reading, readiness, state


def reading(*lanes):
    return Reading(
        lanes=lanes,
        lists=(),
        missing_lists=(),
        keys=1,
        clock=ClockState.TRUSTED,
        store_writes=True,
        suspended=False,
        offline_s=None,
        unsent=0,
        oldest_unsent_s=None,
    )


def line(answer, name):
    return next(check for check in answer["checks"] if check["name"] == name)


@pytest.mark.parametrize("note", ["no frame for 3 s", ""])
def test_a_camera_that_does_not_read_is_named_with_its_reason_and_the_terminal_stays_as_ready_as_it_was(note):
    well = readiness(reading(LaneReading(id="north", scene="gate", reads=True)))
    ill = readiness(reading(LaneReading(id="north", scene="gate", reads=False, note=note)))

    assert line(well, "source:north")["ok"]
    assert not line(ill, "source:north")["ok"]
    assert (note or "no picture") in line(ill, "source:north")["en"]
    assert (note or "没有画面") in line(ill, "source:north")["zh"]
    assert ill["ready"] == well["ready"]


def test_a_lane_without_a_scanner_has_no_line_and_screens_see_which_cameras_read():
    lanes = (LaneReading(id="a", scene="desk"), LaneReading(id="b", scene="gate", reads=False))

    assert [c["name"] for c in readiness(reading(*lanes))["checks"] if c["name"].startswith("source:")] == ["source:b"]
    assert [lane["camera"] for lane in state(reading(*lanes))["lanes"]] == [None, False]
