"""A camera's health in readiness: told, with why; a lane that cannot read keeps people out, and that is red."""

import pytest

from edge.metrics import Metrics
from edge.watch.board import Board, readiness
from edge.watch.status import LaneReading, Reading, lines, state
from scanner.child.sight import COVERED, FROZEN
from scanner.health import Health, State


def told(*lanes):
    return readiness(Board(Metrics()).show(lines(Reading(lanes=lanes, lists=full())), now_ms=1))


def full():
    from edge.watch.status import ListsReading

    return ListsReading(keys=1)


def camera(state, **more):
    return LaneReading(id="north", scene="gate", source=Health(name="video0", state=state, **more))


def line(answer, name):
    return next(check for check in answer["checks"] if check["name"] == name)


@pytest.mark.parametrize("note", ["no frame for 3 s", ""])
def test_a_camera_that_does_not_read_is_named_with_its_reason_and_nobody_calls_that_ready(note):
    well = told(camera(State.LIVE))
    ill = told(camera(State.DOWN, note=note))

    assert line(well, "source:north")["ok"]
    assert not line(ill, "source:north")["ok"]
    assert (note or "no picture") in line(ill, "source:north")["en"]
    assert (note or "没有画面") in line(ill, "source:north")["zh"]
    assert line(ill, "source:north")["mend"]["en"]
    assert (well["ready"], ill["ready"]) == (True, False)


def test_scans_that_were_dropped_are_told_and_keep_nobody_out():
    answer = told(camera(State.LIVE, missed={"control characters": 3}))

    assert (line(answer, "scans:north")["level"], answer["ready"]) == ("warn", True)
    assert "control characters × 3" in line(answer, "scans:north")["en"]


def test_scans_that_were_dropped_before_a_code_came_through_are_figures_and_no_light():
    assert line(told(camera(State.LIVE, drops={"control characters": 3})), "scans:north")["ok"]


def test_a_lane_without_a_scanner_has_no_line_and_screens_see_which_cameras_read():
    lanes = (LaneReading(id="a", scene="desk"), LaneReading(id="b", scene="gate", source=Health(name="video0")))

    assert [c["name"] for c in told(*lanes)["checks"] if c["name"].startswith("source:")] == ["source:b"]
    assert [lane["camera"] for lane in state(Reading(lanes=lanes), ready=True)["lanes"]] == [None, False]


@pytest.mark.parametrize(
    ("note", "cause", "ready"),
    [(FROZEN, "source.frozen", False), (COVERED.format("black"), "source.dark", True), ("gone", "source.down", False)],
)
def test_a_picture_that_stands_still_keeps_people_out_and_a_dark_one_is_looked_at(note, cause, ready):
    answer = told(camera(State.STALLED, note=note))

    assert (line(answer, "source:north")["cause"], answer["ready"]) == (cause, ready)
