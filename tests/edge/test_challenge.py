from edge.lanes.challenge import PERIOD_S, Challenge

MINUTE = PERIOD_S * 1000


def test_an_answer_to_what_was_shown_a_moment_ago_still_counts():
    challenge = Challenge()
    read = challenge.shown(5 * MINUTE + 59_999)

    assert read in challenge.accepted(5 * MINUTE + 59_999)
    assert read in challenge.accepted(6 * MINUTE)
    assert read not in challenge.accepted(7 * MINUTE)


def test_two_lanes_and_two_minutes_never_show_the_same():
    one, other = Challenge(), Challenge()

    assert len({one.shown(0), other.shown(0), one.shown(MINUTE), other.shown(MINUTE)}) == 4
