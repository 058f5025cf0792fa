"""`xinguan restore --accept-loss`: go on although this terminal does not know what it gave, where no network is.

With a network nothing has to be said: the platform gives the facts back by itself. Without one, benefits with limits
are referred to staff until somebody takes it on themselves that a visitor may be served twice; the platform is told
who, and finds each double use when it hears of it.
"""

import argparse
import asyncio
import getpass
import sqlite3

from cache.ids import uuid7
from cache.journal.chain import JournalError
from cache.memory import lives
from cache.memory.lives import accept_loss
from cache.pen import Pen
from edge.clock import Clock
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from edge.config import Config
from storage.jobs import StoreFailedError
from storage.only_one import AlreadyRunningError, only_one
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE, ensure_epoch
from sync.enrol.identity import Identity, IdentityError, load_identity
from sync.push.receipts import kept_end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what is accepted, by whom, and the configuration."""
    parser.add_argument(
        "--accept-loss",
        action="store_true",
        required=True,
        help="serve benefits with limits again; visitors may be served twice until the network is back",
    )
    parser.add_argument("--by", default=None, help="who takes it on themselves (default: the user's name)")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Accept the loss. Exit codes: 0 done, 1 nothing is lost, 69 the terminal runs, or is not enrolled."""
    config, by = read_config(args.config), args.by or getpass.getuser()
    try:
        with only_one(config.data):
            asyncio.run(_accept(config, load_identity(config.data), by))
    except JournalError as error:
        complain(f"没有可接受的丢失 · {error}")
        return 1
    except AlreadyRunningError as error:
        complain(f"{error}. Stop it first: systemctl stop xinguan-terminal")
        return EX_UNAVAILABLE
    except (IdentityError, StoreFailedError, OSError) as error:
        complain(str(error))
        return EX_UNAVAILABLE
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
