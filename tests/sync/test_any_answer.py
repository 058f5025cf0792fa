"""Whatever the platform itself signs, the terminal lives (illness.md 1 and 2).

No exception but those that its tasks know, no journal that does not verify, no fact that was not told, and the next
round with an honest platform is well.

`XINGUAN_ANSWERS=2000` plays more of them by hand; the seed is in the name of what fails.
"""

import os
import random

import msgspec
import pytest

from cache.journal.chain import JournalError, cursor, verify
from central.platform_state import Signer
from storage.jobs import StoreFailedError
from sync.push.pusher import PushState
from sync.transport import RefusedError, UnreachableError
from sync.wire.messages import Command, Conflict, Held, Other, Receipt, SetAside, WireError
from sync.wire.seals import COMMAND, RECEIPT, sign

CASES = int(os.environ.get("XINGUAN_ANSWERS", "4"))
KNOWN = (UnreachableError, RefusedError, WireError, JournalError, StoreFailedError)
FAR = 2**53 - 1
TEXTS = ("", "x", "x" * 200, "\u202e", "\x00", "信用" * 50, "a.b.c", "../../etc", "=cmd|' /C calc'!A0")
ACTIONS = ("suspend", "resume", "revoke", "new_epoch", "replaced", "stop_entry", "resume_entry", "twin")


class Liar:
    """A platform that holds its own key and says anything that can be decoded."""

    def __init__(self, seed, terminal, signer, ends):
        self.draw, self.terminal, self.signer, self.ends = random.Random(seed), terminal, signer, ends

    def seq(self):
        return self.draw.choice((1, 2, 3, 4, 7, 1_000, FAR))

    def end(self):
        epoch, seq, hashed = self.draw.choice(self.ends)
        return self.draw.choice(
            (
                (epoch, seq, hashed),
                (epoch, self.seq(), hashed),
                (epoch, seq, "00" * 32),
                ("e-stranger", self.seq(), "ff" * 32),
            )
        )

    def receipt(self, end):
        epoch, seq, hashed = end
        who = self.draw.choice((self.terminal, self.terminal, "gate-z"))
        said = Receipt(terminal=who, epoch=epoch, acked_through=seq, head_hash=hashed)
        text = sign(said, self.signer.key, typ=RECEIPT, kid=self.signer.public.kid)
        return self.draw.choice((text, text, text, None, "a.b.c", text[:-2]))

    def held(self):
        epoch, seq, hashed = end = self.end()
        return Held(epoch=epoch, acked_through=seq, head_hash=hashed, receipt=self.receipt(end))

    def order(self):
        said = Command(
            terminal=self.draw.choice((self.terminal, self.terminal, "gate-z")),
            number=self.draw.choice((1, 2, 3, FAR)),
            action=self.draw.choice(ACTIONS),
            reason=self.draw.choice(TEXTS),
        )
        text = sign(said, self.signer.key, typ=COMMAND, kid=self.signer.public.kid)
        return self.draw.choice((text, text, "x.y.z", ""))

    def conflict(self):
        others = [Other(terminal="gate-b", redemption=self.draw.choice((None, "r-1")), at_ms=-FAR)]
        key = self.draw.choice(("u|k", "长" * 512))
        return Conflict(seq=self.seq(), key=key, kind=self.draw.choice(("limit", "nonce", "dissolved")), others=others)

    def some(self, make, most):
        return [make() for _ in range(self.draw.choice((0, 0, 1, most)))]

    def lie(self, honest):
        """Return an answer that differs from the honest one in one to four members."""
        epoch, seq, _hash = self.end()
        lies = {
            "epoch": self.draw.choice((None, epoch, "e-stranger")),
            "last": self.draw.choice((None, seq, FAR)),
            "receipt": self.receipt(self.end()),
            "held": self.some(self.held, 8),
            "conflicts": self.some(self.conflict, 100),
            "set_aside": self.some(lambda: SetAside(seq=self.seq(), detail=self.draw.choice(TEXTS)), 20),
            "orders": self.some(self.order, 6),
            "lists_version": self.draw.choice((None, 0, FAR)),
            "at_ms": self.draw.choice((-FAR, 0, FAR)),
            "state": "s" * 128,
        }
        named = self.draw.sample(sorted(lies), self.draw.randint(1, 4))
        return msgspec.structs.replace(honest, **{name: lies[name] for name in named})


@pytest.mark.parametrize("seed", range(CASES))
async def test_any_signed_answer_ends_nothing_and_the_next_honest_one_is_well(town, monkeypatch, seed):
    terminal = await town.terminal()
    await terminal.write(many=3)
    line = terminal.line()
    pusher = terminal.pusher(line)
    await pusher.drain()
    ends = [(one.epoch, one.acked_through, one.head_hash) for one in await honest_ends(town)]
    liar = Liar(seed, terminal.identity.terminal, town.state.signer, ends)
    honest = Signer.answer
    monkeypatch.setattr(Signer, "answer", lambda self, answer: honest(self, liar.lie(answer)))
    facts = len(await journal(terminal))

    for _ in range(4):
        await terminal.write()
        for call in (lambda: hear(line, pusher), pusher.once):
            try:
                await call()
            except KNOWN as error:
                line.show(PushState.ALARM, str(error))
                pusher.begin_again()

    grown = await journal(terminal)
    assert await terminal.store.read(verify)
    assert len(grown) - facts <= 4 + told_at_most(grown)
    assert (await terminal.store.read(cursor)).acked_through <= max(seq for seq, _kind in grown)

    monkeypatch.setattr(Signer, "answer", honest)
    await terminal.write()
    await terminal.bring_home()
    assert (await terminal.cursor()).acked_through == (await terminal.head()).seq


async def hear(line, pusher):
    """Ask for the standing and take it in, as the listener does after a failure: without waiting for news."""
    pusher.hear(await line.ask(), accepted=pusher.accepted)


async def honest_ends(town):
    rows = town.rows("SELECT epoch, seq, hash FROM facts")
    return [Held(epoch=epoch, acked_through=seq, head_hash=bytes(hashed).hex()) for epoch, seq, hashed in rows]


async def journal(terminal):
    return await terminal.store.read(lambda conn: conn.execute("SELECT seq, kind FROM journal ORDER BY seq").fetchall())


def told_at_most(grown):
    """How many facts signed words may have brought: conflicts and orders, each told once, and nothing else."""
    return sum(kind in ("claim_conflict", "suspended", "note") for _seq, kind in grown)
