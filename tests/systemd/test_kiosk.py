"""The kiosk's start: the flags of docs/kiosk.md, a token that no list of processes shows, and which a screen gets."""

import pytest

from tests.systemd.kiosk import TOKENS, flags_of_the_page, started


def test_every_flag_of_the_page_is_given_and_no_argument_bears_the_token(tmp_path):
    said = started(tmp_path, "gate?lane=A", 1)

    assert set(flags_of_the_page()) <= set(said)
    assert not any(TOKENS["display"] in one for one in said)
    assert oct((tmp_path / "start.html").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("screen", "kind"),
    [("gate?lane=A", "display"), ("desk?lane=D", "desk"), ("counter", "desk"), ("service", "service")],
)
def test_each_screen_gets_the_token_it_works_with(tmp_path, screen, kind):
    started(tmp_path, screen, 1)

    assert f"{screen}#token={TOKENS[kind]}" in (tmp_path / "start.html").read_text("utf-8")


def test_a_gate_with_a_keeper_s_scanner_may_get_the_desk_s(tmp_path):
    started(tmp_path, "gate?lane=A", 1, XINGUAN_TOKEN="desk")

    assert TOKENS["desk"] in (tmp_path / "start.html").read_text("utf-8")
