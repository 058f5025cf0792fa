"""What a technician reads whose disk, file or rights end a command: one line with the mend, and never a traceback."""

import json
import sqlite3

import pytest

from edge.cli import _ended_by
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from tests.tools.shell import xinguan

WORDS = [("journal", "status"), ("journal", "verify"), ("lists", "status"), ("backup", "{}/copy.db")]


@pytest.fixture
async def config(tmp_path):
    """A configuration over a folder with a new terminal's database."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    async with Store(data / "terminal.db"):
        pass
    path = tmp_path / "terminal.toml"
    path.write_text(
        f'[terminal]\ndata = {json.dumps(str(data))}\n[platform]\nurl = "http://127.0.0.1:9"\n'
        '[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return path


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_database_that_is_none_is_one_line(config, words, tmp_path):
    for beside in (tmp_path / "data").glob("terminal.db-*"):
        beside.unlink()
    (tmp_path / "data/terminal.db").write_bytes(b"no database" * 1000)

    done = xinguan(*(word.format(tmp_path) for word in words), "--config", config)

    assert (done.returncode, len(done.stderr.splitlines())) == (69, 1), done.stderr
    assert "not a database" in done.stderr
    assert not (tmp_path / "copy.db").exists()


def test_a_backup_that_cannot_be_written_says_where_to_look_and_leaves_nothing(config, tmp_path):
    done = xinguan("backup", tmp_path / "none/copy.db", "--config", config)

    assert (done.returncode, len(done.stderr.splitlines())) == (69, 1), done.stderr
    assert "未能备份" in done.stderr
    assert "look at the folder, its rights and its room" in done.stderr


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), sqlite3.OperationalError("disk I/O error"), StoreFailedError("full")],
)
def test_what_a_machine_did_is_said_with_the_mend(capsys, error):
    assert _ended_by(error) == 69
    assert "sudo xinguan doctor" in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("a bug"), sqlite3.IntegrityError("bound"), sqlite3.ProgrammingError("?")])
def test_a_bug_of_ours_stays_one(error):
    with pytest.raises(type(error)):
        _ended_by(error)
