"""`xinguan central restore FILE`: put a backup in the platform's place, so that no terminal has seen anything newer.

Rules of this file:

- the platform does not serve meanwhile;
- terminals never go back behind a root that they have seen. So the backup's root is compared with that of the folder it
  replaces; where that folder is lost, `--root FILE` names the newest root that was served (the offline copy, or the
  `trust_root` of any terminal enrolled since). An older one is refused, and the text says what to bring;
- the platform's key stays that of the folder that is replaced, where it was exchanged after the backup;
- every role of the lists is signed anew with versions of now, and the books remember that they were restored: a head
  that a terminal names and the platform does not hold is a finding then, and no twin;
- the folder that is replaced stays beside the new one, under another name; nothing is deleted.
"""

import argparse
import shutil
import sqlite3
import sys
import tarfile
from contextlib import closing, nullcontext
from pathlib import Path

from central.clock import now_ms
from central.commands.backup import DATABASES, MANIFEST, root_version
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.platform_state import KEY, KEYS, NEXT_KEY, StateError, open_state, pem_of
from central.store import changed
from storage.files import PUBLIC, replace_file, sync_folder
from storage.jobs import Tx
from storage.only_one import AlreadyRunningError, only_one

OWN_MODE = 0o755  # nobody else may write, whatever the archive says
RESTORED = (
    "INSERT INTO marks (name, value) VALUES ('restored', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder; what is there is set aside")
    parser.add_argument("--root", type=Path, help="the newest root that was served, where the old folder is lost")
    parser.add_argument("file", type=Path, help="what `central backup` wrote")


def unpack(state: Path, file: Path, *, root: Path | None, at_ms: int) -> Path | None:
    """Put the backup `file` at `state` and return where the old folder went; raise StateError naming the mend."""
    fresh = state.with_name(f".{state.name}.restoring")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700, parents=True)
    try:
        with tarfile.open(file) as archive:
            _take_out(archive, fresh)
        (fresh / MANIFEST).unlink(missing_ok=True)
        _check(fresh)
        _compare(Repository(fresh), state, root)
        _keep_newer_key(fresh, state)
        Repository(fresh).resign(now_ms=at_ms)
        changed(open_state(fresh), lambda tx: _mark(tx, at_ms))
    except (OSError, tarfile.TarError, PublishingError, sqlite3.Error) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StateError(f"{file}: cannot be restored: {error}") from error
    except StateError:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    aside = state.with_name(f"{state.name}.replaced-{at_ms}") if state.exists() else None
    if aside is not None:
        state.rename(aside)
    fresh.rename(state)
    sync_folder(state.resolve().parent)
    return aside


def _take_out(archive: tarfile.TarFile, folder: Path) -> None:
    """Lay the files of a backup down in `folder`, none beyond it; raise TarError for what is neither file nor folder.

    By hand: Debian 12's Python (3.11.2) knows no `extractall(filter=…)` yet, and later ones warn where none is named.
    """
    for member in archive:
        place = folder / member.name
        if not place.resolve().is_relative_to(folder.resolve()) or not (member.isfile() or member.isdir()):
            raise tarfile.TarError(f"{member.name} is no file of a backup")
        (place if member.isdir() else place.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
        held = archive.extractfile(member)
        if held is not None:
            with held, place.open("xb") as laid:
                shutil.copyfileobj(held, laid)
        place.chmod(member.mode & OWN_MODE)


async def _mark(tx: Tx, at_ms: int) -> None:
    await tx.execute(RESTORED, str(at_ms))


def _check(folder: Path) -> None:
    open_state(folder)
    for name in DATABASES:
        if (folder / name).exists():
            with closing(sqlite3.connect(folder / name)) as conn:
                said = conn.execute("PRAGMA integrity_check").fetchone()[0]
            if said != "ok":
                raise StateError(f"{name} in the backup is damaged: {said}. Take an older backup")


def _keep_newer_key(fresh: Path, state: Path) -> None:
    """Take the key over from the folder that is replaced, where it was exchanged since: terminals refuse the older."""
    try:
        there = open_state(state)
    except StateError:
        return  # nothing there, or nothing that can be read: the backup's is all there is
    held = open_state(fresh)
    if there.chain.number > held.chain.number and held.signer.public.kid in there.chain.known:
        replace_file(fresh / KEYS, (state / KEYS).read_bytes(), mode=PUBLIC)
        (fresh / NEXT_KEY).unlink(missing_ok=True)
        replace_file(fresh / KEY, pem_of(there.signer.key))


def _compare(repository: Repository, state: Path, named: Path | None) -> None:
    """Raise StateError when terminals have seen a newer root than the backup has."""
    known = [named.read_bytes()] if named else []
    if Repository(state).exists():
        known.append(Repository(state).trust_root())
    if not known:
        raise StateError(
            f"{state}: nothing is there to compare with. Name the newest root that was served: --root N.root.json"
            " (the offline copy, or the trust root of the terminal that was enrolled last)"
        )
    ours = repository.trust_root()
    newest = max(known, key=root_version)
    if root_version(ours) < root_version(newest):
        raise StateError(
            f"this backup has root {root_version(ours)}, and root {root_version(newest)} was served: terminals that saw"
            f" it refuse everything older. Bring the backup made after root {root_version(newest)} was signed"
        )
    if root_version(ours) == root_version(newest) and ours != newest:
        raise StateError("this is the backup of another platform: its root differs from the one that was served")


def run(args: argparse.Namespace) -> int:
    """Restore and say what to do next."""
    try:
        with only_one(args.state) if args.state.exists() else nullcontext():
            aside = unpack(args.state, args.file, root=args.root, at_ms=now_ms())
    except AlreadyRunningError as error:
        raise StateError(str(error)) from error
    sys.stdout.write(f"{args.state}: 已恢复 restored" + (f" · 原目录 what was there: {aside}" if aside else "") + "\n")
    return 0
