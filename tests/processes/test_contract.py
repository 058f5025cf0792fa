"""What schemathesis makes of the served descriptions, asked of the real services by every role.

Rules of this file:

- no answer is a server error; every status, media type and body is one that the description names;
- what is asked is drawn from the description, with a fixed seed; names of things that there are (a lane, a redemption,
  a terminal) are put in place of drawn ones half of the time, so that calls get past "there is no such";
- streams are left out: they do not end; so is a person's own `lock`, after which they may do nothing.
"""

import asyncio
import secrets

import aiohttp
import pytest
import pytest_asyncio
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import checks

from central.clock import now_ms
from central.demo.office import open_accounts
from central.demo.street import town
from central.platform_state import open_state
from central.register.accounts import sessions
from central.register.accounts.duties import RIGHTS
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
PIN = "739152"
SPARE = "gate-spare"  # orders and profiles go to this one
MANY = 6  # drawn requests of a call by a role
PATIENCE_S = 30
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
        built.clerk = await asyncio.to_thread(office_token, built)
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


def office_token(built):
    """Return an API token of the office's clerk, with every right that a token may have."""
    open_accounts(built.platform.state)
    secret, at_ms = secrets.token_urlsafe(24), now_ms()
    until_ms, scope = at_ms + 86_400_000, frozenset(RIGHTS)

    async def job(tx):
        await sessions.make_token(tx, "clerk", secret, title="", scope=scope, until_ms=until_ms, now_ms=at_ms)

    changed(open_state(built.platform.state), job)
    return secret


def described(url, path="/openapi.json", token=""):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(url + path, headers=headers, timeout=PATIENCE_S).json()


def ask_everything(document, url, token, known, without=STREAMS):
    """Ask every call of a document by one token; return how many answers there were, by status."""
    found = {}
    for operation in schemathesis.openapi.from_dict(document).get_all_operations():
        one = operation.ok()
        if one.path not in without:
            ask(one, url, token, known, found)
    return found


def ask(operation, url, token, known, found):
    turn = iter(range(10**6))
    headers = {"Authorization": f"Bearer {token}"} if token else {}

    @seed(20261127)
    @DRAWN
    @given(case=operation.as_strategy())
    def asked(case):
        if next(turn) % 2 == 0:
            case.path_parameters = {**(case.path_parameters or {})} | {
                name: value for name, value in known.items() if name in (case.path_parameters or {})
            }
        answer = case.call(base_url=url, headers=headers, timeout=PATIENCE_S)
        found[answer.status_code] = found.get(answer.status_code, 0) + 1
        case.validate_response(answer, checks=list(CHECKED))

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


@pytest.mark.parametrize("who", ["operator", "nobody"])
async def test_the_platform_answers_as_its_description_says(served, who):
    token = served.platform.operator_token if who == "operator" else ""
    document = described(served.platform.url)

    found = await asyncio.to_thread(ask_everything, document, served.platform.url, token, {"terminal": SPARE})

    assert sum(found.values()) > 60
    assert found.get(401, 0) > 20


async def test_the_office_answers_a_token_as_its_description_says(served):
    url = served.platform.office_url
    document = described(url, "/v1/office/openapi.json", served.clerk)

    found = await asyncio.to_thread(ask_everything, document, url, served.clerk, {})

    assert sum(found.values()) > 60
    assert 401 not in found


async def test_after_all_that_the_next_visitor_is_let_in(served):
    who = served.visitors.resident(served.now_s())
    headers = {"Authorization": f"Bearer {served.gate.tokens['integrator']}"}
    async with aiohttp.ClientSession(served.gate.url, headers=headers) as session:
        for path, body in (("/v1/entry", {"stopped": False, "by": "t"}), ("/v1/emergency", {"open": False, "by": "t"})):
            assert (await session.post(path, json=body)).status == 200
    answer = await served.gate.present(who.code(served.now_s()), intent="enter")

    assert answer["outcome"] == "GRANT", answer["reasons"]
