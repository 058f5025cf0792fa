"""A signed profile, or whoever enrolled the hub, names an address that is none: that hub is silent."""

import pytest

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from credit.reasons import Outcome
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.beyond.asking import Asking
from sync.beyond.authority import NetworkAuthority
from sync.memory.rebuilder import Rebuilder
from sync.peer import Peer, Trouble
from sync.transport import UnreachableError, exchange, open_session
from sync.wire.memory import MemoryPage, Place
from sync.wire.messages import WireError, decode
from sync.wire.profiles import HubAt
from tests.edge.deciding import Town

ODD = ["https://[", "https://a:99999999", "https://park..example", "https://" + "x" * 80 + ".example", "https://%zz"]


def hub_at(url):
    return decode(f'{{"url": "{url}", "cert_sha256": "{"0" * 64}", "public_key": "{"0" * 64}", "no": 1}}', HubAt)


@pytest.mark.parametrize("url", ODD)
async def test_an_address_that_is_none_is_nobody_there(url):
    async with open_session() as session:
        peer = Peer(session, hub_at(url).url)
        with pytest.raises(UnreachableError):
            await peer.exchange("GET", "/healthz")
        with pytest.raises(UnreachableError):
            await exchange(session, "GET", f"{url}/healthz", pin=bytes(32))

    assert peer.trouble is Trouble.SILENT


async def test_a_hub_whose_name_was_mistyped_keeps_nobody_from_being_decided(town, tmp_path):
    terminal = await town.terminal()
    identity = terminal.identity
    identity.held.profile = identity.profile.__class__(
        **{name: getattr(identity.profile, name) for name in identity.profile.__struct_fields__}
        | {"hub": hub_at("https://park..example")}
    )
    async with Store(tmp_path / "gate.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e1", terminal="gate1", reason="test"))
        gate = Town(store)
        authority = NetworkAuthority(
            terminal.session, identity, Authenticator(identity, terminal.clock), versions=dict, ids=uuid7
        )
        decider = gate.decider(beyond=Asking(authority, authority.asker, gate.clock.now))

        outcome = (await decider.decide(gate.show())).decision.outcome

    assert outcome is Outcome.GRANT  # alone, as while a hub is silent


async def test_pages_of_memory_that_lead_in_a_circle_are_no_memory(town):
    terminal = await town.terminal()
    rebuilder, asked = Rebuilder(terminal.line(), terminal.clock.now, done=lambda: None), []

    async def ask(place):
        asked.append(place)
        where = {"terminal": "gate-a", "nonce": "12345678", "at_ms": 0, "page": place, "last_seq": 0}
        return MemoryPage(**where, next=Place(epoch="e1", after=len(asked) % 2), facts=[], ended=[], ends=[])

    rebuilder._ask = ask
    with pytest.raises(WireError, match="circle"):
        await rebuilder.once()

    assert len(asked) == 3
