import json

import pytest

from cache.journal import chain
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
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "https://p.example"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
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
