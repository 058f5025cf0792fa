"""`killed_at.py WHEN WORDS…`: the program, killed just before it renames, links, removes or makes a name.

WHEN is a number, of the name among all (negative: it is not killed, and says at its end how many there were), or an
event and the name that it is about: `os.rename:current`.
"""

import os
import sys
from pathlib import Path

from edge.cli import main

MOMENTS = ("os.rename", "os.link", "os.remove", "os.symlink", "os.mkdir", "os.chmod", "sqlite3.connect")
ABOUT = {"os.rename": 1, "os.link": 1, "os.symlink": 1}  # which argument is the new name
event_wanted, _, name_wanted = sys.argv[1].partition(":")
at, count = int(event_wanted) if not name_wanted else None, 0


def counted(event, arguments):
    global count  # noqa: PLW0603 - the one number of this process
    if event not in MOMENTS:
        return
    if count == at or (event == event_wanted and Path(str(arguments[ABOUT.get(event, 0)])).name == name_wanted):
        os.kill(os.getpid(), 9)
    count += 1


sys.addaudithook(counted)
code = main(sys.argv[2:])
if at is not None and at < 0:
    print(f"moments {count}")
sys.exit(code)
