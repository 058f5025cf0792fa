"""The half-year report: sums, refusals, repairs, and files that a spreadsheet shows and never runs."""

import csv
import io
import zipfile
from datetime import date

import pytest
from office_town import NOW
from python_calamine import CalamineWorkbook

from central.books.bounds import Bounds
from central.books.rebuilding import rebuild
from central.books.settling.half_year import PeriodError, half_year, read_half, settlement
from central.books.settling.sheets import as_csv, as_xlsx

ZONE = "Asia/Shanghai"
DAY_MS = 86_400_000


def grant(benefit="w.half", issuer="w", site="gate", **offer):
    given = [{"benefit": benefit, "issuer": issuer, "offer": {"kind": "percent"} | offer}]
    return {"issuer": issuer, "site": site, "heads": 1, "given": given}


async def told(books, city="", half="2026H2"):
    """The report; what the settlement page says of the same days is held to be the same."""
    first, last = read_half(half)
    days = {"first": first, "last": last, "zone": ZONE, "city": city}
    report = await books.read(lambda tx: half_year(tx, **days))
    page = await books.read(lambda tx: settlement(tx, **days))
    assert (page.lines, page.missing, page.total) == (report.lines, report.missing, report.total)
    return report


@pytest.mark.parametrize("text", ["", "2026", "2026H3", "26H1", "2026h1", "2026H1 ", "=1+1"])
def test_a_half_year_is_written_one_way(text):
    with pytest.raises(PeriodError, match="2026H1"):
        read_half(text)


def test_the_halves_meet_without_a_gap():
    assert read_half("2026H1") == (date(2026, 1, 1), date(2026, 6, 30))
    assert read_half("2026H2")[0] == date(2026, 7, 1)


async def test_the_period_ends_at_midnight_of_its_own_zone(books, journal):
    gate = await journal("t1")
    midnight = 1_782_835_200_000  # 2026-07-01 00:00 in Shanghai
    await gate.bring(("granted", "a", grant(off_fen=1), midnight - 1), ("granted", "b", grant(off_fen=20), midnight))

    assert (await told(books, half="2026H1")).total.off_fen == 1
    assert (await told(books, half="2026H2")).total.off_fen == 20


async def test_a_page_adds_up_a_row_a_day_and_never_the_quarters(books, journal):
    gate, quarter_ms = await journal("t1"), 900_000
    first = 1_790_006_400_000  # 2026-09-22 00:00 in Shanghai
    grants = [("granted", f"r{n}", grant(off_fen=n), first + n * quarter_ms) for n in range(192)]
    await gate.bring(*grants, at_ms=first)

    rows = await books.read(lambda tx: tx.rows("SELECT day, off_fen FROM daily ORDER BY day"))
    quarters = await books.read(lambda tx: tx.row("SELECT count(*) FROM totals"))
    await books.write(lambda tx: tx.execute("DELETE FROM totals"))  # whoever read these would find nothing

    assert ([one[1] for one in rows], quarters[0]) == ([sum(range(96)), sum(range(96, 192))], 192)
    assert (await told(books)).total.off_fen == sum(range(192))


async def test_another_zone_s_days_are_made_of_quarters(books, journal):
    gate = await journal("t1")
    midnight = 1_790_014_500_000  # 2026-09-22 00:00 in Kathmandu, UTC+5:45: no day of UTC+8 begins then
    await gate.bring(("granted", "a", grant(off_fen=1), midnight - 1), ("granted", "b", grant(off_fen=20), midnight))
    days = {"first": date(2026, 9, 22), "last": date(2026, 9, 22), "zone": "Asia/Kathmandu"}

    assert (await books.read(lambda tx: half_year(tx, **days))).total.off_fen == 20


async def test_a_city_sees_what_it_pays_and_what_others_pay_at_its_sites(books, journal):
    gate = await journal("t1", "gate")  # whose profile says that w issued it
    await gate.bring(
        ("granted", "a", grant(issuer="w", site="far", off_fen=1)),
        ("granted", "b", grant(issuer="x", site="gate", off_fen=20)),
        ("granted", "c", grant(issuer="x", site="far", off_fen=300)),
    )

    assert (await told(books, "w")).total.off_fen == 21
    assert (await told(books, "x")).total.off_fen == 320
    assert (await told(books)).total.off_fen == 321


async def test_refusals_are_counted_by_site_and_first_reason_also_those_summed_up(books, journal):
    gate = await journal("t1", "gate")
    await gate.bring(
        ("not_granted", None, {"site": "gate", "reasons": ["limit_used", "full"]}),
        ("not_granted", None, {"site": "gate", "reasons": ["limit_used"]}),
        ("not_granted", None, {"lane": "A", "minute_ms": NOW, "unverified": {"unknown_key": 7, "expired": 1}}),
        ("not_granted", None, {"reasons": 7}),
        ("granted", "a", grant()),
    )
    expected = [("gate", "?", 1), ("gate", "expired", 1), ("gate", "limit_used", 2), ("gate", "unknown_key", 7)]

    assert (await told(books)).refused == expected
    await books.write(lambda tx: rebuild(tx, Bounds()))
    assert (await told(books)).refused == expected


async def test_the_spreadsheet_ends_with_its_total_and_runs_nothing(books, journal):
    gate = await journal("t1", "gate")
    evil = '=HYPERLINK("http://evil.example")'
    await gate.bring(
        ("granted", "a", grant("w.half", off_fen=12_345)),
        ("granted", "b", grant(evil, site="+1", off_fen=5)),
        ("granted", "c", grant("@x", site="-1", off_fen=0)),
    )
    report = await told(books)

    raw = as_xlsx(report, {"w.half": "半价票"})
    rows = CalamineWorkbook.from_filelike(io.BytesIO(raw)).get_sheet_by_name("结算").to_python()
    sheets = [one for one in zipfile.ZipFile(io.BytesIO(raw)).namelist() if "worksheets" in one]
    xml = "".join(zipfile.ZipFile(io.BytesIO(raw)).read(name).decode() for name in sheets)

    by_benefit = {row[2]: row for row in rows}
    assert by_benefit["w.half"][3] == "半价票"
    assert by_benefit["w.half"][9] == 123.45
    assert rows[-1][0] == "合计"
    assert rows[-1][9] == pytest.approx(123.50)
    assert evil in by_benefit
    assert "<f>" not in xml


async def test_the_csv_opens_in_excel_and_runs_nothing(books, journal):
    gate = await journal("t1", "gate")
    await gate.bring(("granted", "a", grant("=1+1", site="\tx", off_fen=105)))

    raw = as_csv(await told(books), {})
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))

    assert raw.startswith(b"\xef\xbb\xbf")
    assert rows[0][:3] == ["场所", "发行方", "优惠编号"]
    assert (rows[1][0], rows[1][2], rows[1][9]) == ("'\tx", "'=1+1", "1.05")
    assert rows[2][0] == "合计"


async def test_report_and_page_count_what_nobody_brought_from_a_city_s_own_terminals(books, journal):
    gate = await journal("t1", "gate")
    await gate.bring(*[("granted", f"r{n}", grant(off_fen=1)) for n in range(5)])
    await journal("t2")
    await books.write(lambda tx: tx.execute("UPDATE epochs SET many = many - 2"))

    assert [(await told(books, city)).missing for city in ("w", "x", "")] == [2, 0, 2]
