"""Versions side by side under /opt/xinguan, and which of them serves. A state machine of links and one file.

    versions/VERSION/…        a whole version; `update.json` in it is the line it was signed with
    current → versions/V      what the units start
    trial.json                a verdict is pending: {from, to}; whoever finds it at the next start decides

    state        event               does                              then
    settled      begin(to)           writes trial.json, moves current  trying
    trying       cut before current  removes trial.json                settled
    trying       ready               removes trial.json                settled
    trying       not ready           moves current back, removes it    settled

Rules of this file: each arrow is one durable replacement, in this order, so that a power cut at any moment leaves
`current` at a whole version, and a pending verdict in trial.json.
"""

import shutil
from pathlib import Path
from typing import Final

import msgspec

from edge.commands.update.bundle import Update, UpdateError
from storage.files import PUBLIC, replace_file, sync_folder

ROOT: Final = Path("/opt/xinguan")
LINE: Final = "update.json"
KEPT: Final = 3  # versions beside the current one


class Trying(msgspec.Struct, frozen=True):
    """A pending verdict: which versions, and which lines were red before."""

    before: str
    after: str
    red: tuple[str, ...] = ()


class Versions:
    """The folder of versions."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._link = root / "current"
        self._trial = root / "trial.json"

    def home(self, version: str) -> Path:
        """Return where a version lives."""
        return self.root / "versions" / version

    @property
    def current(self) -> str:
        """The version that serves; raise UpdateError when there is none."""
        try:
            return self._link.readlink().name
        except OSError as error:
            raise UpdateError(f"{self._link}: 没有已安装的版本 · no version is installed here") from error

    @property
    def number(self) -> int:
        """The number of the version that serves; 0 for one that does not say."""
        try:
            return self.line(self.current).number
        except UpdateError:
            return 0

    def line(self, version: str) -> Update:
        """Return what the version's signed line said; raise UpdateError."""
        path = self.home(version) / LINE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Update)
        except (OSError, msgspec.MsgspecError) as error:
            raise UpdateError(f"{path}: 版本说明不可读 · what this version was signed with cannot be read") from error

    @property
    def pending(self) -> Trying | None:
        """The verdict that is pending."""
        try:
            return msgspec.json.decode(self._trial.read_bytes(), type=Trying)
        except FileNotFoundError:
            return None

    def begin(self, to: str, red: set[str]) -> Trying:
        """Let `to` serve on trial; `red` are the lines that are red without its doing."""
        trying = Trying(before=self.current, after=to, red=tuple(sorted(red)))
        replace_file(self._trial, msgspec.json.encode(trying), mode=PUBLIC)
        self._point(to)
        return trying

    def keep(self) -> None:
        """Let what `current` names stay: the version on trial is well, or the one before where it never served."""
        self._trial.unlink(missing_ok=True)
        sync_folder(self.root)

    def back(self, trying: Trying) -> None:
        """Let the version before serve again: the one on trial is not well."""
        self._point(trying.before)
        self._trial.unlink(missing_ok=True)
        sync_folder(self.root)

    def _point(self, version: str) -> None:
        fresh = self.root / "current.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(f"versions/{version}")
        fresh.replace(self._link)
        sync_folder(self.root)

    def tidy(self) -> None:
        """Remove half trees, and versions beyond the newest few; the current one stays."""
        home = self.root / "versions"
        for half in home.glob(".*.half"):
            shutil.rmtree(half)
        others = sorted(
            (path for path in home.iterdir() if path.name != self.current), key=lambda path: path.stat().st_mtime
        )
        for path in others[:-KEPT]:
            shutil.rmtree(path)
