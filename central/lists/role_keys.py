"""The keys that sign the list repository's metadata, as PEM files of the reference platform (lists.md, "Trust").

Rules of this file:

- a file `<name>.pem` (PKCS #8, mode 0600) is one Ed25519 key; making one that exists is an error, never a new key;
- root has three keys of which two must sign; every other role has one;
- a successor is made beside its key, as `<name>.next.pem`, and takes its place only when the metadata that names it is
  public (`settle`): a power cut at any instruction leaves a key that the public metadata names, or one step to it;
- root keys may lie in offline folders (sticks), which are named while they are needed and are no part of the platform;
- a city's keys may lie in a folder of that city's own operator: `<city>.folder` here says which. While it is away
  nobody signs for that city, and no key is made in its place;
- a retired key's file is renamed to `<name>.retired-<n>.pem`, never deleted.

The reference platform keeps all of them in one folder so that it runs out of the box. A city in earnest keeps root and
`issuers.*` keys on offline machines: nothing but `make`, `successor` and re-signing those roles needs them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # its own exports

from credit.rules.listing import KINDS, role_of
from storage.files import PRIVATE, replace_file, sync_folder

ROOT_KEYS: Final = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD: Final = 2
LODGED: Final = ".folder"
TOP_LEVEL: Final = ("targets", "snapshot", "timestamp")


def following_of(name: str) -> str:
    """Return under which name the successor of a key lies."""
    return f"{name}.next"


class KeyFolderError(Exception):
    """A key file is missing, unreadable or would be overwritten; the text names it and the mend."""


class RoleKeys:
    """The signing keys in `folder`."""

    def __init__(self, folder: Path, *, offline: Sequence[Path] = ()) -> None:
        self.folder = folder
        self.offline = tuple(offline)
        self._loaded: dict[str, CryptoSigner] = {}

    def make(self, name: str) -> SSlibKey:
        """Make a new key; raise KeyFolderError if `name` has one."""
        path = self._path(name)
        if path.exists():
            raise KeyFolderError(f"{path}: exists; rotate it instead of making it anew")
        self._be_there(path)
        replace_file(path, _pem(Ed25519PrivateKey.generate()), mode=PRIVATE)
        return self.public(name)

    def make_offline(self, *, go_on: bool) -> None:
        """Make the root keys in the offline folders: one of them, or one for each; raise KeyFolderError."""
        if len(self.offline) not in (1, len(ROOT_KEYS)):
            raise KeyFolderError(f"{len(self.offline)} offline folders: give one, or {len(ROOT_KEYS)}")
        for at, name in enumerate(ROOT_KEYS):
            self.put_offline(name, self.offline[at % len(self.offline)], go_on=go_on)

    def put_offline(self, name: str, folder: Path, *, go_on: bool) -> SSlibKey:
        """Make `name` in another folder, which is one of ours from now on; raise KeyFolderError if it is there.

        `go_on`: one that is there was made in a try that was cut short, and nothing public names it yet; it is taken.
        """
        path = folder / f"{name}.pem"
        if path.exists() and not go_on:
            raise KeyFolderError(f"{path}: exists; it is not made anew")
        if not path.exists():
            replace_file(path, _pem(Ed25519PrivateKey.generate()), mode=PRIVATE)
        self.bring(folder)
        return self.public(name)

    def bring(self, folder: Path) -> None:
        """Look for root keys in this folder too."""
        self.offline = (*self.offline, *(() if folder in self.offline else (folder,)))

    def lodge(self, city: str, folder: Path) -> None:
        """Let a new city's keys lie in a folder of its own; raise KeyFolderError."""
        kept, folder = self._home_of(city), folder.resolve()
        if (kept not in (None, folder)) or (kept is None and any(self.has(role_of(kind, city)) for kind in KINDS)):
            raise KeyFolderError(f"{city}: its keys are in {kept or self.folder} already")
        if not folder.is_dir():
            raise KeyFolderError(f"{folder}: is no folder; make it, or bring the stick")
        replace_file(self.folder / f"{city}{LODGED}", f"{folder}\n".encode())

    def has(self, name: str) -> bool:
        """Tell whether a key is here, or in an offline folder that was brought."""
        return self._path(name).exists()

    def successor(self, name: str) -> SSlibKey:
        """Return the public half of the key that shall follow `name`'s: made now, or in a try that was cut short."""
        following = following_of(name)
        return self.public(following) if self._path(following).exists() else self.make(following)

    def settle(self, named: Mapping[str, str]) -> None:
        """Let each role of `named` have the key that its public metadata names (key id): the plug may have been pulled.

        A successor that is named takes its place; one that is not waits, or is found again among the retired.
        """
        for name, keyid in named.items():
            if self._keyid(name) != keyid:
                self._find(name, keyid)

    def _keyid(self, name: str) -> str | None:
        return self.public(name).keyid if self._path(name).exists() else None

    def _find(self, name: str, keyid: str) -> None:
        following, path = self._path(following_of(name)), self._path(name)
        others = [following, *path.parent.glob(f"{name}.retired-*.pem")]
        found = next((one for one in others if one.exists() and self._keyid(one.stem) == keyid), None)
        if found is None:
            return  # signing will say which file is missing; a client would see it as well
        if path.exists():
            number = len(list(path.parent.glob(f"{name}.retired-*.pem"))) + 1
            waits = found != following and not following.exists()  # a successor that was never named
            path.rename(path.with_name(f"{following_of(name) if waits else f'{name}.retired-{number}'}.pem"))
            sync_folder(path.parent)
        found.rename(found.with_name(f"{name}.pem"))  # where it lies: a stick is another disk
        sync_folder(found.parent)
        self._loaded.clear()

    def signer(self, name: str) -> CryptoSigner:
        """Return the signer of `name`; raise KeyFolderError."""
        if name not in self._loaded:
            self._loaded[name] = CryptoSigner(self.private(name))
        return self._loaded[name]

    def public(self, name: str) -> SSlibKey:
        """Return the public key of `name` as it stands in metadata; raise KeyFolderError."""
        return self.signer(name).public_key

    def private(self, name: str) -> Ed25519PrivateKey:
        """Return the key itself, for what is signed beside metadata; raise KeyFolderError."""
        path = self._path(name)
        self._be_there(path)
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except FileNotFoundError as error:
            raise KeyFolderError(f"{path}: missing; restore it from its backup or rotate the role") from error
        except ValueError as error:
            raise KeyFolderError(f"{path}: not a PEM private key: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise KeyFolderError(f"{path}: an Ed25519 key is wanted")
        return private

    def _path(self, name: str) -> Path:
        if name.partition(".")[0] in ROOT_KEYS:
            for folder in self.offline:
                if (folder / f"{name}.pem").exists():
                    return folder / f"{name}.pem"
        kind, _, rest = name.partition(".")
        home = self._home_of(rest.partition(".")[0]) if kind in KINDS else None
        return (home or self.folder) / f"{name}.pem"

    def _home_of(self, city: str) -> Path | None:
        path = self.folder / f"{city}{LODGED}"
        return Path(path.read_text("utf-8").strip()) if path.exists() else None

    def _be_there(self, path: Path) -> None:
        """Raise KeyFolderError where the folder of a city's own is away: a stick is out, a disk not mounted."""
        if path.parent != self.folder and path.parent not in self.offline and not path.parent.is_dir():
            raise KeyFolderError(f"{path.parent}: the folder with the key {path.stem} is not here; bring it")


def _pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
