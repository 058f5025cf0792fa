"""`xinguan journal status|verify|export`: what this terminal wrote down, and whether it was changed since."""

import argparse
import sys

from cache.journal import chain
from cache.journal.chain import JournalError
from credit.records import encode
from edge.commands.common import add_config, complain, open_database, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the file."""
    parser.add_argument("action", choices=["status", "verify", "export"])
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Do the action; exit code 1 when the chain does not hold."""
    conn = open_database(read_config(args.config))
    try:
        conn.execute("BEGIN")
        if args.action == "export":
            for record in chain.records(conn):
                sys.stdout.write(encode(record).decode() + "\n")
            return 0
        head = chain.verify(conn) if args.action == "verify" else chain.head(conn)
        cursor, unsent, epoch = chain.cursor(conn), chain.unsent(conn), chain.current_epoch(conn)
    except JournalError as error:
        complain(str(error))
        return 1
    finally:
        conn.close()
    print(f"终端 terminal   {epoch.terminal}\n纪元 epoch      {epoch.id} (from {epoch.from_seq})")
    print(f"末条 head       {head.seq} {head.hash.hex()}")
    print(f"平台已签收 acked {cursor.acked_through}\n待上传 unsent   {unsent.count}")
    if args.action == "verify":
        print("校验通过 every record fits the chain")
    return 0
