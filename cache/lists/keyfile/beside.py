r"""Lay long deltas on a base in a child process, beside lanes that serve.

    python -m cache.lists.keyfile.beside BASE DELTA …     what is in force afterwards, on standard output

The interpreter runs one thread at a time: a hundred thousand changes taken in by a thread of the terminal were two
seconds in which every decision waited at each of its steps (ADR 0166). A child has an interpreter of its own, and what
it hands back is taken in as memory, not as objects.

Rules of this file:

- the child checks as `View.applied` does, each delta onto the root it names;
- a child that finds a fault, cannot be started, dies, or says what is no answer changes nothing and judges nothing: the
  work is then done here, in turns, and that is logged;
- less than LONG_BYTES of deltas is done here before a child has begun.

What comes back: `HEAD` (rows, keys, waste, octets of payloads, octets of the tree), then keys, places, sizes, payloads
and the levels of the tree, each as it lies in memory: it never leaves this machine.
"""

import logging
import os
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cache.lists.keyfile.base import Base
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import KeyFileError
from cache.lists.keyfile.overlay import Overlay
from cache.lists.keyfile.tree import Tree
from cache.lists.keyfile.view import View

LONG_BYTES: Final = 192 * 1024  # twelve thousand changes of measures: a third of a second in turns
CHILD_S: Final = 10.0  # less than a service may take to stop
NICENESS: Final = 10
HEAD: Final = struct.Struct("=QIIQQ")

log = logging.getLogger("xinguan.lists")


class _ChildError(Exception):
    """No answer came of a child."""


def laid(view: View, *, until_now: Sequence[Path], more: Sequence[bytes], new: Sequence[Path]) -> View:
    """Return the view after `more` deltas, which lie in `new`; those `until_now` lead from its base to it.

    Raises KeyFileError, OSError.
    """
    if sum(map(len, more)) >= LONG_BYTES:
        try:
            return _taken(view.base, _asked(view.base.path, (*until_now, *new)))
        except (_ChildError, OSError) as error:
            log.warning("delta_not_laid_beside", extra={"base": view.base.path.name, "detail": str(error)})
    for one in more:
        view = view.applied(Delta.read(one))
    return view


def _asked(base: Path, deltas: Sequence[Path]) -> bytes:
    command = [sys.executable, "-I", "-m", __name__, str(base), *map(str, deltas)]
    try:
        child = subprocess.run(  # noqa: S603 - our own words
            command, capture_output=True, timeout=CHILD_S, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise _ChildError(f"not done within {CHILD_S:g} s") from error
    complaint = child.stderr.decode(errors="replace").strip()
    if child.returncode:
        raise _ChildError(complaint or f"exit {child.returncode}")
    return child.stdout


def _taken(base: Base, said: bytes) -> View:
    """Return the view that a child described."""
    if len(said) < HEAD.size:
        raise _ChildError(f"an answer of {len(said)} octets")
    count, keys, waste, payloads, tree = HEAD.unpack_from(said)
    width = sum(Overlay.WIDTHS)
    if len(said) != HEAD.size + keys * width + payloads + tree:
        raise _ChildError(f"an answer of {len(said)} octets for {keys} keys")
    rest = memoryview(said)[HEAD.size :]
    overlay = Overlay.of_memory(rest[: keys * width + payloads], keys=keys, waste=waste)
    return View(base, overlay, Tree.of_memory(rest[keys * width + payloads :]), count=count)


def described(view: View) -> bytes:
    """Return a view as `laid` takes it in."""
    keys, waste, memory = view.overlay.memory()
    tree = view.tree.memory()
    payloads = len(memory) - keys * sum(Overlay.WIDTHS)
    return b"".join((HEAD.pack(view.count, keys, waste, payloads, len(tree)), memory, tree))


def main(argv: list[str]) -> int:
    """Lay deltas as told, and describe what is in force."""
    os.nice(NICENESS)
    base, *deltas = map(Path, argv)
    try:
        view = View.over(Base.open(base, root=None, fresh=False))
        for one in deltas:
            view = view.applied(Delta.read(one.read_bytes()))
    except (KeyFileError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.buffer.write(described(view))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
