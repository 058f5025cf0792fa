"""Each start of a process bears another name in every request token (illness.md 4)."""

import msgspec
import pytest

from cache.ledger.facts import TWIN, switched
from central.lives.twins import seen_twice
from sync.auth import Authenticator
from sync.enrol.identity import load_identity
from sync.wire.messages import AuthClaims, WireError, decode
from sync.wire.seals import open_auth


def claims_of(identity, clock, body=b"body"):
    bearer = Authenticator(identity, clock).bearer(body)
    keys = {identity.terminal: identity.key.public_key()}
    return open_auth(bearer.token, keys, audiences=frozenset({identity.audience}), body=body)


async def test_every_token_of_a_start_bears_its_instance_and_another_start_bears_another(town):
    made = await town.terminal()
    first, second = load_identity(made.folder), load_identity(made.folder)

    names = [claims_of(identity, made.clock).instance for identity in (first, first, second)]

    assert names == [first.instance, first.instance, second.instance]
    assert first.instance != second.instance
    assert len(first.instance) == 22


async def test_two_machines_that_are_told_so_in_every_answer_fall_silent_once_each_has_said_that_it_heard(town):
    made = await town.terminal()
    town.change(lambda tx: seen_twice(tx, "gate-a", "two machines", now_ms=town.clock.at_ms))
    for _ in range(3):
        await made.bring_home()
        await made.line().ask()
    said = town.rows("SELECT count(*) FROM facts")

    for _ in range(3):
        await made.bring_home()
        await made.line().ask()

    assert town.rows("SELECT count(*) FROM facts") == said
    assert await made.store.read(lambda conn: switched(conn, TWIN))


@pytest.mark.parametrize("instance", ["", "x" * 21, "x" * 23, "ä" * 22, 7, {}], ids=repr)
def test_an_instance_is_sixteen_bytes_in_base64url_and_nothing_else(instance):
    said = {"iss": "k", "aud": "p", "iat": 1000, "exp": 1060, "jti": "12345678", "body": "0" * 64}

    with pytest.raises(WireError):
        decode(msgspec.json.encode(said | {"instance": instance}), AuthClaims)
    assert decode(msgspec.json.encode(said), AuthClaims).instance is None
