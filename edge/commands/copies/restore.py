"""`xinguan restore BACKUP | --from-platform | --accept-loss`: a terminal whose database is not what it should be.

`BACKUP` and `--from-platform` put another database in place (`returning`). Without a network benefits with limits are
then referred to staff until the platform has given the facts back, or until somebody takes it on themselves that a
visitor may be served twice (`--accept-loss`); the platform is told who, and finds each double use when it hears of it.
"""

import argparse
import asyncio
import getpass
import sqlite3
from pathlib import Path

from cache.ids import uuid7
from cache.journal.chain import JournalError
from cache.memory import lives
from cache.memory.lives import accept_loss
from cache.pen import Pen
from edge.clock import Clock
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from edge.commands.copies import returning
from edge.config import Config
from storage.jobs import StoreFailedError
from storage.only_one import AlreadyRunningError, only_one
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE, ensure_epoch
from sync.enrol.identity import Identity, IdentityError, load_identity
from sync.push.receipts import kept_end

EX_DATAERR = 65  # sysexits.h: what was brought is not usable
RUNS = "Stop it first: systemctl stop xinguan-terminal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what to go on with, and the configuration."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("backup", nargs="?", type=Path, metavar="BACKUP", help="a file that xinguan backup wrote")
    what.add_argument(
        "--from-platform", action="store_true", help="begin with an empty database and take the facts from the platform"
    )
    what.add_argument(
        "--accept-loss",
        action="store_true",
        help="serve benefits with limits again; visitors may be served twice until the network is back",
    )
    parser.add_argument("--by", default=None, help="who takes the loss on themselves (default: the user's name)")
    parser.add_argument(
        "--leave-unsent",
        action="store_true",
        help="go on although facts have not arrived at the platform; the file set aside keeps them",
    )
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Restore. Exit codes: 0 done, 1 nothing is lost, 65 not a usable copy, 69 the terminal runs or nobody answers."""
    backup = None if args.backup is None else args.backup.absolute()
    config = read_config(args.config)
    try:
        with only_one(config.data):
            identity = load_identity(config.data, platform=config.platform.url)
            if args.accept_loss:
                return _accept_loss(config, identity, args.by or getpass.getuser())
            done = asyncio.run(returning.restore(config, identity, backup, leave_unsent=args.leave_unsent))
    except returning.CopyError as error:
        complain(f"备份不可用，现有数据未改动 · {error}. Nothing was changed")
        return EX_DATAERR
    except returning.UnsentError as error:
        complain(
            f"有 {error.many} 条记录尚未送达平台，现有数据未改动；请先联网，或加 --leave-unsent（旧文件保留在旁）"
            f" · {error}. Nothing was changed; connect first, or add --leave-unsent (the old file stays beside)"
        )
        return EX_UNAVAILABLE
    except AlreadyRunningError as error:
        complain(f"{error}. {RUNS}")
        return EX_UNAVAILABLE
    except (IdentityError, StoreFailedError, OSError, *returning.AWAY) as error:
        complain(f"现有数据未改动 · {error}. Nothing was changed")
        return EX_UNAVAILABLE
    _tell(done)
    return 0


def _tell(done: returning.Restored) -> None:
    if done.sent:
        print(f"先送出 {done.sent} 条记录 · {done.sent} facts were sent first")
    if done.given_back is None:
        print(
            "已恢复；联系不上平台，限次优惠转人工，联网后自动补回记录"
            " · restored; the platform cannot be reached, so benefits with limits are referred until it gives the facts"
            " back by itself"
        )
    else:
        print(f"已恢复，平台补回 {done.given_back} 条记录 · restored; the platform gave {done.given_back} facts back")
    if done.aside is not None:
        print(f"旧数据库保留为 {done.aside.name} · the former database stays beside as {done.aside}")
    if done.left is None:
        print(
            "  它已损坏，其中是否有未送达的记录不明 · it is damaged: nobody knows whether facts in it have not arrived"
        )
    elif done.left:
        print(
            f"  其中 {done.left} 条记录未送达 · {done.left} facts in it have not arrived\n"
            f"  → xinguan journal export --sealed FILE --set-aside {done.aside and done.aside.name}"
        )


def _accept_loss(config: Config, identity: Identity, by: str) -> int:
    try:
        asyncio.run(_accept(config, identity, by))
    except JournalError as error:
        complain(f"没有可接受的丢失 · {error}")
        return 1
    print(f"已接受丢失，由 {by} 负责；联网后由平台补回记录 · the loss is accepted by {by}; the platform mends it later")
    return 0


async def _accept(config: Config, identity: Identity, by: str) -> None:
    async with Store(config.data / DATABASE_FILE) as store:
        clock = await Clock.restore(store)

        def job(conn: sqlite3.Connection) -> None:
            pen, receipt = Pen(conn, clock.now(), uuid7), kept_end(identity)
            lost = lives.why_lost(conn, receipt)
            if lost is not None:
                lives.lose(pen, identity.terminal, lost, receipt)
            ensure_epoch(conn, terminal=identity.terminal, now_ms=pen.now.utc_ms)
            accept_loss(pen, by=by)

        await store.write(job)
