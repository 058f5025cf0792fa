"""The vectors of the wire are what the code makes, and both our reader and one from the page alone judge them alike."""

import importlib.util
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from pathlib import Path
from typing import get_args

import jsonschema
import msgspec
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.http.description.openapi import document
from sync.wire.hubs import open_hub, open_page
from sync.wire.memory import open_memory
from sync.wire.messages import Command, EnrolRequest, Seal, WireError
from sync.wire.reasks import Reask, open_reasked
from sync.wire.seals import (
    check_proof,
    open_answer,
    open_auth,
    open_command,
    open_profile,
    open_receipt,
    open_signed,
    open_time,
)

ROOT = Path(__file__).parents[2]
FILE = ROOT / "tests" / "vectors" / "wire" / "wire.json"
FOUND = json.loads(FILE.read_text("utf-8"))
ABOUT, VECTORS = FOUND["about"], FOUND["vectors"]
KEYS = {kid: Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for kid, key in FOUND["keys"].items()}
TERMINAL, NONCE, BODY = ABOUT["terminal"], ABOUT["nonce"], ABOUT["body"].encode()


def bytes_of(text):
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise ValueError(text)
    return raw


[HUB] = {json.loads(bytes_of(one["jws"].split(".")[0]))["kid"] for one in VECTORS if one["name"] == "hub: good"}
[LISTS] = KEYS.keys() - {TERMINAL, HUB, ABOUT["audience"]}
SIGNS = {
    "xg-auth+jwt": TERMINAL,
    "xg-seal+jwt": TERMINAL,
    "xg-enrol+jwt": TERMINAL,
    "xg-hub+jwt": HUB,
    "xg-reask+jwt": LISTS,
}
PLATFORM = {ABOUT["audience"]: KEYS[ABOUT["audience"]]}
OPEN = {
    "xg-receipt+jwt": lambda text: open_receipt(text, PLATFORM),
    "xg-time+jwt": lambda text: open_time(text, PLATFORM, nonce=NONCE),
    "xg-command+jwt": lambda text: open_command(text, PLATFORM, terminal=TERMINAL),
    "xg-profile+jwt": lambda text: open_profile(text, PLATFORM, terminal=TERMINAL),
    "xg-answer+jwt": lambda text: open_answer(text.encode(), PLATFORM, terminal=TERMINAL, nonce=NONCE, body=BODY),
    "xg-memory+jwt": lambda text: open_memory(text.encode(), PLATFORM, terminal=TERMINAL, nonce=NONCE),
    "xg-auth+jwt": lambda text: open_auth(
        text, {TERMINAL: KEYS[TERMINAL]}, audiences=frozenset({ABOUT["audience"]}), body=BODY
    ),
    "xg-seal+jwt": lambda text: open_signed(
        text, Seal, typ="xg-seal+jwt", keys={TERMINAL: KEYS[TERMINAL]}, code="bad_seal"
    ),
    "xg-hub+jwt": lambda text: open_hub(text, (HUB, KEYS[HUB]), terminal=TERMINAL, nonce=NONCE),
    "xg-site+jwt": lambda text: open_page(text, PLATFORM, hub=ABOUT["hub"], nonce=NONCE),
    "xg-reask+jwt": lambda text: open_reasked(
        text,
        Reask(issuer=ABOUT["issuer"], subject=ABOUT["subject"], nonce=NONCE),
        keys={LISTS: KEYS[LISTS]},
        now_ms=ABOUT["now_ms"],
    ),
    "xg-enrol+jwt": lambda text: check_proof(
        EnrolRequest(code=ABOUT["code"], public_key=FOUND["keys"][TERMINAL], proof=text)
    ),
}

DESCRIBED = document("0")


def names(one):
    return one["name"]


def test_the_file_is_what_the_script_makes_octet_for_octet():
    spec = importlib.util.spec_from_file_location("wire_vectors", FILE.with_name("make.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    assert FILE.read_text("utf-8") == module.text()


@pytest.mark.parametrize("one", VECTORS, ids=names)
def test_each_vector_is_judged_as_it_says(one):
    if not one["valid"]:
        with pytest.raises(WireError) as refused:
            OPEN[one["typ"]](one["jws"])
        assert refused.value.code == one["why"]
        return
    opened = OPEN[one["typ"]](one["jws"])
    if "payload" in one and one["typ"] != "xg-time+jwt":
        said = json.loads(msgspec.json.encode(opened))
        grows = {"profile", "entries"} if one["name"].endswith("from later") else {"profile"}
        kept = {name: value for name, value in one["payload"].items() if name not in grows}
        assert {name: said[name] for name in kept} == kept


@pytest.mark.parametrize("one", [one for one in VECTORS if "payload" in one], ids=names)
def test_what_a_good_one_says_is_what_the_described_schema_takes(one):
    schema = DESCRIBED["x-jws"][one["typ"]] | {"components": DESCRIBED["components"]}

    assert [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(one["payload"])] == []


def test_every_form_has_good_ones_and_bad_ones_and_every_order_is_there():
    for typ in OPEN:
        mine = [one["valid"] for one in VECTORS if one["typ"] == typ]
        assert True in mine
        assert False in mine
    actions = {one["payload"]["action"] for one in VECTORS if one["typ"] == "xg-command+jwt" and one["valid"]}
    assert actions == {*get_args(Command.__annotations__["action"])}


def envelope_holds(one):
    """Judge a vector's envelope from docs/protocol.md alone: its parts, the exact header, the key, the signature."""
    try:
        head, payload, signature = one["jws"].split(".")
        header = json.loads(bytes_of(head))
        named = {} if one["typ"] == "xg-enrol+jwt" else {"kid": header["kid"]}
        kid = header.get("kid", TERMINAL)
        if header != {"alg": "EdDSA", "typ": one["typ"], **named} or kid != SIGNS.get(one["typ"], ABOUT["audience"]):
            return False
        KEYS[kid].verify(bytes_of(signature), f"{head}.{payload}".encode())
    except (ValueError, KeyError, InvalidSignature):
        return False
    return True


ENVELOPES = (
    "signed by somebody else",
    "by a key that nobody knows",
    "called another form",
    "with a header too many",
    "without a key id",
    "with no algorithm",
    "cut off",
    "padded",
    "in two parts",
    "by another key",
    "with a key id",
)


@pytest.mark.parametrize("one", VECTORS, ids=names)
def test_a_reader_from_the_page_alone_finds_the_same_envelopes_sound(one):
    assert envelope_holds(one) == (one["name"].partition(": ")[2] not in ENVELOPES)
