"""What a grant is worth by what was shown for it: the pure judge, one case a line."""

from hashlib import sha256

import pytest

from central.proofs.judging import Case, Registered, judge
from tests.proofs.grants import DAY_MS, NOW_MS, NOW_S, STRANGER, Phone, row


def case(phone, shown, *, at_ms=NOW_MS, **changes):
    body = phone.fact(shown, **changes.pop("fact", {}))
    return Case(at_ms=at_ms, site="park", body=body, shown=shown, **changes)


def verdict(*args, keys=None, **changes):
    found = judge(case(*args, **changes), tuple(keys or [row()]))
    return found.verdict.value, found.why


@pytest.fixture
def phone():
    return Phone()


class TestBound:
    def test_a_phone_that_signed_in_the_window_of_the_fact_proves_it(self, phone):
        assert verdict(phone, phone.shows()) == ("proved", "shown")
        assert verdict(phone, phone.shows(audience="park")) == ("proved", "shown")
        assert verdict(phone, phone.shows(iat=NOW_S - 35)) == ("proved", "shown")

    def test_it_is_judged_at_its_own_time_long_after_code_and_key_have_ended(self, phone):
        keys = [row(until_s=NOW_S + 1, from_s=NOW_S - 1000)]

        assert verdict(phone, phone.shows(), keys=keys) == ("proved", "shown")
        assert verdict(phone, phone.shows(), at_ms=NOW_MS + 2000, keys=keys) == ("disproved", "expired")

    @pytest.mark.parametrize(
        ("fact", "why"),
        [
            ({"issuer": "yunxi"}, "another_issuer"),
            ({"token": "00" * 8}, "another_token"),
            ({"subject": "00" * 16}, "another_subject"),
            ({"nonce": "ff" * 8}, "another_nonce"),
        ],
    )
    def test_a_fact_that_says_something_else_than_the_phone_is_disproved(self, phone, fact, why):
        assert verdict(phone, phone.shows(), fact=fact) == ("disproved", why)

    def test_a_fact_without_a_nonce_says_that_the_token_s_id_was_it(self, phone):
        own, other = phone.shows(), phone.shows()  # the first is drawn with what its token's id is
        said = {name: value for name, value in phone.fact(own).items() if name != "nonce"}

        found = [judge(Case(at_ms=NOW_MS, site="park", body=said, shown=one), (row(),)) for one in (own, other)]

        assert [one.why for one in found] == ["shown", "another_nonce"]

    def test_another_site_s_presentation_disproves(self, phone):
        assert verdict(phone, phone.shows(audience="elsewhere")) == ("disproved", "wrong_audience")

    def test_a_presentation_from_before_or_after_the_window_disproves_where_the_clock_was_trusted(self, phone):
        assert verdict(phone, phone.shows(iat=NOW_S - 36)) == ("disproved", "stale_code")
        assert verdict(phone, phone.shows(iat=NOW_S + 31)) == ("disproved", "not_yet_valid")

    def test_a_clock_that_was_not_trusted_proves_nothing_and_contradicts_nothing(self, phone):
        for iat in (NOW_S, NOW_S - 9000):
            assert verdict(phone, phone.shows(iat=iat), fact={"clock": "unsure"}) == ("unproved", "clock_not_trusted")

    def test_a_forged_credential_is_disproved_also_on_a_bad_clock(self):
        forger = Phone(key=STRANGER)

        assert verdict(forger, forger.shows()) == ("unproved", "unknown_key")
        shown = bytearray(Phone().shows())
        shown[-1] ^= 1
        assert verdict(forger, bytes(shown), fact={"clock": "unsure"}) == ("disproved", "bad_signature")

    def test_a_credential_alone_shows_no_phone(self, phone):
        assert verdict(phone, phone.credential)[0] == "disproved"

    def test_without_bytes_nothing_is_said(self, phone):
        shown = phone.shows()
        assert judge(Case(at_ms=NOW_MS, site="park", body=phone.fact(shown), shown=None), (row(),)).why == "no_proof"

    def test_a_key_killed_since_proves_nothing_any_more_and_one_long_dead_contradicts(self, phone):
        assert verdict(phone, phone.shows(), keys=[row(killed_ms=NOW_MS + 1)]) == ("unproved", "key_killed")
        assert verdict(phone, phone.shows(), keys=[row(killed_ms=NOW_MS - DAY_MS)]) == ("unproved", "key_killed")
        long_dead = row(killed_ms=NOW_MS - 15 * DAY_MS)
        assert verdict(phone, phone.shows(), keys=[long_dead]) == ("disproved", "key_killed")

    def test_an_override_is_a_person_s_word(self, phone):
        assert verdict(phone, phone.shows(), overridden=True) == ("unproved", "override")

    def test_one_presentation_has_one_name_whatever_the_fact_says(self, phone):
        shown = phone.shows()
        first, second = (judge(case(phone, shown, fact={"heads": n}), (row(),)) for n in (1, 2))
        other = judge(case(phone, phone.shows()), (row(),))

        assert first.presentation == second.presentation != other.presentation


class TestStatic:
    @pytest.mark.parametrize("kind", ["printed", "minted"])
    @pytest.mark.parametrize(
        ("registered", "said"),
        [
            (Registered(known=True, token="00" * 7 + "01"), ("vouched", "registered")),
            (Registered(known=True, token="00" * 8), ("disproved", "another_token")),
            (Registered(known=True, token=None), ("unproved", "not_in_register")),
            (Registered(known=False, token=None), ("unproved", "register_elsewhere")),
        ],
    )
    def test_exactly_the_code_that_was_issued_vouches(self, phone, kind, registered, said):
        body = phone.fact(None, proof=sha256(b"paper").hexdigest()) | {"class": kind}

        found = judge(Case(at_ms=NOW_MS, site="park", body=body, shown=None, registered=registered), (row(),))

        assert (found.verdict.value, found.why) == said
