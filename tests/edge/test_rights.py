"""What a terminal keeps is its own user's; and one folder has one server, whatever is tidied away in it."""

import stat

import pytest

from edge.commands.owner import keep_private
from storage.only_one import AlreadyRunningError, only_one


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def own_umask():
    import os

    before = os.umask(0o022)
    yield
    os.umask(before)


def test_files_that_others_can_read_are_mended_and_new_ones_are_private(tmp_path, own_umask):
    old = tmp_path / "terminal.db"
    old.write_bytes(b"")
    tmp_path.chmod(0o755)

    mended = keep_private(tmp_path)
    (tmp_path / "terminal.db-wal").write_bytes(b"")

    assert set(mended) == {str(tmp_path), str(old)}
    assert [rights(path) for path in (tmp_path, old, tmp_path / "terminal.db-wal")] == [0o700, 0o600, 0o600]
    assert keep_private(tmp_path) == []


def test_a_second_server_is_refused_also_after_the_folder_was_swept(tmp_path):
    (tmp_path / "terminal.lock").touch()
    with only_one(tmp_path):
        for path in tmp_path.iterdir():
            path.unlink()

        with pytest.raises(AlreadyRunningError), only_one(tmp_path):
            pass

    with only_one(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_is_still_locked(tmp_path):
    tmp_path.chmod(0o500)
    with only_one(tmp_path), pytest.raises(AlreadyRunningError), only_one(tmp_path):
        pass
