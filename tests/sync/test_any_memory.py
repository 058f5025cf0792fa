"""Whatever page of memory the platform signs, the terminal lives, its ledger holds, and an honest page mends it.

`XINGUAN_PAGES=500` plays more by hand.
"""

import json
import os
import random
from pathlib import Path

import msgspec
import pytest

from cache.ids import uuid7
from cache.journal.chain import JournalError, verify
from cache.ledger.facts import STORE_LOST, switched
from cache.memory.lives import lose
from cache.pen import Pen
from central.platform_state import Signer
from storage.jobs import StoreFailedError
from sync.memory.rebuilder import Rebuilder
from sync.transport import RefusedError, UnreachableError
from sync.wire.memory import MemoryPage
from sync.wire.messages import WireError
from tests.tools.decodable import anything, decodable

CASES = int(os.environ.get("XINGUAN_PAGES", "6"))
SEED = 20261127
KNOWN = (UnreachableError, RefusedError, WireError, JournalError, StoreFailedError)
VECTORS = Path(__file__).parents[1] / "vectors" / "records" / "records.json"
RECORDS = [one["record"] for one in json.loads(VECTORS.read_text()) if isinstance(one.get("record"), dict)]


def odd_fact(draw, number):
    """Return a fact of a kind that counts, of which some members are anything."""
    record = json.loads(json.dumps(draw.choice(RECORDS)))
    record |= {"seq": number, "id": f"odd-{number}", "redemption": draw.choice(("r-1", "r-2", None))}
    body = record.get("body")
    for name in draw.sample(sorted(body), min(len(body), draw.randint(0, 3))) if isinstance(body, dict) else ():
        body[name] = anything(draw)
    return {"seq": number, "raw": record}


def lie(draw, honest):
    """Return a page that can be decoded: an odd one for this request, or the honest one with odd facts."""
    page = json.loads(msgspec.json.encode(honest))
    odd = json.loads(decodable(draw, MemoryPage))
    taken = draw.sample(("facts", "ended", "ends", "last_seq", "next"), draw.randint(1, 3))
    page |= {name: odd[name] for name in taken}
    if draw.random() < 0.7:
        page["facts"] = [odd_fact(draw, number) for number in range(1, draw.randint(2, 12))]
    if draw.random() < 0.8:
        page["next"] = None
    return msgspec.json.decode(json.dumps(page), type=MemoryPage)


@pytest.mark.parametrize("seed", range(SEED, SEED + CASES))
async def test_any_signed_page_of_memory_ends_nothing_and_an_honest_one_mends_it(town, monkeypatch, seed):
    terminal, draw = await town.terminal(), random.Random(seed)
    await terminal.write(many=3)
    await terminal.bring_home()
    await terminal.store.write(lambda conn: lose(Pen(conn, terminal.clock.now(), uuid7), "gate-a", "tried", None))
    line = terminal.line()
    rebuilder = Rebuilder(line, terminal.clock.now, done=lambda: None)
    honest = Signer.memory
    with monkeypatch.context() as lying:
        lying.setattr(Signer, "memory", lambda self, page: honest(self, lie(draw, page)))
        for _ in range(4):
            try:
                await rebuilder.once()
            except KNOWN as error:
                rebuilder.last_error = str(error)
        assert await terminal.store.read(verify)

    await rebuilder.once()
    await terminal.bring_home()

    assert not await terminal.store.read(lambda conn: switched(conn, STORE_LOST))
    assert await terminal.store.read(verify)
    assert (await terminal.cursor()).acked_through == (await terminal.head()).seq


async def test_a_number_that_a_stolen_key_made_up_leaves_a_rebuilt_terminal_able_to_write(town, monkeypatch):
    """The platform tells the highest number of any fact under the name; after the last there is, nothing follows."""
    terminal = await town.terminal()
    await terminal.write(many=3)
    await terminal.bring_home()
    await terminal.store.write(lambda conn: lose(Pen(conn, terminal.clock.now(), uuid7), "gate-a", "tried", None))
    honest = Signer.memory
    with monkeypatch.context() as forged:
        far = {"last_seq": 2**53 - 2}
        forged.setattr(Signer, "memory", lambda self, page: honest(self, msgspec.structs.replace(page, **far)))
        await Rebuilder(terminal.line(), terminal.clock.now, done=lambda: None).once()

    await terminal.write(many=3)
    await terminal.bring_home()

    assert (await terminal.head()).seq < 100
    assert town.rows("SELECT count(*) FROM facts WHERE kind = 'granted'") == [(6,)]
