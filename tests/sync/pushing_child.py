"""A terminal's pusher in a process of its own, that pulls its own plug at a named point.

usage: pushing_child.py FOLDER POINT      POINT is before-upload, after-upload, before-commit, after-commit or none
"""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import load_identity
from sync.peer import Peer
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.transport import open_session

folder, point = Path(sys.argv[1]), sys.argv[2]


class Clock:
    def now_ms(self):
        return time.time_ns() // 1_000_000


def reached(name):
    if name == point:
        os.kill(os.getpid(), signal.SIGKILL)


async def main():
    async with Store(folder / DATABASE_FILE, reached=reached) as store, open_session() as session:
        identity = load_identity(folder)
        line = Line(store, Peer(session, identity.platform), identity, Clock())
        await Pusher(line, reached=reached).drain()


asyncio.run(main())
