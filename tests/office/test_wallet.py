"""A phone gets a credential for a key that it has proved, and has it renewed; whoever cannot prove it gets nothing."""

import json
import secrets

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from office_town import CITY, OTHER, WHO, Office

from central.lists.cities import signing_keys
from central.lists.issuing import Wanted, issue
from central.lists.measure_calls import kill_key, revoke
from central.office.approving.wallet import NONCE_S, PROOF_TYPE, RENEW_S, make_nonce
from central.office.refusals import RefusedError
from central.register.accounts.acts import RepeatedError
from central.register.minting import present, to_text
from central.register.warrants import Warrant
from central.store import sqlite_books
from credit.codec import base45
from credit.keys import Keyring
from credit.tokens import open_token

KEYS = {"EdDSA": ed25519.Ed25519PrivateKey.generate(), "ES256": ec.generate_private_key(ec.SECP256R1())}
ALGORITHMS = {"EdDSA": jwt.algorithms.OKPAlgorithm, "ES256": jwt.algorithms.ECAlgorithm}


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        yield Office(tmp_path / "state", books)


async def nonce_of(office, city=CITY):
    return (await office.call(office.clerk, "nonce", city=city))["c_nonce"]


def proof(office, nonce, /, alg="EdDSA", header=None, key=None, **said):
    named = json.loads(ALGORITHMS[alg].to_jwk(KEYS[alg].public_key()))
    head = {"typ": PROOF_TYPE, "jwk": named} | (header or {})
    body = {"aud": f"xinguan:{CITY}", "iat": office.at.ms // 1000, "nonce": nonce} | said
    return jwt.encode(body, key or KEYS[alg], algorithm=alg, headers=head)


async def issued(office, alg="EdDSA", **more):
    nonce = await nonce_of(office)
    form = {"city": CITY, "subject": WHO, "proof": proof(office, nonce, alg)} | more
    return await office.call(office.clerk, "issue", **form)


def shown(office, token, challenge, key=None):
    raw = base45.decode(token.removeprefix("XG1:"))
    now = office.at.ms // 1000
    return to_text(present(raw, key or KEYS["EdDSA"], iat=now, nonce=secrets.token_bytes(8), challenge=challenge))


def opened(office, token, alg="EdDSA"):
    keyring = Keyring.from_json(signing_keys(office.folder, CITY))
    return open_token(
        shown(office, token, b"x" * 12, KEYS[alg]), keyring, now=office.at.ms // 1000, challenge=b"x" * 12
    )


def raw_of(nonce):
    import base64

    return base64.urlsafe_b64decode(nonce)


class TestProof:
    @pytest.mark.parametrize("alg", KEYS)
    async def test_a_proved_key_gets_a_credential_that_opens_with_it(self, office, alg):
        told = await issued(office, alg, region=500156)

        token = opened(office, told["token"], alg)
        assert (token.tier, token.groups, token.region, token.challenged) == (0, set(), 500156, True)

    async def test_a_nonce_is_good_once(self, office):
        nonce = await nonce_of(office)
        form = {"city": CITY, "subject": WHO, "proof": proof(office, nonce)}
        await office.call(office.clerk, "issue", **form)

        with pytest.raises(RepeatedError):
            await office.call(office.clerk, "issue", **form)

    async def test_phones_that_ask_in_the_same_second_each_get_a_nonce_of_their_own(self, office):
        made = {make_nonce(office.folder, CITY, now_s=office.at.ms // 1000) for _ in range(9)}

        for nonce in sorted(made)[:2]:
            assert (await office.call(office.clerk, "issue", city=CITY, subject=WHO, proof=proof(office, nonce)))[
                "token"
            ]
        assert len(made) == 9

    async def test_a_nonce_is_good_for_a_while_and_for_one_city(self, office):
        nonce = await nonce_of(office)
        office.at.ms += (NONCE_S + 1) * 1000
        with pytest.raises(RefusedError, match="nonce"):
            await office.call(office.clerk, "issue", city=CITY, subject=WHO, proof=proof(office, nonce))
        foreign = make_nonce(office.folder, OTHER, now_s=office.at.ms // 1000)
        with pytest.raises(RefusedError, match="nonce"):
            await office.call(office.clerk, "issue", city=CITY, subject=WHO, proof=proof(office, foreign))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"header": {"typ": "JWT"}},
            {"header": {"jwk": "x"}},
            {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
            {"header": {"jwk": {"kty": "OKP", "crv": "Ed25519", "x": 7}}},
            {"header": {"jwk": json.loads(ALGORITHMS["EdDSA"].to_jwk(KEYS["EdDSA"]))}},
            {"key": ed25519.Ed25519PrivateKey.generate()},
            {"aud": f"xinguan:{OTHER}"},
            {"aud": None},
            {"iat": 1},
            {"iat": "now"},
            {"nonce": "AAAAAAAAAAAAAAAAAAAAAAAA"},
            {"nonce": 7},
            {"nonce": "…" * 16},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    async def test_what_proves_nothing_gets_nothing(self, office, wrong):
        nonce = await nonce_of(office)
        with pytest.raises(RefusedError):
            await office.call(office.clerk, "issue", city=CITY, subject=WHO, proof=proof(office, nonce, **wrong))

    @pytest.mark.parametrize("text", ["x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "." * 2_000])
    async def test_what_is_no_jwt_gets_nothing(self, office, text):
        with pytest.raises(RefusedError):
            await office.call(office.clerk, "issue", city=CITY, subject=WHO, proof=text)


class TestRenewal:
    async def test_what_the_old_one_said_is_said_again_for_the_same_key(self, office):
        said = Wanted(
            subject=WHO, tier=4, groups=(7,), region=500156, holder_key=KEYS["EdDSA"].public_key(), max_uses=None
        )
        word = Warrant.by_two("li", "han")
        first = issue(office.folder, CITY, said, now_s=office.at.ms // 1000, warrant=word)
        old = {"token": first.text, "token_id": first.token_id.hex(), "subject": first.subject.hex()}
        nonce = await nonce_of(office)

        new = await office.call(
            office.clerk, "renew", city=CITY, nonce=nonce, code=shown(office, old["token"], raw_of(nonce)), days=60
        )

        token = opened(office, new["token"])
        assert (token.tier, token.groups, token.region, token.subject.hex()) == (4, {7}, 500156, old["subject"])
        assert new["token_id"] != old["token_id"]
        assert token.expires - token.issued_at == 60 * 86_400

    async def test_also_when_it_has_just_ended_and_not_when_it_ended_long_ago(self, office):
        old = await issued(office, days=1)
        for later_s, good in ((2 * 86_400, True), (RENEW_S, False)):
            office.at.ms += later_s * 1000
            nonce = await nonce_of(office)
            form = {"city": CITY, "nonce": nonce, "code": shown(office, old["token"], raw_of(nonce))}
            if good:
                await office.call(office.clerk, "renew", **form)
            else:
                with pytest.raises(RefusedError, match="过期太久"):
                    await office.call(office.clerk, "renew", **form)

    @pytest.mark.parametrize("what", ["another challenge", "no challenge", "another's key", "revoked", "killed"])
    async def test_whoever_cannot_prove_it_renews_nothing(self, office, what):
        old, nonce = await issued(office), await nonce_of(office)
        challenge = {"another challenge": b"y" * 12, "no challenge": None}.get(what, raw_of(nonce))
        key = ed25519.Ed25519PrivateKey.generate() if what == "another's key" else None
        if what == "revoked":
            revoke(office.folder, CITY, bytes.fromhex(old["token_id"]), now_ms=office.at.ms)
        if what == "killed":
            kill_key(office.folder, CITY, now_ms=office.at.ms)

        with pytest.raises(RefusedError):
            code = shown(office, old["token"], challenge, key)
            await office.call(office.clerk, "renew", city=CITY, nonce=nonce, code=code)
