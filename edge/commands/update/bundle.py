"""The update file: one signed line, and the tree of one version behind it. Bytes only.

    JWS (xg-update+jwt)    the first line, ASCII, ≤ 4 KiB: what this is, for which machine, size and SHA-256 of the rest
    tar.xz                 the tree below /opt/xinguan/versions/VERSION

Rules of this file:

- signed by a release key that lies on this box since the package brought it; a key in the file counts for nothing;
- `number` rises with each release: an older one is refused, whoever signed it, so that no old hole comes back;
- nothing of the rest is looked at before its size and hash are those of the signed line.
"""

from collections.abc import Iterable
from typing import IO, Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from sync.wire.jws import JwsError, kid_of, open_jws, public_hex, public_key
from sync.wire.messages import WireError, decode
from sync.wire.seals import sign

UPDATE: Final = "xg-update+jwt"
MAX_LINE: Final = 4096
MAX_PAYLOAD: Final = 512 * 1024 * 1024


class UpdateError(Exception):
    """This update cannot be taken. The text says why and the mend, in both languages; nothing was changed."""


class Update(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The signed line: which version, for which Debian and machine, what follows it, and who signs after this one.

    `keys` are the public release keys from when this update has stayed (hex); empty: as before.
    """

    version: Annotated[str, Meta(pattern=r"^[0-9][0-9A-Za-z.+]{0,31}\Z")]
    number: Annotated[int, Meta(ge=1, le=2**53 - 1)]
    debian: Annotated[int, Meta(ge=1, le=99)]
    arch: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,16}\Z")]
    size: Annotated[int, Meta(ge=1, le=MAX_PAYLOAD)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    keys: Annotated[tuple[Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")], ...], Meta(max_length=8)] = ()


def signed(update: Update, key: Ed25519PrivateKey) -> bytes:
    """Return the first line of an update file."""
    return sign(update, key, typ=UPDATE, kid=kid_of(public_hex(key))).encode() + b"\n"


def opened(file: IO[bytes], keys: Iterable[str]) -> Update:
    """Return what the first line says, signed by one of `keys` (64 hex digits each); raise UpdateError."""
    line = file.readline(MAX_LINE).decode("ascii", "replace").strip()
    known = {kid_of(key): public_key(key) for key in keys}

    def key_of(kid: str | None) -> Ed25519PublicKey:
        if kid is None or kid not in known:
            raise JwsError("signed by a key that is not on this box")
        return known[kid]

    try:
        found = open_jws(line, typ=UPDATE, key_of=key_of)
        return decode(found.payload, Update, code="bad_update")
    except (JwsError, WireError) as error:
        raise UpdateError(f"更新包签名不成立 · not signed by a release key of this box: {error}") from error


def suits(update: Update, *, debian: int, arch: str, number: int) -> None:
    """Raise UpdateError unless this box can run `update`, and it is newer than `number`."""
    if (update.debian, update.arch) != (debian, arch):
        theirs, ours = f"Debian {update.debian} {update.arch}", f"Debian {debian} {arch}"
        raise UpdateError(f"此更新用于 {theirs}，本机为 {ours} · it is for {theirs}, this box is {ours}")
    if update.number <= number:
        raise UpdateError(
            f"{update.version} 不比现有版本新（{update.number} ≤ {number}）· it is not newer than what runs here"
        )
