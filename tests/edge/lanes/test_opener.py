"""Codes of a crowd are opened on threads of their own, and each visitor hears of his own code alone."""

import asyncio
import threading
from types import SimpleNamespace

import pytest

from credit.inputs import Now, Request
from credit.tokens import TokenError
from edge.lanes.codes.opener import THREADS, Opener
from edge.lanes.presented import Presented
from tests.edge.deciding import NOW_S, Phones

PROFILE = SimpleNamespace(site="park", test=False, skew_ahead_s=30)
NOW = Now(utc_ms=NOW_S * 1000)


def threads():
    return [one for one in threading.enumerate() if one.name.startswith("opener-")]


def new_since(before):
    return [one for one in threads() if one not in before]


@pytest.fixture
def opener():
    made = Opener()
    yield made
    made.close()


async def opened(opener, phones, text):
    with opener.visitor():
        await asyncio.sleep(0)  # until all have come
        return await opener.opened(Presented(text=text, lane="A", request=Request()), phones.keyring, NOW, PROFILE)


async def test_a_lone_visitors_code_begins_no_thread(opener):
    phones, before = Phones(), threads()

    token = await opened(opener, phones, phones.code(7))

    assert token.subject == (7).to_bytes(16, "big")
    assert new_since(before) == []


async def test_in_a_crowd_each_gets_his_own_token_or_his_own_refusal(opener):
    phones, before = Phones(), threads()
    texts = [phones.code(holder) for holder in range(1, 9)]
    texts[3] = texts[3][:-24]

    told = await asyncio.gather(*(opened(opener, phones, one) for one in texts), return_exceptions=True)

    assert len(new_since(before)) == THREADS
    assert isinstance(told.pop(3), TokenError)
    assert [int.from_bytes(one.subject, "big") for one in told] == [1, 2, 3, 5, 6, 7, 8]


async def test_whoever_goes_away_while_his_code_is_opened_holds_nobody_up(opener):
    phones = Phones()
    gone = asyncio.create_task(opened(opener, phones, phones.code(1)))
    stays = asyncio.create_task(opened(opener, phones, phones.code(2)))
    await asyncio.sleep(0)
    gone.cancel()

    assert (await stays).subject == (2).to_bytes(16, "big")
    assert (await opened(opener, phones, phones.code(3))).subject == (3).to_bytes(16, "big")
    assert gone.cancelled()


async def test_a_closed_opener_ends_its_threads():
    phones, opener = Phones(), Opener()
    before = threads()
    await asyncio.gather(*(opened(opener, phones, phones.code(holder)) for holder in (1, 2)))
    own = new_since(before)

    opener.close()
    for one in own:
        await asyncio.to_thread(one.join, 10)

    assert [one.is_alive() for one in own] == [False] * THREADS
