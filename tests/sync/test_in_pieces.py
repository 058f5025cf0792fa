"""A batch is read and packed in pieces beside a lane that serves, and is the same batch."""

import gzip
import zlib

import pytest

from cache.journal.batches import batch, joined
from sync.push import ready as reading
from sync.push import receipts
from sync.push.export import seal_of
from sync.push.ready import PIECE, ROOM, ready
from sync.push.receipts import kept_end
from sync.transport import UnreachableError
from sync.wire.seals import GZIP, LEVEL, PIECE_BYTES, seal_batch, sealing


async def read_of(terminal, many=500):
    return await ready(terminal.store, after=0, many=many, now_ms=lambda: 0)


@pytest.mark.parametrize("many", [1, PIECE, PIECE + 1, 3 * PIECE + 7])
async def test_what_is_read_in_pieces_is_what_is_read_at_once(town, many):
    terminal = await town.terminal()
    await terminal.write(many=3 * PIECE + 9)

    assert await read_of(terminal, many) == await terminal.store.read(
        lambda conn: batch(conn, after=0, max_records=many)
    )


async def test_large_records_end_it_where_they_end_a_batch_that_is_read_at_once(town):
    terminal = await town.terminal()
    await terminal.write(kind="note", body={"text": "长" * 1000}, many=3 * PIECE)

    whole = await terminal.store.read(lambda conn: batch(conn, after=0, max_bytes=ROOM))

    assert await read_of(terminal) == whole
    assert PIECE < len(whole.records) < 3 * PIECE


async def test_a_record_for_which_a_full_piece_left_no_room_is_the_next_batch_s(town):
    terminal = await town.terminal()
    await terminal.write(kind="note", body={"text": "x" * (ROOM // PIECE - 215)}, many=PIECE + 2)

    whole = await read_of(terminal)

    assert whole == await terminal.store.read(lambda conn: batch(conn, after=0, max_bytes=ROOM))
    assert len(whole.records) == PIECE


async def test_no_look_at_the_journal_is_longer_than_a_piece_and_each_gives_way_first(town, monkeypatch):
    terminal, steps = await town.terminal(), []
    await terminal.write(many=2 * PIECE + 1)
    give_way = terminal.store.give_way

    def looked(conn, *, after, max_records, max_bytes):
        steps.append(max_records)
        return batch(conn, after=after, max_records=max_records, max_bytes=max_bytes)

    async def gave_way():
        steps.append("gave way")
        await give_way()

    monkeypatch.setattr(reading, "batch", looked)
    monkeypatch.setattr(terminal.store, "give_way", gave_way)

    assert len((await read_of(terminal)).records) == 2 * PIECE + 1
    assert steps == ["gave way", PIECE] * 3


async def test_batches_that_do_not_hang_together_are_not_joined(town):
    terminal = await town.terminal()
    await terminal.write(many=6)
    first, second, third = [
        await terminal.store.read(lambda conn, after=after: batch(conn, after=after, max_records=2))
        for after in (0, 2, 4)
    ]

    assert joined(first, third) is None
    assert joined(joined(first, second), third) == await read_of(terminal)


async def test_packing_lets_go_after_each_piece_and_gives_the_bytes_of_one_go(town):
    terminal = await town.terminal()
    await terminal.write(kind="note", body={"text": "长" * 1000}, many=40)
    whole, key = await read_of(terminal), terminal.identity.key

    pieces = list(sealing(seal_of(whole, "gate"), whole.records, key))

    plain = gzip.decompress(b"".join(pieces))
    assert len(pieces) >= len(plain) // PIECE_BYTES
    assert (
        b"".join(pieces)
        == zlib.compress(plain, LEVEL, wbits=GZIP)
        == seal_batch(seal_of(whole, "gate"), whole.records, key)
    )


async def test_who_comes_while_a_batch_is_packed_is_given_way_to_after_each_piece(town, monkeypatch):
    terminal, gave = await town.terminal(), []
    await terminal.write(kind="note", body={"text": "长" * 1000}, many=40)
    give_way = terminal.store.give_way

    async def gave_way():
        gave.append("gave way")
        await give_way()

    monkeypatch.setattr(terminal.store, "give_way", gave_way)
    await terminal.pusher().once()

    assert len(gave) > 40 * 3000 // PIECE_BYTES  # and once for the look at the journal


async def test_while_batch_follows_on_batch_the_receipt_is_laid_down_once_a_second_and_the_last_at_the_end(
    town, monkeypatch
):
    terminal, laid = await town.terminal(), []
    await terminal.write(many=1800)
    replace_file = receipts.replace_file

    def counted(path, data):
        laid.append(data)
        replace_file(path, data)

    monkeypatch.setattr(receipts, "replace_file", counted)
    monkeypatch.setattr(receipts, "EVERY_S", 1000.0)

    await terminal.pusher().drain()

    assert len(laid) == 2  # the first of four, and the last
    assert kept_end(terminal.identity).seq == (await terminal.head()).seq


async def test_where_the_way_ends_between_two_batches_the_last_receipt_is_laid_down_all_the_same(town, monkeypatch):
    terminal = await town.terminal()
    await terminal.write(many=1800)
    monkeypatch.setattr(receipts, "EVERY_S", 1000.0)
    pusher = terminal.pusher()
    await pusher.once()
    await pusher.once()

    await town.relay.cut()
    with pytest.raises(UnreachableError):
        await pusher.once()

    assert kept_end(terminal.identity).seq == (await terminal.cursor()).acked_through == 1000
