"""The platform is away for 500 visitors; when it returns everything arrives once, in order."""

VISITORS = 500


async def test_500_visitors_are_served_without_the_platform_and_arrive_once(xinguan_town):
    town = xinguan_town
    people = [town.visitors.resident(town.now_s()) for _ in range(VISITORS)]
    await town.gate.start()
    await town.all_arrived()
    await town.platform.process.stop()

    outcomes = [(await town.gate.present(who.code(town.now_s()), intent="enter"))["outcome"] for who in people]

    assert outcomes == ["GRANT"] * VISITORS
    assert town.audit().unsent >= VISITORS
    assert (await town.gate.status())["unsent"] >= VISITORS
    await town.platform_returns()
    figures = await town.all_arrived()
    assert (figures.lost, figures.duplicated) == (0, 0)
    assert figures.journal_records == figures.platform_records
    await town.until(lambda: len(set(town.openings)) == VISITORS)
