"""`xinguan wipe`: take everything away that this box knows, and sign for it with the key that goes last.

Rules of this file:

- a terminal that runs is not wiped; facts that wait are told, and only whoever names their number loses them;
- the receipt is on disk before anything goes: a power cut leaves a box that can be wiped again, or one that is;
- the key goes first and is overwritten; then the data folder is emptied. Links are removed, never followed; nothing
  outside the folder is touched. A flash card may keep old blocks: what must not be found belongs on an encrypted one.
"""

import argparse
import os
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

from cache.journal import chain
from cache.journal.chain import JournalError
from edge.clock import read_wall_ms
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from storage.files import sync_folder
from storage.only_one import AlreadyRunningError, only_one
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import KEY_FILE, Identity, IdentityError, load_identity
from sync.wire.exports import WIPED, Wiped
from sync.wire.seals import sign

SET_ASIDE: Final = f"{DATABASE_FILE}.replaced-*[0-9]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the receipt, what is agreed to, and the configuration."""
    parser.add_argument("--receipt", type=Path, required=True, metavar="FILE", help="where the signed receipt goes")
    parser.add_argument("--lose-facts", type=int, default=0, metavar="N", help="agree that N unsent facts are lost")
    parser.add_argument("--yes", metavar="TERMINAL", help="the terminal's name, instead of being asked for it")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Wipe. Exit codes: 0 done, 1 not agreed to, 2 the receipt cannot be written, 69 the terminal runs."""
    try:
        receipt = args.receipt.open("x", encoding="ascii")
    except OSError as error:
        complain(f"{args.receipt}: {error.strerror}. 请指定新文件 · name a new file")
        return 2
    with receipt:
        config = read_config(args.config)
        try:
            with only_one(config.data):
                identity = load_identity(config.data)
                said = _said(identity)
                if not _agreed(said, args):
                    args.receipt.unlink()
                    return 1
                receipt.write(sign(said, identity.key, typ=WIPED, kid=identity.terminal) + "\n")
                receipt.flush()
                os.fsync(receipt.fileno())
                empty(config.data)
        except (AlreadyRunningError, IdentityError, OSError) as error:
            complain(str(error))
            return EX_UNAVAILABLE
    print(f"已清除 {said.terminal}；签名回执：{args.receipt}")
    print(f"{said.terminal} is wiped; the signed receipt: {args.receipt}")
    return 0


def _said(identity: Identity) -> Wiped:
    """Return what the receipt will say; a database that cannot be read is said as one that holds nothing known.

    What waits in a database that was set aside (`xinguan restore --leave-unsent`) waits as well.
    """
    last = waiting = -1
    try:
        with closing(connect(identity.folder / DATABASE_FILE, writing=False)) as conn:
            last, waiting = chain.head(conn).seq, chain.unsent(conn).count
        for aside in sorted(identity.folder.glob(SET_ASIDE)):
            with closing(connect(aside, writing=False)) as conn:
                waiting += chain.unsent(conn).count
    except (sqlite3.Error, JournalError) as error:
        waiting = -1
        complain(f"账本无法读取 the ledger cannot be read: {error}")
    return Wiped(terminal=identity.terminal, at_ms=read_wall_ms(), last=last, unsent=waiting)


def _agreed(said: Wiped, args: argparse.Namespace) -> bool:
    if said.unsent not in (0, args.lose_facts):
        complain(
            f"有 {said.unsent} 条事实尚未上传。先运行 xinguan sync now，或 xinguan journal export --sealed；"
            f"确认丢弃请加 --lose-facts {said.unsent} · {said.unsent} facts wait: send them (xinguan sync now) or"
            f" export them; to lose them add --lose-facts {said.unsent}"
        )
        return False
    name = args.yes
    if name is None and sys.stdin.isatty():
        name = input(
            f"清除后无法恢复。请输入终端名 nothing brings it back; type the terminal's name ({said.terminal}): "
        )
    if name != said.terminal:
        complain(f"未清除。确认请加 --yes {said.terminal} · nothing was wiped; to agree add --yes {said.terminal}")
        return False
    return True


def empty(folder: Path) -> None:
    """Remove everything in `folder`, the key first and overwritten. Raises OSError."""
    key = folder / KEY_FILE
    if key.is_file() and not key.is_symlink():
        with key.open("r+b") as file:
            file.write(os.urandom(key.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        key.unlink()
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    sync_folder(folder)
