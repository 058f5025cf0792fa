"""Every file that somebody brings to the office: what it is not, what hides in it, and one bad row among ten thousand.

Files come as the pages send them. The kinds and their columns are the program's own: a new one without a good file here
fails. What is refused is refused in words that name row and column where there is one, and changes nothing.
"""

import csv
import io
import re
from datetime import date

import pytest
from at_the_console import at_the_console, by_file, by_form, cookie, everything
from good_forms import Town
from odd_files import BOMBS, ID, xlsx
from office_town import AUTHORITY, CITY, OTHER, WHO

from central.office.approving.evidence import MAX_FILE, MAX_FILES
from central.office.importing.columns import KINDS

HEADS = {kind: [column.heads[0] for column in columns] for kind, columns in KINDS.items()}
GOOD = {
    "residents": ["张三", "5", "12；13"],
    "measures": [WHO, "302", "2026-12-31", "2026-10-01", AUTHORITY, "《条例》第二十三条"],
    "sites": ["yunling-shop", "云岭茶庄", "Tea house", "AA", "3", "620700"],
    "calendars": ["public-holidays", "2027-10-01", "2027-10-07", "休", "2027-12-31"],
}
WHOSE = {"residents": "clerk", "measures": "clerk", "sites": "merchant", "calendars": "publisher"}
WORDS = {("residents", "name"), ("measures", "basis"), *(("sites", one) for one in ("zh", "en", "grade", "region"))}
"""Columns of somebody's own words."""
HOSTILE = {"RLO": "张\u202e三", "an ID number": ID, "too long": "长" * 501}
ODD = {"emoji": "😀", "formula": '=HYPERLINK("http://evil.example")', "script": "<script>alert(1)</script>"}
NO_TABLE = {
    "nothing": (b"", "文件为空"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0", "不是表格"),
    "an old .xls": (b"\xd0\xcf\x11\xe0" + bytes(500), "xls"),
    "a page": (b"<!doctype html><script>alert(1)</script>", "没有数据行"),
    "half a zip": (b"PK\x03\x04" + bytes(100), "已损坏"),
    "no text": (b"\xff\xfe\xfa\xff\xff", "编码"),
    "an open quote": ('姓名\n"张三'.encode(), "读不懂"),
    "too much": (b"a\n" * (8 * 1024 * 1024 + 1), "16 MB"),
}


@pytest.fixture
async def office(tmp_path):
    async with at_the_console(tmp_path) as made:
        yield made


def table(kind, *rows):
    out = io.StringIO()
    csv.writer(out).writerows([HEADS[kind], *rows])
    return out.getvalue().encode("utf-8", "surrogatepass")


async def bring(office, kind, content, **more):
    who = Town(office, CITY).one(WHOSE[kind])
    fields = {"city": CITY, "what": kind, "why": "年度更新", "force": "true"} | more
    return await by_file(office, who, "/registers", content, **fields)


def test_every_kind_of_file_has_a_good_one_here():
    assert GOOD.keys() == WHOSE.keys() == KINDS.keys()
    assert {kind: len(row) for kind, row in GOOD.items()} == {kind: len(heads) for kind, heads in HEADS.items()}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_table_or_holds_one_bad_cell_is_refused_in_words_and_changes_nothing(office, kind):
    before, wrong = await everything(office), []

    async def refused(what, content, words):
        status, _where, shown = await bring(office, kind, content)
        if status != 400 or not re.search(words, shown) or "<script>alert" in shown:
            wrong.append((what, status, shown[-600:]))

    for what, (content, words) in NO_TABLE.items():
        await refused(what, content, words)
    for what, (make, words) in BOMBS.items():
        if words is not None and "unfolds" not in what:  # which test_importing unfolds
            await refused(what, make(), words)
    for at, column in enumerate(KINDS[kind]):
        texts = HOSTILE | ({} if (kind, column.field) in WORDS else ODD)
        for what, text in texts.items():
            row = [*GOOD[kind][:at], text, *GOOD[kind][at + 1 :]]
            await refused(f"{column.field}: {what}", table(kind, row), "第 2 行|没有此人|目录规定|姓名或 32 位假名")
    await refused("an unknown column", "姓名,国王\n张三,1\n".encode(), "不认识的列|缺少列")
    await refused("no column", table(kind, GOOD[kind]).partition(b"\n")[2], "不认识的列|没有数据行|缺少列")

    assert wrong == []
    assert await everything(office) == before


@pytest.mark.parametrize("kind", KINDS)
async def test_one_bad_row_among_ten_thousand_is_named_and_nothing_is_taken_in(office, kind):
    before, first = await everything(office), {"residents": "人{}"}.get(kind, GOOD[kind][0])
    rows = [[first.format(number), *GOOD[kind][1:]] for number in range(10_000)]
    rows[7_001][-1 if kind != "residents" else 0] = ID

    status, _where, shown = await bring(office, kind, table(kind, *rows))

    assert (status, "第 7003 行" in shown, "不得出现身份证号" in shown) == (400, True, True)
    assert await everything(office) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("saved", ["utf-8", "utf-8-sig", "gbk", "xlsx"])
async def test_what_offices_save_is_taken_however_it_was_saved(office, kind, saved):
    if saved == "xlsx":  # dates as Excel has them
        cells = [date.fromisoformat(one) if re.fullmatch(r"2\d{3}-\d\d-\d\d", one) else one for one in GOOD[kind]]
        content = xlsx([HEADS[kind], cells])
    else:
        content = table(kind, GOOD[kind]).decode().encode(saved)

    status, where, shown = await bring(office, kind, content)

    assert status == 303, shown[-800:]
    if where != "/registers":
        async with office.client.get(where, headers=cookie(Town(office, CITY).one("checker"))) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_of_another_city_or_without_a_city_or_of_no_kind_is_nobodys(office, kind):
    before = await everything(office)

    heard = [
        (await bring(office, kind, table(kind, GOOD[kind]), **more))[0]
        for more in ({"city": OTHER}, {"city": ""}, {"city": "../yunling"}, {"what": "kings"}, {"why": ""})
    ]

    assert set(heard) <= {400, 403}
    assert (await bring(office, kind, None))[0] == 400
    assert await everything(office) == before


NAMES = {
    "path": ("../../etc/passwd.pdf", "passwd.pdf"),
    "windows": ("C:\\secret\\x.pdf", "x.pdf"),
    "script": ("<script>alert(1)</script>.pdf", "script>.pdf"),
    "RLO": ("exe.\u202efdp.pdf", "exe.fdp.pdf"),
    "emoji": ("😀.pdf", "😀.pdf"),
    "quotes": ("a'b;c=d.pdf", "a'b;c=d.pdf"),
    "long": ("长" * 500 + ".pdf", "长" * 120),
    "nothing": ("", "file"),
}
NO_EVIDENCE = {
    "nothing": b"",
    "a page": b"<html><script>alert(1)</script>",
    "a drawing": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "a program": b"MZ" + bytes(100),
    "a zip": b"PK\x03\x04" + bytes(100),
    "nearly a PDF": b" %PDF-1.7",
    "too much": b"%PDF-" + bytes(MAX_FILE),
}


class TestEvidence:
    async def test_what_is_none_is_refused_whatever_it_is_called(self, office):
        town = Town(office, CITY)
        _wish, about = await town.application()
        where, before, wrong = f"/applications/{about['application']}/evidence", await everything(office), []

        for what, content in NO_EVIDENCE.items():
            status, _where, shown = await by_file(office, town.one("clerk"), where, content, "x.pdf")
            if status != 400 or "·" not in shown:
                wrong.append((what, status))
        for who, status in (("checker", 403), ("finance", 403), ("auditor", 403)):
            assert (await by_file(office, town.one(who), where, b"%PDF-1", "x.pdf"))[0] == status
        assert (await by_file(office, Town(office, OTHER).one("clerk"), where, b"%PDF-1", "x.pdf"))[0] == 404
        assert (await by_file(office, town.one("clerk"), where, None, other="text"))[0] == 400
        assert (await by_form(office, town.one("clerk"), where, {"file": "%PDF-1"}))[0] == 400

        assert wrong == []
        assert await everything(office) == before

    @pytest.mark.parametrize("what", NAMES)
    async def test_a_file_s_name_is_a_name_and_nothing_else(self, office, what):
        given, kept = NAMES[what]
        town = Town(office, CITY)
        _wish, about = await town.application()
        page = f"/applications/{about['application']}"

        status, where, _shown = await by_file(office, town.one("clerk"), f"{page}/evidence", b"%PDF-1", given)
        async with office.client.get(page, headers=cookie(town.one("checker"))) as answer:
            shown = await answer.text()
        link = re.search(r'href="(/applications/[^"]+/evidence/[0-9a-f]{64})"', shown)[1]
        async with office.client.get(link, headers=cookie(town.one("checker"))) as answer:
            header = answer.headers["Content-Disposition"]

        assert (status, where) == (303, page)
        assert "<script>alert" not in shown
        [name] = await office.books.read(lambda tx: tx.row("SELECT name FROM evidence"))
        assert name == kept
        assert header.startswith("attachment; filename=\"evidence\"; filename*=UTF-8''")
        assert re.fullmatch(r"[!-~ ]+", header)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    async def test_no_more_files_than_an_application_may_have(self, office):
        town = Town(office, CITY)
        _wish, about = await town.application()
        where = f"/applications/{about['application']}/evidence"

        heard = [
            (await by_file(office, town.one("clerk"), where, b"%PDF-" + bytes([number]), "x.pdf"))[0]
            for number in range(MAX_FILES + 1)
        ]

        assert heard == [303] * MAX_FILES + [400]
