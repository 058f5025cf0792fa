import argparse
import asyncio
import hashlib
import io
import json
import os
import stat
from collections import Counter

import pytest

from cache.journal.chain import current_epoch
from storage.files import create_file, replace_file
from storage.only_one import only_one
from storage.sqlite import Store
from sync.enrol import enrolling as command
from sync.enrol.enrolling import DATABASE_FILE, Ticket, enrol, read_ticket, run
from sync.enrol.identity import (
    ENROLMENT_FILE,
    KEY_FILE,
    IdentityError,
    NotEnrolledError,
    load_identity,
    load_or_make_key,
    platform_url,
)
from sync.transport import RefusedError, UnreachableError, open_session
from sync.wire.jws import public_hex

NOON = 1_790_000_000_000


async def try_enrol(ticket, folder, **changes):
    async with open_session() as session:
        return await enrol(ticket, folder=folder, session=session, now_ms=NOON, **changes)


class TestEnrolling:
    async def test_a_terminal_learns_who_it_is_and_keeps_it(self, town, tmp_path):
        folder = tmp_path / "gate-a"

        identity = await try_enrol(town.ticket(town.code("gate-a")), folder)

        assert (identity.terminal, identity.site, identity.profile.test) == ("gate-a", "tiankeng", True)
        assert identity.profile.ticket_types[0].price_fen == 6000
        assert hashlib.sha256(identity.trust_root).digest() == hashlib.sha256(town.state.trust_root()).digest()
        assert load_identity(folder).platform_keys.keys() == {town.state.signer.public.kid}
        assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
        assert stat.S_IMODE((folder / ENROLMENT_FILE).stat().st_mode) == 0o600
        async with Store(folder / DATABASE_FILE) as store:
            assert (await store.read(current_epoch)).terminal == "gate-a"

    async def test_a_lost_answer_is_asked_for_again_with_the_same_code(self, town, tmp_path):
        ticket, folder = town.ticket(town.code()), tmp_path / "t"
        town.relay.lose_answers = 1
        with pytest.raises(UnreachableError):
            await try_enrol(ticket, folder)

        identity = await try_enrol(ticket, folder)

        assert identity.terminal == "gate-a"
        assert town.rows("SELECT public_key FROM terminals") == [(public_hex(identity.key),)]

    async def test_a_used_code_is_no_use_to_another_key(self, town, tmp_path):
        ticket = town.ticket(town.code())
        await try_enrol(ticket, tmp_path / "first")

        with pytest.raises(RefusedError) as refused:
            await try_enrol(ticket, tmp_path / "second")

        assert (refused.value.problem.status, refused.value.problem.code) == (409, "code_used")
        assert not (tmp_path / "second" / ENROLMENT_FILE).exists()

    async def test_a_day_after_its_use_a_code_answers_nobody(self, town, tmp_path):
        ticket = town.ticket(town.code())
        await try_enrol(ticket, tmp_path / "t")
        town.clock.at_ms += 86_400_000
        (tmp_path / "t" / ENROLMENT_FILE).unlink()  # the key is there, as after an answer that was lost

        with pytest.raises(RefusedError, match="unknown_code"):
            await try_enrol(ticket, tmp_path / "t")

    async def test_an_expired_code_is_unknown(self, town, tmp_path):
        ticket = town.ticket(town.code(valid_ms=1000))
        town.clock.at_ms += 1000

        with pytest.raises(RefusedError, match="expired"):
            await try_enrol(ticket, tmp_path / "t")

    async def test_five_wrong_tries_and_the_minute_must_pass(self, town, tmp_path):
        good = town.ticket(town.code())
        bad = Ticket("AAAA-AAAA-AAAA-AAAA", good.platform, None)
        for _ in range(5):
            with pytest.raises(RefusedError, match="unknown_code"):
                await try_enrol(bad, tmp_path / "t")

        with pytest.raises(RefusedError) as refused:
            await try_enrol(good, tmp_path / "t")
        town.clock.at_ms += 60_000
        identity = await try_enrol(good, tmp_path / "t")

        assert (refused.value.problem.status, refused.value.wait_s) == (429, 60.0)
        assert identity.terminal == "gate-a"

    async def test_twenty_wrong_tries_at_once_are_five_tries(self, town, tmp_path):
        bad = Ticket("AAAA-AAAA-AAAA-AAAA", town.ticket(town.code()).platform, None)
        tries = (try_enrol(bad, tmp_path / str(number)) for number in range(20))

        answers = await asyncio.gather(*tries, return_exceptions=True)

        assert Counter(answer.problem.code for answer in answers) == {"unknown_code": 5, "too_many_tries": 15}

    async def test_enrolling_six_terminals_in_a_minute_is_no_try_to_guess(self, town, tmp_path):
        for number in range(6):
            await try_enrol(town.ticket(town.code(f"gate-{number}")), tmp_path / str(number))

    async def test_another_trust_root_than_the_qr_announces_is_refused_whole(self, town, tmp_path):
        ticket = town.ticket(town.code())
        forged = Ticket(ticket.code, ticket.platform, "0" * 64)

        with pytest.raises(IdentityError, match="another trust root"):
            await try_enrol(forged, tmp_path / "t")

        assert not (tmp_path / "t" / ENROLMENT_FILE).exists()

    async def test_a_terminal_with_unsent_facts_is_not_enrolled_again(self, town, tmp_path):
        terminal = await town.terminal()
        await terminal.write()

        with pytest.raises(IdentityError, match="1 facts wait"):
            await try_enrol(town.ticket(town.code("gate-b")), terminal.folder, again=True)

    async def test_a_running_terminal_is_not_enrolled_again_beside_itself(self, town, capsys):
        terminal = await town.terminal()
        before = (terminal.folder / ENROLMENT_FILE).read_bytes()
        arguments = argparse.Namespace(
            code=town.code("gate-b"), data=terminal.folder, platform=town.relay_url, ca=None, again=True
        )

        with only_one(terminal.folder):
            code = await asyncio.to_thread(run, arguments, now_ms=NOON)

        assert (code, "Stop it first" in capsys.readouterr().err) == (1, True)
        assert (terminal.folder / ENROLMENT_FILE).read_bytes() == before

    async def test_an_enrolled_terminal_says_so(self, town):
        terminal = await town.terminal()

        with pytest.raises(IdentityError, match="--again"):
            await try_enrol(town.ticket(town.code()), terminal.folder)


class TestIdentityOnDisk:
    def test_without_enrolment_there_is_no_identity(self, tmp_path):
        with pytest.raises(NotEnrolledError, match="xinguan enrol CODE"):
            load_identity(tmp_path)

    def test_a_key_that_others_may_read_is_refused_with_the_mend(self, tmp_path):
        load_or_make_key(tmp_path)
        (tmp_path / KEY_FILE).chmod(0o640)

        with pytest.raises(IdentityError, match="chmod 600"):
            load_or_make_key(tmp_path)

    async def test_an_enrolment_for_another_key_is_refused(self, town):
        terminal = await town.terminal()
        (terminal.folder / KEY_FILE).unlink()
        load_or_make_key(terminal.folder)

        with pytest.raises(IdentityError, match="another key"):
            load_identity(terminal.folder)

    async def test_a_torn_enrolment_file_is_named(self, town):
        terminal = await town.terminal()
        path = terminal.folder / ENROLMENT_FILE
        path.write_bytes(path.read_bytes()[:-20])

        with pytest.raises(IdentityError, match=ENROLMENT_FILE):
            load_identity(terminal.folder)

    async def test_a_platform_key_that_is_not_its_kid_is_refused(self, town):
        terminal = await town.terminal()
        path = terminal.folder / ENROLMENT_FILE
        content = json.loads(path.read_text())
        content["answer"]["platform_keys"][0]["kid"] = "0" * 16
        path.write_text(json.dumps(content))

        with pytest.raises(IdentityError, match="is not the id of its key"):
            load_identity(terminal.folder)


class TestTicket:
    def test_http_is_for_this_machine_only(self):
        assert platform_url("http://127.0.0.1:8480/") == "http://127.0.0.1:8480"
        assert platform_url("http://[::1]:1") == "http://[::1]:1"
        assert platform_url("https://credit.example.org") == "https://credit.example.org"
        for bad in (
            "http://10.0.0.7",
            "http://127.0.0.1.example.org",
            "ftp://x",
            "https://",
            "https://u@h",
            "http://[::",
            "x",
        ):
            with pytest.raises(IdentityError):
                platform_url(bad)

    def test_a_bare_code_needs_an_address(self):
        with pytest.raises(IdentityError, match="--platform"):
            read_ticket("K7QD-AAAA-BBBB-CCCC")

        assert read_ticket("K7QD-AAAA-BBBB-CCCC", platform="https://p").platform == "https://p"

    def test_a_qr_without_the_root_is_refused(self):
        with pytest.raises(IdentityError, match="incomplete"):
            read_ticket("xinguan-enrol:https://p#code=K7QD-AAAA-BBBB-CCCC")


class TestCommand:
    async def enrol(self, town, tmp_path, code, *options):
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        args = parser.parse_args([code, "--data", str(tmp_path / "t"), "--platform", town.relay_url, *options])
        return await asyncio.to_thread(command.run, args, now_ms=NOON)

    async def test_it_enrols_and_shows_the_trust_root_to_compare(self, town, tmp_path, capsys):
        code = await self.enrol(town, tmp_path, town.code("desk-1"))

        said = capsys.readouterr().out
        assert code == 0
        assert "enrolled: desk-1 at tiankeng" in said
        assert hashlib.sha256(town.state.trust_root()).hexdigest() in said

    async def test_the_code_may_come_from_stdin_so_that_no_process_list_shows_it(self, town, tmp_path, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO(town.code("desk-1") + "\n"))

        assert await self.enrol(town, tmp_path, "-") == 0

    async def test_each_way_to_fail_has_its_exit_code(self, town, tmp_path, capsys):
        wrong = await self.enrol(town, tmp_path, "no code")
        refused = await self.enrol(town, tmp_path, "AAAA-AAAA-AAAA-AAAA")
        await town.relay.cut()
        away = await self.enrol(town, tmp_path, "AAAA-AAAA-AAAA-AAAA")

        assert (wrong, refused, away) == (2, 1, 69)
        assert "the same code stays good" in capsys.readouterr().err


class TestDurableFiles:
    def test_a_file_is_replaced_whole_with_its_rights(self, tmp_path):
        path = tmp_path / "x"
        replace_file(path, b"old")
        replace_file(path, b"new")

        assert path.read_bytes() == b"new"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [one.name for one in tmp_path.iterdir()] == ["x"]

    def test_the_order_is_write_sync_rename_sync(self, tmp_path, monkeypatch):
        done = []
        for name in ("fsync", "replace", "rename"):
            real = getattr(os, name)
            monkeypatch.setattr(os, name, lambda *a, _name=name, _real=real: (done.append(_name), _real(*a))[1])

        replace_file(tmp_path / "x", b"new")

        assert [one.replace("rename", "replace") for one in done] == ["fsync", "replace", "fsync"]

    def test_a_key_is_never_written_over(self, tmp_path):
        create_file(tmp_path / "k", b"first")

        with pytest.raises(FileExistsError):
            create_file(tmp_path / "k", b"second")

        assert (tmp_path / "k").read_bytes() == b"first"
