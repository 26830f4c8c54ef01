"""Certificates for tests: an authority, and what it signs, with any dates."""

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Made:
    """A certificate file and its key's."""

    certificate: Path
    key: Path


def make(
    folder: Path,
    name: str = "plant.example",
    *others: str,
    begin: float = -1,
    days: float = 90,
    passphrase: bytes | None = None,
) -> Made:
    """A self-signed pair for the names, localhost and 127.0.0.1: valid from `begin` days from now on, for `days`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = dt.datetime.now(dt.UTC) + begin * DAY
    names = [*map(x509.DNSName, (name, *others, "localhost")), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + days * DAY)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True, parents=True)
    pair = Made(folder / "plant.pem", folder / "plant.key")
    sealed = serialization.NoEncryption() if passphrase is None else serialization.BestAvailableEncryption(passphrase)
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pair.key.unlink(missing_ok=True)
    pair.key.touch(0o600)
    pair.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed),
    )
    return pair
