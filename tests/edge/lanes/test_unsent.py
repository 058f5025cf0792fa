"""Attempts that are written and not sent: known to the next start of a program that fell, and to nobody else."""

import errno
import os

import pytest

from edge.lanes.gates.unsent import SLOTS, Unsent


@pytest.fixture
def page(tmp_path):
    return tmp_path / "unsent"


class TestAcrossAStart:
    def test_what_was_written_and_did_not_leave_still_waits(self, page):
        before = Unsent(page)
        before.written("r1.1")
        before.written("r2.1")
        before.leaves("r2.1")

        after = Unsent(page)

        assert (after.waits("r1.1"), after.waits("r2.1"), after.waits("r3.1")) == (True, False, False)

    def test_of_more_than_there_is_room_for_the_oldest_is_unknown(self, page):
        before = Unsent(page)
        for number in range(SLOTS + 1):
            before.written(f"r{number}.1")

        after = Unsent(page)

        assert [number for number in range(SLOTS + 1) if not after.waits(f"r{number}.1")] == [0]

    def test_an_end_in_good_order_leaves_no_page_behind_but_what_waits(self, page):
        first = Unsent(page)
        first.written("r1.1")
        first.close()
        assert Unsent(page).waits("r1.1")

        second = Unsent(page)
        second.leaves("r1.1")
        second.close()
        assert not page.exists()

    def test_half_a_name_is_no_name(self, page):
        before = Unsent(page)
        before.written("r1.1")
        page.write_bytes(page.read_bytes()[:3])

        assert not Unsent(page).waits("r1.1")


class TestWhatCannotBeKept:
    def test_without_a_page_nothing_is_known(self):
        unsent = Unsent()
        unsent.written("r1.1")

        assert not unsent.waits("r1.1")

    def test_a_page_that_others_may_write_is_not_believed(self, page):
        Unsent(page).written("r1.1")
        page.chmod(0o666)

        assert not Unsent(page).waits("r1.1")

    @pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
    def test_what_is_no_file_of_ours_is_left_alone(self, page, make):
        make(page)
        unsent = Unsent(page)
        unsent.written("r1.1")

        assert not unsent.waits("r1.1")

    def test_a_name_that_cannot_be_taken_off_takes_the_whole_page_with_it(self, page, monkeypatch):
        def full(*_what):
            raise OSError(errno.ENOSPC, "no room")

        before = Unsent(page)
        before.written("r1.1")
        before.written("r2.1")
        monkeypatch.setattr(os, "pwrite", full)
        before.leaves("r1.1")

        assert not page.exists()
        assert not Unsent(page).waits("r1.1")


class TestWhereItLies:
    def test_beside_a_service_s_own_files_where_systemd_names_a_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
        Unsent.of(tmp_path / "data").written("r1.1")

        assert Unsent.of(tmp_path / "data").waits("r1.1")
        assert not Unsent.of(tmp_path / "other").waits("r1.1")
        assert all(one.name.startswith("xinguan-") for one in tmp_path.iterdir())
