"""Our own certificate, made once, and the folder of server certificates that a person has looked at."""

import datetime as dt
import os
import socket
from pathlib import Path

from asyncua.crypto.cert_gen import generate_self_signed_app_certificate
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from domain.errors import Refused

APPLICATION_URI = "urn:thermowell:collector"
"""Who we are to every server; it stands in our certificate and stays the same for ever."""

_VALID_DAYS = 20 * 365  # a server's administrator trusts it by hand: it must not run out behind their back
_CERTIFICATE, _KEY = "thermowell.der", "thermowell.key.pem"


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Paths of our certificate and private key in `folder`; both are made at the first start."""
    certificate, key = folder / _CERTIFICATE, folder / _KEY
    if certificate.exists() and key.exists():
        return certificate, key
    folder.mkdir(parents=True, exist_ok=True)
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    made = generate_self_signed_app_certificate(
        private_key,
        "Thermowell collector",
        {},
        [x509.UniformResourceIdentifier(APPLICATION_URI), x509.DNSName(socket.gethostname())],
        [ExtendedKeyUsageOID.CLIENT_AUTH],
        days=_VALID_DAYS,
    )
    pem = private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    certificate.write_bytes(made.public_bytes(serialization.Encoding.DER))
    return certificate, key


def check_trusted(server_certificate: bytes, folder: Path, url: str) -> None:
    """Return if `folder` holds the server's certificate (DER), or the valid one of its issuer; else Refused.

    The refused certificate is kept in `folder/rejected`, and the error says how to trust it: one look, one move.
    """
    server = x509.load_der_x509_certificate(server_certificate)
    for _, trusted in certificates_in(folder):
        if trusted == server or _issued_by(server, trusted):
            return
    fingerprint = server.fingerprint(hashes.SHA256()).hex()
    rejected = folder / "rejected" / f"{fingerprint[:16]}.der"
    rejected.parent.mkdir(parents=True, exist_ok=True)
    rejected.write_bytes(server_certificate)
    subject = server.subject.rfc4514_string()
    raise Refused(
        f"{url}: its certificate is not trusted ({subject}, SHA-256 {fingerprint}). Compare the fingerprint with the "
        f"server's own; then trust it with: mv '{rejected}' '{folder / rejected.name}'"
    )


def certificates_in(folder: Path) -> list[tuple[Path, x509.Certificate]]:
    """The certificates in a folder, each with its file. Refused names a file that is none."""
    found = []
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.suffix.lower() in (".der", ".crt", ".cer", ".pem"):
            content = path.read_bytes()
            is_pem = content.lstrip().startswith(b"-----BEGIN")
            load = x509.load_pem_x509_certificate if is_pem else x509.load_der_x509_certificate
            try:
                found.append((path, load(content)))
            except ValueError as error:
                raise Refused(f"{path} is no certificate: {error}") from error
    return found


def _issued_by(server: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Tell whether a trusted authority signed this certificate, and both are valid today."""
    now = dt.datetime.now(dt.UTC)
    if not all(one.not_valid_before_utc <= now <= one.not_valid_after_utc for one in (server, issuer)):
        return False
    try:
        server.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
