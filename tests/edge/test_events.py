import asyncio

from edge.events import MAX_BEHIND, Event, Events


async def heard(events, *first):
    return [chunk async for chunk in events.listen(*first)]


async def start(events, *first):
    task = asyncio.ensure_future(heard(events, *first))
    while not events._listeners:
        await asyncio.sleep(0)
    return task


async def test_a_listener_hears_hello_first_and_then_what_happens():
    events = Events()
    task = await start(events, Event("hello", {"a": 1}))

    events.publish("gate", {"状态": "开"})
    await asyncio.sleep(0)
    events.close()

    assert await task == [b'event: hello\ndata: {"a":1}\n\n', 'event: gate\ndata: {"状态":"开"}\n\n'.encode()]


async def test_a_listener_that_does_not_read_is_cut_off_and_nobody_waits():
    events = Events()
    task = await start(events)

    for number in range(MAX_BEHIND + 10):
        events.publish("n", {"n": number})

    assert len(await task) == MAX_BEHIND
    assert not events._listeners


async def test_a_public_screen_hears_less_where_there_is_less_to_hear():
    events = Events()
    seen = {}

    async def listener(public):
        async for chunk in events.listen(public=public):
            seen[public] = chunk
            return

    tasks = [asyncio.create_task(listener(public)) for public in (True, False)]
    await asyncio.sleep(0)
    events.publish("decision", {"why": "a court"}, public={"why": ""})
    await asyncio.gather(*tasks)

    assert b"court" in seen[False]
    assert b"court" not in seen[True]
