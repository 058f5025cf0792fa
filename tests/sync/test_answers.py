"""Illness law 2: only signed words are believed. Whatever stands in between may carry an answer, not make one."""

import base64
import json
import random

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.http import answers
from central.platform_state import Signer
from sync import peer
from sync.push.status import PushState
from sync.wire.memory import OwnFact
from sync.wire.messages import MAX_TOLD, Answer, Conflict, Other, SetAside, WireError, decode
from sync.wire.seals import ANSWER, open_answer, sign

STRANGER = Signer(Ed25519PrivateKey.generate())


def between(monkeypatch, changed):
    """Put a box between terminal and platform that hands on `changed(answer)`."""
    real = peer.exchange

    async def exchange(*args, **more):
        return changed(await real(*args, **more))

    monkeypatch.setattr(peer, "exchange", exchange)


def told_more(raw, **more):
    """Return an answer whose payload says more, under the old signature."""
    header, payload, signature = raw.decode().split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))) | more
    text = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    return f"{header}.{text}.{signature}".encode()


def clash(seq, number=0):
    return {"seq": seq, "key": f"u|k{number}", "kind": "limit", "with": []}


async def journal_of(terminal):
    return await terminal.store.read(lambda conn: conn.execute("SELECT kind FROM journal ORDER BY seq").fetchall())


class TestUnsignedWords:
    async def test_a_box_that_adds_3000_conflicts_changes_nothing(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write(many=3)
        between(monkeypatch, lambda raw: told_more(raw, conflicts=[clash(1, n) for n in range(3000)]))
        pusher = terminal.pusher()

        await pusher._turn()

        assert pusher.status.state is PushState.ALARM
        assert await journal_of(terminal) == [("granted",)] * 3
        assert (await terminal.cursor()).acked_through == 0

    @pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b'{"acked_through": 3, "conflicts": []}', b"a.b.c"])
    async def test_an_answer_without_a_signature_is_an_alarm(self, town, monkeypatch, body):
        terminal = await town.terminal()
        await terminal.write()
        between(monkeypatch, lambda _raw: body)
        pusher = terminal.pusher()

        await pusher._turn()

        assert pusher.status.state is PushState.ALARM
        assert (await terminal.cursor()).acked_through == 0

    async def test_an_old_answer_played_again_is_an_alarm(self, town, monkeypatch):
        terminal = await town.terminal()
        kept = []

        def played(raw):
            kept.append(raw)
            return kept[0]

        between(monkeypatch, played)
        line = terminal.line()
        await line.ask()

        with pytest.raises(WireError, match="another request"):
            await line.ask()

    async def test_no_bit_of_an_answer_can_be_turned(self, town, monkeypatch):
        """A seeded fuzz of the bytes: each is refused or means the same; nothing is kept of any."""
        terminal = await town.terminal()
        await terminal.write(many=2)
        rng = random.Random(10)

        def turned(raw):
            place, bit = rng.randrange(len(raw)), 1 << rng.randrange(8)
            return raw[:place] + bytes([raw[place] ^ bit]) + raw[place + 1 :]

        between(monkeypatch, turned)
        pusher = terminal.pusher()
        for _ in range(150):
            await pusher._turn()
        monkeypatch.undo()

        assert await journal_of(terminal) == [("granted",)] * 2


class TestWhatThePlatformMaySign:
    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"terminal": "gate-b"}, "another terminal"),
            ({"nonce": "another-nonce"}, "another request"),
            ({"body": "00" * 32}, "another request"),
        ],
    )
    async def test_an_answer_for_somebody_else_is_an_alarm(self, town, monkeypatch, change, why):
        terminal = await town.terminal()
        honest = Signer.answer
        monkeypatch.setattr(Signer, "answer", lambda self, a: honest(self, msgspec.structs.replace(a, **change)))

        with pytest.raises(WireError, match=why):
            await terminal.line().ask()

    async def test_an_answer_by_a_foreign_key_is_an_alarm(self, town, monkeypatch):
        terminal = await town.terminal()
        monkeypatch.setattr(Signer, "answer", lambda self, a: sign(a, STRANGER.key, typ=ANSWER, kid=self.public.kid))

        with pytest.raises(WireError, match="signature"):
            await terminal.line().ask()

    async def test_a_record_set_aside_that_was_not_sent_is_an_alarm_and_nothing_is_set_aside(self, town, monkeypatch):
        terminal = await town.terminal()
        pusher = terminal.pusher()
        await terminal.write(many=2)
        await pusher.drain()
        await terminal.write(many=2)
        honest = Signer.answer
        beyond = [SetAside(seq=99, detail="another's")]
        monkeypatch.setattr(
            Signer, "answer", lambda self, a: honest(self, msgspec.structs.replace(a, set_aside=beyond))
        )

        with pytest.raises(WireError, match="not sent"):
            await pusher.once()

        assert await terminal.store.read(lambda conn: conn.execute("SELECT seq FROM set_aside").fetchall()) == []

    async def test_a_conflict_is_written_down_once_and_one_about_somebody_elses_fact_never(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write(many=2)
        await terminal.pusher().drain()
        here = Conflict(seq=1, key="u|k", kind="limit", others=[Other(terminal="gate-b", redemption="r", at_ms=1)])
        beyond = msgspec.structs.replace(here, seq=99)

        async def told(_tx, terminals):
            return [[here, beyond] for _one in terminals]

        monkeypatch.setattr(answers, "conflicts_of_each", told)
        line = terminal.line()
        for _ in range(3):
            await line.ask()

        assert (await journal_of(terminal)).count(("claim_conflict",)) == 1

    async def test_a_conflict_that_is_taken_back_and_stands_again_is_written_down_each_time(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write(many=2)
        await terminal.pusher().drain()
        others = [Other(terminal="gate-b", redemption="r", at_ms=1)]
        line = terminal.line()
        for kind in ("dissolved", "limit", "dissolved", "limit"):  # the first of what this journal never heard of

            async def told(_tx, terminals, kind=kind):
                return [[Conflict(seq=1, key="u|k", kind=kind, others=others)] for _one in terminals]

            monkeypatch.setattr(answers, "conflicts_of_each", told)
            for _ in range(3):
                await line.ask()

        words = "SELECT json_extract(body, '$.conflict') FROM journal WHERE kind = 'claim_conflict' ORDER BY seq"
        written = await terminal.store.read(lambda conn: conn.execute(words).fetchall())
        assert written == [("dissolved",), ("limit",), ("dissolved",), ("limit",)]

    async def test_of_many_conflicts_and_set_asides_a_hundred_are_told_at_a_time(self, town, monkeypatch):
        terminal = await town.terminal()
        await terminal.write(kind="a kind of more than thirty-two letters", many=150)
        many = [Conflict(seq=1, key=f"u|{n}", kind="limit", others=[]) for n in range(150)]

        async def told(_tx, terminals):
            return [many for _one in terminals]

        monkeypatch.setattr(answers, "conflicts_of_each", told)
        pusher = terminal.pusher()
        await pusher.once()

        assert (pusher.status.conflicts, pusher.status.set_aside) == (MAX_TOLD, MAX_TOLD)


WELL = {
    "terminal": "gate-a",
    "epoch": None,
    "last": None,
    "nonce": "12345678",
    "body": "00" * 32,
    "at_ms": 1,
    "state": "0.0.0",
    "receipt": None,
    "held": [],
    "conflicts": [],
    "set_aside": [],
    "orders": [],
    "lists_version": None,
}


class TestBounds:
    @pytest.mark.parametrize(
        "change",
        [
            {"at_ms": 2**60},
            {"lists_version": 2**70},
            {"state": "x" * 129},
            {"conflicts": [clash(2**53)]},
            {"conflicts": [clash(1) | {"key": "k" * 300_000}]},
            {"conflicts": [clash(1)] * (MAX_TOLD + 1)},
            {"conflicts": [clash(1) | {"kind": "other"}]},
            {"conflicts": [clash(1) | {"with": [{"terminal": "a", "redemption": "r" * 129, "at_ms": 1}]}]},
            {"conflicts": [clash(1) | {"with": [{"terminal": "a", "redemption": "r", "at_ms": 2**60}]}]},
            {"set_aside": [{"seq": 1, "detail": "d" * 201}]},
            {"orders": ["o"] * 17},
            {"held": [{"epoch": "e" * 65, "acked_through": 1, "head_hash": "00" * 32}]},
            {"more": 1},
        ],
    )
    def test_what_is_beyond_a_bound_is_no_answer(self, change):
        assert decode(json.dumps(WELL), Answer).terminal == "gate-a"

        with pytest.raises(WireError):
            decode(json.dumps(WELL | change), Answer)

    def test_a_missing_member_is_no_answer(self):
        for name in WELL:
            with pytest.raises(WireError):
                decode(json.dumps({key: value for key, value in WELL.items() if key != name}), Answer)

    @pytest.mark.parametrize(
        "text",
        [
            '{"seq": 1, "seq": 2, "detail": ""}',
            '{"seq": 1, "detail": "", "detail": ""}',
            '{"seq": 1, "d\\u0065tail": "a", "detail": "b"}',
        ],
    )
    def test_a_member_that_stands_twice_is_refused(self, text):
        with pytest.raises(WireError, match="twice"):
            decode(text, SetAside)

    def test_a_member_that_stands_twice_in_a_part_that_is_kept_as_it_came_is_refused(self):
        fact = msgspec.json.encode(OwnFact(seq=1, raw=msgspec.Raw(b'{"kind":"granted","kind":"annulled"}')))

        with pytest.raises(WireError, match="twice"):
            decode(fact, OwnFact)

    def test_an_error_that_quotes_what_came_stays_short(self):
        with pytest.raises(WireError) as refused:
            decode(json.dumps({"seq": 1, "detail": "", "x" * 70_000: 1}), SetAside)

        assert len(refused.value.detail) <= 300

    def test_every_answer_needs_its_signature(self):
        with pytest.raises(WireError, match="no compact JWS"):
            open_answer(json.dumps(WELL).encode(), {}, terminal="gate-a", nonce="12345678", body=b"")
