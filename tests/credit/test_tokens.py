import dataclasses

import pytest

from central.register import minting
from credit.claims import Grant, Reservation, SubjectKind, TokenClass
from credit.codec import cbor
from credit.keys import Keyring
from credit.opening.layers import bytes_of
from credit.reasons import Reason
from credit.tokens import MAX_REMEMBERED, TokenError, open_token


def refusal(text, keyring, now, **options):
    with pytest.raises(TokenError) as caught:
        open_token(text, keyring, now=now, **options)
    return caught.value.reason


class TestWhatIsAccepted:
    def test_a_bound_token_says_all_its_credential_says(self, world):
        reservation = Reservation(order=b"order-01", site="xiannvshan", from_s=1, until_s=2, heads=3)
        grants = (Grant(code=7), Grant(code=8, grant_id=b"grant-01", uses=2))
        raw = world.credential(
            grants=grants,
            region=500156,
            reservation=reservation,
            kind=SubjectKind.GROUP,
            id_check=True,
            nbf=world.now - 10,
            max_uses=3,
        )

        token = open_token(
            world.text(world.presentation(raw, audience="xiannvshan")),
            world.keyring(),
            now=world.now,
            audience="xiannvshan",
        )

        assert (token.issuer, token.kid, token.token_class) == ("wulong", world.issuer.kid, TokenClass.BOUND)
        assert (token.token_id, token.subject, token.tier) == (b"token-id", b"subject-pseudonm", 4)
        assert (token.groups, token.grants, token.reservation) == (frozenset({12, 300}), grants, reservation)
        assert (token.region, token.status_index, token.max_uses) == (500156, 7, 3)
        assert (token.kind, token.id_check, token.test) == (SubjectKind.GROUP, True, False)
        assert (token.issued_at, token.expires) == (world.now - 3600, world.now + 30 * world.day)
        assert token.not_before == world.now - 10
        assert (token.nonce, token.presented_at) == (b"nonce-01", world.now - 3)
        assert (token.audience, token.challenged) == ("xiannvshan", False)

    def test_a_minted_token_has_its_id_as_nonce(self, world):
        token = open_token(world.text(world.minted()), world.keyring(), now=world.now)
        assert (token.token_class, token.nonce, token.presented_at) == (TokenClass.MINTED, b"token-id", None)

    def test_a_printed_token_has_no_nonce(self, world):
        token = open_token(world.text(world.printed()), world.keyring(), now=world.now)
        assert (token.token_class, token.nonce, token.max_uses) == (TokenClass.PRINTED, None, 5)

    def test_p256_issuers_and_holders_sign_as_well(self, world):
        raw = world.credential(world.p256_issuer, holder_key=world.p256_holder.public_key())
        text = world.text(world.presentation(raw, world.p256_holder))
        assert open_token(text, world.keyring(), now=world.now).issuer == "zibo"

    def test_members_of_credit_from_32_on_are_ignored(self, world):
        claims = claims_of(world.printed())
        claims[-65537][40] = [b"later", {1: "x"}]
        assert open_token(signed(world, claims), world.keyring(), now=world.now).tier == 4


def claims_of(raw):
    return cbor.decode(cbor.decode(raw).item[2])


def signed(world, claims):
    key = world.issuer
    return world.text(minting.sign1(key.private, {1: key.alg, 4: key.kid, 16: 65001}, cbor.encode(claims)))


class TestClasses:
    @pytest.mark.parametrize(
        ("classes", "made", "reason"),
        [
            (["minted"], "credential", Reason.WRONG_CLASS),
            (["bound"], "minted", Reason.WRONG_CLASS),
            (["bound", "minted"], "printed", Reason.WRONG_CLASS),
        ],
    )
    def test_a_key_signs_only_its_classes(self, world, classes, made, reason):
        raw = getattr(world, made)()
        raw = world.presentation(raw) if made == "credential" else raw
        assert refusal(world.text(raw), world.keyring(world.row(classes=classes)), world.now) is reason

    def test_a_static_token_without_use_limit_lives_120_seconds_at_most(self, world):
        keyring = world.keyring()
        open_token(world.text(world.minted(iat=world.now - 60, exp=world.now + 60)), keyring, now=world.now)
        text = world.text(world.minted(iat=world.now - 60, exp=world.now + 61))
        assert refusal(text, keyring, world.now) is Reason.WRONG_CLASS

    def test_a_short_token_with_use_limit_is_minted_where_the_key_may_not_print(self, world):
        text = world.text(world.minted(max_uses=1))
        token = open_token(text, world.keyring(world.row(classes=["minted"])), now=world.now)
        assert token.token_class is TokenClass.MINTED

    def test_a_bound_credential_shown_bare_is_refused(self, world):
        assert refusal(world.text(world.credential()), world.keyring(), world.now) is Reason.BARE_BOUND_TOKEN

    def test_a_credential_without_holder_key_cannot_be_presented(self, world):
        text = world.text(world.presentation(world.printed()))
        assert refusal(text, world.keyring(), world.now) is Reason.BAD_SIGNATURE

    def test_test_tokens_pass_only_where_the_site_is_a_test(self, world):
        text = world.text(world.printed(test=True))
        assert open_token(text, world.keyring(), now=world.now, allow_test=True).test
        assert refusal(text, world.keyring(), world.now) is Reason.TEST_TOKEN


class TestKeys:
    def test_an_unknown_key(self, world):
        assert refusal(world.text(world.printed()), Keyring.empty(), world.now) is Reason.UNKNOWN_KEY

    def test_a_killed_key(self, world):
        keyring = world.keyring(world.row(killed=True))
        assert refusal(world.text(world.printed()), keyring, world.now) is Reason.KEY_REVOKED

    def test_a_key_signs_inside_its_window_only(self, world):
        text, row = world.text(world.printed()), world.row(from_s=world.now, until_s=world.now + 1)
        open_token(text, world.keyring(row), now=world.now)
        assert refusal(text, world.keyring(row), world.now + 1) is Reason.EXPIRED
        assert refusal(text, world.keyring(row), world.now - 1) is Reason.NOT_YET_VALID

    def test_a_retired_key_signs_nothing_issued_later(self, world):
        text = world.text(world.printed(iat=world.now - 100))
        open_token(text, world.keyring(world.row(issued_until=world.now - 100)), now=world.now)
        keyring = world.keyring(world.row(issued_until=world.now - 101))
        assert refusal(text, keyring, world.now) is Reason.KEY_REVOKED

    def test_two_issuers_with_one_kid_are_both_tried(self, world):
        mine, theirs = world.row(), {**world.row(), "issuer": "zibo"}
        minted_only = {**mine, "classes": ["minted"]}
        text = world.text(world.printed())
        assert open_token(text, world.keyring(minted_only, theirs), now=world.now).issuer == "zibo"
        assert open_token(text, world.keyring(mine, theirs), now=world.now).issuer == "wulong"

    def test_the_alg_of_the_header_selects_nothing(self, world):
        for alg in (-9, -7, -8, -37, -65601, 0, 5):
            protected = {1: alg, 4: world.issuer.kid, 16: 65001}
            raw = minting.sign1(world.issuer.private, protected, cbor.encode(claims_of(world.printed())))
            assert refusal(world.text(raw), world.keyring(), world.now) is Reason.BAD_SIGNATURE


class TestTimes:
    def test_a_token_ends_at_exp(self, world):
        text = world.text(world.minted(exp=world.now))
        open_token(text, world.keyring(), now=world.now - 1)
        assert refusal(text, world.keyring(), world.now) is Reason.EXPIRED

    def test_giving_back_is_possible_after_exp(self, world):
        text = world.text(world.minted(exp=world.now))
        assert open_token(text, world.keyring(), now=world.now + 9, allow_expired=True).expires == world.now

    @pytest.mark.parametrize("claim", ["iat", "nbf"])
    def test_a_token_begins_at_iat_and_nbf_less_skew(self, world, claim):
        text = world.text(world.minted(**{claim: world.now + 5}))
        open_token(text, world.keyring(), now=world.now)
        assert refusal(text, world.keyring(), world.now - 1) is Reason.NOT_YET_VALID
        assert refusal(text, world.keyring(), world.now, skew_s=4) is Reason.NOT_YET_VALID

    def test_a_presentation_is_fresh_for_30_seconds_and_skew(self, world):
        text = world.text(world.presentation(iat=world.now))
        for now in (world.now - 5, world.now + 35):
            open_token(text, world.keyring(), now=now)
        assert refusal(text, world.keyring(), world.now + 36) is Reason.STALE_CODE
        assert refusal(text, world.keyring(), world.now - 6) is Reason.NOT_YET_VALID

    def test_how_far_a_phone_may_be_ahead_makes_no_code_live_longer(self, world):
        text = world.text(world.presentation(iat=world.now))
        open_token(text, world.keyring(), now=world.now - 30, ahead_s=30)
        assert refusal(text, world.keyring(), world.now - 31, ahead_s=30) is Reason.NOT_YET_VALID
        assert refusal(text, world.keyring(), world.now + 36, ahead_s=30) is Reason.STALE_CODE


class TestPresentations:
    def test_another_phone_cannot_present_it(self, world):
        stranger = minting.issuer_key("x", b"\x09" * 32).private
        text = world.text(world.presentation(private=stranger))
        assert refusal(text, world.keyring(), world.now) is Reason.BAD_SIGNATURE

    def test_a_presentation_for_another_site_is_refused(self, world):
        text = world.text(world.presentation(audience="tiankeng"))
        assert refusal(text, world.keyring(), world.now, audience="xiannvshan") is Reason.WRONG_AUDIENCE
        assert refusal(text, world.keyring(), world.now) is Reason.WRONG_AUDIENCE

    def test_a_presentation_for_no_site_passes_anywhere(self, world):
        text = world.text(world.presentation())
        assert open_token(text, world.keyring(), now=world.now, audience="xiannvshan").audience is None

    def test_the_lanes_challenge_is_answered(self, world):
        text = world.text(world.presentation(challenge=b"lane-A-7"))
        assert open_token(text, world.keyring(), now=world.now, challenge=b"lane-A-7").challenged
        assert not open_token(text, world.keyring(), now=world.now).challenged
        assert refusal(text, world.keyring(), world.now, challenge=b"lane-A-8") is Reason.NEEDS_CHALLENGE

    def test_an_unanswered_challenge_is_seen_on_the_token(self, world):
        text = world.text(world.presentation())
        assert not open_token(text, world.keyring(), now=world.now, challenge=b"lane-A-7").challenged

    def test_a_presentation_of_a_presentation_is_damaged(self, world):
        text = world.text(world.presentation(world.presentation()))
        assert refusal(text, world.keyring(), world.now) is Reason.DAMAGED_CODE


class TestAnyByte:
    @pytest.mark.parametrize("made", ["presentation", "minted", "printed"])
    def test_a_token_altered_in_any_byte_is_refused(self, world, made):
        raw, keyring = getattr(world, made)(), world.keyring()
        for at in range(len(raw)):
            changed = raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :]
            assert refusal(world.text(changed), keyring, world.now) in Reason

    @pytest.mark.parametrize("text", ["", "XG1", "xg1:00", "XG2:00", " XG1:00", "https://a.cn/XG1:", b"XG1:", None])
    def test_other_texts_are_no_codes_of_ours(self, text):
        assert refusal(text, Keyring.empty(), 0) is Reason.NOT_A_CODE

    @pytest.mark.parametrize("text", ["XG1:", "XG1:A", "XG1:\ud800", "XG1:" + "0" * 597, "XG1:bb8", "XG1:00 "])
    def test_damaged_codes_say_so(self, text):
        assert refusal(text, Keyring.empty(), 0) is Reason.DAMAGED_CODE


class TestOnce:
    def test_a_text_is_decoded_once_and_its_proof_is_what_was_opened(self, world):
        raw = world.presentation()
        text = world.text(raw)
        open_token(text, world.keyring(), now=world.now)

        assert bytes_of(text) == raw
        assert bytes_of(text) is bytes_of(text)

    def test_a_damaged_text_is_damaged_each_time(self):
        for _ in range(2):
            assert refusal("XG1:bb8", Keyring.empty(), 0) is Reason.DAMAGED_CODE


class TestMemory:
    def test_a_remembered_credential_still_expires_and_its_key_too(self, world):
        keyring, text = world.keyring(), world.text(world.printed(exp=world.now + 10, iat=world.now))
        open_token(text, keyring, now=world.now)
        assert len(keyring.verified) == 1
        assert refusal(text, keyring, world.now + 10) is Reason.EXPIRED
        assert refusal(text, keyring, world.now - 6) is Reason.NOT_YET_VALID
        assert refusal(text, keyring, world.now - 31 * world.day) is Reason.NOT_YET_VALID
        assert refusal(text, keyring, world.now + 400 * world.day) is Reason.EXPIRED

    def test_a_remembered_credential_ends_with_its_key_and_begins_with_it(self, world):
        row = world.row(from_s=world.now - 9, until_s=world.now + 9)
        for raw in (world.printed(), world.presentation(iat=world.now)):
            keyring, text = world.keyring(row), world.text(raw)
            open_token(text, keyring, now=world.now)
            assert len(keyring.verified) == 1
            assert refusal(text, keyring, world.now + 9) is Reason.EXPIRED
            assert refusal(text, keyring, world.now - 10) is Reason.NOT_YET_VALID
            assert open_token(text, keyring, now=world.now + 9, allow_expired=True)

    def test_credentials_are_remembered_apart_whichever_way_they_were_read(self, world):
        keyring = world.keyring()
        rare = {"grants": [Grant(code=8, grant_id=b"grant-01", uses=2)]}
        raws = {}
        for tier in range(4):
            members = {"tier": tier, "token_id": bytes([tier] * 8), **(rare if tier % 2 else {})}
            raws[world.text(world.printed(**members))] = tier
            for audience in (None, "仙女山"):  # what is not ASCII goes the long way
                raws[world.text(world.presentation(world.credential(**members), audience=audience))] = tier
        for _ in range(2):
            for text, tier in raws.items():
                token = open_token(text, keyring, now=world.now, audience="仙女山")
                assert (token.tier, token.token_id) == (tier, bytes([tier] * 8))
        assert len(keyring.verified) == 8  # four static, four bound

    def test_a_remembered_test_token_needs_a_test_site_each_time(self, world):
        keyring, text = world.keyring(), world.text(world.printed(test=True))
        open_token(text, keyring, now=world.now, allow_test=True)
        assert refusal(text, keyring, world.now) is Reason.TEST_TOKEN

    def test_a_remembered_bound_credential_is_still_refused_bare(self, world):
        keyring, raw = world.keyring(), world.credential()
        open_token(world.text(world.presentation(raw)), keyring, now=world.now)
        assert refusal(world.text(raw), keyring, world.now) is Reason.BARE_BOUND_TOKEN

    def test_a_remembered_credential_needs_its_holders_signature_each_time(self, world):
        keyring, stranger = world.keyring(), minting.issuer_key("x", b"\x09" * 32).private
        open_token(world.text(world.presentation()), keyring, now=world.now)
        text = world.text(world.presentation(private=stranger))
        assert refusal(text, keyring, world.now) is Reason.BAD_SIGNATURE

    def test_the_memory_is_bounded(self, world):
        keyring = world.keyring()
        for number in range(MAX_REMEMBERED + 3):
            keyring.verified[number.to_bytes(2, "big")] = None
            if len(keyring.verified) > MAX_REMEMBERED:
                break
        open_token(world.text(world.printed()), keyring, now=world.now)
        assert len(keyring.verified) == MAX_REMEMBERED + 1
        assert b"\x00\x00" not in keyring.verified

    def test_new_keys_start_with_an_empty_memory(self, world):
        keyring = world.keyring()
        open_token(world.text(world.printed()), keyring, now=world.now)
        assert Keyring.merged([keyring]).verified == {}


def test_a_token_has_every_field_and_is_frozen(world):
    token = open_token(world.text(world.printed()), world.keyring(), now=world.now)
    assert vars(token).keys() == {field.name for field in dataclasses.fields(token)}
    assert dataclasses.replace(token) == token
    with pytest.raises(dataclasses.FrozenInstanceError):
        token.tier = 9
