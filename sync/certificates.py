"""At which time a certificate is judged: the time that we know it is at least.

A terminal without a battery stands in 1970 after each power cut, and OpenSSL would call every certificate not yet
valid: the terminal could not even ask for signed time. But it knows a floor, the highest time ever signed for it.

Rules of this file:

- a wall clock that is not behind the floor is believed, as OpenSSL would;
- one that is behind says nothing: it is some time from the floor on. A certificate that ended before the floor is
  refused, one that begins after it is not. So nobody brings an ended certificate to life by setting a clock back;
- everything else about a certificate (chain, name, use) is OpenSSL's, as strict as it is by itself. Python 3.13 asks
  for more (an authority key identifier in each): a site whose own authority writes none would lose its platform with
  an update of the machine, and so this is the same on every Python;
- time itself is never learned from a certificate: only from the platform's signature (sync.times).
"""

import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography import x509

BORN_MS: Final = 1_767_225_600_000  # 2026-01-01: no clock that stands before this program was written is right
NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME (OpenSSL 1.1.0 on); the ssl module does not name it
ENCODING_DER: Final = 2  # _ssl.ENCODING_DER


class DatedError(ssl.SSLCertVerificationError):
    """A certificate is not in force."""


def verifying(ca: Path | str | None) -> ssl.SSLContext:
    """Return the context that verifies a chain and its name, alike on every Python; with `ca`, it alone is trusted."""
    context = ssl.create_default_context(cafile=str(ca) if ca else None)
    context.verify_flags = ssl.VERIFY_X509_TRUSTED_FIRST
    return context


def tls(ca: Path | None, at_least_ms: Callable[[], int] = lambda: BORN_MS) -> ssl.SSLContext:
    """Return the verifying TLS context; with `ca`, that authority alone is trusted.

    `at_least_ms` is asked at each handshake what time it is at least (ms UTC).
    """
    context = verifying(ca)
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)

    class Dated(ssl.SSLObject):
        """A connection whose certificates are judged at our own time, once everything else about them holds."""

        def do_handshake(self) -> None:
            super().do_handshake()
            wall_ms, floor_ms = time.time_ns() // 1_000_000, max(at_least_ms(), BORN_MS)
            for certificate in _chain(self):
                judge(certificate, wall_ms=wall_ms, floor_ms=floor_ms)

    context.sslobject_class = Dated
    return context


def _chain(connection: ssl.SSLObject) -> list[x509.Certificate]:
    """Return the certificates of a verified connection: the chain, where this Python tells it, else the peer's own."""
    told = getattr(getattr(connection, "_sslobj", None), "get_verified_chain", None)
    ders = [one.public_bytes(ENCODING_DER) for one in told() or ()] if told else []
    own = connection.getpeercert(binary_form=True)
    return [x509.load_der_x509_certificate(der) for der in ders or ([own] if own else [])]


def judge(certificate: x509.Certificate, *, wall_ms: int, floor_ms: int) -> None:
    """Raise DatedError unless a certificate may be in force."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    now_ms = max(wall_ms, floor_ms)
    if ends.timestamp() * 1000 < now_ms:
        raise DatedError(f"certificate has expired ({ends:%Y-%m-%d})")
    if wall_ms >= floor_ms and begins.timestamp() * 1000 > now_ms:
        raise DatedError(f"certificate is not yet valid ({begins:%Y-%m-%d})")
