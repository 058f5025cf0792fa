"""What schemathesis makes of the served descriptions, asked of the real services by every role.

Rules of this file:

- no answer is a server error; every status, media type and body is one that the description names;
- what is asked is drawn from the description, with a fixed seed; names of things that there are (a lane, a redemption,
  a terminal) are put in place of drawn ones half of the time, so that calls get past "there is no such";
- a terminal and a hub prove who they are with a key of their own, as docs/protocol.md says; nothing of ours signs;
- an answer that says "not now" (503) is judged like any, and asked again: a machine that stalls is no fault of ours;
- what is signed is no JSON, though schemathesis takes it for that: its payload is held against the type that the
  description names;
- streams are left out: they do not end; so is a person's own `lock`, after which they may do nothing.
"""

import asyncio
import hashlib
import json
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import aiohttp
import jsonschema
import pytest
import pytest_asyncio
import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import checks

from central.clock import now_ms
from central.demo.office import open_accounts
from central.demo.street import town
from central.platform_state import open_state
from central.register.accounts import sessions
from central.register.accounts.duties import RIGHTS, Role
from central.store import changed

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(240), pytest.mark.e2e]
STREAMS = {"/v1/events", "/v1/lanes/{lane}/preview"}
ROLES = ("display", "desk", "integrator", "service", "staff", "nobody")
CHECKED = (
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
)
OF_JWS = CHECKED[:-1]
READINESS = "/readyz"  # its 503 is an answer: the calls drawn here stop entry, and then nobody would be let in
JWS = "application/jwt"
PIN = "739152"
SPARE = "gate-spare"  # orders and profiles go to this one
ASKING = {  # who asks with a key of their own
    "gate-asks": {"role": "terminal", "lanes": [{"id": "A", "scene": "gate"}]},
    "hub-asks": {"role": "hub", "lanes": []},
}
HUB = {"url": "https://192.0.2.7:8490", "cert_sha256": "ab" * 32}
MANY = 6  # drawn requests of a call by a role
PATIENCE_S = 30
BUSY_S = 10
DRAWN = settings(
    max_examples=MANY,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        await built.gate.start()
        who = built.visitors.resident(built.now_s())
        built.granted = await built.gate.present(who.code(built.now_s()), intent="enter")
        await built.platform.code(SPARE, town.profile(town.GATE), platform=built.platform.url)
        built.office = await asyncio.to_thread(office_tokens, built)
        built.signing = {name: await asyncio.to_thread(enrolled, built, name) for name in ASKING}
        yield built


async def unlocked(built):
    """Return the token of a supervisor who unlocked a screen."""
    person = {"person": "王芳", "role": "supervisor", "pin": PIN}
    unlock = {"person": "王芳", "pin": PIN}
    for role, path, body in (("service", "/v1/staff", person), ("desk", "/v1/staff/unlock", unlock)):
        headers = {"Authorization": f"Bearer {built.gate.tokens[role]}"}
        async with aiohttp.ClientSession(built.gate.url, headers=headers) as session:
            told = await (await session.post(path, json=body)).json()
    return told["token"]


def office_tokens(built):
    """Return an API token of each role of the office, with every right that a token may have."""
    open_accounts(built.platform.state)
    kept, at_ms = {role.value: secrets.token_urlsafe(24) for role in Role}, now_ms()
    until_ms, scope = at_ms + 86_400_000, frozenset(RIGHTS)

    async def job(tx):
        for role, secret in kept.items():
            await sessions.make_token(tx, role, secret, title="", scope=scope, until_ms=until_ms, now_ms=at_ms)

    changed(open_state(built.platform.state), job)
    return kept


def drafted(url, clerk, known):
    """Let a clerk draft a measure; return its number: drawn words are seldom such as a draft may bear."""
    wanted = known | {"code": town.RESTRICTING, "basis": "§ 23", "why": "decision 2026-118"}
    heads = {"Authorization": f"Bearer {clerk}"}
    answer = requests.post(f"{url}/v1/office/measure", json=wanted, headers=heads, timeout=10)
    assert answer.status_code == 200, answer.text
    return answer.json()["number"]


def octets(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def jws(payload, key, **header):
    """A compact JWS, Ed25519."""
    said = f"{octets(json.dumps({'alg': 'EdDSA', **header}).encode())}.{octets(payload)}"
    return f"{said}.{octets(key.sign(said.encode()))}"


class SignedBy(requests.auth.AuthBase):
    """A request token over each body as it travels."""

    def __init__(self, name, key, audience):
        self.name, self.key, self.audience = name, key, audience

    def __call__(self, request):
        body = request.body or b""
        now = int(time.time())
        claims = {"iss": self.name, "aud": self.audience, "iat": now, "exp": now + 60, "jti": secrets.token_hex(16)}
        claims["body"] = hashlib.sha256(body if isinstance(body, bytes) else body.encode()).hexdigest()
        token = jws(json.dumps(claims).encode(), self.key, typ="xg-auth+jwt", kid=self.name)
        request.headers["Authorization"] = f"Bearer {token}"
        return request


def enrolled(built, name):
    """Enrol somebody with a key of their own; return what signs their requests."""
    operator = {"Authorization": f"Bearer {built.platform.operator_token}"}
    profile = {"site": "elsewhere", "title": {"zh": "别处"}, "issuer": town.CITY, **ASKING[name]}
    asked = {"terminal": name, "profile": profile}
    url = built.platform.url
    made = requests.post(f"{url}/v1/admin/codes", json=asked, headers=operator, timeout=PATIENCE_S).json()
    key = Ed25519PrivateKey.generate()
    body = {"code": made["code"], "public_key": key.public_key().public_bytes_raw().hex()}
    body |= {"proof": jws(made["code"].encode(), key, typ="xg-enrol+jwt")} | ({"hub": HUB} if "hub" in name else {})
    answer = requests.post(f"{url}/v1/enrol", json=body, timeout=PATIENCE_S).json()
    return SignedBy(name, key, answer["platform_keys"][0]["kid"])


def described(url, path="/openapi.json", token=""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url + path, headers=headers, timeout=PATIENCE_S).json()


def ask_everything(document, url, token, known, without=STREAMS):
    """Ask every call of a document by one token, or by what signs; return how many answers there were, by status."""
    found = {}
    for operation in schemathesis.openapi.from_dict(document).get_all_operations():
        one = operation.ok()
        if one.path not in without:
            ask(one, url, token, known, found)
    return found


def heard(case, url, proof):
    """Return the answer. A described 503 says that nothing was done: it is judged, and asked again for ten seconds."""
    end = time.monotonic() + BUSY_S
    while True:
        answer = case.call(base_url=url, timeout=PATIENCE_S, **proof)
        if answer.status_code != 503 or case.path == READINESS or time.monotonic() > end:
            return answer
        case.validate_response(answer, checks=list(CHECKED[1:]))


def fits(operation, answer):
    """Hold the payload of a signed answer against its type."""
    raw = operation.schema.raw_schema
    told = raw["paths"][operation.path][operation.method.lower()]["responses"][str(answer.status_code)]
    (_header, payload_schema) = told["content"][JWS]["schema"]["contentSchema"]["prefixItems"]
    schema = payload_schema | {"components": raw["components"]}
    part = answer.text.split(".")[1]
    payload = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert [one.message for one in jsonschema.Draft202012Validator(schema).iter_errors(payload)] == []


def ask(operation, url, token, known, found):
    turn = iter(range(10**6))
    signed = isinstance(token, SignedBy)
    proof = {"auth": token} if signed else {"headers": {"Authorization": f"Bearer {token}"} if token else {}}

    @seed(20261127)
    @DRAWN
    @given(case=operation.as_strategy())
    def asked(case):
        if next(turn) % 2 == 0:
            case.path_parameters = {**(case.path_parameters or {})} | {
                name: value for name, value in known.items() if name in (case.path_parameters or {})
            }
            case.query = {**(case.query or {})} | {
                name: known[name] for name in known.keys() & (case.query or {}).keys()
            }
            if isinstance(case.body, dict):
                case.body |= {name: known[name] for name in known.keys() & case.body.keys()}
        answer = heard(case, url, proof)
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
        if answer.headers.get("content-type", [""])[0].startswith(JWS):
            case.validate_response(answer, checks=list(OF_JWS))
            fits(operation, answer)
        else:
            case.validate_response(answer, checks=list(CHECKED[1:] if case.path == READINESS else CHECKED))

    asked()


@pytest.mark.parametrize("role", ROLES)
async def test_the_terminal_answers_every_role_as_its_description_says(served, role):
    document = described(served.gate.url)
    known = {"lane": "A", "redemption": served.granted["redemption"], "step": "passed"}
    token = await unlocked(served) if role == "staff" else served.gate.tokens.get(role, "")
    without = STREAMS | ({"/v1/staff/lock"} if role == "staff" else set())

    found = await asyncio.to_thread(ask_everything, document, served.gate.url, token, known, without)

    assert sum(found.values()) > 100
    assert 200 in found
    assert (401 in found) == (role == "nobody")


@pytest.mark.parametrize("who", ASKING)
async def test_the_platform_answers_whoever_signs_as_its_description_says(served, who):
    signing = served.signing[who]
    known = {"terminal": who, "hub": who, "wait": 0}

    found = await asyncio.to_thread(ask_everything, described(served.platform.url), served.platform.url, signing, known)

    assert sum(found.values()) > 60
    assert found.get(200, 0) > 10


@pytest.mark.parametrize("who", ["operator", "nobody"])
async def test_the_platform_answers_as_its_description_says(served, who):
    token = served.platform.operator_token if who == "operator" else ""
    document = described(served.platform.url)

    found = await asyncio.to_thread(ask_everything, document, served.platform.url, token, {"terminal": SPARE})

    assert sum(found.values()) > 60
    assert found.get(401, 0) > 20


@pytest.mark.parametrize("role", [*(one.value for one in Role), "nobody"])
async def test_the_office_answers_every_role_as_its_description_says(served, role):
    url, token = served.platform.office_url, served.office.get(role, "")
    document = described(url, "/v1/office/openapi.json", served.office["clerk"])
    subject = served.visitors.resident(served.now_s()).subject.hex()
    until = (datetime.now(tz=UTC) + timedelta(days=30)).date().isoformat()
    known = {"city": town.CITY, "subject": subject, "authority": town.AUTHORITIES[town.CITY], "until": until}

    number = await asyncio.to_thread(drafted, url, served.office["clerk"], known)

    found = await asyncio.to_thread(ask_everything, document, url, token, known | {"draft": number, "terminal": SPARE})

    assert sum(found.values()) > 60
    assert (401 in found) == (role == "nobody")
    assert (403 in found) == (role != "nobody")
    assert (200 in found) == (role in {"clerk", "checker"})  # who drafts and who approves; no drawn rule file is one


async def test_after_all_that_the_next_visitor_is_let_in(served):
    who = served.visitors.resident(served.now_s())
    headers = {"Authorization": f"Bearer {served.gate.tokens['integrator']}"}
    async with aiohttp.ClientSession(served.gate.url, headers=headers) as session:
        for path, body in (("/v1/entry", {"stopped": False, "by": "t"}), ("/v1/emergency", {"open": False, "by": "t"})):
            assert (await session.post(path, json=body)).status == 200
    answer = await served.gate.present(who.code(served.now_s()), intent="enter")

    assert answer["outcome"] == "GRANT", answer["reasons"]
