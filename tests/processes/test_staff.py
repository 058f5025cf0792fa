"""Staff over the API of a real terminal: unlocking, what is done in one's own name, and who may not."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIN = "730195"
WHY = "老人手机没电，核对了身份证"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(running_town, tmp_path_factory):
    async with running_town(tmp_path_factory.mktemp("staff")) as built:
        await built.gate.start()
        command(built, "add", "王芳", "--role", "supervisor", "--pin-stdin")
        command(built, "add", "李强", "--pin-stdin")
        yield built


def command(town, *words, pin=PIN):
    return subprocess.run(
        [sys.executable, "-I", "-m", "edge.cli", "staff", *words, "--config", str(town.gate.config)],
        input=pin + "\n",
        capture_output=True,
        text=True,
    )


async def ask(town, method, path, body=None, *, token=None, role="desk"):
    headers = {"Authorization": f"Bearer {token or town.gate.tokens[role]}"}
    async with town.gate._session.request(method, f"{town.gate.url}{path}", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def unlocked(town, person):
    status, said = await ask(town, "POST", "/v1/staff/unlock", {"person": person, "pin": PIN})
    assert status == 200, said
    return said["token"]


def notes(town, member):
    with closing(sqlite3.connect(f"file:{town.gate.database}?mode=ro", uri=True)) as conn:
        rows = conn.execute("SELECT body FROM journal WHERE kind = 'note' ORDER BY seq").fetchall()
    return [body for (text,) in rows if member in (body := json.loads(text))]


async def test_the_command_lists_who_works_here_and_shows_no_hash(served):
    said = command(served, "list").stdout

    assert said.split() == ["李强", "keeper", "王芳", "supervisor"]


async def test_a_weak_pin_and_a_name_that_is_taken_are_refused_by_the_command(served):
    weak, taken = command(served, "add", "赵", pin="123456"), command(served, "add", "李强", "--pin-stdin")

    assert (weak.returncode, taken.returncode) != (0, 0)
    assert "reset" in taken.stderr


async def test_unlocking_gives_a_token_that_acts_in_one_s_own_name(served):
    token = await unlocked(served, "王芳")

    status, _ = await ask(served, "POST", "/v1/staff/entry", {"stopped": True}, token=token)
    assert status == 200
    status, _ = await ask(served, "POST", "/v1/staff/entry", {"stopped": False}, token=token)
    assert [(one["on"], one["by"]) for one in notes(served, "switch")] == [(True, "王芳"), (False, "王芳")]


async def test_a_wrong_pin_is_refused_like_an_unknown_name(served):
    wrong = await ask(served, "POST", "/v1/staff/unlock", {"person": "李强", "pin": "111222"})
    nobody = await ask(served, "POST", "/v1/staff/unlock", {"person": "无名", "pin": "111222"})

    assert wrong == nobody
    assert wrong[0] == 403


async def test_five_wrong_pins_lock_out_and_say_how_long(served):
    command(served, "add", "周", "--pin-stdin")
    for _ in range(5):
        await ask(served, "POST", "/v1/staff/unlock", {"person": "周", "pin": "111222"})

    status, said = await ask(served, "POST", "/v1/staff/unlock", {"person": "周", "pin": PIN})

    assert status == 423
    assert "300 s" in said["detail"]
    command(served, "reset", "周", "--pin-stdin")
    assert await unlocked(served, "周")


async def test_a_locked_screen_s_token_is_worth_nothing(served):
    token = await unlocked(served, "王芳")
    await ask(served, "POST", "/v1/staff/lock", {}, token=token)

    assert (await ask(served, "GET", "/v1/status", token=token))[0] == 401


async def test_who_is_struck_out_is_out_at_once(served):
    command(served, "add", "孙", "--pin-stdin")
    token = await unlocked(served, "孙")

    command(served, "remove", "孙")

    assert (await ask(served, "GET", "/v1/status", token=token))[0] == 401


async def test_a_supervisor_opens_once_with_a_reason_and_the_fact_comes_first(served):
    token = await unlocked(served, "王芳")
    before = len(served.openings)

    status, said = await ask(served, "POST", "/v1/lanes/A/open", {"why": WHY}, token=token)

    assert status == 200
    await served.until(lambda: len(served.openings) == before + 1)
    assert notes(served, "opened") == [{"opened": "A", "by": "王芳", "why": WHY}]
    assert str(said["journal_seq"]) in served.openings[-1]


async def test_a_keeper_does_not_open_without_a_code(served):
    token = await unlocked(served, "李强")

    assert (await ask(served, "POST", "/v1/lanes/A/open", {"why": WHY}, token=token))[0] == 403


async def test_an_override_is_a_supervisor_s_and_bears_their_own_name(served):
    body = {"code": "XG1:X", "override": {"by": "somebody else", "why": WHY}}
    keeper, supervisor = await unlocked(served, "李强"), await unlocked(served, "王芳")

    assert (await ask(served, "POST", "/v1/present", body))[0] == 403
    assert (await ask(served, "POST", "/v1/present", body, token=keeper))[0] == 403
    assert (await ask(served, "POST", "/v1/present", body, token=supervisor))[0] == 200


@pytest.mark.parametrize("role", ["display", "desk", "integrator"])
async def test_only_the_service_token_writes_who_works_here(served, role):
    body = {"person": "假", "role": "supervisor", "pin": PIN}

    assert (await ask(served, "POST", "/v1/staff", body, role=role))[0] == 403


async def test_no_pin_and_no_hash_is_in_the_log_or_in_any_answer(served):
    status, said = await ask(served, "GET", "/v1/staff", role="service")

    assert status == 200
    assert "argon2" not in json.dumps(said)
    assert PIN not in served.gate._log.read_text()


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("sync now", "待传 0 条"),
        ("lists status", "yunxi"),
        ("lists check", ""),
        ("config check", ""),
        ("journal export", ""),
    ],
)
async def test_what_a_technician_types_beside_a_running_terminal_answers(served, line, says):
    words = [*line.split(), "--config", str(served.gate.config)]
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-I", "-m", "edge.cli", *words], capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stderr
    assert says in done.stdout
