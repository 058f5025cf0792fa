"""Exit and give-back readers work by themselves: what a shown code means is the lane's intent (scenes S4, S7, S13)."""

import os
import pty

import pytest


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
