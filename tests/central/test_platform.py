import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys

import pytest

from central.http.inflate import NotGzipError, TooLargeError, inflate
from central.http.tries import MAX_ADDRESSES, WrongTries
from central.platform_state import StateError, create_state, open_state
from central.register.registry import register
from central.register.standing import hear_obeyed, order, set_state, standing_orders
from central.store import changed
from storage.migrations import SchemaTooNewError
from storage.only_one import only_one
from storage.sqlite import connect
from sync.enrol.enrolling import enrol
from sync.transport import RefusedError, exchange, open_session
from sync.wire.messages import WireError
from tests.tools import shell

PROFILE = {"site": "tiankeng", "title": {"zh": "天坑"}, "issuer": "wulong", "lanes": [{"id": "A", "scene": "gate"}]}
MEMBER = gzip.compress(b"x")


class TestInflating:
    def test_up_to_the_bound_it_is_given_back(self):
        assert inflate(gzip.compress(b"x" * 100), limit=100) == b"x" * 100

    def test_one_byte_more_is_too_large(self):
        with pytest.raises(TooLargeError):
            inflate(gzip.compress(b"x" * 101), limit=100)

    @pytest.mark.parametrize(
        "body",
        [b"", b"plain", MEMBER[:-1], MEMBER + b"y", MEMBER * 2],
        ids=["nothing", "plain", "cut short", "something after it", "two"],
    )
    def test_anything_but_one_whole_member_is_refused(self, body):
        with pytest.raises(NotGzipError):
            inflate(body, limit=100)


class TestFolder:
    def test_a_platform_is_made_once(self, tmp_path):
        made = create_state(tmp_path / "p")

        with pytest.raises(StateError, match="here already"):
            create_state(tmp_path / "p")

        assert open_state(tmp_path / "p").signer.public == made.signer.public

    def test_its_secrets_are_for_the_owner_only(self, tmp_path):
        changed(create_state(tmp_path / "p"), lambda tx: tx.rows("SELECT 1"))
        with register(tmp_path / "p"):
            pass

        for name in ("platform-key.pem", "operator-token", "central.db", "registry.db"):
            assert (tmp_path / "p" / name).stat().st_mode & 0o777 == 0o600

    def test_without_a_repository_there_is_no_trust_root(self, tmp_path):
        state = create_state(tmp_path / "p")

        with pytest.raises(StateError, match="no list repository"):
            state.trust_root()
        assert state.lists_version() is None

    def test_the_newest_root_and_the_newest_snapshots_version_are_read(self, tmp_path):
        state = create_state(tmp_path / "p")
        metadata = state.public / "metadata"
        metadata.mkdir(parents=True)
        for number in (1, 2, 10):
            (metadata / f"{number}.root.json").write_bytes(b"root %d" % number)
        signed = {"version": 99, "meta": {"snapshot.json": {"version": 41, "length": 7}}}
        (metadata / "timestamp.json").write_text(json.dumps({"signed": signed, "signatures": []}))

        assert (state.trust_root(), state.lists_version()) == (b"root 10", 41)

    def test_a_newer_database_is_refused(self, tmp_path):
        state = create_state(tmp_path / "p")
        conn = connect(state.database, writing=True)
        conn.execute("PRAGMA user_version = 99")
        conn.close()

        with pytest.raises(SchemaTooNewError, match="99"):
            changed(state, lambda tx: tx.rows("SELECT 1"))


class TestTries:
    def test_the_sixth_within_a_minute_waits_until_the_first_is_a_minute_old(self):
        tries = WrongTries()
        for at_ms in (0, 10_000, 20_000, 30_000, 40_000):
            assert tries.wait_s("a", now_ms=at_ms) == 0
            tries.wrong("a", now_ms=at_ms)

        assert tries.wait_s("a", now_ms=45_000) == 15
        assert tries.wait_s("b", now_ms=45_000) == 0
        assert tries.wait_s("a", now_ms=60_000) == 0

    def test_memory_is_bounded(self):
        tries = WrongTries()
        for number in range(MAX_ADDRESSES + 10):
            tries.wrong(str(number), now_ms=0)

        assert len(tries._by_address) == MAX_ADDRESSES


class TestOrders:
    async def test_orders_are_told_one_after_another_and_none_is_skipped(self, town):
        town.code("gate-a")
        for action in ("suspend", "resume"):
            town.change(lambda conn, action=action: set_state(conn, "gate-a", action, reason="", now_ms=1))

        first = town.change(lambda conn: standing_orders(conn, "gate-a"))
        town.change(lambda conn: hear_obeyed(conn, "gate-a", {"order": 1}))
        second = town.change(lambda conn: standing_orders(conn, "gate-a"))
        town.change(lambda conn: hear_obeyed(conn, "gate-a", {"order": 2}))

        assert [(one.number, one.action) for one in first] == [(1, "suspend"), (2, "resume")]
        assert [(one.number, one.action) for one in second] == [(2, "resume")]
        assert town.change(lambda conn: standing_orders(conn, "gate-a")) == []

    async def test_of_many_orders_to_begin_an_epoch_the_last_alone_is_told_and_everything_else_in_its_turn(self, town):
        town.code("gate-a")
        for action in ("new_epoch", "suspend", "new_epoch", "resume", "new_epoch"):
            town.change(lambda conn, action=action: order(conn, "gate-a", action, reason="", now_ms=1))

        told = town.change(lambda conn: standing_orders(conn, "gate-a"))

        assert [(one.number, one.action) for one in told] == [(2, "suspend"), (4, "resume"), (5, "new_epoch")]

    @pytest.mark.parametrize("word", [2**50, True, "1", None])
    async def test_a_word_about_no_order_of_ours_does_not_silence_later_orders(self, town, word):
        town.code("gate-a")
        town.change(lambda conn: hear_obeyed(conn, "gate-a", {"order": word}))

        town.change(lambda conn: order(conn, "gate-a", "new_epoch", reason="", now_ms=1))

        assert town.change(lambda conn: standing_orders(conn, "gate-a"))[0].number == 1

    async def test_a_revoked_terminals_unused_codes_are_void(self, town, tmp_path):
        ticket = town.ticket(town.code("gate-a"))
        town.change(lambda conn: set_state(conn, "gate-a", "revoke", reason="stolen", now_ms=1))

        async with open_session() as session:
            with pytest.raises(RefusedError, match="unknown_code"):
                await enrol(ticket, folder=tmp_path / "t", session=session, now_ms=1)

    def test_an_order_to_nobody_is_not_given(self, town):
        with pytest.raises(WireError, match="no terminal"):
            town.change(lambda conn: set_state(conn, "nobody", "suspend", reason="", now_ms=1))


class TestOperatorsCalls:
    async def call(self, town, method, path, body=None, token=None):
        headers = {"Authorization": f"Bearer {token or town.state.operator_token}"}
        raw = json.dumps(body).encode() if body is not None else None
        async with open_session() as session:
            return json.loads(await exchange(session, method, town.url + path, headers=headers, body=raw))

    async def test_a_code_is_made_and_enrols(self, town):
        answer = await self.call(
            town, "POST", "/v1/admin/codes", {"terminal": "desk-1", "profile": PROFILE, "platform": town.relay_url}
        )

        assert answer["qr"].startswith(f"xinguan-enrol:{town.relay_url}#code={answer['code']}&root=")
        assert town.ledger()["terminals"][0]["terminal"] == "desk-1"

    async def test_a_terminal_is_suspended_and_resumed(self, town):
        await town.terminal()

        first = await self.call(town, "POST", "/v1/admin/terminals/gate-a/state", {"action": "suspend"})
        second = await self.call(town, "POST", "/v1/admin/terminals/gate-a/state", {"action": "resume"})

        assert (first["number"], second["number"]) == (town.clock.at_ms, town.clock.at_ms + 1)

    async def test_the_ledger_is_for_the_operator(self, town):
        with pytest.raises(RefusedError) as refused:
            await self.call(town, "GET", "/v1/admin/ledger", token="guess")

        assert refused.value.problem.code == "wrong_operator"
        assert (await self.call(town, "GET", "/v1/admin/ledger"))["records"] == 0

    @pytest.mark.parametrize(
        ("path", "body", "status"),
        [
            ("/v1/admin/codes", {"terminal": "No Name", "profile": PROFILE}, 400),
            ("/v1/admin/codes", {"terminal": "a"}, 400),
            ("/v1/admin/terminals/nobody/state", {"action": "suspend"}, 404),
            ("/v1/admin/terminals/nobody/state", {"action": "explode"}, 400),
            ("/v1/admin/nothing", {}, 404),
        ],
    )
    async def test_what_is_not_as_it_should_be_is_a_problem(self, town, path, body, status):
        with pytest.raises(RefusedError) as refused:
            await self.call(town, "POST", path, body)

        assert refused.value.problem.status == status

    async def test_the_page_and_its_files_are_served(self, town):
        async with open_session() as session:
            async with session.get(town.url + "/") as answer:
                page = await answer.read()
            script = await exchange(session, "GET", town.url + "/pages/ledger.js")
            root = await exchange(session, "GET", town.url + "/lists/metadata/1.root.json")

        assert b"/pages/ledger.js" in page
        assert b"/v1/admin/ledger" in script
        assert root == town.state.trust_root()

    @pytest.mark.parametrize(
        "path", ["/lists/../platform-key.pem", "/lists/%2e%2e/operator-token", "/pages/../store.py"]
    )
    async def test_nothing_beside_the_public_files_is_served(self, town, path):
        port = int(town.url.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()

        assert answer.split(b" ", 2)[1] in (b"403", b"404")


class TestCommands:
    def central(self, *arguments):
        return shell.platform(*arguments)

    def test_from_nothing_to_a_code(self, tmp_path):
        state, profile = tmp_path / "p", tmp_path / "profile.json"
        profile.write_text(json.dumps(PROFILE))

        made = self.central("init", "--state", state)
        (state / "public" / "metadata").mkdir(parents=True, exist_ok=True)
        (state / "public" / "metadata" / "1.root.json").write_bytes(b"{}")
        code = self.central(
            "codes",
            "--state",
            state,
            "--terminal",
            "gate-a",
            "--profile",
            profile,
            "--platform",
            "https://p",
            "--qr",
            tmp_path / "qr.svg",
        )
        listed = self.central("terminals", "--state", state)
        suspended = self.central("terminals", "--state", state, "suspend", "gate-a", "--reason", "stolen")
        report = self.central("report", "--state", state)

        assert (made.returncode, code.returncode, listed.returncode) == (0, 0, 0)
        assert code.stdout.splitlines()[1].startswith("xinguan-enrol:https://p#code=")
        assert (tmp_path / "qr.svg").read_text().startswith("<?xml")
        assert "gate-a" in listed.stdout
        assert "order 1" in suspended.stdout
        assert json.loads(report.stdout)["terminals"][0]["state"] == "suspended"

    @pytest.mark.parametrize(
        ("arguments", "code"),
        [
            ([], 0),
            (["--help"], 0),
            (["nothing"], 2),
            (["serve"], 2),
            (["serve", "--state", "/nowhere/at/all"], 78),
            (["report", "--state", "/nowhere/at/all"], 78),
        ],
    )
    def test_wrong_arguments_are_told_apart(self, arguments, code):
        assert self.central(*arguments).returncode == code

    def test_it_serves_this_machine_only_without_a_certificate(self, tmp_path):
        create_state(tmp_path / "p")

        done = self.central("serve", "--state", tmp_path / "p", "--listen", "0.0.0.0:0")

        assert done.returncode == 78
        assert "--tls-cert" in done.stderr

    def test_a_second_serve_on_one_folder_is_refused(self, tmp_path):
        create_state(tmp_path / "p")

        with only_one(tmp_path / "p"):
            done = self.central("serve", "--state", tmp_path / "p", "--listen", "127.0.0.1:0")

        assert done.returncode not in (0, 1)
        assert "another xinguan serves this folder" in done.stderr

    def test_it_prints_its_address_and_ends_on_sigterm(self, tmp_path):
        create_state(tmp_path / "p")
        command = [sys.executable, "-m", "central", "serve", "--state", str(tmp_path / "p"), "--listen", "127.0.0.1:0"]

        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            url = process.stdout.readline().strip()
            os.kill(process.pid, signal.SIGTERM)
            code = process.wait(timeout=20)

        assert url.startswith("http://127.0.0.1:")
        assert code == 0
