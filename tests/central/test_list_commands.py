"""The operator's list commands, as a shell calls them, and the same calls over HTTP."""

import asyncio
import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

import central
from central.clock import now_ms
from central.http.app import serving
from central.lists.freshening import keep_fresh
from central.lists.publishing import Repository
from central.platform_state import open_state
from credit.keys import Keyring
from credit.tokens import open_token
from tests.tools import shell

TOWN = Path(central.__file__).parent / "example_offices" / "yunling"
UNTIL = (datetime.now(tz=UTC) + timedelta(days=30)).date().isoformat()
ALONE = ("--emergency", "值班一人，嫌疑人正在入园")
MEASURE = ("--subject", "wang", "--code", "302", "--until", UNTIL, *ALONE)


def call(*words):
    done = shell.platform(*words)
    return done.returncode, json.loads(done.stdout) if done.stdout.startswith("{") else done.stdout, done.stderr


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    folder = tmp_path_factory.mktemp("platform") / "state"
    assert call("init", "--state", folder)[0] == 0
    code, answer, error = call("city", "--state", folder, "--city", "yunling", "--add", TOWN)
    assert (code, error) == (0, "")
    assert "rules/yunling/benefits.json" in answer["changed"]
    assert call("issue", "--state", folder, "--city", "yunling", "--subject", "lin", "--max-uses", 1)[0] == 0
    return folder


def published(state, path):
    folder, _, name = path.rpartition("/")
    newest = max((state / "public" / "targets" / folder).glob(f"*.{name}"), key=lambda file: file.stat().st_mtime_ns)
    return json.loads(newest.read_bytes())


def test_issue_prints_a_token_that_opens_and_writes_its_picture(state, tmp_path):
    code, answer, _error = call(
        "issue",
        "--state",
        state,
        "--city",
        "yunling",
        "--subject",
        "chen",
        "--tier",
        4,
        "--group",
        12,
        "--max-uses",
        3,
        *ALONE,
        "--qr",
        tmp_path / "chen.png",
    )

    keyring = Keyring.from_json(json.dumps(published(state, "issuers/yunling/keys.json")).encode())
    token = open_token(answer["token"], keyring, now=now_ms() // 1000)

    assert code == 0
    assert (token.subject.hex(), token.tier, token.groups, token.max_uses) == (answer["subject"], 4, {12}, 3)
    assert (tmp_path / "chen.png").read_bytes().startswith(b"\x89PNG")


def test_restrict_dispute_and_repair_are_published(state):
    who = ("--state", state, "--city", "yunling", "--subject", "chen", *ALONE)
    path = "lists/yunling/index.json"

    code, answer, _error = call("restrict", *who, "--code", 302, "--until", UNTIL)
    assert (code, answer["changed"]) == (0, [path])
    restricted = published(state, path)["measures"]
    assert restricted["count"] == 1

    assert call("dispute", *who)[0] == 0
    disputed = published(state, path)["measures"]
    assert (disputed["count"], disputed["root"] == restricted["root"]) == (1, False)

    assert call("repair", *who)[0] == 0
    assert published(state, path)["measures"]["count"] == 0
    code, _answer, error = call("repair", *who)
    assert (code, "no measure stands" in error) == (1, True)


def test_of_two_measures_the_one_that_is_meant_must_be_named(state):
    who = ("--state", state, "--city", "yunling", "--subject", "zhao")
    assert call("issue", *who, "--max-uses", 1)[0] == 0
    for code in (301, 302):
        assert call("restrict", *who, "--code", code, "--until", UNTIL, *ALONE)[0] == 0

    for word in ("repair", "dispute"):
        code, _answer, error = call(word, *who, *ALONE)
        assert (code, "--code 301" in error, "--code 302" in error) == (1, True, True)
    standing = call("measures", *who)[1]["measures"]
    assert [(one["code"], one["until"], one["state"]) for one in standing] == [
        (301, UNTIL, "active"),
        (302, UNTIL, "active"),
    ]
    assert standing[0]["title"]["zh"] == "限制享受信用优惠"
    assert standing[0]["authority"] == "云岭文化和旅游局"

    assert call("repair", *who, "--code", 301, *ALONE)[1]["count"] == 1
    assert [one["code"] for one in call("measures", *who)[1]["measures"]] == [302]
    assert call("repair", *who, *ALONE)[1]["count"] == 1  # one is left: that one is meant
    assert call("measures", *who)[1]["measures"] == []


def test_all_of_them_are_lifted_where_all_are_meant(state):
    who = ("--state", state, "--city", "yunling", "--subject", "qian")
    assert call("issue", *who, "--max-uses", 1)[0] == 0
    for code in (301, 302):
        assert call("restrict", *who, "--code", code, "--until", UNTIL, *ALONE)[0] == 0

    assert call("repair", *who, "--all", *ALONE)[1]["count"] == 2


@pytest.mark.parametrize("option", ["--until", "--from"])
def test_a_day_that_is_none_is_said_with_an_example(state, option):
    words = ("--subject", "wang", "--code", 302, "--until", UNTIL, option, "01/02/2027")
    code, _answer, error = call("restrict", "--state", state, "--city", "yunling", *words)

    assert code == 2
    assert "2027-02-01" in error
    assert "isoformat" not in error


def test_tier_and_groups_by_list_are_published(state):
    who = ("--state", state, "--city", "yunling", "--subject", "wang")

    code, _answer, error = call("member", *who, "--tier", 2, *ALONE)
    assert (code, "nobody of that name" in error) == (1, True)
    assert call("issue", *who, "--max-uses", 1)[0] == 0
    code, answer, _error = call("member", *who, "--tier", 2, "--group", 12, "--group", 21, *ALONE)
    assert (code, answer["changed"]) == (0, ["lists/yunling/index.json"])
    assert published(state, "lists/yunling/index.json")["members"]["count"] == 2

    code, _answer, error = call("member", *who, "--tier", 900, *ALONE)
    assert (code, "a tier is 0 to" in error) == (1, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("repair", "--city", "nowhere", "--subject", "wang", *ALONE), "not a city of this platform; it has yunling"),
        (("restrict", "--city", "nowhere", *MEASURE), "nowhere"),
        (("restrict", "--city", "yunling", *MEASURE, "--subject", "wong"), "typo must bar nobody"),
        (("revoke", "--city", "yunling", "--token", "00" * 8), "issued no such token"),
        (("revoke", "--city", "yunling", "--key", "00" * 8), "has no key"),
        (("city", "--city", "yunling", "--add", str(TOWN)), "already"),
        (("city", "--city", "nowhere", "--expel"), "not delegated to"),
        (("publish", "--city", "nowhere"), "nowhere"),
    ],
)
def test_what_cannot_be_done_is_said_and_exits_1(state, words, said):
    code, _answer, error = call(words[0], "--state", state, *words[1:])

    assert (code, said in error) == (1, True), error


def test_rules_that_a_terminal_would_refuse_are_refused_before_they_are_signed(state, tmp_path):
    catalogue = json.loads((TOWN / "benefits.json").read_bytes())
    catalogue["benefits"][1]["offer"]["percent_off"] = 500
    (tmp_path / "benefits.json").write_text(json.dumps(catalogue))
    before = Repository(state).trust_root(), published(state, "rules/yunling/benefits.json")

    code, _answer, error = call("publish", "--state", state, "--city", "yunling", "--rules", tmp_path, *ALONE)

    assert code == 1
    assert "benefits[1].offer.percent_off" in error
    assert before == (Repository(state).trust_root(), published(state, "rules/yunling/benefits.json"))
    assert call("publish", "--state", state, "--city", "yunling")[0] == 0  # the office's folder was not touched


async def test_a_code_is_issued_over_http_with_the_operators_token_and_no_other(state):
    opened = open_state(state)
    async with serving(opened, host="127.0.0.1", port=0, now_ms=now_ms) as url, aiohttp.ClientSession(url) as session:
        who = {"city": "yunling", "subject": "zhou", "max_uses": 2}
        async with session.post("/v1/admin/issue", json=who) as answer:
            assert answer.status == 401
        headers = {"Authorization": f"Bearer {opened.operator_token}"}
        async with session.post("/v1/admin/issue", json=who, headers=headers) as answer:
            assert (await answer.json())["token"].startswith("XG1:")
        for said in ({"tier": 3}, {"groups": [12]}):  # a tier needs two people, and this token is nobody's
            async with session.post("/v1/admin/issue", json=who | said, headers=headers) as answer:
                assert (answer.status, "两人" in await answer.text()) == (400, True)


async def test_a_serving_platform_signs_its_timestamp_again_before_its_lists_look_old(state):
    """And one that is not the signer signs nothing."""

    def version():
        return json.loads((state / "public" / "metadata" / "timestamp.json").read_bytes())["signed"]["version"]

    async def hold(name):
        asked.append(name)
        return len(asked) > 3

    def clock():
        seen.append(version())
        return now_ms() + len(seen) * 3_600_000

    asked, seen, before = [], [], version()
    task = asyncio.create_task(keep_fresh(state, clock, hold, every_s=0.01))
    async with asyncio.timeout(20):
        while version() == before or len(seen) < 3:
            await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asked[:4] == ["signer"] * 4
    assert seen[0] == before
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (("--authority", "某局"), "the catalogue says"),
        (("--code", "-1"), "no such code"),
        (("--code", "4711"), "no such code"),
        (("--code", str(10**25)), "no such code"),
        (("--until", "2099-01-01"), "at most"),
        (("--until", "2020-01-01"), "before its first"),
    ],
)
def test_a_measure_that_no_terminal_could_read_is_refused_at_the_desk(state, wrong, said):
    words = dict(zip(MEASURE[::2], MEASURE[1::2], strict=True)) | {"--subject": "lin"} | dict([wrong])
    before = published(state, "lists/yunling/index.json")

    code, _answer, error = call(
        "restrict", "--state", state, "--city", "yunling", *(word for pair in words.items() for word in pair)
    )

    assert code != 0
    assert said in error
    assert "Traceback" not in error
    assert published(state, "lists/yunling/index.json") == before


SERVICE = 61_001
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes users: runs as root")


def belongings(folder):
    """Return who owns what, of everything in the folder that is not the service's."""
    return {str(path): path.lstat().st_uid for path in (folder, *folder.rglob("*")) if path.lstat().st_uid != SERVICE}


@as_root
@pytest.mark.root
def test_what_root_publishes_belongs_to_the_service_and_its_stick_to_root(state, tmp_path):
    folder, stick = tmp_path / "central", tmp_path / "lists.zip"
    shutil.copytree(state, folder)
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SERVICE, SERVICE)
    outside, link = tmp_path / "shadow", folder / "public" / "link"
    outside.write_text("root's own")
    link.symlink_to(outside)
    (folder / "public" / "twin").hardlink_to(outside)

    who = ("--state", folder, "--city", "yunling", "--subject", "wang")
    assert call("issue", *who, "--max-uses", 3)[0] == 0
    code, _answer, error = call("restrict", "--state", folder, "--city", "yunling", *MEASURE)
    assert (code, error) == (0, "")
    code, _answer, error = call("publish", "--state", folder, "--city", "yunling", "--bundle", stick)
    assert (code, error) == (0, "")
    code, _answer, error = call("restrict", "--state", folder, "--city", "nowhere", *MEASURE)
    assert code == 1, "refused, and nothing is left behind either"

    left = belongings(folder)
    assert left == {str(link): 0, str(folder / "public" / "twin"): 0}, "a link gives nothing of the machine away"
    assert (outside.stat().st_uid, stick.stat().st_uid) == (0, 0)
