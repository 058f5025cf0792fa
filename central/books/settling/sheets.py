"""The half-year report as a spreadsheet (XLSX by XlsxWriter) and as CSV that Excel opens rightly.

Rules of this file:

- heads are Chinese, titles stand beside ids, money is in yuan with two places, every sheet of sums ends with its total;
- a text that a spreadsheet would run (=, +, -, @, tab, return at its start) is written so that it is shown: in XLSX
  as a string cell, in CSV with an apostrophe before it;
- CSV begins with a byte order mark: Excel reads it as UTF-8 then.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Final

import xlsxwriter

from central.books.settling.half_year import HalfYear, Sum

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
Cell = str | int | float
FIGURES: Final[tuple[tuple[str, str], ...]] = (
    ("granted", "核销次数"),
    ("undone", "撤销冲正"),
    ("net", "净次数"),
    ("heads", "人次"),
    ("off_fen", "减免金额（元）"),
    ("waived_fen", "免押金额（元）"),
    ("later_fen", "先用后付（元）"),
    ("repaid_fen", "其中已付（元）"),
    ("overdue", "逾期笔数"),
    ("overdue_fen", "逾期金额（元）"),
    ("returns", "退货笔数"),
    ("refund_fen", "退还访客（元）"),
    ("back_fen", "冲回优惠（元）"),
    ("claims", "索赔笔数"),
    ("claim_fen", "索赔金额（元）"),
    ("paid_fen", "闸口收款（元）"),
    ("proved", "已证实"),
    ("vouched", "凭据可信"),
    ("unproved", "未证实"),
    ("disproved", "被推翻"),
    ("apart", "另列"),
    ("settled", "可结算次数"),
    ("settled_off_fen", "可结算减免（元）"),
    ("settled_waived_fen", "可结算免押（元）"),
    ("settled_later_fen", "可结算先用后付（元）"),
    ("clashes", "冲突"),
    ("late", "迟报"),
)
NAMES: Final = ("场所", "发行方", "优惠编号", "优惠名称", "商户自设")


def shown(value: Cell) -> Cell:
    """Return a cell of CSV that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _figure(line: Sum, name: str) -> int | float:
    value: int = getattr(line, name)
    return value / 100 if name.endswith("_fen") else value


def rows(told: HalfYear, titles: Mapping[str, str]) -> Iterable[list[Cell]]:
    """Return the heads, every line and the total."""
    yield [*NAMES, *(head for _name, head in FIGURES)]
    for line in told.lines:
        own = "是" if line.local else ""
        named: list[Cell] = [line.site, line.issuer, line.benefit, titles.get(line.benefit, ""), own]
        yield [*named, *(_figure(line, name) for name, _head in FIGURES)]
    yield ["合计", "", "", "", "", *(_figure(told.total, name) for name, _head in FIGURES)]


def as_csv(told: HalfYear, titles: Mapping[str, str]) -> bytes:
    """Return the sums as CSV with a byte order mark."""
    out = io.StringIO()
    writer = csv.writer(out)
    for row in rows(told, titles):
        writer.writerow([f"{one:.2f}" if isinstance(one, float) else shown(one) for one in row])
    writer.writerow([])
    writer.writerow(["期间", f"{told.first} 至 {told.last}", "缺失序号", told.missing, "修复件数", told.repairs])
    return out.getvalue().encode("utf-8-sig")


def as_xlsx(told: HalfYear, titles: Mapping[str, str]) -> bytes:
    """Return the report as a spreadsheet: sums, refusals, repairs, terminals."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(out, options) as book:
        bold, money = book.add_format({"bold": True}), book.add_format({"num_format": "#,##0.00"})
        sums = book.add_worksheet("结算")
        for number, row in enumerate(rows(told, titles)):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sums.write_string(number, column, value, bold if number == 0 else None)
                else:
                    sums.write_number(number, column, value, money if isinstance(value, float) else None)
        sums.freeze_panes(1, 0)
        sums.set_column(0, 4, 18)
        sums.set_column(5, 5 + len(FIGURES), 13)
        _sheet(book, "拒绝", ("场所", "原因", "次数"), told.refused, bold)
        facts = (("修复件数", told.repairs), ("修复用时中位数（天）", told.repair_days), ("缺失序号", told.missing))
        _sheet(book, "修复与完整", ("项目", "数值"), facts, bold)
        columns = ("terminal", "site", "state", "records", "set_aside", "missing", "forks")
        heads = ("终端", "场所", "状态", "记录", "搁置", "缺失", "分叉")
        listed = [[one[name] for name in columns] for one in told.terminals]
        _sheet(book, "终端", heads, listed, bold)
    return out.getvalue()


def _sheet(
    book: xlsxwriter.Workbook,
    name: str,
    heads: Iterable[str],
    listed: Iterable[Iterable[Cell]],
    bold: object,
) -> None:
    sheet = book.add_worksheet(name)
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, bold)
    for number, row in enumerate(listed, 1):
        for column, value in enumerate(row):
            write = sheet.write_string if isinstance(value, str) else sheet.write_number
            write(number, column, value)
    sheet.set_column(0, 3, 20)
