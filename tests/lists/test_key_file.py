"""Lists of many entries: the key file, its deltas, and what must not pass (lists.md)."""

import doctest
import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.lists.keyfile import base, delta, layout, tree, view
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import write_buckets, write_rows
from cache.lists.keyfile.delta import HEAD, MAX_CHANGES, Delta
from cache.lists.keyfile.layout import FAN, HEADER, MEASURES, KeyFileError, Layout, bits_for
from cache.lists.keyfile.view import View

LAYOUT = Layout(kind=MEASURES, payload=2, bits=3)
KEYS = st.binary(min_size=16, max_size=16)
PAYLOADS = st.sets(st.binary(min_size=2, max_size=2), max_size=4).map(lambda rows: b"".join(sorted(rows)))


def made(folder: Path, rows: dict[bytes, bytes], *, form: Layout = LAYOUT, name: str = "base") -> View:
    width = form.payload
    every = [(key, all_of[at : at + width]) for key, all_of in rows.items() for at in range(0, len(all_of), width)]
    root = write_rows(every, layout=form, out=folder / name)
    return View.over(Base.open(folder / name, root=root))


def town(entries: int, *, seed: int = 7, payload: int = 2) -> dict[bytes, bytes]:
    drawn = random.Random(seed)
    return {drawn.randbytes(16): drawn.randbytes(payload) for _ in range(entries)}


@pytest.mark.parametrize("module", [base, delta, layout, tree, view], ids=lambda module: module.__name__)
def test_the_examples_in_the_modules_run(module):
    assert doctest.testmod(module).failed == 0


class TestLookingUp:
    def test_everybody_who_is_listed_is_found_with_all_their_rows(self, tmp_path):
        rows = town(500) | {b"two rows".ljust(16, b"."): b"\x00\x01\x00\x02"}

        listed = made(tmp_path, rows)

        assert {key: listed.look_up(key) for key in rows} == rows

    def test_nobody_else_is(self, tmp_path):
        listed = made(tmp_path, town(500))

        assert all(listed.look_up(key) == b"" for key in town(500, seed=8))

    def test_a_match_across_two_rows_is_none(self, tmp_path):
        flat = Layout(kind=MEASURES, payload=6, bits=0)
        listed = made(tmp_path, {b"\x00" * 7 + b"\x01" + b"\x00" * 8: b"abcdef"}, form=flat)
        assert flat.place(b"\x00\x00\x00\x00\x01abcdef.....")[0] == 0

        assert listed.look_up(b"\x00\x00\x00abcdef"[3:] + b"xx") == b""

    def test_an_empty_list_is_a_list(self, tmp_path):
        listed = made(tmp_path, {})

        assert (listed.count, listed.look_up(b"k" * 16)) == (0, b"")

    @pytest.mark.parametrize(
        ("rows", "bits"), [(0, 0), (1, 0), (128, 0), (129, 1), (100_000, 10), (10**7, 16), (10**9, 16)]
    )
    def test_the_fan_out_grows_with_the_list(self, rows, bits):
        assert bits_for(rows) == bits


class TestChanges:
    @given(
        st.dictionaries(KEYS, PAYLOADS, max_size=30), st.lists(st.dictionaries(KEYS, PAYLOADS, max_size=8), max_size=5)
    )
    def test_any_chain_of_deltas_is_the_list_that_was_meant(self, tmp_path_factory, rows, chain):
        folder = tmp_path_factory.mktemp("lists")
        here, there = made(folder, rows, name="one"), made(folder, rows, name="two")
        known = list(rows)
        for changes in chain:
            step_changes = changes | ({known[0]: b""} if known else {})
            step = here.delta(step_changes)
            here = there = here.applied(Delta.read(step.written()))
            rows = {key: all_of for key, all_of in (rows | step_changes).items() if all_of}
            known = list(rows)

        fresh = made(folder, rows, name="three")
        assert (there.root, there.count) == (fresh.root, fresh.count)
        assert {key: there.look_up(key) for key in rows} == rows

    def test_one_by_one_or_all_at_once_every_change_is_found_and_nobody_elses(self, tmp_path):
        """Few changes on many are laid in another way than many; marks are carried on, and made anew when they fill."""
        rows, strangers = town(50), town(500, seed=8)
        changes = dict.fromkeys((*town(120, seed=3), *list(rows)[:9]), b"\t\t")
        one_by_one = all_at_once = made(tmp_path, rows)
        for key, payloads in changes.items():
            one_by_one = one_by_one.applied(one_by_one.delta({key: payloads}))
        all_at_once = all_at_once.applied(all_at_once.delta(changes))

        for listed in (one_by_one, all_at_once):
            assert {key: listed.look_up(key) for key in rows | changes} == rows | changes
            assert {listed.look_up(key) for key in strangers} == {b""}

    def test_a_compacted_base_has_the_root_of_what_it_was_made_of(self, tmp_path):
        rows = town(300)
        gone = next(iter(rows))
        listed = made(tmp_path, rows)
        listed = listed.applied(listed.delta({gone: b"", b"new".ljust(16, b"!"): b"\x07\x07"}))

        root = write_buckets(listed.buckets(), layout=LAYOUT, out=tmp_path / "compacted")

        assert root == listed.root
        compacted = View.over(Base.open(tmp_path / "compacted", root=root))
        assert (compacted.pending, compacted.look_up(gone), listed.pending) == (0, b"", 2)

    def test_a_reader_keeps_the_list_it_took(self, tmp_path):
        rows = town(50)
        one = next(iter(rows))
        before = made(tmp_path, rows)

        after = before.applied(before.delta({one: b""}))

        assert (before.look_up(one), after.look_up(one)) == (rows[one], b"")


class TestHostileDeltas:
    @pytest.fixture
    def listed(self, tmp_path):
        return made(tmp_path, town(200))

    def test_a_replayed_delta_is_refused(self, listed):
        step = listed.delta({b"a" * 16: b"\x01\x01"})
        after = listed.applied(step)

        with pytest.raises(KeyFileError, match="this list is at"):
            after.applied(step)

    def test_a_delta_over_a_gap_is_refused(self, listed):
        between = listed.applied(listed.delta({b"a" * 16: b"\x01\x01"}))
        later = between.delta({b"b" * 16: b"\x01\x01"})

        with pytest.raises(KeyFileError, match="this list is at"):
            listed.applied(later)

    @pytest.mark.parametrize("field", ["after", "count", "changes"])
    def test_a_delta_that_leads_elsewhere_is_refused_and_changes_nothing(self, listed, field):
        step = listed.delta({b"a" * 16: b"\x01\x01"})
        wrong = {"after": bytes(32), "count": step.count + 1, "changes": {(0, b"sneaky"): b"\x01\x01"}}[field]
        parts = {name: getattr(step, name) for name in ("layout", "before", "after", "count", "changes")}

        with pytest.raises(KeyFileError, match="lead elsewhere"):
            listed.applied(Delta(**{**parts, field: wrong}))

        assert listed.look_up(b"a" * 16) == b""

    def test_a_bomb_is_refused_by_its_head(self, listed):
        data = bytearray(listed.delta({}).written())
        data[12:16] = (MAX_CHANGES + 1).to_bytes(4, "big")

        with pytest.raises(KeyFileError, match="out of bounds"):
            Delta.read(bytes(data))

    def test_any_octet_changed_cut_or_added_is_refused_or_leads_elsewhere(self, listed):
        data = listed.delta({b"a" * 16: b"\x01\x01", b"b" * 16: b"\x01\x01\x02\x02"}).written()
        odd = [data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :] for at in range(len(data))]
        odd += [data[:at] for at in range(len(data))] + [data + b"\x00"]

        for one in odd:
            with pytest.raises(KeyFileError):
                listed.applied(Delta.read(one))

    def test_one_key_twice_in_a_delta_is_refused(self, listed):
        data = listed.delta({b"a" * 16: b"\x01\x01"}).written()
        twice = data + data[HEAD.size :]

        with pytest.raises(KeyFileError, match="ascending"):
            Delta.read(twice[:12] + (2).to_bytes(4, "big") + twice[16:])


class TestDamagedFiles:
    @pytest.fixture
    def path(self, tmp_path):
        made(tmp_path, town(300))
        return tmp_path / "base"

    @pytest.fixture
    def root(self, path):
        return path.read_bytes()[24:56]

    @pytest.mark.parametrize("part", ["header", "fan-out", "rows"])
    def test_a_flipped_bit_anywhere_is_found_at_the_start(self, path, root, part):
        whole = path.read_bytes()
        rows_at = HEADER.size + FAN.size * (LAYOUT.buckets + 1)
        places = {
            "header": range(HEADER.size),
            "fan-out": range(HEADER.size, rows_at),
            "rows": range(rows_at, len(whole), 7),
        }
        for at in places[part]:
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])

            with pytest.raises(KeyFileError):
                Base.open(path, root=root, fresh=False)

    @pytest.mark.parametrize("cut", [0, 10, HEADER.size, -1])
    def test_a_file_cut_short_is_refused(self, path, root, cut):
        path.write_bytes(path.read_bytes()[:cut])

        with pytest.raises(KeyFileError):
            Base.open(path, root=root)

    def test_a_file_cut_while_it_is_open_is_an_error_and_not_an_all_clear(self, path, root):
        rows = town(300)
        listed = View.over(Base.open(path, root=root))
        os.truncate(path, HEADER.size)

        with pytest.raises(KeyFileError, match="cut short"):
            listed.look_up(next(iter(rows)))

    def test_the_scrub_names_the_bucket_that_went_bad(self, path, root):
        listed = Base.open(path, root=root)
        assert list(listed.bad_buckets()) == []
        with path.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last[0] ^ 1]))

        assert list(listed.bad_buckets()) == [LAYOUT.buckets - 1]

    def test_a_delta_onto_a_bucket_gone_bad_is_refused(self, path, root):
        listed = View.over(Base.open(path, root=root))
        step = listed.delta({b"\xff" * 16: b"\x01\x01"})
        path.write_bytes(path.read_bytes()[:-1] + b"\x99")

        with pytest.raises(KeyFileError, match="damaged on disk"):
            listed.applied(step)


class TestBuilding:
    def test_two_people_who_would_be_one_to_a_terminal_are_refused_by_name(self, tmp_path):
        one, two = bytes.fromhex("00" * 6 + "ff00" + "11" * 8), bytes.fromhex("00" * 6 + "ffff" + "22" * 8)

        with pytest.raises(KeyFileError, match=f"{one.hex()} and {two.hex()}"):
            write_rows(
                [(one, b"\x01\x01"), (two, b"\x01\x01")], layout=Layout(kind=1, payload=2, bits=0), out=tmp_path / "x"
            )

    def test_seventeen_rows_for_one_person_are_refused(self, tmp_path):
        rows = [(b"k" * 16, bytes([0, number])) for number in range(17)]

        with pytest.raises(KeyFileError, match="more than 16 rows"):
            write_rows(rows, layout=LAYOUT, out=tmp_path / "x")

    def test_a_row_twice_is_refused(self, tmp_path):
        with pytest.raises(KeyFileError, match="stands twice"):
            write_rows([(b"k" * 16, b"aa"), (b"k" * 16, b"aa")], layout=LAYOUT, out=tmp_path / "x")

    def test_a_payload_of_another_width_is_refused(self, tmp_path):
        with pytest.raises(KeyFileError, match="payload"):
            write_rows([(b"k" * 16, b"aaa")], layout=LAYOUT, out=tmp_path / "x")

    @pytest.mark.parametrize("wrong", [{"kind": 9}, {"payload": 0}, {"payload": 33}, {"bits": 17}])
    def test_a_layout_of_nobody_is_refused(self, wrong):
        with pytest.raises(KeyFileError):
            Layout(**{"kind": 1, "payload": 2, "bits": 3, **wrong})
