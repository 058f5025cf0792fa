"""Spreadsheets that are none, that are larger than they say, or whose cells stand where no table ends."""

import io
import struct
import zipfile

import xlsxwriter

ID = "11010519491231002X"  # the example of GB 11643: a number with a right check digit, of nobody


def xlsx(rows):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate(rows):
            for column, value in enumerate(row):
                sheet.write(number, column, value)
    return out.getvalue()


def parts_of(raw):
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


def packed(parts, how=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", how) as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw)
    return out.getvalue()


SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
BOOK = parts_of(xlsx([["姓名"], ["张三"]]))


def with_cells(cells):
    """A spreadsheet whose one sheet has a head, a name, and these cells."""
    rows = b'<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row>' + cells.encode()
    head = BOOK[SHEET][: BOOK[SHEET].index(b"<sheetData>")]
    return packed({**BOOK, SHEET: head + b"<sheetData>" + rows + b"</sheetData></worksheet>"})


def lying(raw, part, size):
    """The same file, whose headers say that a part unfolds to no more than this."""
    true = zipfile.ZipFile(io.BytesIO(raw)).getinfo(part).file_size
    assert raw.count(struct.pack("<I", true)) == 2
    return raw.replace(struct.pack("<I", true), struct.pack("<I", size))


ODS = {
    "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
    "content.xml": b"<office:document-content><table:table-row table:number-rows-repeated='1048576'/>",
}
ENTITY = b'<!DOCTYPE x [<!ENTITY a "' + b"x" * 1_000 + b'">]>'
VALUE = "<v>1</v>"
BOMBS = {
    "unfolds to much": (lambda: packed({**BOOK, STRINGS: b"0" * (97 << 20)}), "展开后过大"),
    "lies about it": (lambda: lying(packed({**BOOK, STRINGS: b"0" * (97 << 20)}), STRINGS, 1_000), "已损坏"),
    "a cell at the end of the world": (
        lambda: with_cells(f'<row r="2"><c r="XFD1048576">{VALUE}</c></row>'),
        "最多 100000 行",
    ),
    "a row at the end of the world": (lambda: with_cells(f'<row r="1048576"><c>{VALUE}</c></row>'), "最多 100000 行"),
    "cells without a place": (lambda: with_cells(f'<row r="2">{f"<c>{VALUE}</c>" * 51}</row>'), "50 列"),
    "rows of a prefix": (
        lambda: with_cells(f'<a:row xmlns:a="a" r="9999999"><a:c>{VALUE}</a:c></a:row>'),
        "最多 100000 行",
    ),
    "a cell that is nowhere": (
        lambda: with_cells(f'<row r="2"><c r="$A$9999999999">{VALUE}</c></row>'),
        "不是可读的 XLSX",
    ),
    "entities": (lambda: packed({**BOOK, STRINGS: ENTITY + BOOK[STRINGS].partition(b"?>")[2]}), "不是可读的 XLSX"),
    "another way to pack": (lambda: packed(BOOK, zipfile.ZIP_BZIP2), "不是可读的 XLSX"),
    "parts by the thousand": (lambda: packed({f"xl/{number}.xml": b"<x/>" for number in range(2_001)}), "内部文件过多"),
    "another kind of sheet": (lambda: packed(ODS), "不是可读的 XLSX"),
    "no XML": (lambda: packed({**BOOK, SHEET: b"\x00" * 1_000}), "不是可读的 XLSX"),
    "XML in another alphabet": (
        lambda: packed({**BOOK, SHEET: BOOK[SHEET].decode().encode("utf-16")}),
        "不是可读的 XLSX",
    ),
    "a directory that is no path": (lambda: packed({**BOOK, "../../xl/worksheets/sheet1.xml": b"<"}), None),
}
