"""A profile ordered by the platform: its lanes, prices and texts are in force at the next decision (contract §10)."""

import json
import subprocess
import sys

import pytest
import pytest_asyncio

from central.demo.street import town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        await built.gate.start()
        yield built


def xinguan(*args):
    command = [sys.executable, "-P", "-m", "edge.cli", *args]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def central(served, *args):
    command = [sys.executable, "-P", "-m", "central", *args, "--state", str(served.platform.state)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)


async def order(served, **lane):
    """Let the platform order a profile whose lane A says this besides."""
    changed = town.profile(town.GATE)
    changed["lanes"] = [{"id": "A", "scene": "gate"} | lane]
    changed["texts"] = changed["texts"] | {"rule": {"zh": "请勿奔跑", "en": "No running"}}
    path = served.folder / "profile.json"
    path.write_text(json.dumps(changed))
    central(served, "terminals", "profile", town.GATE.terminal, "--profile", str(path))


async def lane_of(served):
    status = await served.gate.status() or {}
    return next(iter(status.get("lanes", [])), {}), status


async def test_tickets_prices_time_to_pay_intent_and_texts_are_the_profiles(served):
    partner = served.visitors.person(served.now_s(), city=town.PARTNER, tier=town.PARTNER_TIER)
    adult = await served.gate.present(partner.code(served.now_s()))
    assert (adult["ticket"], adult["obligations"]["pay_fen"]) == ("adult", 3_000)

    await order(served, ticket="child", pay_within_s=1, notice="full")
    await served.until(lambda: _told(served, pay_within_s=1, notice="full"))
    other = served.visitors.person(served.now_s(), city=town.PARTNER, tier=town.PARTNER_TIER)
    child = await served.gate.present(other.code(served.now_s()))

    assert (child["ticket"], child["obligations"]["pay_fen"]) == ("child", 1_500)
    await served.until(lambda: _state(served, child["redemption"], "annulled"))  # after one second, not 120
    assert await _state(served, adult["redemption"], "awaiting")  # its time had begun before
    assert (await lane_of(served))[1]["texts"]["rule"]["en"] == "No running"

    await order(served, intent="exit")
    await served.until(lambda: _told(served, intent="exit", pay_within_s=120))
    leaving = served.visitors.resident(served.now_s())
    assert (await served.gate.present(leaving.code(served.now_s())))["intent"] == "exit"

    await order(served, prices=False)
    await served.until(lambda: _told(served, pay_within_s=None))
    third = served.visitors.person(served.now_s(), city=town.PARTNER, tier=town.PARTNER_TIER)
    unpriced = await served.gate.present(third.code(served.now_s()))
    assert unpriced["ticket"] is None
    assert "pay_fen" not in unpriced["obligations"]


async def test_a_file_that_says_otherwise_is_an_error_of_config_check_and_a_red_line(served):
    await order(served)
    assert xinguan("config", "check", "--config", str(served.gate.config)).returncode == 0

    await order(served, scene="museum")
    await served.until(lambda: _told(served, scene="museum"))

    checked = xinguan("config", "check", "--config", str(served.gate.config))
    assert checked.returncode == 78
    assert 'lanes[0].scene: 登记为 "museum"，此处为 "gate"' in checked.stderr
    assert 'Write scene = "museum"' in checked.stderr
    async with served.gate._session.get(f"{served.gate.url}/readyz") as answer:
        ready = await answer.json()
    assert not ready["ready"]
    assert [one["level"] for one in ready["checks"] if one["name"] == "profile"] == ["bad"]


async def test_a_terminal_does_not_start_with_a_lane_that_its_profile_does_not_name(served, tmp_path):
    config = tmp_path / "t.toml"
    config.write_text(served.gate.config.read_text().replace('id = "A"', 'id = "north"'))

    refused = xinguan("run", "--config", str(config))

    assert refused.returncode == 78
    assert "lanes[0].id: " in refused.stderr
    assert "Write one of A" in refused.stderr


async def _told(served, **wanted):
    lane, _ = await lane_of(served)
    return all(lane.get(key) == value for key, value in wanted.items())


async def _state(served, redemption, wanted):
    return await served.gate.state_of(redemption) == wanted
