"""The office's commands as a shell calls them."""

import pytest

from tests.tools import shell

PASSWORD = "马到成功 2026 go"


def call(*words, typed=""):
    done = shell.platform(*words, typed=typed)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("platform") / "state"
    assert call("init", "--state", folder)[0] == 0
    return folder


def test_an_account_is_added_listed_locked_and_each_is_an_act(state):
    duty = ("--duty", "wulong:clerk:武隆文旅委")
    added = call("operator", "--state", state, "add", "li", "--title", "李雷", *duty, typed=f"{PASSWORD}\n")
    again = call("operator", "--state", state, "add", "li", *duty, typed=f"{PASSWORD}\n")
    weak = call("operator", "--state", state, "add", "wang", *duty, typed="123\n")
    listed = call("operator", "--state", state)
    token = call("operator", "--state", state, "token", "li", "--scope", "read", "--days", "3")
    call("operator", "--state", state, "lock", "li")
    acts = call("acts", "--state", state)
    whole = call("acts", "--state", state, "--verify")

    assert (added[0], again[0], weak[0]) == (0, 1, 1)
    assert "已存在" in again[2]
    assert "10" in weak[2]
    assert "李雷  wulong:clerk:武隆文旅委" in listed[1]
    assert len(token[1].strip()) == 43
    assert [line.split()[4] for line in acts[1].splitlines()] == ["operator.lock", "operator.token", "operator.add"]
    assert (whole[0], whole[1].startswith("完整 whole: 3 acts, head ")) == (0, True)
    assert PASSWORD not in added[1] + acts[1]


def test_a_password_is_never_an_argument(state):
    code, _out, error = call("operator", "--state", state, "add", "wang", "--password", PASSWORD)

    assert (code, "unrecognized arguments" in error) == (2, True)
