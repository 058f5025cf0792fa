"""Evidence of one redemption, checked by a program that knows nothing of ours."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from office_town import NOW

import central.books.settling
from central.books.settling.evidence import NoEvidenceError, gather, signed
from central.platform_state import Signer
from sync.wire.jws import public_hex

CHECKER = Path(central.books.settling.__file__).parent / "check_evidence.py"
TERMINAL_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))  # the one of conftest's journals
SIGNER = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
async def told(books, journal):
    """Evidence of r2, whose facts came in two batches with those of others around them."""
    gate = await journal("t1")
    await gate.bring(("granted", "r1", {"n": 1}), ("granted", "r2", {"n": 2}), ("granted", "r3", {"n": 3}))
    await gate.bring(("note", None, {}), ("reversed", "r2", {"whole": True}))
    key = public_hex(TERMINAL_KEY)
    await books.write(lambda tx: tx.execute("UPDATE terminals SET public_key = $1", key))
    found = await books.read(lambda tx: gather(tx, "r2"))
    return json.loads(signed(found, SIGNER, now_ms=NOW, more={"catalogue_now": {}}))


def checked(path, told, *more):
    path.write_text(json.dumps(told, ensure_ascii=False))
    done = subprocess.run([sys.executable, "-I", CHECKER, path, *more], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout


def test_the_checker_is_short_and_needs_nothing_of_ours():
    text = CHECKER.read_text()

    assert text.count("\n") <= 85
    assert not any(f"{name}." in text for name in ("central", "sync", "credit", "storage"))


async def test_what_is_true_holds_and_shows_the_facts(told, tmp_path):
    code, said = checked(tmp_path / "e.json", told, "--platform-key", SIGNER.public.key)

    assert (code, said.splitlines()[-1].startswith("holds")) == (0, True)
    assert ['"kind":"granted"' in said, '"kind":"reversed"' in said, '"r1"' in said] == [True, True, False]
    assert [len(one["records"]) for one in told["evidence"]["facts"]] == [2, 1]


@pytest.mark.parametrize(
    ("attack", "words"),
    [
        (lambda body: body["facts"][0].update(before="00" * 32), "not in the sealed chain"),
        (lambda body: body.update(redemption="r9"), "not in the sealed chain"),
        (lambda body: body["facts"][1].update(seal=body["facts"][0]["seal"]), "not in the sealed chain"),
        (lambda body: body["terminals"]["t1"].update(public_key=SIGNER.public.key), "the terminal did not sign"),
        (
            lambda body: body["facts"][0]["records"].__setitem__(
                0,
                base64.b64encode(base64.b64decode(body["facts"][0]["records"][0]).replace(b'"n":2', b'"n":9')).decode(),
            ),
            "not in the sealed chain",
        ),
    ],
    ids=["hash", "redemption", "seal", "key", "record"],
)
async def test_whatever_is_changed_shows_twice(told, tmp_path, attack, words):
    attack(told["evidence"])

    code, said = checked(tmp_path / "e.json", told)

    assert (code, "the platform did not sign" in said, words in said) == (1, True, True)


async def test_another_platform_s_key_is_seen_by_whoever_brings_the_right_one(told, tmp_path):
    other = public_hex(Ed25519PrivateKey.from_private_bytes(bytes([7] * 32)))

    assert checked(tmp_path / "e.json", told, "--platform-key", other)[0] == 1


async def test_of_what_never_was_there_is_no_evidence(books):
    with pytest.raises(NoEvidenceError, match="没有此核销"):
        await books.read(lambda tx: gather(tx, "nothing"))
