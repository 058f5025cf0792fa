"""The last words of a process whose store has lost its writer.

The thread that owns the database is not one of the loop's tasks, so nobody would notice its death: every later write
would wait for ever. What is committed is safe; a supervisor starts the process again (systemd/).
"""

import os
import select
import traceback
from typing import Final, NoReturn

EXIT_SOFTWARE: Final = 70  # sysexits.h
LAST_WORDS_BYTES: Final = 4096  # a pipe takes this much at once, or says that it is not ready (PIPE_BUF)
STDERR: Final = 2


def end_process(error: BaseException) -> NoReturn:
    """End the process at once, with `error` on stderr if somebody reads it. Never waits."""
    text = "CRITICAL the store's writer died: " + "".join(traceback.format_exception(error))
    poll = select.poll()
    poll.register(STDERR, select.POLLOUT)
    if poll.poll(0):
        os.write(STDERR, text.encode("utf-8", "replace")[:LAST_WORDS_BYTES])
    os._exit(EXIT_SOFTWARE)
