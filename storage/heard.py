"""What a command says, where its reader may leave: `xinguan journal export | head`, a pager that is quit.

Rules of this file:

- what a command does is neither cut off nor undone because nobody reads any more what it says: it goes on to its end,
  and the rest of what it says is dropped. A half update for a closed window would be worse than a line that is lost;
- a command that only tells, perhaps for ever, ends there, with the code that a shell gives for it (128 + SIGPIPE);
- Ctrl-C is nobody's fault: it ends a command with the code that a shell gives for it, and without a traceback.
"""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

EX_INTERRUPTED: Final = 130
EX_PIPE: Final = 141


class ReaderGoneError(BrokenPipeError):
    """Whoever read what a command says has left."""


class _Heard(io.FileIO):
    """The raw end of an output. Once its reader has gone it takes everything, and nothing becomes of it."""

    def __init__(self, descriptor: int, *, tells: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._tells, self._gone = tells, False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write; raise ReaderGoneError once, in a command that only tells."""
        if not self._gone:
            try:
                return super().write(data)
            except BrokenPipeError as error:
                self._gone = True
                if self._tells:
                    raise ReaderGoneError(*error.args) from error
        return memoryview(data).nbytes


def told(run: Callable[[], int], *, tells: bool = False) -> int:
    """Run a command whose readers may leave and return its exit code. `tells`: it does nothing but say things."""
    if sys.stdout is sys.__stdout__ and sys.stderr is sys.__stderr__:
        sys.stdout, sys.stderr = _again(sys.stdout, tells=tells), _again(sys.stderr, tells=False)
    try:
        try:
            return run()
        finally:
            sys.stdout.flush()
    except ReaderGoneError:
        return EX_PIPE
    except KeyboardInterrupt:
        sys.stderr.write("\n已中断 · interrupted\n")
        return EX_INTERRUPTED


def _again(stream: TextIO | None, *, tells: bool) -> TextIO:
    """Return the same output over a raw end of ours; what was closed before we began goes nowhere."""
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    stream.flush()
    raw = io.BufferedWriter(_Heard(stream.fileno(), tells=tells))
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, line_buffering=bool(stream.line_buffering))
