"""The look-test must fail on the screens of before, in each of the eleven blockers by which people could not work.

By hand (`make e2e ARGS=tests/look/test_screens_of_before.py`): it takes the screens of that day from the repository's
history and lets the tests of today look at them. Half an hour of waiting for what never comes, on a busy machine.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
BEFORE = "f7d188f"
STATES = {  # what is said of them on those screens
    1: (("counter 1280", "counter 12800", "counter 128000"), "cut off: div.pay > b"),
    2: (("desk deposit waived",), "missing: #challenge .qr is covered"),
    3: (("gate needs challenge", "desk needs challenge"), "codes: a phone reads"),
    10: (
        ("gate two reasons", "gate two measures", "gate one measure twice"),
        "cut off:|missing: .reasons li:only-child",
    ),
    11: (
        ("gate waiting, big type", "gate standard, big type", "gate refuse, big type"),
        "overlap:|cut off:|partly covered",
    ),
}
HANDS = {
    2: "test_the_next_guest_finds_a_clean_desk",
    4: "test_a_scan_while_the_cursor_is_in_the_room_is_taken_out_of_it_and_sent",
    5: "test_what_a_keyboard_did_to_a_good_code_is_undone",
    6: "test_undo_after_passing_never_falls_back_to_a_reversal",
    7: "test_a_claim_above_the_waived_deposit_is_not_sent",
    8: "test_a_wrong_amount_says_so_and_takes_the_old_answer_away",
    9: "test_a_denial_stays_until_it_can_be_read_and_a_grant_goes",
}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return the screens of before."""
    folder = tmp_path_factory.mktemp("before")
    packed = subprocess.run(["git", "archive", BEFORE, "edge/screens"], cwd=ROOT, capture_output=True, check=False)
    assert packed.returncode == 0, f"the history must reach {BEFORE}: git fetch --unshallow ({packed.stderr.decode()})"
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder / "edge" / "screens"


def looked(screens, *words, **more):
    """Return what the look-test says of these screens."""
    command = [sys.executable, "-m", "pytest", "-q", "--no-cov", "-p", "no:cacheprovider", "-m", "look", "-rf", *words]
    environment = {**os.environ, "XINGUAN_SCREENS": str(screens), **more}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("number", STATES)
def test_what_is_wrong_to_the_eye_is_found_on_the_screens_of_before(before, number):
    names, words = STATES[number]

    said = looked(before, "tests/look/test_every_state.py", XINGUAN_STATES="|".join(names))

    for name in names:
        assert re.search(rf"(?m)^E? *{re.escape(name)}, (zh|en), [^:]+: ({words})", said), said[-3000:]


@pytest.mark.parametrize("number", HANDS)
def test_what_hands_cannot_do_is_found_on_the_screens_of_before(before, number):
    said = looked(before, "tests/look/test_hands.py", "-k", HANDS[number])

    assert re.search(rf"(?m)^FAILED .*{HANDS[number]}", said), said[-3000:]
    assert " passed" not in said.splitlines()[-1]


def test_each_of_the_eleven_is_found():
    assert STATES.keys() | HANDS.keys() == set(range(1, 12))
