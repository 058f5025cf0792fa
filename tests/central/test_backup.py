"""Row 5: a platform is restored from a backup, and nothing that a terminal has seen is newer than what it says then."""

import json
import tarfile

import pytest

from central import example_town
from central.commands.backup import pack
from central.commands.restore import unpack
from central.lists.publishing import Repository
from central.platform_state import StateError, create_state, open_state
from central.store import changed, looked
from storage.only_one import AlreadyRunningError, only_one

NOW = 1_795_000_000_000


@pytest.fixture
def state(tmp_path):
    create_state(tmp_path / "p")
    example_town.found(tmp_path / "p", now_ms=NOW)
    changed(open_state(tmp_path / "p"), lambda tx: tx.execute("INSERT INTO marks (name, value) VALUES ('x', 'kept')"))
    return tmp_path / "p"


def versions(state):
    signed = json.loads((state / "public" / "metadata" / "timestamp.json").read_bytes())["signed"]
    return signed["version"], signed["meta"]["snapshot.json"]["version"]


def marks(state):
    return dict(looked(open_state(state), lambda tx: tx.rows("SELECT name, value FROM marks")))


def test_a_backup_is_the_whole_platform_and_what_was_there_stays_beside_it(state, tmp_path):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    operator, root = (state / "operator-token").read_bytes(), Repository(state).trust_root()
    changed(open_state(state), lambda tx: tx.execute("DELETE FROM marks"))

    aside = unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 5000)

    assert marks(state) == {"x": "kept", "restored": str(NOW + 5000)}
    assert marks(aside) == {}
    assert ((state / "operator-token").read_bytes(), Repository(state).trust_root()) == (operator, root)
    assert (tmp_path / "b.tar").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700


def test_what_is_restored_is_newer_than_everything_that_was_published_since(state, tmp_path):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    for later in range(1, 4):
        Repository(state).freshen(now_ms=NOW + later * 8 * 86_400_000)
    seen = versions(state)

    unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 25 * 86_400_000)

    assert all(now > before for now, before in zip(versions(state), seen, strict=True))


def test_a_backup_with_an_older_root_is_refused_and_says_which_to_bring(state, tmp_path):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    Repository(state).rotate("timestamp", now_ms=NOW + 1000)
    before = versions(state)

    with pytest.raises(StateError, match="has root 1, and root 2 was served"):
        unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 2000)

    assert versions(state) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "p"]


def test_where_the_folder_is_lost_the_newest_root_must_be_named(state, tmp_path):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    newest = tmp_path / "newest.root.json"
    newest.write_bytes(Repository(state).trust_root())
    lost = tmp_path / "elsewhere"

    with pytest.raises(StateError, match="--root"):
        unpack(lost, tmp_path / "b.tar", root=None, at_ms=NOW + 2000)
    assert unpack(lost, tmp_path / "b.tar", root=newest, at_ms=NOW + 2000) is None

    assert marks(lost)["x"] == "kept"


def test_the_backup_of_another_platform_is_refused(state, tmp_path):
    other = tmp_path / "other"
    create_state(other)
    example_town.found(other, now_ms=NOW)
    pack(other, tmp_path / "b.tar", at_ms=NOW)

    with pytest.raises(StateError, match="another platform"):
        unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 1)


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_backup_changes_nothing(state, tmp_path, damage):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    data = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(data[: len(data) // 2] if damage is None else damage)
    before = versions(state)

    with pytest.raises(StateError):
        unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 1)

    assert versions(state) == before


@pytest.mark.parametrize(
    ("name", "kind"), [("../beyond", tarfile.REGTYPE), ("/beyond", tarfile.REGTYPE), ("link", tarfile.SYMTYPE)]
)
def test_what_lies_beyond_a_backup_s_own_folder_is_not_laid_down(state, tmp_path, name, kind):
    pack(state, tmp_path / "b.tar", at_ms=NOW)
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, "/etc"
    with tarfile.open(tmp_path / "b.tar", "a") as archive:
        archive.addfile(entry)
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(StateError, match="is no file of a backup"):
        unpack(state, tmp_path / "b.tar", root=None, at_ms=NOW + 1)

    assert sorted(tmp_path.rglob("*")) == before


def test_a_platform_that_serves_is_not_replaced_under_its_feet(state):
    with only_one(state), pytest.raises(AlreadyRunningError), only_one(state):
        pass
