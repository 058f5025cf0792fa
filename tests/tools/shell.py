"""Our commands as a shell calls them, without a process each: to start one costs ten times what it then does.

What a shell would see comes back as `subprocess.run` gives it: the exit code, both outputs, a traceback of a crash.
What a command changes in its process is put back. `test_shell.py` holds this against real processes; what depends on
being a process (signals, locks, what is imported) is tested with one.
"""

import contextlib
import io
import logging
import os
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path

import central.cli
import edge.cli

ONE_AT_A_TIME = threading.Lock()  # what is exchanged here is the process's
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)


def xinguan(*words, typed=""):
    """Run `xinguan WORDS…` with `typed` on its input, which is no terminal."""
    return ran(edge.cli.main, words, typed)


def platform(*words, typed=""):
    """Run `xinguan central WORDS…`."""
    return ran(central.cli.main, words, typed)


def ran(main, words=(), typed=""):
    """Run a `main` of a command line with these words."""
    words = [os.fspath(word) if isinstance(word, os.PathLike) else str(word) for word in words]
    out, err = _text(), _text()
    with ONE_AT_A_TIME, _put_back():
        sys.stdin, sys.stdout, sys.stderr = _text(typed.encode()), out, err
        code = _code(main, words)
    return subprocess.CompletedProcess(words, code, _read(out), _read(err))


def _code(main, words):
    try:
        return main(words)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 - what a process would end with
        traceback.print_exc()
    return 1


@contextlib.contextmanager
def _put_back():
    """Put back what belongs to the process: files, environment, rights of new files, handlers of logs and signals."""
    files, environment, folder = (sys.stdin, sys.stdout, sys.stderr), dict(os.environ), Path.cwd()
    umask = os.umask(0o022)
    os.umask(umask)
    root = logging.getLogger()
    handlers, level, root.handlers = root.handlers, root.level, []
    signals = {one: signal.getsignal(one) for one in HANDLED}
    try:
        yield
    finally:
        sys.stdin, sys.stdout, sys.stderr = files
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        os.umask(umask)
        root.handlers, root.level = handlers, level
        for one, handler in signals.items():
            if signal.getsignal(one) is not handler:
                signal.signal(one, handler)


def _text(raw=b""):
    return io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8", write_through=True)


def _read(file):
    return file.buffer.getvalue().decode()
