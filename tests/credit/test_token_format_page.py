"""docs/token-format.md is an implementer's only page: its examples must be what they say."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from central.register import minting
from credit.codec import base45, cbor
from credit.keys import Keyring, cose_map
from credit.reasons import Reason
from credit.tokens import TokenError, open_token

PAGE = (Path(__file__).parents[2] / "docs" / "token-format.md").read_text(encoding="utf-8")
NOW = 1_790_000_000
BLOCKS = re.findall(r"^```\w*\n(.*?)\n```$", PAGE, flags=re.DOTALL | re.MULTILINE)
MINTED, BOUND = (block for block in BLOCKS if block.startswith("XG1:"))


@pytest.fixture
def keyring():
    (entry,) = (json.loads(block) for block in BLOCKS if block.startswith('{\n "issuer"'))
    return Keyring.from_json(json.dumps([entry]).encode())


def test_the_minted_example_opens_and_expires_as_written(keyring):
    assert open_token(MINTED, keyring, now=NOW).groups == {12, 300}
    with pytest.raises(TokenError) as caught:
        open_token(MINTED, keyring, now=NOW + 60)
    assert caught.value.reason is Reason.EXPIRED
    assert f"{len(MINTED)} characters" in PAGE


def test_the_presented_example_opens(keyring):
    assert open_token(BOUND, keyring, now=NOW, audience="xiannvshan").token_class == "bound"
    assert f"{len(BOUND)} characters" in PAGE


def test_the_parts_of_the_example_are_shown_byte_for_byte():
    for text in (MINTED, BOUND):
        message = cbor.decode(base45.decode(text[4:]))
        claims = message.item[2]
        assert claims.hex() in PAGE
    header, _, claims, signature = cbor.decode(base45.decode(MINTED[4:])).item
    for part in (header, claims, signature):
        assert part.hex() in PAGE
    walk = re.search(r"^a4 +; map of 4\n(?:  .*\n)+", PAGE, flags=re.MULTILINE).group()
    told = re.sub(r";.*|\s", "", walk)
    assert told == claims.hex()


def test_the_seeds_of_the_example_give_its_keys():
    issuer = minting.issuer_key("wulong", b"\x01" * 32)
    holder = ed25519.Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
    assert cbor.encode(cose_map(issuer.private.public_key())).hex() in PAGE
    assert issuer.kid.hex() in PAGE
    assert holder.public_key().public_bytes_raw().hex() in PAGE


def test_the_sizes_are_those_of_the_examples():
    assert f"| bound, with audience | {len(base45.decode(BOUND[4:]))} | {len(BOUND)} |" in PAGE


def test_every_reason_that_opening_gives_is_in_the_table_of_steps():
    source = (Path(__file__).parents[2] / "credit" / "tokens.py").read_text(encoding="utf-8")
    given = set(re.findall(r"_refuse\((\d+), Reason\.(\w+)", source))
    for step, name in given:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {step} |"))
        assert f"`{Reason[name]}`" in row
