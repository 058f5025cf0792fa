"""`xinguan central backup FILE`: the platform's whole folder as one snapshot, also while it serves.

Rules of this file:

- one snapshot of everything in the folder: the books (SQLite), the register, the lists, the keys, the operator's token.
  The lock on publishing is held meanwhile, so the lists are those of the register, and the key that of its links;
- databases are copied by SQLite itself (VACUUM INTO), never as files;
- the copy holds every key: it is written for its owner alone (0600), whole or not at all. Keep it as you keep the keys.
"""

import argparse
import io
import json
import os
import sqlite3
import sys
import tarfile
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from central.clock import now_ms
from central.lists.publishing import Repository
from central.platform_state import DATABASE, LOCK, StateError, open_state
from central.register.registry import DATABASE as REGISTRY
from storage.files import PRIVATE, locked, sync_folder

MANIFEST = "backup.json"
DATABASES = (DATABASE, REGISTRY)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("file", type=Path, help="a file that does not exist yet")


def pack(state: Path, target: Path, *, at_ms: int) -> None:
    """Write the snapshot of `state` to `target`; raise StateError, OSError or sqlite3.Error."""
    if target.exists():
        raise StateError(f"{target}: exists already. Name a new file")
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        with os.fdopen(handle, "wb") as file, TemporaryDirectory(dir=state, prefix=".backup-") as scratch:
            with locked(state / LOCK), tarfile.open(fileobj=file, mode="w") as archive:
                _add_all(archive, state, Path(scratch), at_ms=at_ms)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        beside.unlink()
        raise
    beside.replace(target)
    sync_folder(target.resolve().parent)


def _add_all(archive: tarfile.TarFile, state: Path, scratch: Path, *, at_ms: int) -> None:
    said = json.dumps({"made_ms": at_ms, "root": root_version(Repository(state).trust_root())}).encode()
    entry = tarfile.TarInfo(MANIFEST)
    entry.size = len(said)
    archive.addfile(entry, io.BytesIO(said))
    for name in DATABASES:
        if (state / name).exists():
            with closing(sqlite3.connect(state / name)) as conn:
                conn.execute("VACUUM INTO ?", (str(scratch / name),))
            archive.add(scratch / name, name)
    for path in sorted(state.iterdir()):
        if not path.name.startswith((".", *DATABASES)) and path.name != LOCK:
            archive.add(path, path.name)


def root_version(root: bytes) -> int:
    """Return the version of a root file; raise StateError when it is none."""
    try:
        return int(json.loads(root)["signed"]["version"])
    except (ValueError, KeyError, TypeError) as error:
        raise StateError("this is no root file (N.root.json) of a list repository") from error


def run(args: argparse.Namespace) -> int:
    """Make the copy and say how large it is."""
    state = open_state(args.state)
    pack(state.folder, args.file, at_ms=now_ms())
    sys.stdout.write(
        f"{args.file}: {args.file.stat().st_size} bytes · 内含全部密钥，请妥善保管 holds every key: keep it safe\n"
    )
    return 0
