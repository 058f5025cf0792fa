"""Answers as they are kept: what the standard encoder writes without spaces and escapes for what is not ASCII."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from credit.facts import Facts
from credit.inputs import Place
from credit.telling.answers import kept

LEAVES = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))
ANSWERS = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("abcé信"), inner), max_leaves=20),
)


@given(ANSWERS)
def test_an_answer_is_kept_as_the_standard_encoder_writes_it(answer):
    assert kept(answer).decode() == json.dumps(answer, ensure_ascii=False, separators=(",", ":"))


def test_half_a_character_is_not_kept():
    with pytest.raises(UnicodeEncodeError):
        kept({"said": "\ud800"})


class TestFacts:
    FACTS = Facts(place=Place(site="park", scene="gate", lane="A"), suspended=True)

    def test_facts_with_other_members_differ_in_those_alone(self):
        changed = structs.replace(self.FACTS, twin=True, ages_s={"wulong": 7})

        assert changed == Facts(place=self.FACTS.place, suspended=True, twin=True, ages_s={"wulong": 7})
        assert (self.FACTS.twin, self.FACTS.ages_s) == (False, {})

    def test_nobody_changes_facts_that_somebody_else_holds(self):
        with pytest.raises(AttributeError, match="immutable"):
            self.FACTS.twin = True
