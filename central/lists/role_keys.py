"""The keys that sign the list repository's metadata, as PEM files of the reference platform (lists.md, "Trust").

Rules of this file:

- a file `<name>.pem` (PKCS #8, mode 0600) is one Ed25519 key; making one that exists is an error, never a new key;
- root has three keys of which two must sign; every other role has one;
- a successor is made beside its key, as `<name>.next.pem`, and takes its place only when the metadata that names it is
  public (`settle`): a power cut at any instruction leaves a key that the public metadata names, or one step to it;
- root keys may lie in offline folders (sticks), that are named while they are needed and are no part of the platform's;
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

from storage.files import PRIVATE, replace_file, sync_folder

ROOT_KEYS: Final = ("root-1", "root-2", "root-3")
ROOT_THRESHOLD: Final = 2
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
        replace_file(path, _pem(Ed25519PrivateKey.generate()), mode=PRIVATE)
        return self.public(name)

    def make_offline(self) -> None:
        """Make the root keys in the offline folders: one of them, or one for each; raise KeyFolderError."""
        if len(self.offline) not in (1, len(ROOT_KEYS)):
            raise KeyFolderError(f"{len(self.offline)} offline folders: give one, or {len(ROOT_KEYS)}")
        for at, name in enumerate(ROOT_KEYS):
            self.put_offline(name, self.offline[at % len(self.offline)])

    def put_offline(self, name: str, folder: Path) -> SSlibKey:
        """Make `name` in another folder, which is one of ours from now on; raise KeyFolderError if it is there."""
        path = folder / f"{name}.pem"
        if path.exists():
            raise KeyFolderError(f"{path}: exists; it is not made anew")
        replace_file(path, _pem(Ed25519PrivateKey.generate()), mode=PRIVATE)
        self.offline = (*self.offline, *(() if folder in self.offline else (folder,)))
        return self.public(name)

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
        others = [following, *self.folder.glob(f"{name}.retired-*.pem")]
        found = next((one for one in others if one.exists() and self._keyid(one.stem) == keyid), None)
        if found is None:
            return  # signing will say which file is missing; a client would see it as well
        if not path.exists():
            path = found.with_name(f"{name}.pem")
        else:
            number = len(list(self.folder.glob(f"{name}.retired-*.pem"))) + 1
            waits = found != following and not following.exists()  # a successor that was never named
            path.rename(following if waits else self._path(f"{name}.retired-{number}"))
        found.rename(path)
        sync_folder(self.folder)
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
        return self.folder / f"{name}.pem"


def _pem(private: Ed25519PrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
