"""`xinguan central issue-all`: a code on paper for everybody in a file, as one file for the printer (批量制码).

Rules of this file:

- the file is one of residents (CSV or XLSX, column 姓名); one wrong row, or somebody whom the register does not know,
  and no code is issued: the rows are named;
- codes claim no tier, no group and no approval: those are lists' affairs, or need two people;
- PIECE people are one transaction and one act of the office journal; their codes are written and flushed once they are
  in the register. After a power cut those that stand in the file are good, and the others are issued anew;
- the file of codes is new, and its owner's alone: whoever has it can use what it opens.
"""

import argparse
import csv
import io
import os
from pathlib import Path
from typing import Any, Final

from central.books.settling.sheets import shown
from central.clock import now_ms
from central.commands.common import Answer, add_city, answered
from central.commands.office.alone import journalled
from central.lists.issuing import DAY_S, Issued, Wanted, issue_all
from central.office.importing.columns import KINDS, Wrong, read_rows
from central.office.importing.reading import read_table
from central.office.importing.residents import told
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.registry import RegistryError, known_pseudonym, register

PIECE: Final = 1_000
MAX_WRONG: Final = 100
HEADS: Final = ("姓名 name", "码 code", "编号 token id")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    parser.add_argument("--from", type=Path, required=True, dest="people", metavar="FILE", help="CSV or XLSX: 姓名")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="where the codes go, as CSV; a new file"
    )
    parser.add_argument("--max-uses", type=int, required=True, metavar="N", help="each is good for N uses")
    parser.add_argument("--days", type=int, default=30, help="how long they are valid")


def run(args: argparse.Namespace) -> int:
    """Issue everybody's code and write the file."""
    return answered(lambda: _issue_all(args))


def _issue_all(args: argparse.Namespace) -> Answer:
    names = _names(args.people.read_bytes())
    _check_known(args.state, args.city, names)
    handle = os.open(args.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        _write(out, "\ufeff".encode(), [HEADS])
        for first in range(0, len(names), PIECE):
            piece = names[first : first + PIECE]
            act = Act(act="credential.issue", city=args.city, before={"printed": len(piece), "first": first + 1})
            issued: list[Issued] = []

            def call(piece: list[str] = piece, issued: list[Issued] = issued) -> Answer:
                wanted = [Wanted(subject=name, max_uses=args.max_uses, valid_s=args.days * DAY_S) for name in piece]
                issued += issue_all(args.state, args.city, wanted, now_s=now_ms() // 1000)
                return {"token_ids": [one.token_id.hex() for one in issued]}

            journalled(args.state, act, call)
            rows = [(shown(name), one.text, one.token_id.hex()) for name, one in zip(piece, issued, strict=True)]
            _write(out, b"", rows)
    return {"issued": len(names), "file": str(args.out)}


def _names(data: bytes) -> list[str]:
    read = read_rows(read_table(data), KINDS["residents"])
    if read.wrong:
        raise RefusedError(told(read.wrong))
    names = [str(row["name"]) for row in read.rows]
    twice = [Wrong(at, "姓名", "与前面重复", "stands in this file already") for at, one in _repeated(names)]
    if twice:
        raise RefusedError(told(twice[:MAX_WRONG]))
    return names


def _repeated(names: list[str]) -> list[tuple[int, str]]:
    seen: set[str] = set()
    found = []
    for number, name in enumerate(names, 2):
        if name in seen:
            found.append((number, name))
        seen.add(name)
    return found


def _check_known(state: Path, city: str, names: list[str]) -> None:
    wrong = []
    with register(state) as conn:
        for number, name in enumerate(names, 2):
            try:
                known_pseudonym(conn, city, name)
            except RegistryError:
                wrong.append(Wrong(number, "姓名", "登记册中没有此人", "nobody of that name is in the register"))
    if wrong:
        raise RefusedError(told(wrong[:MAX_WRONG]))


def _write(out: Any, begin: bytes, rows: list[Any]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    out.write(begin + text.getvalue().encode())
    out.flush()
    os.fsync(out.fileno())
