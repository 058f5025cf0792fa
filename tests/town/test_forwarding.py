"""Whose facts a hub sends on first."""

import contextlib

from central.site import journals
from central.store import SCHEMAS
from storage.sqlite import memory


def test_a_hub_sends_on_first_what_has_waited_longest():
    waiting = [("gate-a", 5), ("gate-b", 3), ("gate-c", 4), ("gate-c", 9)]
    with contextlib.closing(memory(SCHEMAS["sqlite"])) as conn:
        for number, (gate, received_ms) in enumerate(waiting):
            conn.execute(journals.KEEP, (gate, "e", number, number, "head", b"", received_ms))

        assert [gate for (gate,) in conn.execute(journals.WHOSE)] == ["gate-b", "gate-c", "gate-a"]
