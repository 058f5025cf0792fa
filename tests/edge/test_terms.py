"""Contract §10: the profile says what a lane is for, and wins over terminal.toml, which says so."""

import pytest

from credit.inputs import Intent
from edge import terminal as serving
from edge.config import LaneTable
from edge.terms import differences, terms_of
from edge.watch.status import Reading, lines
from edge.watch.told.cause import Level
from sync.wire.profiles import Lane, Profile, TicketType

ADULT = TicketType(id="adult", title={"zh": "成人票"}, price_fen=6_000)
CHILD = TicketType(id="child", title={"zh": "儿童票"}, price_fen=3_000)


def profile(*lanes, tickets=(ADULT, CHILD)):
    return Profile(site="s", title={}, issuer="c", lanes=list(lanes), ticket_types=list(tickets))


def table(**more):
    return LaneTable(**{"id": "A", "scene": "gate"} | more)


@pytest.mark.parametrize(
    ("key", "ours", "theirs"),
    [
        ("scene", "gate", "museum"),
        ("intent", Intent.ENTER, Intent.EXIT),
        ("ticket", "adult", "child"),
        ("prices", True, False),
        ("pay_within_s", 60, 90),
        ("notice", "discreet", "full"),
    ],
)
def test_the_profile_wins_in_each_of_its_members_and_the_file_is_told_of_it(key, ours, theirs):
    file, signed = table(**{key: ours}), profile(Lane(**{"id": "A", "scene": "gate"} | {key: theirs}))

    assert getattr(terms_of(file, signed), key) == (None if key == "ticket" and not theirs else theirs)
    assert [(one.lane, one.key, one.ours, one.theirs) for one in differences([file], signed)] == [
        ("A", key, ours, theirs)
    ]


def test_what_the_profile_leaves_out_the_file_says_and_what_neither_says_is_usual():
    silent = profile(Lane(id="A", scene="gate"))
    file = table(intent=Intent.EXIT, ticket="child", pay_within_s=3.0, notice="full")

    said, usual = terms_of(file, silent), terms_of(table(), silent)

    assert (said.intent, said.ticket, said.pay_within_s, said.notice) == (Intent.EXIT, "child", 3.0, "full")
    assert (usual.intent, usual.ticket, usual.pay_within_s, usual.notice) == (Intent.ENTER, "adult", 120.0, "discreet")
    assert list(differences([file, table()], silent)) == []


def test_a_lane_that_the_profile_does_not_name_is_told():
    assert [str(one) for one in differences([table(id="Z")], profile(Lane(id="A", scene="gate")))] == [
        "lanes.Z: the profile names no such lane"
    ]


def test_a_lane_without_prices_has_no_ticket_and_one_that_is_not_sold_is_not_asked_for():
    assert terms_of(table(prices=False), profile(Lane(id="A", scene="gate"))).ticket is None
    assert terms_of(table(), profile(Lane(id="A", scene="gate"), tickets=())).ticket is None
    assert terms_of(table(ticket="senior"), profile(Lane(id="A", scene="gate"))).ticket == "adult"


def profile_line(file, signed):
    return next(one for one in lines(Reading(differs=tuple(differences([file], signed)))) if one.name == "profile")


def test_a_difference_is_a_red_line_in_words_and_a_lane_that_is_not_named_a_yellow_one():
    line = profile_line(table(), profile(Lane(id="A", scene="shop")))
    assert (line.cause, line.detail, line.level) == (
        "profile.differs",
        "lanes.A.scene: gate here, shop in the profile",
        Level.BAD,
    )

    line = profile_line(table(id="Z"), profile(Lane(id="A", scene="shop")))
    assert (line.cause, line.level) == ("profile.unnamed", Level.WARN)

    assert profile_line(table(), profile(Lane(id="A", scene="gate"))).cause == "profile.well"


def test_where_a_lane_stands_is_the_profiles_word():
    class Identity:
        site, terminal = "s", "gate-1"
        profile = None

    Identity.profile = profile(Lane(id="A", scene="museum"))

    class Config:
        lanes = (table(),)

    assert serving.places(Config, Identity)["A"].scene == "museum"
