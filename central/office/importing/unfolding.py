"""A spreadsheet as far as it may be believed: what a reader is given is what was looked at here, and nothing else.

An XLSX is a zip of XML, and whoever sends one writes down themselves how large its parts are and where its cells stand.
A reader that lays the cells out as a table takes memory for a cell `XFD1048576` as if the table up to there were full:
five kilobytes of file, half a terabyte. So, before any reader sees it:

- only the parts of a workbook come along, and only those that are stored or deflated; macros, pictures and other
  formats that a reader might recognise in the same zip (ODS, XLSB) stay behind;
- a part is unfolded here, up to a bound that counts bytes and believes no header;
- each is well-formed XML in UTF-8 without a document type; whatever holds a value in a sheet lies within the bounds;
- the reader gets a zip made of those very bytes, so that two ways to read a zip cannot see two files.
"""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Final
from xml.parsers import expat

from central.office.refusals import RefusedError

MAX_UNFOLDED: Final = 96 * 1024 * 1024  # 100 000 rows of the columns that are known take 40 MB
MAX_ENTRIES: Final = 2_000
CHUNK: Final = 1024 * 1024
PART: Final = re.compile(r"\[Content_Types\]\.xml|_rels/\.rels|xl/[^\\]*\.(xml|rels)")
KINDS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
PLACE: Final = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
LETTERS: Final = 26
UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")


class BeyondError(Exception):
    """A value stands outside the bounds."""


class _MalformedError(Exception):
    """A part is not what such a part looks like."""


def vetted(data: bytes, *, rows: int, columns: int) -> bytes:
    """Return a workbook of the same parts, each looked at; raise RefusedError.

    `rows`, `columns`: how many a sheet may have, whether anything stands in them or not.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = dict(_parts(archive))
        for raw in parts.values():
            _look(raw, rows=rows, columns=columns)
    except BeyondError as error:
        raise RefusedError(f"最多 {rows - 1} 行 {columns} 列 · at most {rows - 1} rows, {columns} columns") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise RefusedError("XLSX 已损坏 · the spreadsheet is damaged") from error
    except (expat.ExpatError, _MalformedError) as error:
        raise RefusedError(f"不是可读的 XLSX · no spreadsheet that can be read ({error})") from error
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as made:
        for name, raw in parts.items():
            made.writestr(name, raw)
    return out.getvalue()


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes]]:
    """Give the parts of a workbook, unfolded; raise RefusedError beyond the bound."""
    entries, left = archive.infolist(), MAX_UNFOLDED
    if len(entries) > MAX_ENTRIES:
        raise RefusedError("XLSX 内部文件过多 · the spreadsheet has too many parts")
    for one in entries:
        if PART.fullmatch(one.filename) is None:
            continue
        if one.compress_type not in KINDS:
            raise _MalformedError(f"{one.filename[:40]!r} is packed in a way that no workbook is")
        raw = io.BytesIO()
        with archive.open(one) as part:
            while chunk := part.read(CHUNK):
                left -= raw.write(chunk)
                if left < 0:
                    raise RefusedError("XLSX 展开后过大，拒绝读取 · it would unfold to too much, and is not read")
        yield one.filename, raw.getvalue()


class _Looker:
    """What has been seen of one part: where the cell stands that is being read, and whether it may hold anything."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self.row = self.column = 0
        self.outside = False

    def begins(self, name: str, said: Mapping[str, str]) -> None:
        """Follow rows and cells; raise BeyondError for a value in a cell outside. What is empty there takes nothing."""
        kind = name.rpartition(":")[2]
        if kind == "row":
            given = said.get("r")
            self.row, self.column = (self.row + 1 if given is None else _number(given)), 0
        elif kind == "c":
            self.column += 1
            if (place := said.get("r")) is not None:
                self.row, self.column = _placed(place)
            self.outside = self.row > self.rows or self.column > self.columns
        elif self.outside and kind != "f":
            raise BeyondError(f"row {self.row}, column {self.column}")

    def ends(self, name: str) -> None:
        """Note the end of a cell."""
        if name.rpartition(":")[2] == "c":
            self.outside = False


def _look(raw: bytes, *, rows: int, columns: int) -> None:
    """Raise BeyondError for a value outside, ExpatError or _MalformedError for what is no plain XML."""
    if raw.startswith(UTF_16) or b"\0" in raw:  # which expat would read as such, whatever encoding it is told
        raise _MalformedError("it is not in UTF-8")

    def no_type(*_said: object) -> None:
        raise _MalformedError("a document type")

    reader, looker = expat.ParserCreate("utf-8"), _Looker(rows, columns)
    reader.StartDoctypeDeclHandler = no_type
    reader.StartElementHandler, reader.EndElementHandler = looker.begins, looker.ends
    reader.Parse(raw, True)  # noqa: FBT003 - expat's own order: this is the last of it


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - a row has seven digits at most
        raise _MalformedError(f"a row {text[:20]!r}")
    return int(text)


def _placed(text: str) -> tuple[int, int]:
    """Return row and column of a cell written A1."""
    found = PLACE.fullmatch(text)
    if found is None:
        raise _MalformedError(f"a cell {text[:20]!r}")
    column = 0
    for letter in found[1]:
        column = column * LETTERS + ord(letter) - ord("A") + 1
    return int(found[2]), column
