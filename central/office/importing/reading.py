"""Files that offices send: CSV in whatever they were saved in, and XLSX. Everything is bounded; nothing is run.

Rules of this file:

- at most 16 MB, 100 000 rows, 50 columns, 500 characters a cell; an XLSX is looked at before a reader sees it
  (`unfolding`): no reader asks how far away a cell is before it takes the memory;
- CSV is UTF-8 (with or without its mark) or GB 18030, as Excel in China saves it; comma, semicolon or tab;
- XLSX is read by python-calamine: values alone, no formulas and no macros; dates come as dates, whole numbers without
  ".0";
- a file that is neither is refused by what it is, not by what it is called.
"""

import csv
import io
from datetime import date, datetime
from typing import Any, Final

from python_calamine import CalamineError, CalamineWorkbook

from central.office.importing.unfolding import vetted
from central.office.refusals import RefusedError

MAX_BYTES: Final = 16 * 1024 * 1024
MAX_ROWS: Final = 100_000
MAX_COLUMNS: Final = 50
MAX_CELL: Final = 500
ZIP: Final = b"PK\x03\x04"
OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
DELIMITERS: Final = ",;\t"
Table = list[list[str]]


def read_table(data: bytes) -> Table:
    """Return the rows of a file as texts, the heads first; raise RefusedError with the mend."""
    if not data:
        raise RefusedError("文件为空 · the file is empty")
    if len(data) > MAX_BYTES:
        raise RefusedError("文件超过 16 MB，请分几次导入 · more than 16 MB; bring it in parts")
    if data.startswith(OLD_EXCEL):
        raise RefusedError("旧式 .xls，请另存为 .xlsx 或 CSV · an old .xls: save it as .xlsx or CSV")
    rows = _spreadsheet(data) if data.startswith(ZIP) else _comma(data)
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:  # noqa: PLR2004 - the heads and one row
        raise RefusedError("没有数据行 · there is no row below the heads")
    return rows


def _comma(data: bytes) -> Table:
    if b"\0" in data:
        raise RefusedError("不是表格文件 · this is no spreadsheet")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError as error:
            raise RefusedError("文字编码无法识别，请存为 UTF-8 · save it as UTF-8 or GB 18030") from error
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    found: Table = []
    try:
        for row in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True):
            found.append(_bounded(row, len(found)))
    except csv.Error as error:
        raise RefusedError(f"第 {len(found) + 1} 行读不懂 · row {len(found) + 1} cannot be read: {error}") from error
    return found


def _spreadsheet(data: bytes) -> Table:
    book = vetted(data, rows=MAX_ROWS + 1, columns=MAX_COLUMNS)
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0)
        return [_bounded(row, number) for number, row in enumerate(sheet.to_python(skip_empty_area=False))]
    except (CalamineError, IndexError, ValueError, OverflowError) as error:
        raise RefusedError(f"不是可读的 XLSX · no spreadsheet that can be read ({error})") from error


def _bounded(row: list[Any], number: int) -> list[str]:
    if number > MAX_ROWS:
        raise RefusedError(f"最多 {MAX_ROWS} 行 · at most {MAX_ROWS} rows")
    if len(row) > MAX_COLUMNS:
        raise RefusedError(f"第 {number + 1} 行超过 {MAX_COLUMNS} 列 · row {number + 1} has too many columns")
    return [_text(value, number) for value in row]


def _text(value: Any, number: int) -> str:
    if isinstance(value, datetime):
        text = value.date().isoformat() if not (value.hour or value.minute or value.second) else value.isoformat(" ")
    elif isinstance(value, date):
        text = value.isoformat()
    elif isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        text = str(int(value))
    else:
        text = "" if value is None else str(value).strip()
    if len(text) > MAX_CELL:
        raise RefusedError(f"第 {number + 1} 行有超过 {MAX_CELL} 字的格子 · row {number + 1}: a cell is too long")
    return text
