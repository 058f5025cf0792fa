"""What one gate of a site gave is brought back, returned, entered again and left at another (claims.md, "The call")."""

import pytest

from central.hub.elder import site_page
from central.site.beginning import _take
from credit.inputs import Intent, Request
from credit.reasons import Outcome, Reason
from edge.lanes.presented import Presented
from tests.town.two_deciders import SITE, Authority, benefit, two_gates

ONCE = {"limits": [{"max": 1, "per": "subject", "period": "month"}]}
BENEFITS = [
    benefit(
        2,
        "umbrella",
        "deposit_waiver",
        offer={"cap_fen": 5000},
        title={"zh": "免押金雨伞", "en": "Umbrella"},
        where={"scenes": ["stand"]},
        needs=["asset"],
        lifecycle={"open_close": {"due": "P1D"}},
        **ONCE | {"limits": [{"max": 2, "per": "subject", "period": "month"}]},
    ),
    benefit(
        3, "shop", "percent", offer={"percent_off": 10}, where={"scenes": ["shop"]}, reversal={"within_h": 48}, **ONCE
    ),
    benefit(
        4,
        "pass",
        "free",
        where={"scenes": ["gate"]},
        lifecycle={"pass": {"entries": 3, "anti_pass_back": True}},
        **ONCE,
    ),
]


@pytest.fixture
async def site(tmp_path, monkeypatch):
    async with two_gates(tmp_path, BENEFITS, monkeypatch) as made:
        yield made


def said(answer):
    return answer.decision.outcome, answer.decision.reasons[0]


GRANTED, NOTHING = (Outcome.GRANT, Reason.OK), (Outcome.STANDARD, Reason.NOTHING_OPEN)


async def test_what_was_lent_at_one_gate_is_brought_back_at_the_other_and_can_be_lent_again_at_both(site):
    authority, one, two = site
    lent = await one.shows(lane="S", intent=Intent.LEND, asset="A7")
    await authority.hear(one)
    assert said(await two.shows(lane="S", intent=Intent.LEND, asset="A8"))[1] is Reason.ALREADY_OPEN

    back = await two.shows(lane="S", intent=Intent.GIVE_BACK)
    await authority.hear(two)
    again = await one.shows(lane="S", intent=Intent.LEND, asset="A9")
    await authority.hear(one)

    assert (said(back), back.redemption) == (GRANTED, lent.redemption)
    assert back.decision.given[0].title["zh"] == "免押金雨伞"
    assert said(again) == GRANTED
    [(_, body)] = await two.facts("closed")
    assert body == {"step": "closed"}
    assert authority.row("SELECT state FROM redemptions WHERE redemption = ?", lent.redemption) == ("closed",)
    assert said(await two.shows(lane="S", intent=Intent.GIVE_BACK, asset="A7")) == NOTHING


async def test_an_asset_or_a_receipt_from_another_gate_is_taken_back_without_a_code(site):
    authority, one, two = site
    for holder, asset, by in ((1, "A1", {"asset": "A1"}), (2, "A2", {"redemption": None})):
        lent = await one.shows(holder, lane="S", intent=Intent.LEND, asset=asset)
        await authority.hear(one)
        named = by if "asset" in by else {"redemption": lent.redemption}

        back = await two.made.decide(Presented(text="", lane="S", request=Request(intent=Intent.GIVE_BACK, **named)))

        assert (said(back), back.redemption) == (GRANTED, lent.redemption)


async def test_what_this_gate_took_back_itself_is_not_taken_back_twice_while_its_fact_is_on_the_way(site):
    authority, one, two = site
    await one.shows(lane="S", intent=Intent.LEND, asset="A7")
    await authority.hear(one)

    assert said(await two.shows(lane="S", intent=Intent.GIVE_BACK)) == GRANTED
    two.clock.at_ms += 60_000  # beyond its grace
    assert said(await two.shows(lane="S", intent=Intent.GIVE_BACK)) == NOTHING


async def test_what_came_back_elsewhere_does_not_fall_due_where_it_was_lent(site):
    authority, one, two = site
    lent = await one.shows(lane="S", intent=Intent.LEND, asset="A7")
    await authority.hear(one)
    await two.shows(lane="S", intent=Intent.GIVE_BACK)
    await authority.hear(two)
    await one.overdue(lent.redemption)
    await authority.hear(one)

    assert authority.row("SELECT state FROM redemptions WHERE redemption = ?", lent.redemption) == ("closed",)


async def test_a_purchase_is_returned_at_another_till_part_by_part_and_no_more_than_it_was(site):
    authority, one, two = site
    bought = await one.shows(lane="T", intent=Intent.BUY, amount_fen=10_000)
    await authority.hear(one)
    assert said(await two.shows(lane="T", intent=Intent.BUY, amount_fen=10_000))[1] is Reason.LIMIT_USED

    part = await two.shows(lane="T", intent=Intent.RETURN, amount_fen=4_000)
    two.clock.at_ms += 60_000
    more = await two.shows(lane="T", intent=Intent.RETURN, amount_fen=7_000)
    await authority.hear(two)
    rest = await one.shows(lane="T", intent=Intent.RETURN)
    await authority.hear(one)

    assert (said(part), part.redemption) == (GRANTED, bought.redemption)
    assert part.decision.obligations["refund_fen"] == 3_600
    assert said(more) == NOTHING
    assert (said(rest), rest.decision.obligations["refund_fen"]) == (GRANTED, 5_400)
    assert said(await two.shows(lane="T", intent=Intent.BUY, amount_fen=10_000)) == GRANTED


async def test_a_pass_goes_on_at_every_gate_and_who_is_inside_is_inside_for_all(site):
    authority, one, two = site
    first = await one.shows()
    await authority.hear(one)

    inside = await two.shows()
    left = await two.shows(intent=Intent.EXIT)
    await authority.hear(two)
    again = await two.shows()
    await authority.hear(two)
    one.clock.at_ms += 60_000  # beyond its grace
    back = await one.shows()

    assert said(first) == GRANTED
    assert said(inside) == (Outcome.REFER, Reason.ALREADY_INSIDE)
    assert said(left) == GRANTED
    assert said(again) == GRANTED
    [(_, _), (_, body)] = [*(await one.facts("granted")), *(await two.facts("granted"))]
    assert body["pass"]["root"] == first.redemption
    assert [use["key"] for use in body["uses"] if use["key"].startswith("p|")] == [f"p|{first.redemption}"]
    assert authority.row("SELECT spent FROM tallies WHERE key = ?", f"p|{first.redemption}") == (2,)
    assert said(back) == (Outcome.REFER, Reason.ALREADY_INSIDE)


async def test_nobody_who_knows_answers_and_an_asset_comes_back_as_unmatched(site):
    authority, one, two = site
    await one.shows(lane="S", intent=Intent.LEND, asset="A7")
    await authority.hear(one)
    authority.silent = True

    back = await two.shows(lane="S", intent=Intent.GIVE_BACK, asset="A7")
    nothing_named = await two.shows(2, lane="S", intent=Intent.GIVE_BACK)

    assert said(back) == GRANTED
    assert [body for _, body in await two.facts("closed")] == [{"step": "closed", "unmatched": True, "asset": "A7"}]
    assert said(nothing_named) == NOTHING


async def test_a_hub_that_begins_anew_learns_the_site_s_rows_from_the_platform(site):
    authority, one, two = site
    lent = await one.shows(lane="S", intent=Intent.LEND, asset="A7")
    entered = await one.shows(2)
    await authority.hear(one)
    authority.conn.execute("INSERT INTO hubs VALUES (?, 'hub', 1, '', '', '')", (SITE,))
    page = authority.job(lambda tx: site_page(tx, "hub", after="", nonce="n"))
    young = Authority(BENEFITS, ("one", "two"))
    for redemption in page.redemptions:
        young.job(lambda tx, one=redemption: _take(tx, one, SITE))
    two.answers_to(young)

    back = await two.shows(lane="S", intent=Intent.GIVE_BACK)

    assert (said(back), back.redemption) == (GRANTED, lent.redemption)
    assert said(await two.shows(2)) == (Outcome.REFER, Reason.ALREADY_INSIDE)
    assert entered.redemption in {one.redemption for one in page.redemptions}
    young.conn.close()


LATER = [
    benefit(
        5,
        "later",
        "pay_later",
        offer={"cap_fen": 30_000},
        where={"scenes": ["shop"]},
        limits=[{"count": "amount", "max": 30_000, "per": "subject", "period": "month"}],
        reversal={"within_h": 48},
    )
]


class TestAmounts:
    """A month's amount is one amount at every till."""

    @pytest.fixture
    async def shops(self, tmp_path, monkeypatch):
        async with two_gates(tmp_path, LATER, monkeypatch) as made:
            yield made

    async def test_what_one_till_deferred_is_gone_at_the_other_and_its_return_frees_the_part_that_came_back(
        self, shops
    ):
        authority, one, two = shops
        first = await one.shows(lane="T", intent=Intent.BUY, amount_fen=20_000)
        assert said(await two.shows(lane="T", intent=Intent.BUY, amount_fen=10_001))[1] is Reason.IN_USE
        await authority.hear(one)

        full = await two.shows(lane="T", intent=Intent.BUY, amount_fen=10_001)
        part = await two.shows(lane="T", intent=Intent.RETURN, amount_fen=5_000)
        await authority.hear(two)
        fits = await two.shows(lane="T", intent=Intent.BUY, amount_fen=15_000)
        await authority.hear(two)

        assert said(full) == (Outcome.STANDARD, Reason.LIMIT_USED)
        assert (said(part), part.redemption) == (GRANTED, first.redemption)
        assert said(fits) == GRANTED
        assert authority.row("SELECT spent FROM tallies WHERE key LIKE 'a|%'") == (30_000,)
        assert said(await one.shows(lane="T", intent=Intent.BUY, amount_fen=1))[1] is Reason.LIMIT_USED

    async def test_a_till_that_gave_alone_counts_what_it_gave_before_anybody_has_heard_of_it(self, shops):
        authority, one, two = shops
        authority.silent = True
        assert said(await one.shows(lane="T", intent=Intent.BUY, amount_fen=20_000)) == GRANTED
        authority.silent = False
        await two.shows(lane="T", intent=Intent.BUY, amount_fen=5_000)
        await authority.hear(two)

        over = await one.shows(lane="T", intent=Intent.BUY, amount_fen=5_001)
        exact = await one.shows(lane="T", intent=Intent.BUY, amount_fen=5_000)

        assert said(over) == (Outcome.STANDARD, Reason.LIMIT_USED)
        assert said(exact) == GRANTED

    async def test_what_a_till_took_back_itself_is_free_here_before_the_fact_has_arrived(self, shops):
        _, one, _ = shops
        bought = await one.shows(lane="T", intent=Intent.BUY, amount_fen=20_000)

        await one.shows(lane="T", intent=Intent.RETURN)

        assert said(bought) == GRANTED
        assert said(await one.shows(lane="T", intent=Intent.BUY, amount_fen=30_000)) == GRANTED
