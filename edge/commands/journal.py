"""`xinguan journal status|verify|export`: what this terminal wrote down, and whether it was changed since."""

import argparse
import shutil
import sqlite3
import sys
import tempfile
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Final

from cache.journal import chain
from cache.journal.chain import JournalError
from cache.memory import lives
from cache.memory.checking import contradictions
from cache.texts import from_before
from credit.records import Record, encode
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, open_database, read_config
from storage.files import BESIDE
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import IdentityError, load_identity
from sync.push.export import export
from sync.push.receipts import kept_end, signed_end

RECEIPT: Final = "SELECT receipt FROM cursor"
ACKED: Final = "SELECT acked_through FROM cursor"
AUDITED: Final = {"seq": int, "at": str, "kind": str, "redemption": str, "record": str}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the file."""
    parser.add_argument("action", choices=["status", "verify", "export"])
    parser.add_argument(
        "--sealed", type=Path, metavar="FILE", help="export for the platform (xinguan central journal import FILE)"
    )
    parser.add_argument("--sqlite", type=Path, metavar="FILE", help="export as a clean SQLite file for auditors")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="the data folder of a rescued card, read only")
    parser.add_argument(
        "--set-aside", metavar="NAME", help="with --sealed: a database that lies beside (terminal.db.replaced-…)"
    )
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Do the action; exit code 1 when the chain does not hold."""
    if args.sealed is not None:
        return _sealed(args)
    if args.sqlite is not None:
        return _sqlite(args)
    config = read_config(args.config)
    conn = from_before(open_database(config))
    try:
        conn.execute("BEGIN")
        if args.action == "export":
            for record in chain.records(conn):
                sys.stdout.write(encode(record).decode() + "\n")
            return 0
        head = chain.verify(conn) if args.action == "verify" else chain.head(conn)
        cursor, unsent, epoch = chain.cursor(conn), chain.unsent(conn), chain.current_epoch(conn)
        against = _against(conn, config.data, epoch.terminal) if args.action == "verify" else []
    except JournalError as error:
        complain(str(error))
        return 1
    finally:
        conn.close()
    print(f"终端 terminal   {epoch.terminal}\n纪元 epoch      {epoch.id} (from {epoch.from_seq})")
    print(f"末条 head       {head.seq} {head.hash.hex()}")
    print(f"平台已签收 acked {cursor.acked_through}\n待上传 unsent   {unsent.count}")
    for line in against:
        complain(line)
    if args.action == "verify" and not against:
        print("校验通过 every record fits the chain, the receipts and the ledger")
    return 1 if against else 0


def _against(conn: sqlite3.Connection, data: Path, terminal: str) -> list[str]:
    """Return what contradicts the journal: receipts that the platform signed, and counts that facts do not explain."""
    found = []
    try:
        identity = load_identity(data)
    except IdentityError as error:
        complain(f"收据无法核对 · the receipts cannot be checked: {error}")
    else:
        text = conn.execute(RECEIPT).fetchone()[0]
        stored = signed_end(identity, text)
        if text is not None and stored is None:
            found.append("库内收据无效 · the receipt in the database was not signed by the platform")
        if conn.execute(ACKED).fetchone()[0] and text is None:
            found.append("库内缺少收据 · records count as signed for, and there is no receipt")
        signed = {one for one in (stored, kept_end(identity)) if one is not None}
        found += [
            f"平台签收的第 {end.seq} 条与本机流水不符 · record {end.seq} is not the one that the platform signed for"
            for end in lives.unknown(conn, sorted(signed))
        ]
    return found + contradictions(conn, terminal)


def _sqlite(args: argparse.Namespace) -> int:
    """Write the journal as a SQLite file of one table; exit code 2 when the target is taken, 69 without the tool."""
    try:
        sqlite_utils = import_module("sqlite_utils")  # brings numpy along where it is: only this command may
    except ModuleNotFoundError:
        complain("缺少 sqlite-utils · --sqlite needs sqlite-utils: pip install 'xinguan[central]'")
        return EX_UNAVAILABLE
    if args.sqlite.exists():
        complain(f"{args.sqlite}: 请指定新文件 · name a new file")
        return 2
    conn = from_before(open_database(read_config(args.config)))
    try:
        conn.execute("BEGIN")
        table = sqlite_utils.Database(str(args.sqlite)).table("journal").create(AUDITED, pk="seq", strict=True)
        table.insert_all(_audited(record) for record in chain.records(conn))
        print(f"{args.sqlite}: {table.count} 条 · facts")
    finally:
        conn.close()
    return 0


def _audited(record: Record) -> dict[str, int | str | None]:
    at = datetime.fromtimestamp(record.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    raw = encode(record).decode()
    return {"seq": record.seq, "at": at, "kind": record.kind, "redemption": record.redemption, "record": raw}


def _sealed(args: argparse.Namespace) -> int:
    """Write the sealed export; exit code 2 when the target or the card cannot be used."""
    try:
        out = args.sealed.open("xb")
    except OSError as error:
        complain(f"{args.sealed}: {error.strerror}. 请指定新文件 · name a new file")
        return 2
    with out, tempfile.TemporaryDirectory(prefix="xinguan-card-") as scratch:
        data = args.data or read_config(args.config).data
        try:
            identity, conn = load_identity(data), _opened(data / (args.set_aside or DATABASE_FILE), Path(scratch))
            for line in export(conn, identity):
                out.write(line)
            head = chain.head(conn)
            conn.close()
        except (IdentityError, JournalError, OSError, sqlite3.Error) as error:
            complain(str(error))
            args.sealed.unlink()
            return 2
    print(
        f"{args.sealed}: 终端 {identity.terminal}，至第 {head.seq} 条 · terminal {identity.terminal}, up to {head.seq}"
    )
    print(f"  → xinguan central journal import --state … {args.sealed.name}")
    return 0


def _opened(database: Path, scratch: Path) -> sqlite3.Connection:
    """Open a copy of the database: a card may be mounted read-only, and its log must still be read with it."""
    if not database.is_file():
        raise FileNotFoundError(f"{database} 不存在 · is not there")
    for ending in BESIDE:
        part = database.with_name(database.name + ending)
        if part.is_file():
            shutil.copyfile(part, scratch / (DATABASE_FILE + ending))
    return from_before(connect(scratch / DATABASE_FILE, writing=True))
