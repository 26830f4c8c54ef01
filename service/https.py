"""The certificate of the page: whether its files can be used, for how long, and a renewed one without a restart."""

import asyncio
import datetime as dt
import logging
import ssl
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from domain.errors import Refused
from service.config.network import Pair

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
_TOLD_EVERY_S = 86_400.0
_MOST_BYTES = 1_000_000
_EARLIEST_WARNING_DAYS = 21.0
_DAY_S = 86_400.0

Fingerprint = tuple[tuple[int, int, int] | None, ...]
"""Time of change, inode and size of each file; None for one that is not there."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a pair cannot be used; `key` is the key of the configuration that is to blame."""

    key: str  # certificate_file | key_file
    message: str


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a chain of certificates holds, in seconds since 1970: its shortest one counts."""

    begin_s: float
    end_s: float

    def days_left(self, now_s: float) -> float:
        """Days until it is over; negative afterwards."""
        return (self.end_s - now_s) / _DAY_S

    def is_short(self, now_s: float) -> bool:
        """Whether it should have been renewed: less than three weeks are left, or a third of a shorter life."""
        return self.days_left(now_s) < min(_EARLIEST_WARNING_DAYS, (self.end_s - self.begin_s) / _DAY_S / 3)


def faults_of(pair: Pair, now_s: float) -> list[Fault]:
    """Everything that is wrong with the files; none: a browser can be served by them now."""
    found: list[Fault] = []
    chain: list[x509.Certificate] = []
    try:
        chain = _chain(pair.certificate)
        found += _dates(chain, now_s)
    except Refused as refused:
        found.append(Fault("certificate_file", str(refused)))
    try:
        public = _public_key(pair.key)
        found += [Fault("key_file", message) for message in _too_open(pair.key)]
    except Refused as refused:
        return [*found, Fault("key_file", str(refused))]
    if chain and public != _spki(chain[0].public_key()):
        found.append(Fault("key_file", f"{str(pair.key)!r} is not the key of {str(pair.certificate)!r}"))
    elif chain and not found:
        found += _unloadable(pair)
    return found


def validity_of(pair: Pair) -> Validity:
    """How long the certificate in the file holds; Refused if it cannot be read."""
    chain = _chain(pair.certificate)
    begin = max(one.not_valid_before_utc for one in chain)
    end = min(one.not_valid_after_utc for one in chain)
    return Validity(begin.timestamp(), end.timestamp())


def server_context(pair: Pair) -> ssl.SSLContext:
    """TLS 1.2 or newer with this pair; Refused if OpenSSL does not take it."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # Without an answer OpenSSL would ask for a passphrase at the terminal.
        context.load_cert_chain(pair.certificate, pair.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise Refused(f"{str(pair.certificate)!r} and its key cannot be used: {error}") from error
    return context


class Renewing:
    """A TLS context whose certificate follows its files; connections that are open keep theirs."""

    def __init__(self, pair: Pair, now_s: Callable[[], float]) -> None:
        self._pair, self._now_s = pair, now_s
        self._seen = _fingerprint(pair)
        self._refused = ""
        self._told_s = -_TOLD_EVERY_S
        self._newest = self.context = server_context(pair)
        self.validity = validity_of(pair)  # of what is served, whatever the files hold by now
        # OpenSSL asks this for every handshake, also of clients that name no server.
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def look(self) -> None:
        """Take what is new in the files, if it can be used; blocks for a moment, never raises."""
        found = _fingerprint(self._pair)
        if found != self._seen:
            self._take(found)
        now_s = self._now_s()
        if self.validity.is_short(now_s) and now_s - self._told_s >= _TOLD_EVERY_S:
            self._told_s = now_s
            log.warning("the certificate %s ends in %.1f days", self._pair.certificate, self.validity.days_left(now_s))

    def _take(self, found: Fingerprint) -> None:
        # Two files are not replaced in one moment: a pair that does not fit is looked at again.
        if faults := faults_of(self._pair, self._now_s()):
            if faults[0].message != self._refused:
                self._refused = faults[0].message
                log.warning("the new certificate is not taken, the one before goes on: %s", self._refused)
            return
        try:
            self._newest, self.validity = server_context(self._pair), validity_of(self._pair)
        except Refused as refused:  # replaced again since it was looked at
            log.warning("the new certificate is not taken yet: %s", refused)
            return
        self._seen, self._refused = found, ""
        log.info("a new certificate is served, for %.1f days", self.validity.days_left(self._now_s()))

    async def look_for_ever(self) -> None:
        """Look every few seconds until it is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await asyncio.to_thread(self.look)


async def usable(pair: Pair, stop: asyncio.Event, now_s: Callable[[], float], every_s: float = 2.0) -> Renewing | None:
    """The pair as soon as it can be used; None when told to stop before.

    An expired one is served all the same: people see why, and a page that is away would help nobody.
    """
    told = ""
    while not stop.is_set():
        faults = await asyncio.to_thread(faults_of, pair, now_s())
        why = "; ".join(fault.message for fault in faults)
        if why and why != told:
            log.error("the page's certificate: %s", why)
            told = why
        try:
            return Renewing(pair, now_s)
        except Refused as refused:
            if not why and str(refused) != told:
                told = str(refused)
                log.error("the page cannot be served yet: %s", told)  # noqa: TRY400  the stack says nothing
        try:
            await asyncio.wait_for(stop.wait(), every_s)
        except TimeoutError:
            continue
    return None


def _read(file: Path) -> bytes:
    """The file's bytes; Refused if it is not there, cannot be read or is no file of this kind."""
    try:
        with file.open("rb") as opened:
            content = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        raise Refused(f"{str(file)!r} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_BYTES:
        raise Refused(f"{str(file)!r} is too large to be a certificate or a key")
    return content


def _chain(file: Path) -> list[x509.Certificate]:
    """The certificates of a PEM file, the server's own first."""
    content = _read(file)
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as error:
        raise Refused(f"{str(file)!r} holds no certificate in PEM form") from error


def _public_key(file: Path) -> bytes:
    """What the key's certificate has to hold; never tells anything of the key."""
    content = _read(file)
    try:
        key = load_pem_private_key(content, password=None)
    except TypeError as error:
        raise Refused(f"{str(file)!r} is encrypted: give a key without a passphrase, readable by us alone") from error
    except Exception as error:  # the library raises a dozen kinds
        raise Refused(f"{str(file)!r} holds no private key in PEM form") from error
    return _spki(key.public_key())


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _dates(chain: list[x509.Certificate], now_s: float) -> Iterator[Fault]:
    now = dt.datetime.fromtimestamp(now_s, dt.UTC)
    for one in chain:
        name = one.subject.rfc4514_string() or "the certificate"
        if one.not_valid_after_utc < now:
            yield Fault("certificate_file", f"{name} has expired on {one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")
        if one.not_valid_before_utc > now:
            yield Fault("certificate_file", f"{name} is not valid before {one.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")


def _too_open(key: Path) -> Iterator[str]:
    mode = stat.S_IMODE(key.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IRWXO):
        yield f"{str(key)!r} is open to others (mode {mode:04o}): chmod 600, or 640 with a group of its own"


def _unloadable(pair: Pair) -> list[Fault]:
    try:
        server_context(pair)
    except Refused as refused:
        return [Fault("certificate_file", str(refused))]
    return []


def _fingerprint(pair: Pair) -> Fingerprint:
    """Changes whenever one of the files does."""
    return tuple(_of_file(file) for file in (pair.certificate, pair.key))


def _of_file(file: Path) -> tuple[int, int, int] | None:
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino, told.st_size
