"""The vector files: what they say holds here, and the generator writes exactly them (credential.md, "Vectors")."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from credit.keys import Keyring, KeyringError
from credit.tokens import TokenError, open_token

HERE = Path(__file__).parents[1] / "vectors" / "tokens"
KEYFILES = HERE / "keyfiles.json"
FILES = sorted(HERE.glob("*.json"))
AT_LEAST = 150


def told(token):
    reservation = token.reservation
    return {
        "issuer": token.issuer,
        "kid": token.kid.hex(),
        "class": str(token.token_class),
        "token_id": token.token_id.hex(),
        "subject": token.subject.hex(),
        "tier": token.tier,
        "groups": sorted(token.groups),
        "grants": [
            {"code": grant.code, "grant_id": grant.grant_id and grant.grant_id.hex(), "uses": grant.uses}
            for grant in token.grants
        ],
        "issued_at": token.issued_at,
        "expires": token.expires,
        "not_before": token.not_before,
        "region": token.region,
        "status_index": token.status_index,
        "max_uses": token.max_uses,
        "kind": str(token.kind),
        "id_check": token.id_check,
        "test": token.test,
        "reservation": reservation
        and {
            "order": reservation.order.hex(),
            "site": reservation.site,
            "from_s": reservation.from_s,
            "until_s": reservation.until_s,
            "heads": reservation.heads,
        },
        "nonce": token.nonce and token.nonce.hex(),
        "presented_at": token.presented_at,
        "audience": token.audience,
        "challenged": token.challenged,
    }


def vectors():
    for path in FILES:
        whole = json.loads(path.read_text(encoding="ascii"))
        if path == KEYFILES:
            continue
        for vector in whole["vectors"]:
            keyring = json.dumps(whole["keyrings"][vector["keyring"]]).encode()
            yield pytest.param(vector, keyring, id=vector["name"])


def outcome(vector, keyring):
    challenge = vector.get("challenge")
    options = {name: vector[name] for name in ("skew_s", "allow_test", "allow_expired") if name in vector}
    try:
        token = open_token(
            vector["text"],
            keyring,
            now=vector["now"],
            audience=vector["audience"],
            challenge=None if challenge is None else bytes.fromhex(challenge),
            **options,
        )
    except TokenError as error:
        return {"reason": str(error.reason), "step": error.step}
    return {"token": told(token)}


@pytest.mark.parametrize(("vector", "keyring"), list(vectors()))
def test_each_vector_comes_out_as_it_says_also_when_shown_again(vector, keyring):
    ring = Keyring.from_json(keyring)
    assert outcome(vector, ring) == vector["expect"]
    assert outcome(vector, ring) == vector["expect"]


@pytest.mark.parametrize("vector", json.loads(KEYFILES.read_text())["vectors"], ids=lambda vector: vector["name"])
def test_each_key_file_loads_or_is_refused_whole_as_it_says(vector):
    raw = json.dumps(vector["file"]).encode()
    if vector["accepted"]:
        Keyring.from_json(raw)
    else:
        with pytest.raises(KeyringError):
            Keyring.from_json(raw)


def test_there_are_enough_of_them_and_every_step_has_some():
    every = [param.values[0]["expect"] for param in vectors()]
    assert len(every) >= AT_LEAST
    assert {expect["step"] for expect in every if "step" in expect} == set(range(1, 15))
    assert len({expect["reason"] for expect in every if "reason" in expect}) == 13


def test_the_generator_writes_exactly_these_files():
    script = (
        "import runpy, sys, json\n"
        f"space = runpy.run_path({str(HERE / 'generate.py')!r}, run_name='generate')\n"
        "json.dump(dict(space['files']()), sys.stdout)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, cwd=HERE.parents[2])
    written = json.loads(done.stdout)
    assert sorted(written) == [path.name for path in FILES]
    for path in FILES:
        assert written[path.name] == path.read_text(encoding="ascii"), f"run {HERE / 'generate.py'}"
