"""The disk cannot take another byte: nobody is let in, the screen says to fetch staff, and it mends by itself."""

import resource

LIMIT_BYTES = 4_000  # less than one page of the database; room for the log


async def test_a_terminal_that_cannot_write_refers_and_never_grants(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    who, late = (town.visitors.resident(town.now_s()) for _ in range(2))
    pid = town.gate.process.pid
    usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, usual[1]))
    full = await town.gate.at_once(who.code(town.now_s()), intent="enter")
    status = await town.until(lambda: ill(town))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)
    mended = await town.gate.present(who.code(town.now_s()), intent="enter")
    after = await town.gate.present(late.code(town.now_s()), intent="enter")

    assert full["outcome"] == "REFER"
    assert [reason["code"] for reason in full["reasons"]] == ["store_failed"]
    assert full["redemption"] is None
    assert not status["ready"]
    assert (mended["outcome"], mended["repeat"]) == ("GRANT", False)
    assert after["outcome"] == "GRANT"
    figures = await town.all_arrived()
    assert (figures.lost, figures.duplicated) == (0, 0)


async def ill(town):
    status = await town.gate.status()
    return status if status is not None and not status["ready"] else None


async def test_nobody_is_kept_in_by_a_full_disk(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    who = town.visitors.resident(town.now_s())
    pid = town.gate.process.pid
    usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    resource.prlimit(pid, resource.RLIMIT_FSIZE, (LIMIT_BYTES, usual[1]))
    leaving = await town.gate.at_once(who.code(town.now_s()), intent="exit")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)

    assert (leaving["outcome"], leaving["obligations"]) == ("GRANT", {"open_gate": True})
    await town.until(lambda: "emergency" in town.kinds())
