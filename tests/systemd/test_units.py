"""The units as systemd reads them: right, little exposed, and never given up after a bad start."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from scanner.camera.starting import SANDBOXES
from scanner.camera.starting import UNITS as UNITS_OF
from tests.tools.pages import cells, table

ROOT = Path(__file__).parents[2]
SOCKETS = sorted((ROOT / "systemd").glob("*.socket"))
UNITS = sorted((ROOT / "systemd").glob("*.service"))
ONCE = ("xinguan-kiosk.service", "xinguan-update.service")  # a person's session; root's own step at boot
SERVICES = [unit for unit in UNITS if unit.name not in ONCE]
CAMERAS = [
    unit for unit in UNITS if "camera" in unit.name
]  # one for each connection of the terminal, which tries again
ANALYZE = Path("/usr/bin/systemd-analyze")
MOST_EXPOSED = 1.5

by_name = pytest.mark.parametrize("unit", UNITS + SOCKETS, ids=lambda unit: unit.name)
needs_systemd = pytest.mark.skipif(not ANALYZE.exists(), reason="systemd-analyze is not on this machine")


@needs_systemd
@by_name
def test_systemd_accepts_the_unit(unit, tmp_path):
    text = unit.read_text("utf-8")
    text = text.replace("/opt/xinguan/current/bin/python", sys.executable)
    text = text.replace("/opt/xinguan/current/bin/kiosk-start", "/bin/true")
    text = text.replace("/opt/xinguan/settle", "/bin/true")
    copy = tmp_path / unit.name
    copy.write_text(text, "utf-8")
    for camera in CAMERAS:  # a socket is right where its service is
        said = camera.read_text("utf-8").replace("/opt/xinguan/current/bin/python", sys.executable)
        (tmp_path / camera.name).write_text(said, "utf-8")

    answer = subprocess.run([ANALYZE, "verify", copy], capture_output=True, text=True)

    assert [line for line in answer.stderr.splitlines() if unit.name in line] == []


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_little_of_the_machine_is_open_to_the_unit(unit):
    answer = subprocess.run([ANALYZE, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True)

    (exposure,) = re.findall(r"exposure level for \S+: ([0-9.]+)", answer.stdout)
    assert float(exposure) <= MOST_EXPOSED


@needs_systemd
def test_the_page_says_how_exposed_a_unit_is():
    said = {}
    for row in table("install.md", "| unit | what |"):
        name, _what, exposure = cells(row)
        said[name.strip("`")] = exposure

    for unit in SERVICES:
        words = [ANALYZE, "security", "--offline=true", "--no-pager", unit]
        answer = subprocess.run(words, capture_output=True, text=True, check=False)
        assert re.findall(r"exposure level for \S+: ([0-9.]+)", answer.stdout) == [said[unit.stem]]
    assert said.keys() == {unit.stem for unit in UNITS if "update" not in unit.name}


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if "update" not in unit.name and unit not in CAMERAS], ids=lambda unit: unit.name
)
def test_a_box_that_starts_badly_tries_for_ever(unit):
    text = unit.read_text("utf-8")

    assert "StartLimitIntervalSec=0" in text
    assert "Restart=always" in text


def test_only_a_wrong_configuration_is_not_tried_again():
    text = (ROOT / "systemd" / "xinguan-terminal.service").read_text("utf-8")

    assert re.findall(r"RestartPreventExitStatus=(.*)", text) == ["78"]


@pytest.mark.parametrize("unit", CAMERAS, ids=lambda unit: unit.name)
def test_a_decoder_has_neither_keys_nor_ledger_and_one_of_network_and_devices(unit):
    text = unit.read_text("utf-8")
    local = "-net" not in unit.name

    assert "InaccessiblePaths=/var/lib /etc/xinguan" in text
    assert "DynamicUser=yes" in text
    assert ("PrivateNetwork=yes" in text, "RestrictAddressFamilies=none" in text) == (local, local)
    assert ("char-video4linux" in text, "PrivateDevices=yes" in text) == (local, not local)


def test_the_service_itself_sees_no_camera_and_asks_the_sandboxes():
    text = (ROOT / "systemd" / "xinguan-terminal.service").read_text("utf-8")

    assert "video" not in "".join(re.findall(r"^(?:DeviceAllow|SupplementaryGroups)=.*$", text, re.MULTILINE))
    (folder,) = re.findall(rf"^Environment={SANDBOXES}=(.*)$", text, re.MULTILINE)
    for socket in SOCKETS:
        said = socket.read_text("utf-8")
        (path,) = re.findall(r"^ListenStream=(.*)$", said, re.MULTILINE)
        assert path.removeprefix(f"{folder}/") in UNITS_OF
        assert UNITS_OF[path.removeprefix(f"{folder}/")] == socket.name
        assert socket.name in re.findall(r"^Wants=(.*)$", text, re.MULTILINE)[0]
