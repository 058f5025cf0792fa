"""Merchants and calendars from a file: a draft like any other, and what a hostile or careless file does."""

import io
import json
import zipfile
from datetime import date

import pytest
from odd_files import ID, xlsx
from office_town import CITY, Office

from central.office.drafts import deciding
from central.office.drafts.deciding import Asked
from central.office.importing import rule_files
from central.office.refusals import RefusedError
from central.store import sqlite_books

WHY = Asked(why="年度更新", force=True)
SITES = "场所,名称,英文名称,信用等级,商户等级\nyunling-shop,云岭茶庄,Yunling Tea,AA,3\nyunling-hotel,云岭酒店,,A,\n"
YEAR = "日历,日期,到,休班\npublic-holidays,2027-01-01,2027-01-03,休\npublic-holidays,2027/10/1,2027年10月7日,\n"


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        yield Office(tmp_path / "state", books)


async def bring(office, what, data, kind="rules"):
    data = data.encode() if isinstance(data, str) else data
    files = rule_files.changed(office.folder, CITY, what, data)
    office.at.ms += 1000
    return await deciding.propose_rules(office.desk, office.publisher, CITY, files, WHY, kind=kind)


async def test_merchants_come_as_a_draft_that_somebody_else_approves_and_one_act_undoes(office):
    before = office.rules("sites.json")

    draft = await bring(office, "sites", SITES)
    assert office.rules("sites.json") == before
    await office.call(office.second, "approve", draft=draft.number, force=True)

    sites = office.rules("sites.json")
    assert sites["sites"] == {
        "yunling-shop": {"title": {"zh": "云岭茶庄", "en": "Yunling Tea"}, "grade": "AA", "merchant_tier": 3},
        "yunling-hotel": {"title": {"zh": "云岭酒店"}, "grade": "A"},
    }
    assert sites["site_sets"] == before["site_sets"]
    with pytest.raises(RefusedError, match="没有任何变化"):
        await bring(office, "sites", SITES)
    await bring(office, "sites", "场所,信用等级\nyunling-shop,B\n")  # the others, and what it does not say, stay

    await office.call(office.publisher, "roll-back", draft=draft.number)
    assert "sites" not in office.rules("sites.json")


async def test_what_a_row_leaves_empty_keeps_what_stands(office):
    draft = await bring(office, "sites", SITES)
    await office.call(office.second, "approve", draft=draft.number, force=True)

    (name, text), *_ = rule_files.changed(
        office.folder, CITY, "sites", "场所,信用等级\nyunling-shop,B\n".encode()
    ).items()

    sites = json.loads(text)["sites"]
    assert (name, sites["yunling-shop"]["grade"], sites["yunling-shop"]["title"]["zh"]) == (
        "sites.json",
        "B",
        "云岭茶庄",
    )
    assert sites["yunling-hotel"]["grade"] == "A"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gbk"])
async def test_a_year_of_a_calendar_takes_the_place_of_that_year_and_of_no_other(office, encoding):
    old = office.rules("calendars.json")["calendars"]["public-holidays"]

    draft = await bring(office, "calendars", YEAR.encode(encoding))
    await office.call(office.second, "approve", draft=draft.number, force=True)
    now = office.rules("calendars.json")["calendars"]["public-holidays"]
    assert now == [*old, "2027-01-01/2027-01-03", "2027-10-01/2027-10-07"]

    mended = await bring(office, "calendars", "日历,日期\npublic-holidays,2027-01-02\n")
    await office.call(office.second, "approve", draft=mended.number, force=True)
    assert office.rules("calendars.json")["calendars"]["public-holidays"] == [*old, "2027-01-02"]


def test_a_spreadsheet_s_dates_and_make_up_days(office):
    rows = [["日历", "日期", "休班", "覆盖至"], ["public-holidays", date(2027, 2, 6), "休", date(2027, 12, 31)]]
    rows.append(["public-holidays", date(2027, 2, 20), "班", ""])

    text = rule_files.changed(office.folder, CITY, "calendars", xlsx(rows))["calendars.json"]

    found = json.loads(text)["calendars"]["public-holidays"]
    assert (found["dates"][-1], found["make_up_days"], found["covers_until"]) == (
        "2027-02-06",
        ["2027-02-20"],
        "2027-12-31",
    )


@pytest.mark.parametrize(
    ("what", "text", "words"),
    [
        ("sites", "名称\n茶庄\n", "缺少列"),
        ("sites", "场所,负责人\nshop,张三\n", "不认识的列"),
        ("sites", f"场所,名称\nshop,{ID}\n", "第 2 行 名称：不得出现身份证号"),
        ("sites", "场所,名称\n../etc,x\n", "第 2 行 场所"),
        ("sites", "场所,名称\nShop,x\n", "第 2 行 场所"),
        ("sites", "场所,名称\nshop,茶\u202e庄\n", "第 2 行 名称：含不可见字符"),
        ("sites", "场所,商户等级\nshop,99\n", "第 2 行 商户等级"),
        ("sites", "场所,名称\nshop,a\nshop,b\n", "第 3 行 场所：与前面重复"),
        (
            "sites",
            "场所,名称\nyunling-shop,a\nyunling-sohp,b\n",
            "第 3 行 场所：没有此场所 .*yunling-shop.*no such site",
        ),
        (
            "sites",
            "场所,名称\nshop,=1+1\n" + "\n".join(f"s{n},x" for n in range(9_999)) + "\nx y,z\n",
            "第 10002 行 场所",
        ),
        ("calendars", "日历,日期\npublic-hollidays,2027-01-01\n", "第 2 行 日历：没有此日历，现有 .*public-holidays"),
        ("calendars", "日历,日期\npublic-holidays,\n", "第 2 行 日期：缺日期"),
        ("calendars", "日历,日期\npublic-holidays,46022\n", "第 2 行 日期：日期写作"),
        ("calendars", "日历,日期,到\npublic-holidays,2027-01-03,2027-01-01\n", "第 2 行 到：早于日期"),
        ("calendars", "日历,日期,休班\npublic-holidays,2027-01-01,假\n", "第 2 行 休班"),
    ],
)
def test_what_is_wrong_is_named_by_row_and_column_and_nothing_is_drafted(office, what, text, words):
    with pytest.raises(RefusedError, match=words):
        rule_files.changed(office.folder, CITY, what, text.encode())


def test_dates_beyond_what_a_calendar_covers_need_a_new_end(office):
    path = office.folder / "cities" / CITY / "calendars.json"
    path.write_text(json.dumps(office.calendars_until("2026-12-31")))

    with pytest.raises(RefusedError, match="覆盖至"):
        rule_files.changed(office.folder, CITY, "calendars", YEAR.encode())


@pytest.mark.parametrize("what", ["sites", "calendars"])
def test_a_bomb_and_what_is_no_spreadsheet_are_refused(office, what):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 30_000_000)
    for data in (out.getvalue(), b"\x89PNG\0\0", b""):
        with pytest.raises(RefusedError):
            rule_files.changed(office.folder, CITY, what, data)


async def test_a_range_longer_than_any_holiday_is_refused_in_the_terminal_s_words(office):
    with pytest.raises(RefusedError, match="终端会拒绝"):
        await bring(office, "calendars", "日历,日期,到\npublic-holidays,2027-01-01,2030-01-01\n")


@pytest.mark.parametrize("site", ["yunling-shan", "new-shop", "elsewhere"])
def test_a_merchant_is_a_site_that_a_rule_file_names_or_where_a_terminal_stands(office, site):
    text = f"场所,名称\n{site},茶庄\n".encode()
    (office.folder / "cities" / CITY / "sites.json").write_text(json.dumps({"issuer": CITY}))  # benefits name the gate
    there = frozenset({"new-shop"})

    if site == "elsewhere":
        with pytest.raises(RefusedError, match="第 2 行 场所：没有此场所 elsewhere"):
            rule_files.changed(office.folder, CITY, "sites", text, there=there)
    else:
        made = json.loads(rule_files.changed(office.folder, CITY, "sites", text, there=there)["sites.json"])
        assert made["sites"] == {site: {"title": {"zh": "茶庄"}}}
