"""What goes to a supporter: enough, bounded, and nobody in it."""

import json
import tarfile

import pytest

from cache.journal import chain
from edge.commands.box import support
from storage.migrations import migrate
from storage.sqlite import connect
from tests.tools.shell import xinguan

PSEUDONYM = "5f9c1b2a7d3e4f60718293a4b5c6d7e8f901a2b3c4d5e6f7"
PASSWORD = "hunter2-camera"


@pytest.fixture
def box(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    conn = connect(data / "terminal.db", writing=True)
    migrate(conn, backup_to=None)
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    chain.append(conn, chain.NewFact("granted", {"subject": PSEUDONYM, "staff": "王小明"}, 1, "1", "r-1"))
    conn.close()
    (data / "api-tokens.json").write_text(
        json.dumps({"display": "t0ken-of-the-display-000", "service": "t0ken-service-0"})
    )
    path = tmp_path / "terminal.toml"
    path.write_text(
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "https://p.example"\n'
        f'[[lanes]]\nid = "A"\nscene = "gate"\nsource = "rtsp://admin:{PASSWORD}@192.168.1.20/s"\n'
    )
    return path


def bundle(path, target, *more):
    done = xinguan("support-bundle", target, "--config", path, *more)
    assert "Traceback" not in done.stderr
    return done


def test_it_is_shown_first_and_written_only_when_somebody_agrees(box, tmp_path):
    shown = bundle(box, tmp_path / "b.tar.gz")

    assert shown.returncode == 1
    for part in ("versions.txt", "config.toml", "doctor.jsonl", "database.json", "log.jsonl"):
        assert part in shown.stdout
    assert not (tmp_path / "b.tar.gz").exists()


def test_it_holds_what_a_supporter_asks_for_and_no_person_and_no_secret(box, tmp_path):
    done = bundle(box, tmp_path / "b.tar.gz", "--yes")

    assert done.returncode == 0, done.stderr
    with tarfile.open(tmp_path / "b.tar.gz") as packed:
        texts = {one.name.rpartition("/")[2]: packed.extractfile(one).read().decode() for one in packed}
    assert json.loads(texts["database.json"])["facts"] == {"granted": 1}
    assert "xinguan 0" in texts["versions.txt"]
    assert "rtsp://[covered]@192.168.1.20" in texts["config.toml"]
    assert any(json.loads(line)["name"] == "identity" for line in texts["doctor.jsonl"].splitlines())
    everything = "".join(texts.values())
    for secret in (PSEUDONYM, "王小明", PASSWORD, "t0ken-of-the-display-000", "t0ken-service-0"):
        assert secret not in everything


def test_a_part_that_has_no_end_is_cut_and_one_that_fails_says_why():
    def ill():
        raise OSError("the disk is gone")

    long = support._bounded(support.Part("log.jsonl", "", "", lambda: "x" * 5_000_000 + "the end"))

    assert len(long.encode()) <= support.MAX_PART
    assert long.endswith("the end")
    assert support._bounded(support.Part("database.json", "", "", ill)) == "OSError: the disk is gone\n"


def test_a_bundle_does_not_overwrite_a_file(box, tmp_path):
    (tmp_path / "b.tar.gz").write_text("mine")

    assert bundle(box, tmp_path / "b.tar.gz", "--yes").returncode == 2
    assert (tmp_path / "b.tar.gz").read_text() == "mine"
