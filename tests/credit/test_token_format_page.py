"""docs/token-format.md is an implementer's only page: its examples must be what they say."""

import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from central.register import minting
from credit.codec import base45, cbor
from credit.keys import Keyring, cose_map
from credit.opening import claim_types
from credit.reasons import Reason
from credit.tokens import TokenError, open_token

PAGE = (Path(__file__).parents[2] / "docs" / "token-format.md").read_text(encoding="utf-8")
NOW = 1_790_000_000
BLOCKS = re.findall(r"^```\w*\n(.*?)\n```$", PAGE, flags=re.DOTALL | re.MULTILINE)
CDDL = next(block for block in BLOCKS if block.startswith("code-message"))
VECTORS = Path(__file__).parents[1] / "vectors" / "tokens"
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
    signed = cbor.encode(["Signature1", header, b"", claims])
    for part in (header, claims, signature, signed):
        assert part.hex() in PAGE
    walk = re.search(r"^a4 +; map of 4\n(?:  .*\n)+", PAGE, flags=re.MULTILINE).group()
    told = re.sub(r";.*|\s", "", walk)
    assert told == claims.hex()


def labels(name):
    """Return the labels of a map in the page's CDDL, of its first alternative where there are several."""
    rule = re.search(rf"(?ms)^{name} *= \{{(.*?)(?=^[a-z])", CDDL)[1]
    plain = re.sub(r";.*", "", rule).partition("\n  ")[0] if name == "holder-key" else re.sub(r";.*", "", rule)
    return {int(one) for one in re.findall(r"(-?\d+):", re.sub(r"\{[^{}]*\}", "", plain))}


def test_the_cddl_names_the_claims_that_are_taken():
    assert labels("cred-claims") == claim_types._CREDENTIAL_CLAIMS
    assert labels("pres-claims") == claim_types._PRESENTATION_CLAIMS
    assert labels("credit") == claim_types._CREDIT_MEMBERS
    assert labels("holder-key") == claim_types._HOLDER_KEYS[0]
    assert f"2: 0..{claim_types.MAX_TIER}," in CDDL
    assert f"* {claim_types.FIRST_IGNORED}..18446744073709551615" in CDDL
    assert f"number       = 0..{claim_types.NUMBER_END - 1} " in CDDL
    assert f"tstr .size (1..{claim_types.MAX_AUDIENCE_BYTES})" in CDDL
    flags = {1 << int(bit) for bit in re.findall(r"[a-z]: (\d)", re.search(r"(?m)^flags .*\.bits \((.*?)\)", CDDL)[1])}
    assert flags == {getattr(claim_types, name) for name in dir(claim_types) if name.startswith("FLAG_")}


def test_the_shape_of_the_vectors_on_the_page_is_that_of_the_files():
    (shown,) = (json.loads(block.replace("[…]", "[]")) for block in BLOCKS if block.startswith('{"format"'))
    kept = json.loads((VECTORS / "claims.json").read_text())

    assert shown.keys() == kept.keys()
    assert shown["format"] == kept["format"]
    assert shown["vectors"][0].keys() <= {name for one in kept["vectors"] for name in one}


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
