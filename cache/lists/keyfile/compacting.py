"""Bring what is pending home: a base and a delta in, the next base out. Runs in a child, beside lanes that serve.

    python -m cache.lists.keyfile.compacting BASE DELTA OUT

The file that comes out is, octet for octet, the one that the platform published for the same rows.
"""

import os
import sys
from pathlib import Path

from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import write_buckets
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import KeyFileError
from cache.lists.keyfile.view import View

NICENESS = 19


def compact(base: Path, delta: Path, out: Path) -> bytes:
    """Write the next base at `out`, synced, and return its root; raise KeyFileError, OSError."""
    view = View.over(Base.open(base, root=None, fresh=False)).applied(Delta.read(delta.read_bytes()))
    return write_buckets(view.buckets(), layout=view.layout, out=out)


def main(argv: list[str]) -> int:
    """Compact as told; exit code 1 with one line of error."""
    os.nice(NICENESS)
    base, delta, out = map(Path, argv)
    try:
        compact(base, delta, out)
    except (KeyFileError, OSError) as error:
        out.unlink(missing_ok=True)
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
