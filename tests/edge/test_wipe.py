"""A box that forgets everything, and signs for it."""

import fcntl
import os
import shutil

import pytest

from cache.journal import chain
from central.platform_state import create_state
from storage.migrations import migrate
from storage.sqlite import connect
from sync.enrol.identity import keep_enrolment, load_or_make_key
from sync.wire.exports import open_wiped
from sync.wire.jws import public_hex, public_key
from sync.wire.messages import EnrolAnswer, WireError
from sync.wire.profiles import Lane, Profile, SignedProfile
from tests.tools.shell import xinguan


def wipe(path, *more):
    done = xinguan("wipe", "--config", path, *more)
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def enrolled_folder(tmp_path):
    """A data folder as it stands after enrolling."""
    signer = create_state(tmp_path / "platform").signer
    profile = Profile(site="s", title={"zh": "站"}, issuer="yunling", lanes=[Lane(id="A", scene="gate")])
    answer = EnrolAnswer(
        terminal="gate1",
        site="s",
        profile=signer.profile(SignedProfile(terminal="gate1", number=1, profile=profile)),
        trust_root=b"{}",
        platform_keys=[signer.public],
    )
    folder = tmp_path / "data"
    ours = public_hex(load_or_make_key(folder))
    keep_enrolment(folder, platform="http://127.0.0.1:9", public_key=ours, answer=answer)
    return folder


@pytest.fixture
def box(enrolled_folder, tmp_path):
    """An enrolled terminal with two facts that nobody signed for."""
    conn = connect(enrolled_folder / "terminal.db", writing=True)
    migrate(conn, backup_to=None)
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    for number in range(2):
        chain.append(conn, chain.NewFact("note", {}, number, str(number)))
    conn.close()
    path = tmp_path / "terminal.toml"
    path.write_text(
        f'[terminal]\ndata = "{enrolled_folder}"\n[platform]\nurl = "https://p.example"\n'
        '[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return path


def test_facts_that_wait_are_not_lost_by_mistake(box, enrolled_folder, tmp_path):
    refused = wipe(box, "--receipt", tmp_path / "receipt", "--yes", "gate1")

    assert refused.returncode == 1
    assert "--lose-facts 2" in refused.stderr
    assert (enrolled_folder / "terminal.db").exists()
    assert not (tmp_path / "receipt").exists()


def test_what_waits_in_a_database_that_was_set_aside_is_not_lost_by_mistake_either(box, enrolled_folder, tmp_path):
    shutil.copyfile(enrolled_folder / "terminal.db", enrolled_folder / "terminal.db.replaced-1790000000000")

    refused = wipe(box, "--receipt", tmp_path / "receipt", "--lose-facts", 2, "--yes", "gate1")

    assert refused.returncode == 1
    assert "--lose-facts 4" in refused.stderr


@pytest.mark.parametrize("name", [None, "gate2"])
def test_nobody_wipes_a_box_without_naming_it(box, enrolled_folder, tmp_path, name):
    refused = wipe(box, "--receipt", tmp_path / "receipt", "--lose-facts", 2, *(["--yes", name] if name else []))

    assert refused.returncode == 1
    assert (enrolled_folder / "terminal-key.pem").exists()


def test_a_wiped_box_knows_nothing_and_its_receipt_holds(box, enrolled_folder, tmp_path):
    key = public_key(public_hex(load_or_make_key(enrolled_folder)))
    outside = tmp_path / "outside"
    outside.write_text("stays")
    (enrolled_folder / "link").symlink_to(outside)
    (enrolled_folder / "folder").mkdir()
    (enrolled_folder / "folder" / "deep").write_text("x")

    done = wipe(box, "--receipt", tmp_path / "receipt", "--lose-facts", 2, "--yes", "gate1")

    assert done.returncode == 0, done.stderr
    said = open_wiped((tmp_path / "receipt").read_text(), key)
    assert (said.terminal, said.last, said.unsent) == ("gate1", 2, 2)
    assert list(enrolled_folder.iterdir()) == []
    assert outside.read_text() == "stays"


def test_a_receipt_of_another_key_does_not_hold(box, enrolled_folder, tmp_path):
    wipe(box, "--receipt", tmp_path / "receipt", "--lose-facts", 2, "--yes", "gate1")
    other = public_key(public_hex(load_or_make_key(tmp_path / "other")))

    with pytest.raises(WireError, match="signature"):
        open_wiped((tmp_path / "receipt").read_text(), other)


def test_a_terminal_that_runs_is_not_wiped(box, enrolled_folder, tmp_path):
    holder = os.open(enrolled_folder, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_EX)

    refused = wipe(box, "--receipt", tmp_path / "receipt", "--lose-facts", 2, "--yes", "gate1")

    os.close(holder)
    assert refused.returncode == 69
    assert (enrolled_folder / "terminal-key.pem").exists()
