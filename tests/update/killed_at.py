"""`killed_at.py N WORDS…`: the program, killed just before it renames, links, removes or makes its N-th name.

With a negative N it is not, and says at its end how many names there were.
"""

import os
import sys

from edge.cli import main

MOMENTS = ("os.rename", "os.link", "os.remove", "os.symlink", "os.mkdir", "os.chmod", "sqlite3.connect")
at, count = int(sys.argv[1]), 0


def counted(event, _arguments):
    global count  # noqa: PLW0603 - the one number of this process
    if event in MOMENTS:
        if count == at:
            os.kill(os.getpid(), 9)
        count += 1


sys.addaudithook(counted)
code = main(sys.argv[2:])
if at < 0:
    print(f"moments {count}")
sys.exit(code)
