"""HTTP authentication as a camera asks for it: Digest (RFC 7616), else Basic (RFC 7617). Pure.

Digest is the factory setting of most network cameras. Credentials are sent only when asked for, and Basic only when
Digest is not offered.
"""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import md5, sha256

HASHES: Mapping[str, Callable[[bytes], str]] = {
    "MD5": lambda data: md5(data, usedforsecurity=False).hexdigest(),
    "SHA-256": lambda data: sha256(data).hexdigest(),
}
PREFERRED = ("SHA-256", "MD5")
PART = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a camera asks with. `scheme` is "digest" or "basic", `parts` its parameters by lower-case name."""

    scheme: str
    parts: Mapping[str, str]


def challenge_of(headers: list[str]) -> Challenge | None:
    """Return the best of the WWW-Authenticate headers that can be answered, None if there is none."""
    found = [one for header in headers for one in _challenges(header)]
    digests = [one for one in found if one.scheme == "digest" and _algorithm(one)[0] in HASHES]
    digests.sort(key=lambda one: PREFERRED.index(_algorithm(one)[0]))
    basics = [one for one in found if one.scheme == "basic"]
    return next(iter([*digests, *basics]), None)


def _challenges(header: str) -> list[Challenge]:
    pieces = re.split(r"(?i)(?:^|,\s*|\s)(digest|basic)(?=\s)", f" {header} ")
    return [
        Challenge(scheme.lower(), {name.lower(): quoted or bare for name, quoted, bare in PART.findall(said)})
        for scheme, said in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _algorithm(challenge: Challenge) -> tuple[str, bool]:
    name = challenge.parts.get("algorithm", "MD5").upper()
    return name.removesuffix("-SESS"), name.endswith("-SESS")


@dataclass(frozen=True, slots=True)
class Login:
    """A user name and a password; they are never part of a message."""

    user: str
    password: str

    def basic(self) -> str:
        """Return the value of an Authorization header by RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    def answer(self, challenge: Challenge, *, method: str, uri: str, count: int, cnonce: str) -> str:
        """Return the value of the Authorization header; `count` is how often this nonce was used, from 1."""
        if challenge.scheme == "basic":
            return self.basic()
        parts = challenge.parts
        name, session = _algorithm(challenge)
        hashed = HASHES[name]
        realm, nonce = parts.get("realm", ""), parts.get("nonce", "")
        secret = hashed(f"{self.user}:{realm}:{self.password}".encode())
        if session:
            secret = hashed(f"{secret}:{nonce}:{cnonce}".encode())
        asked = hashed(f"{method}:{uri}".encode())
        qop = "auth" if "auth" in re.split(r"[\s,]+", parts.get("qop", "")) else ""
        nc = f"{count:08x}"
        said = f"{nonce}:{nc}:{cnonce}:{qop}" if qop else nonce
        response = hashed(f"{secret}:{said}:{asked}".encode())
        told = {"username": self.user, "realm": realm, "nonce": nonce, "uri": uri, "response": response}
        told |= {key: parts[key] for key in ("opaque",) if key in parts}
        line = ", ".join(f'{key}="{value}"' for key, value in told.items())
        line += f", algorithm={parts['algorithm']}" if "algorithm" in parts else ""
        line += f', qop=auth, nc={nc}, cnonce="{cnonce}"' if qop or session else ""
        return f"Digest {line}"
