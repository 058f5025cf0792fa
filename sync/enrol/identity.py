"""Who this terminal is: its key, and what it was told at enrolment. Files in its data folder.

Rules of this file:

- the private key is made here, never leaves, and lies in `terminal-key.pem` with rights 0600 (or comes as the systemd
  credential of that name); a key that others may read is refused, with the mend;
- `enrolment.json` is written once the platform's answer is checked, in one durable replacement: a power cut leaves
  a terminal enrolled or not enrolled, never half;
- an `Identity` exists only when both are there and fit each other;
- whoever enrols again takes a new key. It waits beside the one in force until `enrolment.json` names it: whenever the
  power goes, one of the two fits.
"""

import hashlib
import ipaddress
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from storage.files import create_file, durable_folder, replace_file, sync_folder
from sync.enrol.known_keys import KeysHeld
from sync.enrol.successors import Chain
from sync.wire.jws import public_hex
from sync.wire.messages import EnrolAnswer, WireError, decode
from sync.wire.profiles import Profile, SignedProfile
from sync.wire.seals import open_profile

PROFILE_FILE = "profile.jwt"
KEY_FILE = "terminal-key.pem"
NEXT_KEY_FILE = "terminal-key-next.pem"
ENROLMENT_FILE = "enrolment.json"
INSTANCE_BYTES = 16


class IdentityError(Exception):
    """This terminal's identity cannot be used. The text says why, and the mend."""


class NotEnrolledError(IdentityError):
    """This terminal has not been enrolled yet."""


class Enrolment(msgspec.Struct, frozen=True, kw_only=True):
    """`enrolment.json`: the platform's answer, where it came from, and for which key of ours."""

    platform: str
    public_key: str
    answer: EnrolAnswer


class ProfileHeld:
    """The profile in force, and who is told when another comes. It is the only part of an identity that changes."""

    def __init__(self, signed: SignedProfile) -> None:
        self.number = signed.number
        self.profile = signed.profile
        self.told: list[Callable[[], None]] = []

    def older_than(self, signed: SignedProfile) -> bool:
        """Tell whether a profile is newer; the first order after an enrolment may bear the enrolment's number."""
        if signed.number == self.number:
            return signed.profile != self.profile
        return signed.number > self.number

    def adopt(self, signed: SignedProfile) -> None:
        """Put a newer profile in force: the next decision is made with it."""
        if self.older_than(signed):
            self.number, self.profile = signed.number, signed.profile
            for tell in self.told:
                tell()


@dataclass(frozen=True, slots=True)
class Identity:
    """An enrolled terminal. `platform` is the base URL without a trailing slash; `trust_root` are exact bytes.

    `enrolled` is the number of the enrolment, above that of every order before it: a twin that it settled is over.
    `instance` is drawn whenever an identity is loaded, which a process that serves does once, at its start: by it the
    platform tells two machines of one name apart (illness.md 4), and an authority the claims of an earlier run.
    """

    folder: Path
    terminal: str
    held: ProfileHeld
    platform: str
    trust_root: bytes
    keys: KeysHeld
    audience: str
    key: Ed25519PrivateKey
    enrolled: int = 0
    instance: str = field(default_factory=lambda: secrets.token_urlsafe(INSTANCE_BYTES))

    @property
    def platform_keys(self) -> Mapping[str, Ed25519PublicKey]:
        """Every key that the platform ever signed with, as far as we heard: for what was signed before, and kept."""
        return self.keys.chain.known

    @property
    def keys_in_force(self) -> Mapping[str, Ed25519PublicKey]:
        """The keys that the platform signs with: for what it says now."""
        return self.keys.chain.in_force

    @property
    def profile(self) -> Profile:
        """The profile in force."""
        return self.held.profile

    @property
    def site(self) -> str:
        """The site this terminal stands at."""
        return self.held.profile.site


def is_loopback(host: str) -> bool:
    """Tell whether `host` can only be this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def platform_url(text: str) -> str:
    """Return the platform's base URL; raise IdentityError unless it is https, or http to this machine."""
    try:
        parts = urlsplit(text.strip())
        host, _port = parts.hostname or "", parts.port
    except ValueError as error:
        raise IdentityError(f"{text!r} is no web address. Write https://host[:port]") from error
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
        raise IdentityError(f"{text!r} is no web address of a platform. Write https://host[:port]")
    if parts.scheme == "http" and not is_loopback(host):
        raise IdentityError(f"{text!r}: http:// is allowed to this machine only. Write https://")
    return text.strip().rstrip("/")


def _key_path(folder: Path) -> Path:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (given := Path(credentials) / KEY_FILE).is_file():
        return given
    return folder / KEY_FILE


def load_key(folder: Path) -> Ed25519PrivateKey:
    """Return the terminal's key; raise NotEnrolledError when there is none, IdentityError when it cannot be used."""
    return _read_key(_key_path(folder), folder)


def _read_key(path: Path, folder: Path) -> Ed25519PrivateKey:
    try:
        pem, mode = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError as error:
        raise NotEnrolledError(f"{path}: there is no key. Enrol this terminal: xinguan enrol CODE") from error
    except OSError as error:
        raise IdentityError(f"{path}: cannot be read ({error.strerror})") from error
    if path.parent == folder and mode & 0o077:
        raise IdentityError(f"{path}: others may read this key (mode {mode:04o}). Mend: chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise IdentityError(f"{path}: is no private key. Enrol this terminal again") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise IdentityError(f"{path}: is no Ed25519 key. Enrol this terminal again")
    return key


def make_folder(folder: Path) -> Path:
    """Return the data folder, made now when there is none."""
    durable_folder(folder, mode=0o700)
    return folder


def load_or_make_key(folder: Path) -> Ed25519PrivateKey:
    """Return the terminal's key, made now when there is none: a second try at enrolling uses the same one."""
    make_folder(folder)
    try:
        return load_key(folder)
    except NotEnrolledError:
        key = Ed25519PrivateKey.generate()
        create_file(folder / KEY_FILE, _pem(key))
        return key


def _pem(key: Ed25519PrivateKey) -> bytes:
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form)


def make_next_key(folder: Path) -> Ed25519PrivateKey:
    """Return the key to enrol again with, made now unless a try before made it.

    A key that comes as a credential is not ours to replace: it stays.
    """
    if _key_path(folder).parent != folder:
        return load_key(folder)
    path = folder / NEXT_KEY_FILE
    if not path.exists():
        create_file(path, _pem(Ed25519PrivateKey.generate()))
    return _read_key(path, folder)


def _take_next_key(folder: Path, wanted: str) -> None:
    """Put the next key in force if it is the one that was enrolled."""
    path = folder / NEXT_KEY_FILE
    if path.exists() and public_hex(_read_key(path, folder)) == wanted:
        path.replace(folder / KEY_FILE)
        sync_folder(folder)


def check_answer(answer: EnrolAnswer, *, root_sha256: str | None) -> None:
    """Raise IdentityError unless the trust root is the announced one and each platform key fits its kid."""
    found = hashlib.sha256(answer.trust_root).hexdigest()
    if root_sha256 is not None and found != root_sha256:
        raise IdentityError(
            f"the platform sent another trust root ({found}) than the enrolment code announces ({root_sha256}). "
            "Nothing was kept. Ask the platform for a new code; if it happens again, somebody stands in between"
        )
    profile = profile_of(answer).profile
    if answer.site != profile.site:
        raise IdentityError(f"the platform names two sites: {answer.site} and {profile.site}")


def profile_of(answer: EnrolAnswer) -> SignedProfile:
    """Return the profile that came with the enrolment; raise IdentityError unless the platform signed it for us."""
    try:
        return open_profile(answer.profile, platform_keys(answer), terminal=answer.terminal)
    except WireError as error:
        raise IdentityError(f"the platform's profile: {error}") from error


def keep_profile(folder: Path, text: str) -> None:
    """Write a newer profile down, durably, as it was signed. It has been verified."""
    replace_file(folder / PROFILE_FILE, text.encode())


def _newest_profile(folder: Path, answer: EnrolAnswer, keys: Mapping[str, Ed25519PublicKey]) -> SignedProfile:
    """Return the newest profile: of the enrolment, or of an order since. One that does not verify is passed over."""
    enrolled = profile_of(answer)
    try:
        text = (folder / PROFILE_FILE).read_bytes().decode("ascii")
        ordered = open_profile(text, keys, terminal=answer.terminal)
    except (OSError, UnicodeDecodeError, WireError):
        return enrolled  # there is none, or it was edited: the platform tells it again
    return ordered if ordered.number >= enrolled.number else enrolled


def platform_keys(answer: EnrolAnswer) -> Mapping[str, Ed25519PublicKey]:
    """Return the platform's keys of the enrolment by kid; raise IdentityError when one is unusable."""
    return _begun(answer).in_force


def _begun(answer: EnrolAnswer) -> Chain:
    try:
        return Chain.begun(answer.platform_keys, answer.former)
    except WireError as error:
        raise IdentityError(str(error)) from error


def keep_enrolment(folder: Path, *, platform: str, public_key: str, answer: EnrolAnswer) -> None:
    """Write what the platform answered, durably. The answer has been checked."""
    enrolment = Enrolment(platform=platform, public_key=public_key, answer=answer)
    text = msgspec.json.format(msgspec.json.encode(enrolment), indent=1)
    replace_file(folder / ENROLMENT_FILE, text + b"\n")


def load_identity(folder: Path, *, platform: str | None = None) -> Identity:
    """Return who this terminal is; raise NotEnrolledError, or IdentityError naming file and mend.

    `platform` is where the platform is now, if somebody says: an address may move. Who it is, its keys say.
    """
    path = folder / ENROLMENT_FILE
    try:
        enrolment = decode(path.read_bytes(), Enrolment, code="bad_enrolment")
    except FileNotFoundError as error:
        raise NotEnrolledError(f"{path}: this terminal is not enrolled. Run: xinguan enrol CODE") from error
    except OSError as error:
        raise IdentityError(f"{path}: cannot be read ({error.strerror})") from error
    except WireError as error:
        raise IdentityError(f"{path}: {error}. Enrol this terminal again") from error
    if public_hex(load_key(folder)) != enrolment.public_key:
        _take_next_key(folder, enrolment.public_key)
    key, answer = load_key(folder), enrolment.answer
    if public_hex(key) != enrolment.public_key:
        raise IdentityError(f"{path}: was written for another key than {KEY_FILE}. Enrol this terminal again")
    check_answer(answer, root_sha256=None)
    keys = KeysHeld(folder, _begun(answer))
    return Identity(
        folder=folder,
        terminal=answer.terminal,
        held=ProfileHeld(_newest_profile(folder, answer, keys.chain.known)),
        platform=platform_url(platform or enrolment.platform),
        trust_root=answer.trust_root,
        keys=keys,
        audience=answer.platform_keys[0].kid,
        key=key,
        enrolled=profile_of(answer).number,
    )
