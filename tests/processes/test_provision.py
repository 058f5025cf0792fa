"""`xinguan provision` with a real platform: from a package that was just installed to a terminal that serves."""

import asyncio
import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, urldefrag

import pytest
import segno

from central.demo.street import town as street
from edge.settings.reading import load


async def provision(folder, *more):
    words = [sys.executable, "-P", "-m", "edge.cli", "provision", "--data", folder / "data"]
    words += ["--config", folder / "etc" / "terminal.toml", *more]
    every = [str(word) for word in words]  # in a thread: the network that can be cut lives in this process
    done = await asyncio.to_thread(
        subprocess.run, every, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )
    assert "Traceback" not in done.stderr
    return done


def stick(folder, code, lanes=""):
    path = folder / "provision.toml"
    path.write_text(f"code = {json.dumps(code)}\n{lanes}")
    return path


@pytest.fixture
async def code(xinguan_town):
    xinguan_town.gate.data = xinguan_town.folder / "elsewhere"
    return await xinguan_town.platform.code_for(street.GATE, platform=xinguan_town.network_url)


async def test_a_stick_makes_a_box_of_a_machine(xinguan_town, code, tmp_path):
    lanes = '[lanes.A]\nsource = "serial:/dev/ttyUSB0#baud=9600"\n'

    done = await provision(tmp_path, "--file", stick(tmp_path, code, lanes))

    assert done.returncode == 0, done.stderr
    assert "systemctl enable --now xinguan-terminal" in done.stdout
    config = load(tmp_path / "etc" / "terminal.toml")
    assert [(lane.id, lane.scene, lane.source) for lane in config.lanes] == [
        ("A", "gate", "serial:/dev/ttyUSB0#baud=9600")
    ]
    assert config.platform.url == xinguan_town.network_url
    again = await provision(tmp_path, "--file", stick(tmp_path, code))
    assert (again.returncode, "enrol --again" in again.stderr) == (2, True)


async def test_a_code_without_its_platforms_address_asks_for_the_option_that_there_is(xinguan_town, code, tmp_path):
    (bare,) = parse_qs(urldefrag(code).fragment)["code"]
    file = stick(tmp_path, bare)

    without = await provision(tmp_path, "--file", file)
    done = await provision(tmp_path, "--file", file, "--platform", xinguan_town.network_url)

    assert (without.returncode, "--platform https://" in without.stderr) == (2, True)
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "etc" / "terminal.toml").platform.url == xinguan_town.network_url


async def test_the_code_is_shown_to_the_gates_own_camera(xinguan_town, code, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    segno.make("https://somebody.example/else").save(pictures / "0.png", scale=6)
    segno.make(code).save(pictures / "1.png", scale=6)

    done = await provision(tmp_path, "--camera", f"folder:{pictures}#watch=off")

    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "etc" / "terminal.toml").lanes[0].source is None


async def test_what_lies_on_a_stick_is_not_trusted_with_more_than_its_bytes(xinguan_town, code, tmp_path):
    good = stick(tmp_path, code)
    (tmp_path / "link.toml").symlink_to(good)
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "long.toml").write_text("#" * 100_000)
    (tmp_path / "wrong.toml").write_text("code = 1")
    (tmp_path / "lanes.toml").write_text(f'code = {json.dumps(code)}\n[lanes.A]\nsource = "bogus:x"\n')

    for name in ("link", "pipe", "long", "wrong"):
        assert (await provision(tmp_path, "--file", tmp_path / f"{name}.toml")).returncode == 2, name
    assert not (tmp_path / "data").exists()
    wrong_lane = await provision(tmp_path, "--file", tmp_path / "lanes.toml")
    assert wrong_lane.returncode == 78
    assert "lanes[0].source" in wrong_lane.stderr
    assert not (tmp_path / "etc" / "terminal.toml").exists()
