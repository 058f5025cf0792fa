"""Publishing: atomic under power cuts, complete, lawful, and never more than it says."""

import fcntl
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from central import example_town
from central.example_town import FOREIGN, HOME
from central.lists import cities, measure_calls, metadata_files
from central.lists.publishing import PublishingError, Repository
from central.register.registry import RegistryError
from central.register.warrants import Warrant
from credit.rules.listing import DOCUMENTS, path_of

INDEX = path_of("lists", HOME, "index.json")
BY_TWO = Warrant.by_two("li", "han")


class PowerCut(BaseException):
    """The plug: nothing after it happens."""


class TestPowerCut:
    async def test_whichever_write_is_the_last_terminals_see_a_whole_state(self, platform, terminal, monkeypatch):
        wang = platform.issue("wang").subject
        whole = metadata_files.replace_file
        cuts = 0
        async with terminal.open() as t:
            for last in range(20):
                left = [last]

                def cut(path, data, *, mode=0o644, left=left):
                    if left[0] == 0:
                        raise PowerCut
                    left[0] -= 1
                    whole(path, data, mode=mode)

                monkeypatch.setattr(metadata_files, "replace_file", cut)
                try:
                    platform.restrict("wang")
                except PowerCut:
                    cuts += 1
                else:
                    break
                finally:
                    monkeypatch.setattr(metadata_files, "replace_file", whole)
                pulled = await t.puller.once()
                assert dict(pulled.problems) == {}
                assert not t.lists.current.measures(HOME, wang), "not published, so not in force"
                platform.repository.freshen(now_ms=platform.later())
                assert dict((await t.puller.once()).problems) == {}
                _forget(platform)
            await t.puller.once()

            assert t.lists.current.measures(HOME, wang)
            assert cuts == 4  # the document, the role, the snapshot, the timestamp

    def test_what_was_recorded_before_the_cut_goes_out_with_the_next_publication(self, platform, monkeypatch):
        def cut(path, data, *, mode=0o644):
            raise PowerCut

        with monkeypatch.context() as patched:
            patched.setattr(metadata_files, "replace_file", cut)
            with pytest.raises(PowerCut):
                platform.restrict("wang")

        assert cities.publish(platform.state, now_ms=platform.later()).changed == (INDEX,)


class TestRepository:
    def test_nothing_changed_is_a_new_timestamp_and_nothing_else(self, platform):
        before = _names(platform.public)

        published = cities.publish(platform.state, now_ms=platform.later())

        assert published.changed == ()
        assert _names(platform.public) == before

    def test_old_files_leave_two_days_after_they_were_needed_last_and_roots_never(self, platform):
        platform.repository.rotate("timestamp", now_ms=platform.later())
        for code in (301, 302, 301):
            platform.restrict(f"wang {code}", code=code)
        needed = _names(platform.public)
        platform.repository.freshen(now_ms=platform.later(2 * 3_600_000))
        platform.repository.freshen(now_ms=platform.later(45 * 3_600_000))
        assert needed <= _names(platform.public), "a terminal may still be reading what was replaced an hour ago"
        platform.repository.freshen(now_ms=platform.later(4 * 3_600_000))

        names = _names(platform.public)
        assert {"1.root.json", "2.root.json"} <= {Path(name).name for name in names}
        assert len([name for name in names if name.endswith("index.json")]) == len(example_town.CITIES)
        assert not [name for name in names if name.endswith("measures.delta") and name not in needed]

    def test_a_role_is_signed_anew_before_it_expires(self, platform):
        def version(role):
            return (
                metadata_files.MetadataFiles(platform.public, platform.repository.keys)
                .load()
                .roles[role]
                .signed.version
            )

        before = version(f"lists.{HOME}"), version(f"issuers.{HOME}")
        platform.repository.freshen(now_ms=platform.later(8 * 86_400_000))

        after = version(f"lists.{HOME}"), version(f"issuers.{HOME}")
        assert (after[0] > before[0], after[1] == before[1]) == (True, True)

    @pytest.mark.parametrize(
        "path", ["lists/yunling/keys.json", "else/yunling/keys.json", "lists/nowhere/measures.json", "x"]
    )
    def test_only_known_documents_of_known_cities_are_published(self, platform, path):
        with pytest.raises(PublishingError):
            platform.repository.publish({path: b"[]"}, now_ms=platform.later())

    def test_a_city_without_all_its_documents_is_not_taken_in(self, platform):
        documents = {path_of(kind, "west", name): b"{}" for kind, names in DOCUMENTS.items() for name in names}
        del documents["lists/west/index.json"]
        with pytest.raises(PublishingError, match=r"index\.json: missing"):
            platform.repository.add_city("west", documents, now_ms=platform.later())

    @pytest.mark.parametrize("city", ["", "Wulong", "../x", "a.b", "a/b", "x" * 33])
    def test_a_citys_name_is_a_path_and_nothing_more(self, platform, city):
        with pytest.raises(PublishingError):
            platform.repository.add_city(city, {}, now_ms=platform.later())

    def test_a_second_repository_in_the_same_folder_is_refused(self, platform):
        with pytest.raises(PublishingError, match="already"):
            platform.repository.create(now_ms=platform.later())

    def test_keys_are_readable_by_their_owner_alone(self, platform):
        modes = {
            path.stat().st_mode & 0o777
            for folder in ("keys", "issuer-keys")
            for path in (platform.state / folder).iterdir()
        }
        assert modes == {0o600}


class TestMeasures:
    def test_an_entry_is_published_from_its_first_day_to_its_last(self, platform):
        measure = measure_calls.Measure(
            code=301, until=date(2026, 11, 21), from_day=date(2026, 11, 20), authority="云岭文旅局"
        )
        platform.issue("wang")
        measure_calls.restrict(
            platform.state, HOME, "wang", measure, warrant=BY_TWO, now_ms=platform.clock.ms
        )  # the 18th
        seen = {}
        for day in range(18, 24):
            documents = cities.documents(platform.state, HOME, held=None, now_ms=platform.clock.ms)
            seen[day] = json.loads(documents[INDEX])["measures"]["count"]
            platform.later(86_400_000)

        assert seen == {18: 0, 19: 0, 20: 1, 21: 1, 22: 0, 23: 0}

    def test_only_the_city_that_took_a_measure_can_lift_it(self, platform):
        wang = platform.issue("wang").subject.hex()
        platform.restrict(wang)
        with pytest.raises(RegistryError, match="no measure"):
            platform.repair(wang, city=FOREIGN)

    def test_a_ninth_measure_against_one_person_is_refused(self, platform):
        for code in [301, 302] * 4:
            platform.restrict("wang", code=code)
        with pytest.raises(RegistryError, match="8 measures"):
            platform.restrict("wang", code=301)

    async def test_a_repair_can_lift_one_measure_of_two(self, platform, terminal):
        platform.restrict("wang", code=301)
        platform.restrict("wang", code=302)
        one = measure_calls.Only(code=301)
        measure_calls.repair(platform.state, HOME, "wang", only=one, warrant=BY_TWO, now_ms=platform.later())

        async with terminal.open() as t:
            await t.puller.once()
            left = t.lists.current.measures(HOME, platform.issue("wang").subject)
            assert [one.code for one in left] == [302]

    def test_documents_are_rendered_while_nobody_else_can_publish(self, platform, monkeypatch):
        """Else a call that waited for another's publication would publish what it had rendered before, and undo it."""
        rendered, held = cities.documents, []

        def documents(state, city, **asked):
            with (state / "publishing.lock").open("ab") as lock, pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held.append(city)
            return rendered(state, city, **asked)

        monkeypatch.setattr(cities, "documents", documents)
        platform.restrict("wang")

        assert held == [HOME]

    def test_calls_at_the_same_time_do_not_undo_each_other(self, platform):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda number: platform.restrict(f"visitor {number}"), range(6)))

        roles = metadata_files.MetadataFiles(platform.public, platform.repository.keys).load().roles
        sha256 = roles[f"lists.{HOME}"].signed.targets[INDEX].hashes["sha256"]
        published = (platform.public / "targets" / "lists" / HOME / f"{sha256}.index.json").read_bytes()
        assert json.loads(published)["measures"]["count"] == 6

    def test_names_and_reasons_never_leave_the_office(self, platform):
        platform.issue("王小明")
        platform.restrict("王小明")

        for file in platform.public.rglob("*.*"):
            assert "王小明".encode() not in file.read_bytes()


def _names(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*.*") if path.is_file()}


def _forget(platform):
    """Lift what was recorded, so that the next round records it anew."""
    from central.register.registry import register

    with register(platform.state) as conn:
        conn.execute("DELETE FROM entry")
    assert isinstance(platform.repository, Repository)
    cities.publish(platform.state, now_ms=platform.later())
