"""Claims and leases over HTTP: a real platform on a real port, terminals that prove who they are."""

import asyncio
import json
from dataclasses import replace

import pytest

from central.http.claim_calls import MAX_ASK_BYTES
from central.hub import learning
from sync.auth import Authenticator
from sync.transport import RefusedError, exchange

KEY = "u|w/first|subject:w:1|ever"
WAIT_S = 20


def ask(redemption, **more):
    key = {"key": KEY, "n": 1, "bound": 1, "borne": "grant"}
    return {"run": "r", "hub_no": 0, "redemption": redemption, "at_ms": 1, "keys": [key]} | more


async def call(town, terminal, body, path="/v1/claims"):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    bearer = Authenticator(terminal.identity, terminal.clock).bearer(raw)
    return json.loads(await exchange(terminal.session, "POST", town.url + path, headers=bearer.header, body=raw))


async def answered(town, terminal, body):
    """Ask until the platform, which has just started, has learned."""
    async with asyncio.timeout(WAIT_S):
        while True:
            answer = await call(town, terminal, body)
            if not answer.get("learning"):
                return answer
            await asyncio.sleep(0.05)


async def test_a_platform_that_has_just_started_says_so_and_then_one_of_two_gates_is_granted(town, monkeypatch):
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")

    with monkeypatch.context() as patient:
        patient.setattr(learning, "SETTLE_MS", 10**9)  # however long this machine takes until it asks
        patient.setattr(learning, "PATIENCE_MS", 10**9)
        first = await call(town, a, ask("A"))
    granted = await answered(town, a, ask("A"))
    refused = await answered(town, b, ask("B"))

    assert first["learning"]
    assert granted["granted"]
    assert refused["refused"] == {"key": KEY, "state": "held"}


async def test_a_grant_s_fact_turns_what_was_held_into_what_is_used(town):
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")
    await answered(town, a, ask("A"))
    await a.write(redemption="A", body={"issuer": "w", "uses": [{"key": KEY, "n": 1, "max": 1}]})
    await a.pusher().drain()

    refused = (await answered(town, b, ask("B")))["refused"]

    assert (refused["state"], refused["terminal"], refused["site"]) == ("used", "gate-a", "tiankeng")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "bad_message"),
        (ask("A") | {"keys": [{"key": KEY, "n": 0, "bound": 1, "borne": "grant"}]}, "bad_message"),
        (ask("A") | {"keys": [{"key": KEY, "n": 2**53, "bound": 1, "borne": "grant"}]}, "bad_message"),
        (ask("A") | {"keys": [{"key": KEY, "n": 1}]}, "bad_message"),
        (b"\xff", "bad_message"),
        (b" " * (MAX_ASK_BYTES + 1), "too_large"),
    ],
)
async def test_an_ask_that_is_none_is_a_problem_and_takes_nothing(town, body, code):
    a = await town.terminal()

    with pytest.raises(RefusedError) as refused:
        await call(town, a, body)

    assert refused.value.problem.code == code
    assert (await answered(town, a, ask("A")))["granted"]


async def test_nobody_asks_in_another_terminal_s_name(town):
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")
    raw = json.dumps(ask("A")).encode()
    bearer = Authenticator(a.identity, a.clock).bearer(raw)
    forged = json.dumps(ask("B")).encode()

    for headers, body in ((bearer.header, forged), ({}, raw), ({"Authorization": "Bearer x.y.z"}, raw)):
        with pytest.raises(RefusedError) as refused:
            await exchange(b.session, "POST", town.url + "/v1/claims", headers=headers, body=body)
        assert refused.value.problem.code == "bad_token"


async def test_a_suspended_terminal_is_given_nothing(town):
    a = await town.terminal()
    await answered(town, a, ask("A"))
    town.change(lambda tx: tx.execute("UPDATE terminals SET state = 'suspended'"))

    with pytest.raises(RefusedError) as refused:
        await call(town, a, ask("B"))
    assert refused.value.problem.code == "not_active"


async def test_a_key_that_was_replaced_is_given_nothing_from_that_moment_on_and_the_new_one_is(town):
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")
    await answered(town, a, ask("A", keys=[]))
    anew = replace(a, identity=replace(a.identity, key=b.identity.key))
    town.change(
        lambda tx: tx.execute(
            "UPDATE terminals SET public_key = (SELECT public_key FROM terminals WHERE terminal = 'gate-b')"
            " WHERE terminal = 'gate-a'"
        )
    )

    with pytest.raises(RefusedError) as refused:
        await call(town, a, ask("B"))
    granted = [(await call(town, anew, ask("C")))["granted"] for _ in range(2)]  # also once it is remembered

    assert refused.value.problem.code == "bad_token"
    assert granted == [True, True]  # what the former key asked for holds nothing


async def test_who_only_asks_is_heard_as_well_so_two_machines_of_one_name_are_found_by_their_next_visitors(town):
    a = await town.terminal()
    await answered(town, a, ask("A"))
    clone = replace(a, identity=replace(a.identity, instance="clone-" + "x" * 16))

    async def speak(machine, asked):
        a.clock.at_ms += 1_000
        await call(town, machine, ask(asked))
        return town.change(lambda tx: tx.row("SELECT twin_ms IS NOT NULL FROM terminals"))[0]

    told = [await speak(machine, asked) for machine, asked in ((a, "B"), (clone, "C"), (a, "D"), (a, "E"))]

    assert told == [0, 0, 0, 1]
    with pytest.raises(RefusedError) as refused:
        await call(town, clone, ask("F"))
    assert refused.value.problem.code == "not_active"


async def test_a_lease_on_a_quota_that_nobody_states_is_refused(town):
    a = await town.terminal()
    await answered(town, a, ask("A"))

    with pytest.raises(RefusedError) as refused:
        await call(town, a, {"run": "r", "hub_no": 0, "quota": KEY, "number": 1, "total": 5}, "/v1/leases")
    assert refused.value.problem.code == "unknown_bound"


async def test_a_terminal_with_older_lists_is_told_which_and_one_with_newer_ones_is_not(town):
    publish(town.state, 7, {"w-rules": 4, "w-lists": 9})
    a = await town.terminal()
    for versions, behind in (
        ({"w-rules": 3, "w-lists": 9}, ["w-rules"]),
        ({"w-rules": 4}, ["w-lists"]),
        ({"w-rules": 5, "w-lists": 9}, []),
        ({}, []),
    ):
        answer = await answered(town, a, ask(f"A{len(versions)}{versions}"[:60], versions=versions))
        assert answer.get("behind", []) == behind

    publish(town.state, 8, {"w-rules": 6, "w-lists": 9})
    assert (await answered(town, a, ask("B", versions={"w-rules": 5, "w-lists": 9})))["behind"] == ["w-rules"]


def publish(state, number, roles):
    """Write the two files that say what is published; who pulls verifies, who claims is only told."""
    metadata = state.public / "metadata"
    meta = {f"{role}.json": {"version": version} for role, version in roles.items()}
    (metadata / f"{number}.snapshot.json").write_text(json.dumps({"signed": {"meta": meta}}))
    timestamp = {"signed": {"meta": {"snapshot.json": {"version": number}}}}
    (metadata / "timestamp.json").write_text(json.dumps(timestamp))
