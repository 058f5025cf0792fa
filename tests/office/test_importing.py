"""Files that offices send: what is taken in, what is refused and where, and what a hostile file does."""

import json
import resource
import time
from datetime import date

import pytest
from odd_files import BOMBS, ID, VALUE, with_cells, xlsx
from office_town import AUTHORITY, CITY, WHO, Office, person

from central.lists.cities import put_rules
from central.office import entries
from central.office.drafts import deciding
from central.office.drafts.deciding import Asked
from central.office.drafts.states import NotNowError
from central.office.importing import residents
from central.office.importing.columns import KINDS, day, has_id_number, read_rows
from central.office.importing.reading import MAX_BYTES, read_table
from central.office.refusals import OvertakenError, RefusedError
from central.register.accounts.acts import newest
from central.register.accounts.duties import ForbiddenError
from central.register.registry import register
from central.register.warrants import Warrant
from central.store import sqlite_books

WHY = Asked(why="年度更新")


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        yield Office(tmp_path / "state", books)


def listed(office):
    with register(office.folder) as conn:
        of = "FROM member m JOIN subject s ON s.pseudonym = m.subject ORDER BY 1, 3"
        return conn.execute(f"SELECT s.name, m.tier, m.code {of}").fetchall()


def names(office):
    with register(office.folder) as conn:
        return {row[0] for row in conn.execute("SELECT name FROM subject WHERE city = ?", (CITY,))}


class TestReading:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_csv_as_offices_save_it(self, encoding, delimiter):
        text = f"姓名{delimiter}备注\r\n张三{delimiter}“好”\r\n\r\n"

        assert read_table(text.encode(encoding)) == [["姓名", "备注"], ["张三", "“好”"]]

    def test_a_spreadsheet_gives_dates_as_dates_and_numbers_as_they_were_typed(self):
        rows = read_table(xlsx([["姓名", "代码", "截止日"], ["张三", 302, date(2026, 12, 31)], ["李四", 1.5, "=1+1"]]))

        assert rows[1] == ["张三", "302", "2026-12-31"]
        assert rows[2][1] == "1.5"

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "空"),
            (b"\xd0\xcf\x11\xe0old", "xls"),
            (b"PK\x03\x04 not a zip", "损坏"),
            (b"\x89PNG\r\n\x1a\n\0\0", "不是表格"),
            ("姓名\n".encode(), "没有数据行"),
            (b"\xff\xfe\xfa\xff\xff", "编码"),
            (b'a\n"unclosed', "读不懂"),
            (("姓名\n" + "x" * 501).encode(), "格子"),
            ((",".join(["a"] * 51) + "\n1\n").encode(), "列"),
            (b"a\n" * (MAX_BYTES // 2 + 1), "16 MB"),
            (b"a\n" * 100_003, "100000 行"),
        ],
        ids=["empty", "xls", "no zip", "png", "no rows", "no text", "quote", "cell", "columns", "bytes", "rows"],
    )
    def test_what_is_no_table_is_refused_in_words(self, data, words):
        with pytest.raises(RefusedError, match=words):
            read_table(data)

    @pytest.mark.parametrize("name", BOMBS)
    def test_a_bomb_is_not_unfolded_and_takes_nothing_down(self, name):
        (make, words) = BOMBS[name]
        raw = make()
        begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

        if words is None:
            assert read_table(raw) == [["姓名"], ["张三"]]
        else:
            with pytest.raises(RefusedError, match=words):
                read_table(raw)

        assert time.process_time() - begun < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400 * 1024

    def test_cells_that_are_empty_may_stand_anywhere_and_what_a_reader_skips_is_not_looked_for(self):
        table = with_cells(f'<row r="2"><c r="A2">{VALUE}</c><c r="XFD2" s="1"/></row><row r="1048576" spans="1:1"/>')

        assert read_table(table) == [["name"], ["1"]]


class TestColumns:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("2026-12-31", date(2026, 12, 31)),
            ("2026/1/2", date(2026, 1, 2)),
            ("2026年1月2日", date(2026, 1, 2)),
            ("", None),
        ],
    )
    def test_a_date_is_written_in_many_ways(self, text, expected):
        assert day(text) == expected

    @pytest.mark.parametrize("text", ["31.12.2026x", "2026-02-30", "46022", "yesterday", "2026-1"])
    def test_what_is_no_date_is_refused(self, text):
        with pytest.raises(ValueError, match=r"\|"):
            day(text)

    @pytest.mark.parametrize(
        ("text", "is_one"),
        [
            (ID, True),
            (ID.lower(), True),
            (f"张三{ID}", True),
            ("110105491231002", True),
            ("110105194912310021", False),
            ("620722199001011234567", False),
            ("张三", False),
            ("13800138000", False),
        ],
    )
    def test_an_id_number_is_known_by_its_check_digit(self, text, is_one):
        assert has_id_number(text) is is_one

    def test_every_fault_is_told_by_row_and_column(self):
        table = [
            ["姓名", "措施代码", "截止日"],
            ["", "302", "2026-12-31"],
            [ID, "x", "2026-13-01"],
            ["张三", "302", ""],
        ]

        wrong = read_rows(table, KINDS["measures"]).wrong

        assert [(one.row, one.column) for one in wrong] == [
            (2, "姓名"),
            (3, "姓名"),
            (3, "措施代码"),
            (3, "截止日"),
            (4, "截止日"),
        ]
        assert wrong[1].zh == "不得出现身份证号"

    @pytest.mark.parametrize(
        ("heads", "words"), [(["姓各"], "不认识的列"), (["姓名", "name"], "同名"), (["措施代码"], "不认识的列")]
    )
    def test_heads_that_are_not_understood_are_named(self, heads, words):
        with pytest.raises(RefusedError, match=words):
            read_rows([heads, ["x"] * len(heads)], KINDS["residents"])


class TestResidents:
    async def test_shown_first_taken_in_once_and_undone_as_one_act(self, office):
        data = f"姓名\n张三\n李四\n张三\n{WHO}\n".encode()
        clerk = office.clerk

        shown = await residents.preview(office.desk, clerk, CITY, data)
        assert (shown.rows, shown.new, shown.known, names(office)) == (4, 2, 2, {WHO})

        first = await residents.take(office.desk, clerk, CITY, data, WHY)
        again = await residents.take(office.desk, clerk, CITY, data, WHY)
        assert (first["new"], again["new"], names(office)) == (2, 0, {WHO, "张三", "李四"})

        undone = await residents.undo(office.desk, clerk, CITY, first["import"], WHY)
        assert (undone["gone"], undone["kept"], names(office)) == (2, 0, {WHO})
        with pytest.raises(RefusedError, match="已撤销"):
            await residents.undo(office.desk, clerk, CITY, first["import"], WHY)
        told = str(await office.books.read(newest))
        assert "张三" not in told

    async def test_tier_and_groups_are_a_draft_that_somebody_else_approves_and_go_when_it_is_undone(self, office):
        first = "姓名,等级,人群\n张三,5,12；13\n李四,0,\n".encode()
        shown = await residents.preview(office.desk, office.clerk, CITY, first)
        done = await residents.take(office.desk, office.clerk, CITY, first, WHY)
        again = await residents.take(office.desk, office.clerk, CITY, first, WHY)
        assert (shown.listed, listed(office), again["draft"] == done["draft"]) == (2, [], True)

        told = await office.call(office.checker, "approve", draft=done["draft"])
        assert told["words"][1]["zh"] == "等级 无 → 5：1 人"
        assert {one["zh"] for one in told["words"][2:]} == {
            "张*：凭证所载 → 等级 5，人群 12、13",
            "李*：凭证所载 → 等级 无，人群 无",
        }
        assert listed(office) == [("张三", 5, 12), ("张三", 5, 13), ("李四", 0, 0)]
        assert (await residents.take(office.desk, office.clerk, CITY, first, WHY))["draft"] is None

        lost = await residents.take(office.desk, office.clerk, CITY, "姓名,等级\n张三,3\n".encode(), WHY)
        await office.call(office.checker, "approve", draft=lost["draft"])
        assert listed(office)[0] == ("张三", 3, 0)
        with pytest.raises(RefusedError, match="较新的一次"):
            await residents.undo(office.desk, office.checker, CITY, done["import"], WHY)
        await residents.undo(office.desk, office.clerk, CITY, lost["import"], WHY)
        assert listed(office)[:2] == [("张三", 5, 12), ("张三", 5, 13)]
        undone = await residents.undo(office.desk, office.clerk, CITY, done["import"], WHY)
        assert (undone["members"], listed(office), names(office)) == (2, [], {WHO})

    async def test_a_draft_of_tiers_is_overtaken_when_somebody_s_changed_meanwhile(self, office):
        first = await residents.take(office.desk, office.clerk, CITY, "姓名,等级\n张三,5\n李四,2\n".encode(), WHY)
        other = await office.call(office.clerk, "member", city=CITY, subject="张三", tier=3, groups="12, 13")
        await office.call(office.checker, "approve", draft=other["number"])

        with pytest.raises(OvertakenError):
            await office.call(office.checker, "approve", draft=first["draft"])
        assert listed(office) == [("张三", 3, 12), ("张三", 3, 13)]

    async def test_nobody_is_approved_into_two_households_that_a_limit_counts(self, office):
        document = office.rules("benefits.json")
        document["benefits"][0] |= {"limits": [{"per": "group", "max": 2, "groups": [5000, 5999]}], "version": 9}
        files, by = {"benefits.json": json.dumps(document).encode()}, Warrant.by_two("li", "han")
        put_rules(office.desk.folder, CITY, files, warrant=by, now_ms=office.desk.now_ms())
        twice = await residents.take(
            office.desk, office.clerk, CITY, "姓名,等级,人群\n张三,5,12；5021；5022\n".encode(), WHY
        )

        with pytest.raises(RefusedError, match="households 5021 and 5022"):
            await office.call(office.checker, "approve", draft=twice["draft"])

        assert listed(office) == []

    async def test_an_import_that_is_undone_takes_its_waiting_draft_along(self, office):
        done = await residents.take(office.desk, office.clerk, CITY, "姓名,等级\n张三,5\n".encode(), WHY)

        await residents.undo(office.desk, office.clerk, CITY, done["import"], WHY)

        with pytest.raises(NotNowError):
            await office.call(office.checker, "approve", draft=done["draft"])
        assert (listed(office), names(office)) == ([], {WHO})

    async def test_whoever_is_used_since_stays(self, office):
        done = await residents.take(office.desk, office.clerk, CITY, "姓名\n张三\n李四\n".encode(), WHY)
        await office.call(office.clerk, "issue", city=CITY, subject="张三", max_uses=1)

        undone = await residents.undo(office.desk, office.clerk, CITY, done["import"], WHY)

        assert (undone["gone"], undone["kept"], names(office)) == (1, 1, {WHO, "张三"})

    async def test_one_bad_row_among_ten_thousand_changes_nothing_and_is_named(self, office):
        rows = [f"人{number}" for number in range(10_000)]
        rows[7_001] = ID
        data = ("姓名\n" + "\n".join(rows)).encode()

        with pytest.raises(RefusedError, match="第 7003 行 姓名：不得出现身份证号"):
            await residents.take(office.desk, office.clerk, CITY, data, WHY)
        assert names(office) == {WHO}

    async def test_only_a_clerk_of_this_city_takes_people_in(self, office):
        for who in (office.checker, person("auditor"), person("clerk", city="linhai")):
            with pytest.raises(ForbiddenError):
                await residents.take(office.desk, who, CITY, "姓名\n张三\n".encode(), WHY)

    async def test_fifty_thousand_people_within_a_minute(self, office):
        data = xlsx([["姓名"], *([f"居民{number}"] for number in range(50_000))])
        begun = time.monotonic()

        done = await residents.take(office.desk, office.clerk, CITY, data, WHY)

        assert (done["new"], time.monotonic() - begun < 60) == (50_000, True)


class TestMeasures:
    async def draft(self, office, text):
        read = read_rows(read_table(text.encode()), KINDS["measures"])
        assert read.wrong == []
        office.at.ms += 1000
        return await deciding.propose_measures(office.desk, office.clerk, CITY, read.rows, WHY)

    async def test_a_file_of_measures_is_one_draft_and_undone_whole(self, office):
        await residents.take(office.desk, office.clerk, CITY, "姓名\n张三\n".encode(), WHY)
        text = f"姓名,措施代码,截止日\n张三,302,2026-12-31\n{WHO},301,2026/11/30\n"

        draft = await self.draft(office, text)
        assert (draft.authority, draft.words[0].zh.startswith("2 项措施：张* 302 至 2026-12-31")) == (AUTHORITY, True)
        await office.call(office.checker, "approve", draft=draft.number)
        standing = [one for one in entries.newest(office.folder, CITY) if one.lifted_ms is None]
        assert sorted(one.code for one in standing) == [301, 302]

        await office.call(office.checker, "roll-back", draft=draft.number)
        assert all(one.lifted_ms for one in entries.newest(office.folder, CITY))

    @pytest.mark.parametrize(
        ("rows", "words"),
        [
            ("王小名,302,2026-12-31", "第 2 行.*没有此人"),
            (f"{WHO},302,2026-12-31\n{WHO},302,2026-11-30", "第 3 行：与前面重复"),
            (f"{WHO},999,2026-12-31", "第 2 行.*没有 999"),
        ],
    )
    async def test_every_row_that_cannot_be_is_named_and_nothing_is_drafted(self, office, rows, words):
        with pytest.raises(RefusedError, match=words):
            await self.draft(office, f"姓名,措施代码,截止日\n{rows}\n")
        assert await office.books.read(newest) == []
