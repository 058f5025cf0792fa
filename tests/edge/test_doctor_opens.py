"""`xinguan doctor --open LANE`: a gate tries itself."""

import json
import socket

from edge.cli import main

CONFIG = """
[terminal]
data = "{data}"
[platform]
url = "https://platform.example"
[[lanes]]
id = "north"
scene = "gate"
{gate}
"""


def doctor(tmp_path, capsys, gate, lane="north"):
    path = tmp_path / "terminal.toml"
    path.write_text(CONFIG.format(data=tmp_path / "data", gate=gate))
    main(["doctor", "--config", str(path), "--json", "--open", lane])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return next(line for line in lines if line["name"] == "gate"), {line["name"] for line in lines}


def test_a_gate_that_opens_is_well_and_says_how_long_it_took(tmp_path, capsys):
    found, _ = doctor(tmp_path, capsys, f'actuator = "file:{tmp_path}/openings"')

    assert found["ok"]
    assert "ms" in found["en"]
    assert '"attempt": "doctor-' in (tmp_path / "openings").read_text()


def test_a_gate_that_is_away_names_itself_and_the_mend(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found, _ = doctor(tmp_path, capsys, f'actuator = "http://127.0.0.1:{free.getsockname()[1]}/open"')

    assert not found["ok"]
    assert "127.0.0.1" in found["en"]
    assert "docs/devices.md" in found["mend"]


def test_a_lane_that_is_not_there_or_has_no_gate_says_so(tmp_path, capsys):
    assert "north" in doctor(tmp_path, capsys, "", lane="south")[0]["mend"]
    assert "actuator" in doctor(tmp_path, capsys, "")[0]["mend"]


def test_plain_http_on_the_local_network_is_told(tmp_path, capsys):
    gate = 'actuator = {kind = "http", url = "http://192.168.255.254/open", insecure = "lan", timeout_s = 0.05}'

    assert "gate-in-clear" in doctor(tmp_path, capsys, gate)[1]


def test_what_stands_beside_the_lane_tries_itself_as_well(tmp_path, capsys):
    path = tmp_path / "terminal.toml"
    player = tmp_path / "player.sh"
    player.write_text(f"#!/bin/sh\ncat > {tmp_path}/heard\n")
    player.chmod(0o755)
    beside = (
        f'printer = {{port = "file:{tmp_path}/slips"}}\nsound = {{command = ["{player}"]}}\n'
        'light = {port = "tcp://127.0.0.1:1", timeout_s = 0.2}'
    )
    path.write_text(CONFIG.format(data=tmp_path / "data", gate=beside))
    main(["doctor", "--config", str(path), "--json", "--open", "north"])
    found = {one["name"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}

    assert [found[name]["ok"] for name in ("printer", "sound", "light")] == [True, True, False]
    assert "打印测试" in (tmp_path / "slips").read_text()
    assert (tmp_path / "heard").read_bytes()[:4] == b"RIFF"
    assert "cable" in found["light"]["mend"]
