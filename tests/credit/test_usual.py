"""The usual way reads out of a code what the long way does, or it reads nothing (credit/opening/usual.py)."""

import json
import random
from pathlib import Path

import pytest

from credit import cose
from credit.claims import SubjectKind
from credit.codec import base45, cbor
from credit.opening import usual
from credit.opening.claim_types import read_credential
from credit.tokens import take_apart

VECTORS = sorted((Path(__file__).parents[1] / "vectors" / "tokens").glob("*.json"))
RANDOM_CODES = 4_000
DAY = 86_400


def message(header, claims, signature=bytes(64)):
    return b"\xd2\x84" + cbor.bstr(header) + b"\xa0" + cbor.bstr(claims) + cbor.bstr(signature)


def credential(claims, **how):
    return message(cbor.encode({1: -19, 4: b"key's id", 16: 65001}), cbor.encode(claims), **how)


def credit(**members):
    numbers = {"region": 5, "status": 6, "max_uses": 7, "flags": 8}
    return {
        0: 1,
        1: b"subject-pseudonm",
        2: 3,
        3: [12, 300],
        4: [],
        6: 77,
        **{numbers[name]: value for name, value in members.items()},
    }


def claims(**members):
    return {4: 1_790_086_400, 6: 1_790_000_000, 7: b"token-id", -65537: credit(**members)}


HOLDER = {8: {1: {1: 1, -1: 6, -2: bytes(range(32))}}}
P256_HOLDER = {8: {1: {1: 2, -1: 1, -2: bytes(range(32)), -3: bytes(range(32, 64))}}}
PRESENTED = {3: "xiannvshan", 6: 1_790_000_005, 7: b"nonce-01"}


def presentation(inner, told, header=b""):
    outer = b"\xa3\x01\x32\x0d" + inner + b"\x10\x19\x01\x26"
    return message(header or outer, cbor.encode(told))


class TestTheUsualCodes:
    """What visitors show is read at one stroke."""

    def test_every_class_and_algorithm(self, world, both_ways):
        bound_p256 = world.credential(world.p256_issuer, holder_key=world.p256_holder.public_key())
        for raw in (world.credential(), world.minted(), world.printed(), bound_p256):
            assert usual.credential(raw) is not None
            assert both_ways(raw)
        for raw in (
            world.presentation(),
            world.presentation(audience="xiannvshan"),
            world.presentation(challenge=b"lane-A-7"),
            world.presentation(audience="a" * 23, challenge=b""),
            world.presentation(bound_p256, world.p256_holder),
        ):
            assert usual.presentation(raw) is not None
            assert both_ways(raw)

    @pytest.mark.parametrize(
        "members",
        [
            {},
            {"region": 0},
            {"region": 500_156},
            {"max_uses": 23},
            {"max_uses": 24},
            {"status": 255},
            {"status": 256},
            {"status": 65_535},
            {"status": 65_536},
            {"status": 2**32 - 1},
            {"flags": 1},
            {"flags": 2},
            {"flags": 3},
            {"flags": 4},
            {"flags": 8},
            {"flags": 11},
            {"region": 1, "status": 2, "max_uses": 3, "flags": 0},
        ],
    )
    def test_every_member_at_its_edges(self, members, both_ways):
        assert both_ways(credential(claims(**members)))
        assert both_ways(credential({**claims(**members), **HOLDER, 5: 1_790_000_000}))

    def test_group_kinds(self):
        kinds = [usual.credential(credential(claims(flags=bits))).claims.kind for bits in (0, 4, 8)]
        assert kinds == [SubjectKind.PERSON, SubjectKind.GROUP, SubjectKind.ENTERPRISE]

    @pytest.mark.parametrize("codes", [[], [0], [23, 24, 255, 256], [4, 5, 65_535]])
    def test_codes_of_groups_and_grants(self, codes, both_ways):
        told = claims()
        told[-65537] = {**told[-65537], 3: codes, 4: codes}
        read = usual.credential(credential(told)).claims
        assert (read.groups, [grant.code for grant in read.grants]) == (set(codes), codes)
        assert both_ways(credential(told))


class TestWhatIsLeftToTheLongWay:
    """No match is no refusal: rare codes and bad ones are None here."""

    @pytest.mark.parametrize(
        "changed",
        [
            {-65537: {**credit(), 32: 1}},
            {-65537: {**credit(), 4: [[7, bytes(8), 2]]}},
            {-65537: {**credit(), 9: [bytes(8), "site", 1, 2, 3]}},
            {-65537: {**credit(), 5: 2**32}},
            {4: 2**33},
            {-65537: {**credit(), 3: list(range(13))}},
            {-65537: {**credit(), 4: list(range(5))}},
        ],
    )
    def test_rare_but_good(self, changed):
        raw = credential({**claims(), **changed})
        assert usual.credential(raw) is None
        assert read_credential(take_apart("XG1:" + base45.encode(raw)).envelope.claims)

    @pytest.mark.parametrize(
        "changed",
        [
            {4: 65_535},
            {5: -1},
            {6: "1790000000"},
            {7: bytes(7)},
            {8: {1: {1: 1, -1: 6}}},
            {9: 1},
            {-65537: {**credit(), 2: 10}},
            {-65537: {**credit(), 0: 2}},
            {-65537: {**credit(), 1: bytes(15)}},
            {-65537: {**credit(), 8: 12}},
            {-65537: {**credit(), 8: 16}},
            {-65537: {**credit(), 3: [-1]}},
            {-65537: {key: value for key, value in credit().items() if key != 6}, 4: 1_790_000_000 + DAY + 1},
        ],
    )
    def test_bad_claims(self, changed):
        raw = credential({**claims(), **changed})
        assert usual.credential(raw) is None

    def test_a_day_and_no_status_index(self, both_ways):
        told = {**claims(), 4: 1_790_000_000 + DAY}
        del told[-65537][6]
        assert both_ways(credential(told))

    def test_counts_and_lengths_that_lie(self, both_ways):
        good = credential({**claims(region=7), **HOLDER})
        at = {
            "payload length": 22,
            "members of the claims": 23,
            "members of credit": good.index(b"\x3a\0\1\0\0") + 5,
            "groups": good.index(b"\x03\x82") + 1,
            "grants": good.index(b"\x04\x80\x05") + 1,
        }
        assert both_ways(good)
        for where in at.values():
            for step in (-1, 1):
                bad = good[:where] + bytes([good[where] + step]) + good[where + 1 :]
                assert usual.credential(bad) is None
                assert not both_ways(bad)

    def test_counts_and_lengths_of_a_presentation_that_lie(self, both_ways):
        inner = credential({**claims(), **HOLDER})
        good = presentation(inner, {**PRESENTED, 39: b"lane-A-7"})
        head = good.index(b"\x10\x19\x01\x26\xa0") + 5
        at = (3, head + 1, head + 2, head + 4, good.index(b"\x18\x27\x48") + 2)
        assert both_ways(good)
        for where in at:
            for step in (-1, 1):
                bad = good[:where] + bytes([good[where] + step]) + good[where + 1 :]
                assert usual.presentation(bad) is None
                assert not both_ways(bad)

    def test_lengths_in_more_octets_than_they_need(self, both_ways):
        inner = credential({**claims(), **HOLDER})
        header, _, payload, signature = cbor.decode(presentation(inner, PRESENTED)).item
        heads = [b"\x58" + bytes([len(header)]), b"\x58" + bytes([len(payload)])]
        raw = [b"\xd2\x84", heads[0], header, b"\xa0", heads[1], payload, b"\x58\x40" + signature]
        assert both_ways(b"".join(raw))
        for at in (1, 4):
            wide = [*raw[:at], b"\x59\0" + raw[at][1:], *raw[at + 1 :]]
            assert usual.presentation(b"".join(wide)) is None
            assert not both_ways(b"".join(wide))
        small = {6: PRESENTED[6], 7: PRESENTED[7]}
        short = presentation(inner, small)
        at = short.index(b"\xa0\x51") + 1
        wide = short[:at] + b"\x58\x11" + short[at + 1 :]
        assert both_ways(short)
        assert not both_ways(wide)

    def test_heads_just_beyond_the_lengths_that_stand_in_them(self, both_ways):
        header = cbor.decode(presentation(credential({**claims(), **HOLDER}), PRESENTED)).item[0]
        made = b"\x06\x1a\x6a\xb1\x3b\x80\x07\x48nonce-01"
        answers = {size: b"\xa3" + made + b"\x18\x27" + cbor.bstr(bytes(size)) for size in (3, 4, 23, 24)}
        late = made.replace(b"\x6a\xb1\x3b\x80", b"\0\0\x3b\x80")

        def raw(payload, head=None):
            wrapped = cbor.bstr(payload) if head is None else head + payload
            return b"\xd2\x84" + cbor.bstr(header) + b"\xa0" + wrapped + b"\x58\x40" + bytes(64)

        assert (len(answers[3]), len(answers[4])) == (23, 24)
        for size, usually in ((3, True), (4, True), (23, True), (24, False)):
            assert both_ways(raw(answers[size])) is usually
        for wrong in (
            raw(answers[3], b"\x58\x17"),
            raw(answers[4], b"\x58"),
            raw(answers[4], b"\x59\0\x18"),
            raw(b"\xa3" + made + b"\x18\x27\x58" + bytes(24)),
            raw(b"\xa3\x03\x78" + b"a" * 24 + made),
            raw(b"\xa3\x03\x62a\x80" + made),
            raw(b"\xa2" + late),
            raw(b"\xa2" + late.replace(b"\x3b", b"\0")),
        ):
            assert usual.presentation(wrong) is None
            assert not both_ways(wrong)

    @pytest.mark.parametrize("claim", [4, 5, 6])
    @pytest.mark.parametrize("seconds", [65_535, 255])
    def test_times_in_more_octets_than_they_need(self, claim, seconds, both_ways):
        told = {**claims(), 5: 1_790_000_001}
        payload = cbor.encode(told)
        short = b"\x1a" + told[claim].to_bytes(4, "big")
        assert payload.count(short) == 1
        wrong = payload.replace(short, b"\x1a" + seconds.to_bytes(4, "big"))
        header = cbor.encode({1: -19, 4: b"key's id", 16: 65001})
        assert both_ways(message(header, payload))
        assert usual.credential(message(header, wrong)) is None
        assert not both_ways(message(header, wrong))

    def test_a_member_twice_or_half_while_the_counts_say_once_or_never(self, both_ways):
        header = cbor.encode({1: -19, 4: b"key's id", 16: 65001})
        told = {**claims(region=7, max_uses=8, flags=1), **HOLDER, 5: 1_790_000_001}
        payload = cbor.encode(told)
        holder = cbor.encode(HOLDER)[1:]
        parts = [
            b"\x05\x1a" + told[5].to_bytes(4, "big"),
            holder,
            b"\x05\x07",
            b"\x06\x18\x4d",
            b"\x07\x08",
            b"\x08\x01",
        ]
        assert both_ways(message(header, payload))
        for part in parts:
            at = payload.rindex(part)
            assert not both_ways(message(header, payload[: at + len(part)] + payload[at:]))
            assert not both_ways(message(header, payload[:at] + payload[at + len(part) :]))
        for at in range(1, len(holder)):
            rest = b"\xa5" + payload[1:].replace(holder, holder[:at])
            assert not both_ways(message(header, rest))
        shown = cbor.encode({**PRESENTED, 39: b"lane-A-7"})
        outer = cbor.decode(presentation(credential({**claims(), **HOLDER}), PRESENTED)).item[0]
        for part in (b"\x03\x6axiannvshan", b"\x18\x27\x48lane-A-7"):
            at = shown.index(part)
            assert not both_ways(message(outer, shown[: at + len(part)] + shown[at:]))
            assert not both_ways(message(outer, shown[:at] + shown[at + len(part) :]))

    @pytest.mark.parametrize("audience", ["", "仙女山", "a" * 24])
    def test_audiences(self, audience):
        assert usual.presentation(presentation(credential(claims()), {**PRESENTED, 3: audience})) is None

    def test_a_presentation_in_a_presentation(self):
        once = presentation(credential({**claims(), **HOLDER}), PRESENTED)
        _, inner = usual.presentation(presentation(once, PRESENTED))
        assert inner == once
        assert usual.credential(inner) is None

    @pytest.mark.parametrize("size", [63, 65])
    def test_signatures_of_another_length(self, size):
        assert usual.credential(credential(claims(), signature=bytes(size))) is None


def every_member():
    """Return usual codes in which each part of the two expressions occurs, numbers of all widths among them."""
    full = {**claims(region=500_156, status=300, max_uses=24, flags=11), 5: 1_790_000_000}
    edges = claims(region=23, status=23, max_uses=23, flags=1)
    full[-65537] = {**full[-65537], 3: [0, 23, 24, 255, 256, 65_535], 4: [7, 300]}
    bound = credential({**claims(region=7, max_uses=0), **HOLDER})
    long = claims()
    long = credential({**long, **P256_HOLDER, -65537: {**long[-65537], 3: list(range(300, 312))}})
    by_p256 = message(cbor.encode({1: -9, 4: b"key's id", 16: 65001}), cbor.encode({**claims(flags=4), **P256_HOLDER}))
    return {
        "a static code with every member": credential(full),
        "a bound credential": bound,
        "the largest numbers of one octet": credential(edges),
        "a credential by and for P-256": by_p256,
        "a presentation with every claim": presentation(bound, {**PRESENTED, 39: b"lane-A-7"}),
        "a presentation without any": presentation(by_p256, {6: 1_790_000_005, 7: b"nonce-01"}),
        "a header of more than 255 octets": presentation(long, PRESENTED),
        "an empty challenge": presentation(credential(claims()), {**PRESENTED, 39: b""}),
    }


@pytest.mark.parametrize("name", every_member())
def test_both_ways_agree_where_any_octet_is_a_bit_or_one_off_or_gone_or_there_twice(name, both_ways):
    good = every_member()[name]
    inner = usual.presentation(good)[1] if usual.presentation(good) else b""
    start = good.index(inner)
    anything = {*range(start + 2, start + len(inner)), *range(len(good) - 64, len(good))}
    assert both_ways(good)
    for at, octet in enumerate(good):
        near = {octet ^ 1 << bit for bit in range(8)} | {(octet + 1) % 256, (octet - 1) % 256, 0, 255}
        for other in sorted(({10} if at in anything else near) - {octet}):
            both_ways(good[:at] + bytes([other]) + good[at + 1 :])
        both_ways(good[:at] + good[at + 1 :])
        both_ways(good[: at + 1] + good[at:])


@pytest.mark.parametrize("name", every_member())
def test_both_ways_agree_where_an_octet_is_gone_or_twice_and_the_lengths_around_it_fit(name, both_ways):
    whole = cbor.decode(every_member()[name])
    header, _, payload, signature = whole.item
    assert both_ways(message(header, payload, signature))
    inner = usual.presentation(whole.raw)[1] if usual.presentation(whole.raw) else b""
    start = header.index(inner)
    for at in range(len(payload)):
        for changed in (payload[:at] + payload[at + 1 :], payload[: at + 1] + payload[at:]):
            both_ways(message(header, changed, signature))
    for at in (*range(start + 3), *range(start + len(inner) - 2, len(header))):
        for changed in (header[:at] + header[at + 1 :], header[: at + 1] + header[at:]):
            both_ways(message(changed, payload, signature))


def test_what_is_remembered_of_unproved_bytes_is_bounded():
    for memory in (usual._groups, usual._grants, cose._known_header):
        assert 0 < memory.cache_info().maxsize <= 256


def test_both_ways_agree_on_every_vector(both_ways):
    ways = [
        both_ways(base45.decode(vector["text"][4:]))
        for path in VECTORS
        for vector in json.loads(path.read_text(encoding="ascii")).get("vectors", ())
        if "text" in vector and readable(vector["text"])
    ]
    assert ways.count(True) > len(ways) // 4
    assert ways.count(False) > len(ways) // 4


def readable(text):
    try:
        return bool(base45.decode(text[4:]))
    except base45.Base45Error:
        return False


def random_codes(draw):
    """Yield codes whose members are there or not, in all widths, some with one bit flipped: no signature is checked."""
    number = lambda: draw.getrandbits(draw.choice((3, 5, 8, 9, 16, 17, 31, 33)))  # noqa: E731 - read in one line
    for _ in range(RANDOM_CODES):
        told = {4: draw.getrandbits(31), 6: draw.getrandbits(31), 7: draw.randbytes(8)}
        if draw.random() < 0.5:
            told[5] = number()
        if draw.random() < 0.6:
            told.update(HOLDER)
        members = {0: 1, 1: draw.randbytes(16), 2: draw.randrange(11), 3: [number() for _ in range(draw.randrange(4))]}
        members[4] = [number() for _ in range(draw.choice((0, 0, 1, 25)))]
        members |= {key: number() for key in (5, 6, 7, 32) if draw.random() < 0.5}
        members |= {8: draw.randrange(18)} if draw.random() < 0.5 else {}
        raw = credential({**told, -65537: members})
        if draw.random() < 0.5:
            shown = {6: draw.getrandbits(31), 7: draw.randbytes(8)}
            shown |= {3: "".join(draw.choices("ab\x18'仙", k=draw.randrange(9)))} if draw.random() < 0.5 else {}
            shown |= {39: draw.randbytes(draw.randrange(12))} if draw.random() < 0.5 else {}
            raw = presentation(raw, shown)
        if draw.random() < 0.4:
            at = draw.randrange(len(raw))
            raw = raw[:at] + bytes([raw[at] ^ 1 << draw.randrange(8)]) + raw[at + 1 :]
        yield raw


def test_both_ways_agree_on_random_codes(both_ways):
    ways = [both_ways(raw) for raw in random_codes(random.Random(11))]
    assert ways.count(True) > RANDOM_CODES // 10
    assert ways.count(False) > RANDOM_CODES // 10
