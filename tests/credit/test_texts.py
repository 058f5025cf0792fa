"""Every reason has its text, its row in the documentation, and its place in the outcome table of contract.md §1."""

import json
import re
from pathlib import Path

import pytest

from credit.reasons import Outcome, Reason, outcome_of
from credit.telling.texts import TEXTS, text_of

ROOT = Path(__file__).parent.parent.parent


def test_every_reason_has_texts_in_both_languages():
    assert set(TEXTS) == set(Reason)
    for text in TEXTS.values():
        assert all((text.zh, text.en, text.next_zh, text.next_en))


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_row_in_the_documentation(reason):
    text = text_of(reason)
    row = f"| `{reason.value}` | {outcome_of(reason).value} | {text.zh} | {text.en} | {text.next_zh} | {text.next_en} |"

    assert row in (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8").splitlines()


def test_only_token_replay_revocation_and_restriction_refuse():
    refusing = {one.value for one in Reason if outcome_of(one) is Outcome.REFUSE}

    assert refusing == {
        "bad_signature",
        "key_revoked",
        "revoked",
        "replayed",
        "bare_bound_token",
        "wrong_class",
        "test_token",
        "restricted",
    }


def test_every_vector_that_docs_name_exists():
    told = (ROOT / "docs" / "scenes.md").read_text(encoding="utf-8")
    rows = [line for line in told.splitlines() if re.match(r"\| \d+ \|", line)]
    vectors = {path.stem for path in (ROOT / "tests" / "vectors" / "decisions").glob("*.json")}
    named = {name for line in told.splitlines() for name in re.findall(r"`([A-Za-z0-9-]+)`", line)} - {
        "tallies",
        "Claims",
    }

    assert len(rows) == 32
    assert named <= vectors


def test_no_answer_names_a_subject():
    for path in (ROOT / "tests" / "vectors" / "decisions").glob("S*.json"):
        for step in json.loads(path.read_text(encoding="utf-8"))["steps"]:
            assert "subject" not in json.dumps(step.get("expect", {}))
