"""The platform's folder: database, signing key, operator's token, and the public files of the list repository.

    central.db          terminals, codes, journals
    platform-key.pem    signs receipts, time and orders (0600)
    platform-keys.json  the first key's public half and the links to its successors, once it was exchanged
    platform-key-next.pem   the next key while it is being exchanged (central.platform_key)
    database-url        PostgreSQL address, where the books are not in central.db (0600: it may hold a password)
    operator-token      bearer token of the admin calls (0600)
    founding            is there from the first instruction of `central init` to its last
    keys/, public/      the list repository (central.lists.publishing)

A key is made by `central init` or `central platform-key rotate`, and never printed. Which one signs, the links say:
whoever opens the folder between two instructions of an exchange takes the key that they name, whatever it is called.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage.files import create_file, durable_folder, replace_file, sync_folder
from sync.enrol.successors import Chain
from sync.wire.hubs import SITE, SitePage
from sync.wire.jws import kid_of, public_hex
from sync.wire.memory import MEMORY, MemoryPage
from sync.wire.messages import Answer, Command, PlatformKey, Receipt, SignedTime, WireError, decode
from sync.wire.profiles import SignedProfile
from sync.wire.seals import ANSWER, COMMAND, PROFILE, RECEIPT, TIME, sign

DATABASE = "central.db"
KEY = "platform-key.pem"
NEXT_KEY = "platform-key-next.pem"
KEYS = "platform-keys.json"
LOCK = "publishing.lock"  # on lists and keys
TRIES = 3  # of reading a folder whose key is exchanged meanwhile
OPERATOR = "operator-token"
DATABASE_URL = "database-url"
FOUNDING = "founding"
TOKEN_BYTES = 32


class StateError(Exception):
    """The platform's folder cannot be used. The text names the file and the mend."""


@dataclass(frozen=True, slots=True)
class Signer:
    """The platform's key. Every signed word of the platform comes from here."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> PlatformKey:
        """The key as terminals get it at enrolment."""
        hexed = public_hex(self.key)
        return PlatformKey(kid=kid_of(hexed), key=hexed)

    def time(self, *, nonce: str, now_ms: int) -> str:
        """Return the time, signed for whoever asked with `nonce`."""
        return sign(SignedTime(nonce=nonce, time=now_ms), self.key, typ=TIME, kid=self.public.kid)

    def receipt(self, receipt: Receipt) -> str:
        """Return the signed receipt."""
        return sign(receipt, self.key, typ=RECEIPT, kid=self.public.kid)

    def answer(self, answer: Answer) -> str:
        """Return the signed answer."""
        return sign(answer, self.key, typ=ANSWER, kid=self.public.kid)

    def memory(self, page: MemoryPage) -> str:
        """Return the signed page of a terminal's memory."""
        return sign(page, self.key, typ=MEMORY, kid=self.public.kid)

    def profile(self, profile: SignedProfile) -> str:
        """Return the signed profile."""
        return sign(profile, self.key, typ=PROFILE, kid=self.public.kid)

    def order(self, order: Command | SignedProfile) -> str:
        """Return an order, or a new profile, signed."""
        return self.profile(order) if isinstance(order, SignedProfile) else self.command(order)

    def page(self, page: SitePage) -> str:
        """Return a page of what stands at a site, signed for its hub."""
        return sign(page, self.key, typ=SITE, kid=self.public.kid)

    def command(self, command: Command) -> str:
        """Return the signed order."""
        return sign(command, self.key, typ=COMMAND, kid=self.public.kid)


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """`platform-keys.json`: the first key of this platform, and a link for each that came after."""

    first: PlatformKey
    links: list[str]

    def chain(self) -> Chain:
        """Return the keys in force and those before; raise WireError for a file that was edited."""
        found = Chain.begun([self.first])
        for text in self.links:
            found = found.followed_by(text)
        return found


@dataclass(frozen=True, slots=True)
class PlatformState:
    """The platform's folder, opened."""

    folder: Path
    signer: Signer
    operator_token: str
    chain: Chain
    database_url: str | None = None  # PostgreSQL, where the books are not in the folder

    @property
    def database(self) -> Path:
        """Where the database is."""
        return self.folder / DATABASE

    @property
    def public(self) -> Path:
        """What is served under /lists/."""
        return self.folder / "public"

    def trust_root(self) -> bytes:
        """Return the newest root of the list repository; raise StateError when there is none."""
        roots = {int(p.name.split(".")[0]): p for p in (self.public / "metadata").glob("[0-9]*.root.json")}
        if not roots:
            raise StateError(f"{self.public}: there is no list repository yet. Run: xinguan central init")
        return roots[max(roots)].read_bytes()

    @property
    def timestamp(self) -> Path:
        """Where it stands which publication is the newest: a file that is exchanged as a whole."""
        return self.public / "metadata" / "timestamp.json"

    def lists_version(self) -> int | None:
        """Return the number of the newest publication, None when nothing is published.

        That is the snapshot's version: a timestamp that only says "still the newest" is no news.
        """
        try:
            meta = msgspec.json.decode(self.timestamp.read_bytes(), type=_Timestamp).signed.meta
        except FileNotFoundError:
            return None
        return meta["snapshot.json"].version

    def role_versions(self, publication: int) -> dict[str, int]:
        """Return the version of each role in a publication, "targets" included."""
        path = self.public / "metadata" / f"{publication}.snapshot.json"
        meta = msgspec.json.decode(path.read_bytes(), type=_Timestamp).signed.meta
        return {name.removesuffix(".json"): one.version for name, one in meta.items()}


class _Version(msgspec.Struct):
    version: int


class _Meta(msgspec.Struct):
    meta: dict[str, _Version]


class _Timestamp(msgspec.Struct):
    signed: _Meta


@contextmanager
def founding(folder: Path) -> Iterator[bool]:
    """Found a platform in `folder`; tell whether a try before was cut short (its plug was pulled) and is gone on with.

    From the first instruction to the last a mark lies there: whoever reads "run `central init`" can.
    """
    mark = folder / FOUNDING
    begun = mark.exists()
    if not begun:
        _must_be_free(folder)
        durable_folder(folder, mode=0o700)
        replace_file(mark, b"")
    yield begun
    mark.unlink()
    sync_folder(folder)


def _must_be_free(folder: Path) -> None:
    if any((folder / name).exists() for name in (KEY, OPERATOR)):
        raise StateError(f"{folder}: a platform is here already. Name another folder with --state")


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Return a key as its file has it."""
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*form)


def create_state(folder: Path, *, go_on: bool = False) -> PlatformState:
    """Make the platform's folder with its key and operator token; raise StateError when there is one already.

    `go_on`: what a founding that was cut short has made is kept.
    """
    if not go_on:
        _must_be_free(folder)
    durable_folder(folder, mode=0o700)
    pem = pem_of(Ed25519PrivateKey.generate())
    token = f"{secrets.token_urlsafe(TOKEN_BYTES)}\n".encode()
    try:
        for name, made in ((KEY, pem), (OPERATOR, token)):
            if not (go_on and (folder / name).exists()):
                create_file(folder / name, made)
    except FileExistsError as error:
        raise StateError(f"{folder}: a platform is here already. Name another folder with --state") from error
    return open_state(folder)


def open_state(folder: Path) -> PlatformState:
    """Open the platform's folder; raise StateError naming file and mend."""
    try:
        signer, chain = _signer(folder)
        token = (folder / OPERATOR).read_text("ascii").strip()
    except FileNotFoundError as error:
        raise StateError(f"{error.filename}: is missing. Make a platform: xinguan central init --state DIR") from error
    except (OSError, ValueError, TypeError, WireError) as error:
        raise StateError(f"{folder}: the platform's key or token cannot be read ({error})") from error
    return PlatformState(folder, signer, token, chain, _database_url(folder))


def read_succession(folder: Path) -> Succession | None:
    """Return what `platform-keys.json` says, None where no key was exchanged yet; raise WireError, OSError."""
    path = folder / KEYS
    return decode(path.read_bytes(), Succession, code="bad_platform_keys") if path.exists() else None


def read_signer(path: Path) -> Signer:
    """Return the key in a file; raise StateError, OSError, ValueError."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise StateError(f"{path}: is no Ed25519 key")
    return Signer(key)


def _signer(folder: Path) -> tuple[Signer, Chain]:
    """Return the key that the links name, and their chain; raise StateError, OSError, ValueError, WireError."""
    for _try in range(TRIES):
        succession = read_succession(folder)
        signer = read_signer(folder / KEY)
        chain = Chain.begun([signer.public]) if succession is None else succession.chain()
        if signer.public.kid not in chain.in_force and (folder / NEXT_KEY).exists():
            with suppress(FileNotFoundError):  # it was put in the other's place just now
                signer = read_signer(folder / NEXT_KEY)
        if signer.public.kid in chain.in_force:
            return signer, chain
    raise StateError(
        f"{folder / KEY}: is not the key that {KEYS} names ({chain.newest}). Put both back from one backup:"
        " xinguan central restore"
    )


def _database_url(folder: Path) -> str | None:
    path = folder / DATABASE_URL
    return path.read_text("utf-8").strip() if path.exists() else None


def keep_database_url(state: PlatformState, url: str) -> None:
    """Let the books of this platform be on PostgreSQL at `url`, for every command from now on."""
    replace_file(state.folder / DATABASE_URL, f"{url}\n".encode())
