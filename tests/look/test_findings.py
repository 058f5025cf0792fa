"""The usability findings that the screens were built again for, each with the test or state that would see it return.

A name `file::test` is a test of this repository; a name without `::` is a state that `make look` walks at seven sizes
and in two languages. The first eleven were blockers: somebody at a counter was misled or could not work.
"""

import ast
from pathlib import Path

import pytest
from more_states import MORE
from states import REASONS, STATES

ROOT = Path(__file__).parents[2]
HANDS, DAYS, KEYS = "tests/look/test_hands.py::", "tests/look/test_more_days.py::", "tests/look/test_keys.py::"
DESK, SCREENS = "tests/office/test_desk.py::", "tests/browser/test_screens.py::"
OFFERS, OFFICE = "tests/browser/test_offers_at_the_counter.py::", "tests/look/test_office.py::"
COMMANDS = "tests/central/test_list_commands.py::"
OPENAPI = "tests/edge/test_terminal_openapi.py::"
DEMO = "tests/central/test_demo_visitors.py::"
FINDINGS = {
    1: ("a sum from 1 000 yuan is cut off", "counter 1280", "counter 12800", "counter 128000"),
    2: (
        "the second guest cannot be served",
        HANDS + "test_the_next_guest_finds_a_clean_desk",
        DAYS + "test_a_receptionist_s_day_of_forty_guests",
    ),
    3: ("the appeal's code stands where the challenge is meant", "gate needs challenge", "desk needs challenge"),
    4: (
        "a scan in the room's field is lost",
        HANDS + "test_a_scan_while_the_cursor_is_in_the_room_is_taken_out_of_it_and_sent",
        HANDS + "test_enter_in_the_room_with_a_code_waiting_sends_it",
    ),
    5: (
        "an input method turns a good code into a full price",
        HANDS + "test_what_a_keyboard_did_to_a_good_code_is_undone",
    ),
    6: (
        "two clicks make a once-a-day benefit endless",
        HANDS + "test_undo_after_passing_never_falls_back_to_a_reversal",
    ),
    7: (
        "a claim beyond what was waived, in one click",
        HANDS + "test_a_claim_above_the_waived_deposit_is_not_sent",
        HANDS + "test_a_claim_is_confirmed_with_its_sum",
    ),
    8: (
        "a wrong amount is multiplied or ignored",
        HANDS + "test_a_wrong_amount_says_so_and_takes_the_old_answer_away",
        HANDS + "test_a_right_amount_is_understood_however_it_is_written",
    ),
    9: ("a denial lives three seconds", HANDS + "test_a_denial_stays_until_it_can_be_read_and_a_grant_goes"),
    10: (
        "two reasons do not fit",
        "gate two reasons",
        "gate three reasons",
        "gate two measures",
        "gate one measure twice",
    ),
    11: (
        "big type breaks the gate",
        "gate waiting, big type",
        "gate half, big type",
        "gate standard, big type",
        "gate refuse, big type",
    ),
    12: ("a double click confirms", HANDS + "test_a_double_click_is_one_click"),
    13: (
        "a typo restricts a person that does not exist",
        DESK + "test_what_a_typo_would_do_is_refused_with_words_that_help",
    ),
    14: (
        "a repair without a code takes everything",
        COMMANDS + "test_of_two_measures_the_one_that_is_meant_must_be_named",
        DESK + "test_a_repair_lifts_one_entry_and_no_other_and_can_be_undone",
    ),
    15: (
        "what is wrong with a command is named wrongly",
        COMMANDS + "test_what_cannot_be_done_is_said_and_exits_1",
        COMMANDS + "test_a_day_that_is_none_is_said_with_an_example",
    ),
    16: ("a fresh code is asked for where none can help", "gate reason"),
    17: (
        "own offers speak developers' English, and 80 % is given away",
        OFFERS + "test_a_reduction_is_asked_in_zhe_shown_before_it_is_saved_and_what_is_wrong_is_said_in_plain_words",
    ),
    18: (
        "the answer of `present` is described nowhere",
        OPENAPI + "test_every_answer_has_a_type",
        OPENAPI + "test_every_member_is_said_in_words_and_no_words_are_left_over",
    ),
    19: (
        "the demo in English is half Chinese",
        "tests/browser/test_demo_in_chromium.py::test_in_english_all_three_screens_are_english",
    ),
    20: (
        "a busy machine blames the product",
        DEMO + "test_a_busy_machine_is_named_as_the_reason",
        DEMO + "test_a_late_answer_is_written_to_its_own_visitor_and_not_to_the_next",
    ),
    21: ("a desk of 320 px prints over itself", "desk deposit waived", "desk refuse"),
    22: ("a claim's form runs out of its card", "desk claim form"),
    23: ("a lane that does not exist waits for ever", "gate no such lane"),
    24: (
        "what the guest before was told stays",
        HANDS + "test_the_next_guest_finds_a_clean_desk",
        HANDS + "test_what_was_just_told_is_told_in_the_language_switched_to",
    ),
    25: ("one read-only page for everything", OFFICE + "test_every_page_fits_and_axe_finds_nothing_serious"),
    26: ("raw ids on a visitor's screen", "gate reason", "staff denial with all its facts"),
    27: (
        "a field's label is said instead of what is wrong",
        HANDS + "test_a_wrong_deposit_says_what_is_wrong_with_it",
        HANDS + "test_a_wrong_claim_says_what_is_wrong_with_it",
        "counter wrong amount",
        "counter waiting",
    ),
    28: (
        "a lawful restriction reads like a forgery",
        SCREENS + "test_a_public_screen_names_no_measure_and_no_authority",
    ),
    29: (
        "the strip wraps and the picture jumps",
        HANDS + "test_the_picture_does_not_jump_when_the_strip_has_more_to_say",
        "gate half, repeated and offline",
    ),
    30: (
        "words of a machine in English",
        HANDS + "test_a_language_that_is_not_spoken_here_is_chinese_throughout",
        "counter offers",
        "counter offer form",
    ),
    31: (
        "a screen reader and reduced motion",  # said once, one headline, nothing for ever: checks.js, in every state
        KEYS + "test_tab_comes_everywhere_and_is_seen",
        KEYS + "test_arrows_go_from_tab_to_tab_and_tab_leaves_them",
        "gate waiting",
    ),
}
BLOCKERS = range(1, 12)


def functions_of(path):
    tree = ast.parse((ROOT / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_all_thirty_one_are_here():
    assert list(FINDINGS) == list(range(1, 32))
    assert set(BLOCKERS) <= set(FINDINGS)


@pytest.mark.parametrize("number", FINDINGS)
def test_each_has_a_test_that_exists_or_a_state_that_is_walked(number):
    _what, *guards = FINDINGS[number]
    walked = {state.name for state in (*STATES, *MORE)}
    missing = []
    for guard in guards:
        path, joint, name = guard.partition("::")
        if joint:
            missing += [] if (ROOT / path).is_file() and name in functions_of(path) else [guard]
        elif guard not in walked | ({"gate reason"} if REASONS else set()):
            missing.append(guard)

    assert guards
    assert missing == []
