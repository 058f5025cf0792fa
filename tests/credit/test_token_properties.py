"""Whatever is done to a code: it is refused with a reason, or it is the same token. 20 000 inputs, 1 000 000 in e2e."""

import random

import cbor2
import pytest
from cwt import COSE, COSEKey, VerifyError

from credit.codec import base45, cbor
from credit.codec.base45 import ALPHABET
from credit.keys import cose_map
from credit.reasons import Reason
from credit.tokens import TokenError, open_token

CI, LONG = 20_000, 1_000_000
SITE = "xiannvshan"


@pytest.fixture
def stock(world):
    """Good codes of every class and algorithm, and a keyring that knows their issuers."""
    p256_bound = world.credential(world.p256_issuer, holder_key=world.p256_holder.public_key())
    raws = [
        world.presentation(audience=SITE, challenge=b"lane-A-7"),
        world.presentation(),
        world.minted(),
        world.printed(),
        world.presentation(p256_bound, world.p256_holder),
        world.credential(world.p256_issuer, holder_key=None, max_uses=1),
    ]
    return world, raws, world.keyring()


def opened(text, keyring, now):
    """Return the token, or the reason of a TokenError; any other exception is a failure of the test."""
    try:
        return open_token(text, keyring, now=now, audience=SITE)
    except TokenError as error:
        return error.reason


def flip_bits(draw, raw, _others):
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(raw))
        raw = raw[:at] + bytes([raw[at] ^ 1 << draw.randrange(8)]) + raw[at + 1 :]
    return raw


def set_byte(draw, raw, _others):
    at = draw.randrange(len(raw))
    return raw[:at] + draw.randbytes(1) + raw[at + 1 :]


def insert(draw, raw, _others):
    at = draw.randrange(len(raw) + 1)
    return raw[:at] + draw.randbytes(draw.randint(1, 4)) + raw[at:]


def delete(draw, raw, _others):
    at = draw.randrange(len(raw))
    return raw[:at] + raw[at + draw.randint(1, 4) :]


def swap(draw, raw, _others):
    a, b = sorted(draw.sample(range(len(raw)), 2))
    return raw[:a] + raw[b : b + 1] + raw[a + 1 : b] + raw[a : a + 1] + raw[b + 1 :]


def truncate(draw, raw, _others):
    return raw[: draw.randrange(len(raw))]


def splice(draw, raw, others):
    other = draw.choice(others)
    return raw[: draw.randrange(len(raw))] + other[draw.randrange(len(other)) :]


def concatenate(draw, raw, others):
    return raw + draw.choice(others)


def reencode(draw, raw, _others):
    """Another encoding of the same value: other widths, other order, the message otherwise intact."""
    item = cbor2.loads(raw)
    if draw.random() < 0.5:
        item.value[0] = cbor2.dumps(dict(draw.sample(list(cbor2.loads(item.value[0]).items()), 3)))
    else:
        claims = cbor2.loads(item.value[2])
        item.value[2] = cbor2.dumps(dict(draw.sample(list(claims.items()), len(claims))))
    return cbor2.dumps(item)


def grow_length(draw, raw, _others):
    """A CBOR head made one width longer."""
    at = draw.randrange(len(raw))
    head = raw[at]
    return raw[:at] + bytes([head & 0xE0 | 24, head & 31]) + raw[at + 1 :]


ON_BYTES = (flip_bits, set_byte, insert, delete, swap, truncate, splice, concatenate, reencode, grow_length)


def mutate_text(draw, text):
    body = text[4:]
    at = draw.randrange(len(body))
    return draw.choice(
        (
            lambda: text[: 4 + at] + draw.choice(ALPHABET) + body[at + 1 :],
            lambda: text[: 4 + at] + body[at + 1 :],
            lambda: text[: 4 + at] + chr(draw.randrange(0x3000)) + body[at:],
            text.lower,
            lambda: text + body,
            text[: 4 + at].rstrip,
            lambda: " " + text,
            lambda: text.replace(" ", "+"),
        )
    )()


def random_text(draw):
    """Random, but of the right kind: alphabet, CBOR-like bytes, or anything at all."""
    kind = draw.randrange(4)
    if kind == 0:
        return "XG1:" + "".join(draw.choices(ALPHABET, k=draw.randrange(640)))
    if kind == 1:
        return "XG1:" + base45.encode(b"\xd2\x84" + draw.randbytes(draw.randrange(300)))
    if kind == 2:
        return "XG1:" + base45.encode(cbor.sign1([random_item(draw, 3) for _ in range(4)]))
    return "".join(map(chr, draw.choices(range(0x11000), k=draw.randrange(80))))


def random_item(draw, depth):
    kind = draw.randrange(6 if depth else 4)
    if kind == 0:
        return draw.choice((0, 1, 4, 6, 7, 8, 13, 16, 23, 24, 255, 294, 65001, 2**32, -1, -9, -19, -65537))
    if kind == 1:
        return draw.randbytes(draw.choice((0, 1, 8, 16, 32, 64)))
    if kind == 2:
        return cbor.encode(random_item(draw, depth - 1)) if depth else b""
    if kind == 3:
        return "".join(draw.choices("abc仙", k=draw.randrange(5)))
    if kind == 4:
        return [random_item(draw, depth - 1) for _ in range(draw.randrange(5))]
    return {
        draw.choice((1, 4, 6, 7, 8, 13, 16, -65537)): random_item(draw, depth - 1) for _ in range(draw.randrange(5))
    }


def hammer(stock, both_ways, count, seed):
    """Open `count` inputs; return how many opened after all (ECDSA's other signature is one such)."""
    world, raws, keyring = stock
    texts = [world.text(raw) for raw in raws]
    ids = {b"token-id"}
    draw, survived = random.Random(seed), 0
    for _ in range(count):
        kind = draw.random()
        if kind < 0.6:
            raw = draw.choice(raws)
            changed = draw.choice(ON_BYTES)(draw, raw, raws)
            both_ways(changed)
            text, same = world.text(changed), changed == raw
        elif kind < 0.75:
            text, same = mutate_text(draw, draw.choice(texts)), False
        else:
            text, same = random_text(draw), False
        token = opened(text, keyring, world.now)
        if not isinstance(token, Reason):
            survived += not same
            raw = base45.decode(text[4:])
            assert token.token_id in ids
            assert cbor2.dumps(cbor2.loads(raw), canonical=True) == raw
    return survived


def test_whatever_is_done_to_a_code_it_is_refused_or_the_same_token(stock, both_ways):
    assert hammer(stock, both_ways, CI, seed=3) < CI // 100


@pytest.mark.e2e
@pytest.mark.timeout(3600)
def test_a_million_inputs(stock, both_ways):
    assert hammer(stock, both_ways, LONG, seed=20261122) < LONG // 100


class TestOtherDecoders:
    """What we accept, cbor2 and cwt read as the same."""

    def test_cbor2_reads_the_same_and_writes_the_same_bytes(self, stock):
        _, raws, _ = stock
        for raw in raws:
            assert cbor2.dumps(cbor2.loads(raw), canonical=True) == raw
            ours = cbor.decode(raw)
            self.same(ours, cbor2.loads(raw))
            self.same(cbor.decode(ours.item[0]), cbor2.loads(ours.item[0]))
            self.same(cbor.decode(ours.item[2]), cbor2.loads(ours.item[2]))

    def same(self, ours, theirs):
        if isinstance(ours, cbor.Tagged):
            assert theirs.tag == 18
            self.same(ours.item, theirs.value)
        elif isinstance(ours, dict):
            assert list(ours) == list(theirs)
            for key, value in ours.items():
                self.same(value, theirs[key])
        elif isinstance(ours, list):
            assert len(ours) == len(theirs)
            for one, other in zip(ours, theirs, strict=True):
                self.same(one, other)
        else:
            assert (type(ours), ours) == (type(theirs), theirs)

    def test_whatever_bytes_we_take_cbor2_takes_as_canonical(self):
        draw, taken = random.Random(5), 0
        for _ in range(CI):
            raw = cbor.encode(random_item(draw, 4))
            if draw.random() < 0.7:
                raw = draw.choice((flip_bits, set_byte, insert, delete, grow_length))(draw, raw, ())
            try:
                ours = cbor.decode(raw)
            except cbor.CborError:
                continue
            taken += 1
            theirs = cbor2.loads(raw)
            self.same(ours, theirs)
            assert cbor2.dumps(theirs, canonical=True) == raw
        assert taken > CI // 10

    def test_cwt_verifies_the_same_payload(self, world):
        for key in (world.issuer, world.p256_issuer):
            raw = world.credential(key, holder_key=None, max_uses=1)
            theirs = COSEKey.new({**cose_map(key.private.public_key()), 2: key.kid, 3: key.alg})

            token = open_token(world.text(raw), world.keyring(), now=world.now)
            claims = cbor2.loads(COSE.new().decode(raw, keys=[theirs]))

            assert (claims[7], claims[4], claims[6]) == (token.token_id, token.expires, token.issued_at)
            assert (claims[-65537][1], claims[-65537][2]) == (token.subject, token.tier)
            with pytest.raises(VerifyError):
                COSE.new().decode(raw[:-1] + bytes([raw[-1] ^ 1]), keys=[theirs])
