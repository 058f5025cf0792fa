import asyncio
import csv
import io
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from central.books.reconciliation import midnight_ms, reconcile
from tests.tools import shell

DAY_MS = 86_400_000
ZONE = "Asia/Shanghai"
FIRST = date(2026, 9, 21)  # the test clock's day in Shanghai


def grant(benefit="wulong.half", uses=(), **offer):
    given = [{"benefit": benefit, "issuer": "wulong", "offer": {"kind": "percent"} | offer}]
    return {"issuer": "wulong", "heads": 2, "given": given, "uses": list(uses)}


async def send(_town, terminal):
    await terminal.pusher().drain()


def report(town, first=FIRST, last=None):
    return town.change(lambda conn: reconcile(conn, first=first, last=last or first, zone=ZONE))


async def test_what_was_given_adds_up_and_what_was_undone_does_not_count(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant(off_fen=3000))
    await terminal.write(redemption="b", body=grant(off_fen=1500))
    await terminal.write(redemption="c", body=grant(off_fen=700))
    await terminal.write(kind="annulled", redemption="b", body={"step": "annulled"})
    await terminal.write(kind="reversed", redemption="c", body={"step": "reversed_part", "whole": False})
    await terminal.write(kind="opened", redemption="d", body=grant("wulong.no-deposit", waived_fen=50_000))

    await send(town, terminal)
    half, deposit = report(town).lines

    assert (half.granted, half.heads, half.undone, half.net, half.off_fen) == (3, 6, 1, 2, 3700)
    assert (deposit.benefit, deposit.net, deposit.waived_fen) == ("wulong.no-deposit", 1, 50_000)


async def test_a_merchant_s_own_offer_is_marked_so_that_nobody_settles_it_with_the_city(town):
    terminal = await town.terminal()
    own = grant("local.gate-a.1", off_fen=800)
    own["given"][0]["local"] = True
    await terminal.write(redemption="a", body=own)
    await terminal.write(redemption="b", body=grant(off_fen=3000))

    await send(town, terminal)

    assert [(line.benefit, line.local) for line in report(town).lines] == [
        ("local.gate-a.1", True),
        ("wulong.half", False),
    ]


async def test_a_fact_counts_on_its_own_day_and_its_lateness_is_named(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant())
    town.clock.at_ms += DAY_MS + 5000
    terminal.clock.at_ms = town.clock.at_ms

    await send(town, terminal)
    line = report(town).lines[0]

    assert (line.day, line.late, line.latest_s) == ("2026-09-21", 1, 86_405)
    assert report(town, date(2026, 9, 22)).lines == []


async def test_conflicts_stand_at_the_lines_they_touch(town):
    uses = [{"key": "u|wulong/half|subject:w:1|ever", "n": 1, "max": 1}]
    for name in ("gate-a", "gate-b"):
        terminal = await town.terminal(name)
        await terminal.write(redemption=name, body=grant(uses=uses))
        await send(town, terminal)

    assert [(line.granted, line.conflicts) for line in report(town).lines] == [(2, 2)]


async def test_the_csv_has_a_heading_and_survives_chinese_and_commas(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant('半价, "周末"'))
    await send(town, terminal)

    rows = list(csv.DictReader(io.StringIO(report(town).to_csv())))

    assert (rows[0]["benefit"], rows[0]["granted"]) == ('半价, "周末"', "1")


@pytest.mark.parametrize("body", [{}, {"given": 7}, {"given": [7]}, {"given": [{"offer": 7}]}, {"heads": "x"}])
async def test_a_grant_of_another_form_is_counted_too(town, body):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=body)
    await send(town, terminal)

    assert [(line.granted, line.benefit) for line in report(town).lines] == [(1, "?")]


def test_a_day_begins_at_its_own_midnight():
    assert midnight_ms(FIRST, ZoneInfo(ZONE)) == 1_789_920_000_000


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        ([("granted", {})], "granted"),
        ([("opened", {}), ("actuated", {}), ("closed", {"step": "claimed"})], "claimed"),
        ([("granted", {}), ("passed", {"step": "passed"}), ("note", {})], "passed"),
        ([("granted", {}), ("reversed", {"step": "reversed_part", "whole": False, "heads": 1})], "granted"),
        ([("granted", {}), ("annulled", {}), ("passed", {"step": "passed"})], "passed"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
async def test_the_facts_of_a_redemption_lead_to_its_state(town, steps, state, at_once):
    terminal = await town.terminal()
    for kind, body in steps:
        await terminal.write(kind=kind, redemption="a", body=grant() if kind in {"granted", "opened"} else body)
        if not at_once:
            await send(town, terminal)
    await send(town, terminal)

    assert [one["state"] for one in town.ledger()["redemptions"]] == [state]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one by one"])
async def test_what_was_annulled_and_passed_after_all_is_given_after_all(town, at_once):
    terminal = await town.terminal()
    for kind in ("granted", "annulled", "passed"):
        await terminal.write(kind=kind, redemption="a", body=grant(off_fen=700) if kind == "granted" else {})
        if not at_once:
            await send(town, terminal)
    await send(town, terminal)

    assert [(line.granted, line.undone, line.off_fen) for line in report(town).lines] == [(1, 0, 700)]


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)"])
async def test_no_cell_of_the_csv_is_a_formula(town, name):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant(name) | {"issuer": name})
    await send(town, terminal)

    row = next(csv.DictReader(io.StringIO(report(town).to_csv())))
    assert (row["benefit"], row["issuer"]) == (f"'{name}", f"'{name}")


@pytest.mark.parametrize("figure", [-(2**53) + 1, "7", True, None])
async def test_money_that_nobody_could_mean_counts_as_nothing(town, figure):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant(off_fen=figure))
    await terminal.write(redemption="b", body=grant(off_fen=300))
    await send(town, terminal)

    assert [(line.granted, line.off_fen) for line in report(town).lines] == [(2, 300)]


def ran(*words):
    return asyncio.to_thread(shell.platform, *words)


async def test_the_command_prints_both_forms_and_names_a_conflict_in_its_exit_code(town):
    uses = [{"key": "u|wulong/half|subject:w:1|ever", "n": 1, "max": 1}]
    first = await town.terminal("gate-a")
    await first.write(redemption="a", body=grant(uses=uses))
    await send(town, first)
    command = ["report", "--state", town.state.folder, "--from", "2026-09-21"]
    whole = await ran(*command)
    second = await town.terminal("gate-b")
    await second.write(redemption="b", body=grant(uses=uses))
    await send(town, second)
    clash = await ran(*command, "--csv")
    wrong = await ran(*command, "--zone", "Mars")

    assert (whole.returncode, clash.returncode, wrong.returncode) == (0, 1, 78)
    assert '"benefit": "wulong.half"' in whole.stdout
    assert clash.stdout.startswith("day,site,issuer,benefit,granted")


async def test_a_terminal_that_moves_takes_no_past_redemption_with_it(town):
    terminal = await town.terminal()
    await terminal.write(redemption="a", body=grant(off_fen=700) | {"site": "tiankeng"})
    await send(town, terminal)
    town.change(lambda tx: tx.execute("UPDATE terminals SET site = 'elsewhere'"))
    await terminal.write(redemption="b", body=grant(off_fen=300) | {"site": "tiankeng"})
    await terminal.write(redemption="c", body=grant(off_fen=5) | {"site": "elsewhere"})

    await send(town, terminal)

    assert [(line.site, line.off_fen) for line in report(town).lines] == [("elsewhere", 5), ("tiankeng", 1000)]
    assert {one["site"] for one in town.ledger()["redemptions"]} == {"elsewhere", "tiankeng"}


async def test_two_parts_that_come_back_leave_the_subsidy_of_the_rest(town):
    terminal = await town.terminal()
    for name, amount in (("a", 20_000), ("b", 30_000)):
        body = grant(off_fen=amount // 5, to_pay_fen=amount - amount // 5) | {"amount_fen": amount}
        await terminal.write(redemption=name, body=body)
        part = {"step": "reversed_part", "whole": False, "fen": 10_000, "heads": 0}
        await terminal.write(kind="reversed", redemption=name, body=part)

    await send(town, terminal)
    line = report(town).lines[0]

    assert (line.off_fen, line.refund_fen, line.back_fen, line.returns) == (6_000, 16_000, 4_000, 2)


async def test_what_was_deferred_is_owed_until_it_is_closed(town):
    terminal = await town.terminal()
    for name in "abc":
        body = grant(later_fen=20_000, to_pay_fen=0) | {"amount_fen": 20_000}
        await terminal.write(kind="opened", redemption=name, body=body)
    await terminal.write(kind="overdue", redemption="b", body={"step": "overdue"})
    await terminal.write(kind="overdue", redemption="c", body={"step": "overdue"})
    await terminal.write(kind="closed", redemption="c", body={"step": "closed"})
    await terminal.write(kind="closed", redemption="a", body={"step": "claimed", "fen": 12_000})

    await send(town, terminal)
    line = report(town).lines[0]

    assert (line.later_fen, line.repaid_fen, line.overdue, line.overdue_fen) == (60_000, 20_000, 1, 20_000)
    assert (line.claims, line.claim_fen) == (1, 12_000)


async def test_what_waits_for_a_payment_costs_nobody_anything_until_it_is_paid(town):
    terminal = await town.terminal()
    body = grant(off_fen=3_000, to_pay_fen=3_000) | {"amount_fen": 6_000, "awaiting": True, "pay_fen": 3_000}
    for name in "ab":
        await terminal.write(redemption=name, body=body)
        await terminal.write(kind="annulled", redemption=name, body={"cause": "unpaid"})
    await send(town, terminal)
    assert [(one.off_fen, one.undone) for one in report(town).lines] == [(0, 2)]

    await terminal.write(kind="paid", redemption="a", body={"step": "paid", "order": "1", "amount_fen": 3_000})
    await send(town, terminal)

    assert [(one.off_fen, one.paid_fen, one.undone) for one in report(town).lines] == [(3_000, 3_000, 1)]
    assert sorted(one["state"] for one in town.ledger()["redemptions"]) == ["annulled", "granted"]
