import json
import os
import socket
import subprocess
import sys

import pytest

from cache.journal import chain
from edge.commands.looking.machine import machine
from edge.watch.causes import CAUSES
from storage.migrations import migrate
from storage.sqlite import connect
from tests.tools.shell import xinguan


@pytest.fixture
def terminal(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    conn = connect(data / "terminal.db", writing=True)
    migrate(conn, backup_to=None)
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    for number in range(3):
        chain.append(conn, chain.NewFact("note", {}, number, str(number)))
    conn.close()
    path = tmp_path / "terminal.toml"
    path.write_text(
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "http://127.0.0.1:9"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return path


def findings(path, *more):
    answer = xinguan("doctor", "--json", "--config", path, *more)
    return answer.returncode, {line["name"]: line for line in map(json.loads, answer.stdout.splitlines())}


def test_each_finding_that_is_not_well_says_its_mend(terminal):
    code, found = findings(terminal)

    assert code == 1
    assert "xinguan enrol" in found["identity"]["mend"]
    assert found["schema"]["ok"]
    assert found["database"]["ok"]
    assert not found["clock"]["ok"]
    assert "connect" in found["journal"]["mend"]
    assert all(line["zh"] and line["en"] for line in found.values())


def test_a_readable_data_folder_is_found(terminal):
    (terminal.parent / "data").chmod(0o755)

    assert "chmod 700" in findings(terminal)[1]["data"]["mend"]


def test_a_changed_journal_is_found(terminal):
    conn = connect(terminal.parent / "data" / "terminal.db", writing=True)
    conn.execute("UPDATE journal SET kind = 'other' WHERE seq = 2")
    conn.close()

    assert "record 2" in findings(terminal)[1]["journal"]["mend"]


def test_a_broken_database_is_a_finding_and_not_a_crash(terminal):
    (terminal.parent / "data" / "terminal.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)

    code, found = findings(terminal)

    assert code == 1
    assert CAUSES["store.corrupt"].mend_en in found["database"]["mend"]


def test_a_wrong_configuration_is_the_only_finding(tmp_path):
    code, found = findings(tmp_path / "none.toml")

    assert code == 78
    assert list(found) == ["config"]


def test_sources_are_opened_only_when_asked_for(terminal, tmp_path):
    path = terminal.parent / "serial-scanner"
    terminal.write_text(terminal.read_text() + f'source = "serial:{path}"\n')

    assert "source-live" not in findings(terminal)[1]
    assert not findings(terminal, "--sources")[1]["source-live"]["ok"]


def test_it_says_what_the_service_page_says_of_a_clock_and_of_a_damaged_file(terminal):
    database = terminal.parent / "data" / "terminal.db"
    clock = findings(terminal)[1]["clock"]
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 3)

    damaged = findings(terminal)[1]["database"]

    assert (clock["zh"], clock["en"]) == (CAUSES["clock.challenge"].zh, CAUSES["clock.challenge"].en)
    assert CAUSES["store.corrupt"].mend_en in damaged["mend"]


def test_a_terminal_that_does_not_run_is_no_fault(terminal):
    assert findings(terminal)[1]["running"]["ok"]


def test_a_platform_that_is_not_there_is_asked_for_and_named(terminal):
    reach = findings(terminal)[1]["reach"]

    assert "127.0.0.1:9" in reach["zh"]
    assert "cable" in reach["mend"]


def test_a_port_that_somebody_else_has_is_found_before_the_terminal_is_started(terminal):
    with socket.create_server(("127.0.0.1", 0)) as other:
        number = other.getsockname()[1]
        terminal.write_text(terminal.read_text() + f'[api]\nlisten = "127.0.0.1:{number}"\n')

        found = findings(terminal)[1]["port"]

    assert f"ss -ltnp 'sport = :{number}'" in found["mend"]


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
AS_NOBODY = """
import contextlib, io, os, sys
from edge.cli import main
with contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])  # loads what nobody else may read: the interpreter lies in root's home
os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.root
@needs_root
def test_anybody_else_sees_what_all_may_and_is_told_what_to_type(terminal):
    for folder in terminal.parents:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):  # noqa: S108 - pytest's own folder
            folder.chmod(0o755)
    (terminal.parent / "data").chmod(0o700)

    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, "doctor", "--config", terminal], capture_output=True, text=True
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert "sudo xinguan" in done.stdout.splitlines()[-1]
    assert "packages" in done.stdout


@pytest.mark.root
@needs_root
def test_files_that_the_service_cannot_write_are_named(terminal):
    data = terminal.parent / "data"
    strange = data / "lists.lock"
    strange.touch()
    os.chown(strange, 65534, 65534)

    owners = findings(terminal)[1]["owners"]

    assert "lists.lock" in owners["en"]
    assert owners["mend"] == f"sudo chown -R --reference={data} {data}"


def test_secrets_that_anybody_on_the_box_can_read_are_named_with_what_takes_that_right_away(terminal, tmp_path):
    token, password = tmp_path / "gate.token", tmp_path / "door.password"
    for path in (token, password):
        path.write_text("secret")
        path.chmod(0o640)
    gate = f'{{kind = "http", url = "https://192.168.1.50/open", secret_headers = {{X-Token = "{token}"}}}}'
    login = (
        f'{{kind = "http", url = "https://192.168.1.51/open", login = {{user = "u", password_file = "{password}"}}}}'
    )
    lanes = f'source = "rtsp://cam:secret@192.168.1.60/1"\nactuator = {gate}\n'
    lanes += f'[[lanes]]\nid = "B"\nscene = "gate"\nactuator = {login}\n'
    terminal.write_text(terminal.read_text() + lanes)
    terminal.chmod(0o640)
    assert "secrets" not in findings(terminal)[1]

    for path in (token, password, terminal):
        path.chmod(0o644)
        found = findings(terminal)[1]["secrets"]
        assert (str(path) in found["en"], f"chmod 0640 {path}" in found["mend"], found["ok"]) == (True, True, False)
        path.chmod(0o640)


def told_by(root):
    return {one.name: one for one in machine(root)}


class TestTheMachine:
    """A machine's tree in a folder: what its kernel and systemd would tell."""

    def put(self, root, path, text):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)

    def test_a_machine_that_tells_nothing_is_asked_who_sets_its_clock_alone(self, tmp_path):
        found = told_by(tmp_path)

        assert list(found) == ["clock-source"]
        assert found["clock-source"].mend == "sudo apt-get install chrony"
        assert "RTC" in found["clock-source"].en

    def test_a_clock_that_something_sets_is_well(self, tmp_path):
        self.put(tmp_path, "run/chrony/chronyd.pid", "1")
        (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)

        assert told_by(tmp_path)["clock-source"].ok

    @pytest.mark.parametrize(("milli", "well"), [("79999", True), ("80000", False)])
    def test_heat_is_a_finding_from_eighty_degrees_on(self, tmp_path, milli, well):
        self.put(tmp_path, "sys/class/thermal/thermal_zone0/temp", "41000\n")
        self.put(tmp_path, "sys/class/thermal/thermal_zone1/temp", f"{milli}\n")

        assert told_by(tmp_path)["temperature"].ok is well

    def test_a_voltage_that_was_too_low_is_a_finding(self, tmp_path):
        self.put(tmp_path, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n")

        assert "power supply" in told_by(tmp_path)["power"].mend

    @pytest.mark.parametrize(
        ("life", "ending", "well"),
        [("0x01 0x08", "0x01", True), ("0x01 0x09", "0x01", False), ("0x03 0x03", "0x02", False)],
    )
    def test_a_worn_card_is_named_before_it_fails(self, tmp_path, life, ending, well):
        self.put(tmp_path, "sys/block/mmcblk0/device/life_time", f"{life}\n")
        self.put(tmp_path, "sys/block/mmcblk0/device/pre_eol_info", f"{ending}\n")

        card = told_by(tmp_path)["card"]

        assert card.ok is well
        assert "mmcblk0" in card.en

    def test_a_terminal_that_does_not_start_with_its_box_is_a_finding(self, tmp_path):
        (tmp_path / "run/systemd/system").mkdir(parents=True)
        self.put(tmp_path, "usr/lib/systemd/system/xinguan-terminal.service", "")
        assert "systemctl enable" in told_by(tmp_path)["unit"].mend

        wanted = tmp_path / "etc/systemd/system/multi-user.target.wants/xinguan-terminal.service"
        wanted.parent.mkdir(parents=True)
        wanted.symlink_to("/usr/lib/systemd/system/xinguan-terminal.service")

        assert told_by(tmp_path)["unit"].ok

    def test_a_box_that_would_take_no_update_says_so_before_one_is_brought(self, tmp_path):
        self.put(tmp_path, "usr/share/xinguan/release-keys", "# number 5\n# nobody\n")
        without = told_by(tmp_path)["updates"]
        self.put(tmp_path, "usr/share/xinguan/release-keys", f"# number 5\n{'1' * 64}\n")
        having = told_by(tmp_path)["updates"]

        assert "Install the package of whoever releases" in without.mend
        assert "请安装发布方的软件包" in without.mend
        assert (having.ok, "from 1 release key" in having.en) == (True, True)
