"""The hub's own TLS certificate: made at enrolment, known to its gates by the hash that the platform signs.

No authority vouches for it, so it says nothing that anybody believes but its key; it does not end before the machine.
"""

import hashlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from central.platform_state import StateError
from storage.files import create_file, durable_folder

CERTIFICATE: Final = "hub-cert.pem"
KEY: Final = "hub-tls-key.pem"
LIFE: Final = timedelta(days=365 * 30)
EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)  # a hub whose clock is wrong makes a good one too


def make_certificate(folder: Path, hosts: list[str]) -> str:
    """Make key and certificate unless they are there; return the SHA-256 of the certificate (DER) in hex."""
    durable_folder(folder, mode=0o700)
    if not (folder / CERTIFICATE).exists():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(key, hosts)
        (folder / KEY).unlink(missing_ok=True)  # of a try that a power cut ended
        pem = serialization.Encoding.PEM
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        create_file(folder / KEY, key.private_bytes(pem, *plain))
        create_file(folder / CERTIFICATE, certificate.public_bytes(pem))
    return fingerprint(folder)


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of the certificate (DER) in hex; raise StateError."""
    try:
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
    except (OSError, ValueError) as error:
        raise StateError(f"{folder / CERTIFICATE}: cannot be used ({error}). Enrol this hub again") from error
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def context(folder: Path) -> ssl.SSLContext:
    """Return what the hub serves with; raise StateError."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        made.load_cert_chain(folder / CERTIFICATE, folder / KEY)
    except (OSError, ssl.SSLError) as error:
        raise StateError(f"{folder / CERTIFICATE}: cannot be used ({error}). Enrol this hub again") from error
    return made


def _signed(key: ec.EllipticCurvePrivateKey, hosts: list[str]) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(EPOCH)
        .not_valid_after(EPOCH + LIFE)
        .add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
