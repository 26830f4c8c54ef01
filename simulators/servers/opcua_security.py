"""Who may come in: certificates (valid, or expired on purpose), users, and the refusal of every client."""

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyFactory
from asyncua.ua.uaerrors import BadRequestTooLarge
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID: Final = (dt.timedelta(days=-1), dt.timedelta(days=3650))
_EXPIRED: Final = (dt.timedelta(days=-400), dt.timedelta(days=-35))
_KEY_BITS: Final = 2048


@dataclass(frozen=True, slots=True)
class Security:
    """Basic256Sha256, signed or encrypted too, with a certificate made in `directory`, and the users who may come in.

    Without users everybody may, over a secured channel. `open`: whoever wants comes in without security and name, too.
    """

    directory: Path
    users: Mapping[str, str]  # name -> password
    open: bool = False

    @property
    def anonymous(self) -> bool:
        """Tell whether a name is not needed."""
        return self.open or not self.users


class Users:
    """asyncua's user manager: those with the right password, as plain users who may not write; else nobody."""

    def __init__(self, security: Security | None) -> None:
        self._passwords = security.users if security is not None else {}
        self._anonymous = security is None or security.anonymous

    def get_user(
        self,
        iserver: object,  # noqa: ARG002 - asyncua passes it
        username: str | None = None,
        password: str | None = None,
        certificate: object = None,  # noqa: ARG002 - asyncua passes it
    ) -> User | None:
        """Who this is; None: nobody we know."""
        if username is None:
            return User(role=UserRole.User) if self._anonymous else None
        known = self._passwords.get(username)
        return User(role=UserRole.User, name=username) if known is not None and known == password else None


class Gate:
    """Stands before every secured channel; while `closed`, no client's certificate is trusted."""

    def __init__(self) -> None:
        self.closed = False

    def check(self) -> None:
        """Return, or end the connection with Bad_SecurityChecksFailed, as part 4 (6.1.3) wants it."""
        if self.closed:
            refusal = BadRequestTooLarge()  # the one error here whose reason asyncua tells the client …
            refusal.code = ua.StatusCodes.BadSecurityChecksFailed  # … which is this
            raise refusal


class _GatedPolicy:
    """One of asyncua's policies behind the gate."""

    def __init__(self, policy: SecurityPolicyFactory, gate: Gate) -> None:
        self._policy = policy
        self._gate = gate

    def matches(self, uri: str, mode: ua.MessageSecurityMode | None = None) -> bool:
        """Tell whether a client asks for this policy."""
        return bool(self._policy.matches(uri, mode))

    def create(self, peer_certificate: bytes | None) -> SecurityPolicy:
        """The policy for one client."""
        if peer_certificate:
            self._gate.check()
        return self._policy.create(peer_certificate)


def stand_before(server: Server, gate: Gate) -> None:
    """Put the gate before the policies of a server that has been started."""
    policies = server._policies  # noqa: SLF001 - asyncua has no hook before a channel is open
    policies[:] = [_GatedPolicy(policy, gate) for policy in policies]


async def secure(server: Server, security: Security | None, application_uri: str, *, expired: bool) -> None:
    """Set a server's policies, certificate and kinds of users, before it starts."""
    policies, tokens = [], []
    if security is None or security.open:
        policies.append(ua.SecurityPolicyType.NoSecurity)
    if security is None or security.anonymous:
        tokens.append(ua.AnonymousIdentityToken)
    if security is not None:
        key, certificate = certificate_files(security.directory, application_uri, expired=expired)
        await server.load_certificate(str(certificate))
        await server.load_private_key(str(key))
        policies += [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt, ua.SecurityPolicyType.Basic256Sha256_Sign]
        tokens.append(ua.UserNameIdentityToken)
    server.set_security_policy(policies)
    server.set_identity_tokens(tokens)


def certificate_files(directory: Path, application_uri: str, *, expired: bool = False) -> tuple[Path, Path]:
    """Paths of the server's key and certificate (DER), made at the first need; the expired one has the same key."""
    directory.mkdir(parents=True, exist_ok=True)
    key_file = directory / "server-key.pem"
    certificate_file = directory / ("server-expired.der" if expired else "server.der")
    if not key_file.exists():
        _write_key(key_file)
    if not certificate_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey):
            message = f"{key_file} holds no RSA key"
            raise TypeError(message)
        valid = _EXPIRED if expired else _VALID
        certificate_file.write_bytes(_certificate(key, application_uri, valid))
    return key_file, certificate_file


def _write_key(file: Path) -> None:
    pem = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(pem)


def _certificate(key: rsa.RSAPrivateKey, application_uri: str, valid: tuple[dt.timedelta, dt.timedelta]) -> bytes:
    """A self-signed application certificate (part 6, 6.2.2), DER; `valid` from and until, against now."""
    now = dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Simulated plant")])
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [x509.UniformResourceIdentifier(application_uri), x509.DNSName("localhost")]
    extended = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .not_valid_before(now + valid[0])
        .not_valid_after(now + valid[1])
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=False)
        .add_extension(usage, critical=False)
        .add_extension(x509.ExtendedKeyUsage(extended), critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.DER)
