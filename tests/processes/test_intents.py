"""Exit and give-back readers work by themselves: what a shown code means is the lane's intent (scenes S4, S7, S13)."""

import json
import os
import pty
from pathlib import Path

import pytest

from central.demo.street.town import CITY, SITE
from central.lists.cities import publish, put_rules
from central.register.warrants import Warrant

BY_TWO = Warrant.by_two("li", "han")

CASES = Path(__file__).parents[1] / "cases"
EXPECTED = json.loads((CASES / "manifest.json").read_text())["browser-ime-chinese-punctuation.txt"]["expect"]


@pytest.fixture
def reader():
    master, slave = pty.openpty()
    yield master, f"serial:{os.ttyname(slave)}"
    os.close(master)
    os.close(slave)


async def at_own_reader(town, reader, intent):
    """Let the gate's lane have this intent and a reader of its own; return what writes a code to it."""
    master, source = reader
    text = town.gate.config.read_text()
    town.gate.config.write_text(text.replace("[[lanes]]\n", f'[[lanes]]\nintent = "{intent}"\nsource = "{source}"\n'))
    await town.gate.start()
    await town.until(town.gate.reads)
    return lambda code: os.write(master, f"]Q1{code}\r\n".encode())


async def test_an_exit_turnstile_lets_out_who_shows_a_code_and_opens_once(xinguan_town, reader):
    town = xinguan_town
    show = await at_own_reader(town, reader, "exit")
    who = town.visitors.resident(town.now_s())
    entered = await town.gate.present(who.code(town.now_s()), intent="enter")
    await town.until(lambda: entered["redemption"] in town.openings)

    show(who.code(town.now_s()))

    await town.until(lambda: "exited" in town.kinds())
    await town.until(lambda: len(town.openings) == 2)
    assert town.openings[1].startswith("exit-")


async def test_a_give_back_stand_says_when_nothing_was_lent(xinguan_town, reader):
    town = xinguan_town
    show = await at_own_reader(town, reader, "give_back")
    who = town.visitors.resident(town.now_s())

    show(who.code(town.now_s()))

    await town.until(lambda: "not_granted" in town.kinds())
    assert town.openings == []


async def test_a_loan_is_ended_by_the_give_back_reader_alone(xinguan_town, reader):
    """The stand's own reader ends what was lent at another lane's request; nobody names an intent."""
    town = xinguan_town
    await lend_umbrellas(town)
    show = await at_own_reader(town, reader, "give_back")
    who = town.visitors.person(town.now_s(), tier=4)
    lent = await town.gate.present(who.code(town.now_s()), intent="lend", asset="umbrella-17")
    assert lent["outcome"] == "GRANT"

    show(who.code(town.now_s()))

    await town.until(lambda: "closed" in town.kinds())
    assert await town.gate.state_of(lent["redemption"]) == "closed"


async def test_what_an_input_method_made_of_a_code_is_that_code_to_the_server(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    typed = (CASES / "browser-ime-chinese-punctuation.txt").read_text()

    answer = await town.gate.present(typed, intent="check")

    assert typed != EXPECTED
    assert [one["code"] for one in answer["reasons"]] == [
        one["code"] for one in (await town.gate.present(EXPECTED, intent="check"))["reasons"]
    ]
    assert answer["reasons"][0]["code"] != "not_a_code"  # what the case holds is random: no city signed it


async def lend_umbrellas(town):
    """Let the city lend umbrellas at the gate without a deposit."""
    lending = {
        "id": "yunxi.umbrella",
        "code": 9,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "免押金借伞"},
        "offer": {"kind": "deposit_waiver", "cap_fen": 3_000},
        "where": {"sites": [SITE], "scenes": ["gate"]},
        "lifecycle": {"open_close": {"due": "P1D"}},
    }
    rules = {"issuer": CITY, "version": 2, "benefits": [lending]}
    put_rules(town.platform.state, CITY, {"benefits.json": json.dumps(rules).encode()}, warrant=BY_TWO, now_ms=0)
    publish(town.platform.state, now_ms=town.now_s() * 1000, cities=(CITY,))
