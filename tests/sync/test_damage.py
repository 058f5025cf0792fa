"""One bit flipped in an unsent record, with a real store and a real platform: named, told, and the rest flows."""

import contextlib
import json
import sqlite3

from cache.journal.chain import head, set_aside_count, verify
from sync.push.pusher import PushState
from sync.wire.records.kinds import problem


def flip(terminal, seq):
    """Turn one bit over in the body of a record, from outside, as a bad cell does."""
    with contextlib.closing(sqlite3.connect(terminal.folder / "terminal.db")) as conn, conn:
        body, packed = conn.execute("SELECT CAST(body AS BLOB), packed FROM journal WHERE seq = ?", (seq,)).fetchone()
        changed = bytearray(packed or body)
        changed[len(changed) // 2] ^= 0x80  # no UTF-8 any more
        where = "packed = ?" if packed else "body = CAST(? AS TEXT)"
        conn.execute(f"UPDATE journal SET {where} WHERE seq = ?", (bytes(changed), seq))


async def test_one_flipped_bit_stops_nothing_and_people_hear_of_it_on_both_sides(town, caplog):
    terminal = await town.terminal()
    await terminal.write(many=600)
    flip(terminal, 100)

    sent = await terminal.pusher().drain()
    await terminal.write(many=3)
    line = terminal.line()
    more = await terminal.pusher(line).drain()

    assert (sent, more) == (600, 3)
    end, cursor = await terminal.head(), await terminal.cursor()
    assert cursor.acked_through == end.seq == 603
    assert await terminal.store.read(verify) == end
    assert await terminal.store.read(set_aside_count) == 1
    assert line.status.state is not PushState.ALARM
    assert [one.seq for one in caplog.records if one.msg == "record_damaged"] == [100]

    ((raw, fault),) = town.rows("SELECT raw, fault FROM facts WHERE fault IS NOT NULL")
    record = json.loads(raw)
    assert (record["seq"], problem(record), "disk" in fault) == (100, "", True)
    assert town.rows("SELECT count(*) FROM facts WHERE fault IS NULL") == [(602,)]
    assert town.rows("SELECT seq, kind FROM findings") == [(100, "corrupt_record")]
    row = town.ledger()["terminals"][0]
    assert (row["set_aside"], row["missing"], row["acked_through"]) == (1, 0, 603)
    assert town.rows("SELECT standing FROM lives WHERE epoch = ?", record["body"]["next"]) == [("declared",)]


async def test_an_upload_that_is_cut_behind_the_damaged_record_goes_on_there(town):
    terminal = await town.terminal()
    await terminal.write(many=20)
    flip(terminal, 7)
    pusher = terminal.pusher()
    await pusher.once()
    town.relay.lose_answers = 1

    await terminal.bring_home()

    assert (await terminal.cursor()).acked_through == (await terminal.store.read(head)).seq == 20
    assert town.rows("SELECT count(*), count(DISTINCT seq) FROM facts") == [(20, 20)]
