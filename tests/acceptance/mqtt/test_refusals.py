"""Secrets, certificates, and brokers that refuse, break off or talk nonsense."""

import asyncio
import contextlib
import ipaddress
import shutil
import socket
import ssl
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.acceptance.mqtt.broker import needs_mosquitto, publishing, running
from tests.acceptance.mqtt.collecting import collecting, point
from tests.patience import LIMIT_S
from tests.ports import free_port


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = tmp_path / "broker.crt", tmp_path / "broker.key"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


@needs_mosquitto
async def test_tls_carries_every_message_and_an_unknown_authority_is_refused(
    tmp_path: Path, certificate: tuple[Path, Path], receive_path: str
):
    lines = (f"certfile {certificate[0]}", f"keyfile {certificate[1]}")
    with running(tmp_path / "tls", *lines) as broker:
        context = ssl.create_default_context(cafile=str(certificate[0]))
        with publishing(broker.port, context) as publisher:
            async with collecting(broker.port, tls=True, receive_path=receive_path) as trusting_nobody:
                await trusting_nobody.until(lambda: "CERTIFICATE_VERIFY_FAILED" in trusting_nobody.beat().detail)
            async with collecting(
                broker.port, tls=True, ca_file=certificate[0], receive_path=receive_path
            ) as collected:
                await collected.until_subscribed()
                await asyncio.to_thread(publisher.send, "plant/a", *map(point, range(1000)))
                await collected.until(lambda: len(collected.values(0)) >= 1000)

    assert collected.values(0) == list(range(1000))


@needs_mosquitto
@pytest.mark.skipif(
    shutil.which("mosquitto_passwd") is None, reason="mosquitto_passwd is missing: passwords are not tried"
)
async def test_a_wrong_password_is_told_and_a_corrected_file_needs_no_restart(tmp_path: Path):
    passwords, secret = tmp_path / "passwords", tmp_path / "secret"
    command = ["mosquitto_passwd", "-c", "-b", str(passwords), "hist", "right"]
    await asyncio.to_thread(subprocess.run, command, check=True, timeout=LIMIT_S)
    passwords.chmod(0o644)
    secret.write_text("wrong\n")
    with running(tmp_path / "closed", "allow_anonymous false", f"password_file {passwords}") as broker:
        async with collecting(broker.port, user="hist", password_file=secret, reconnect_most_s=0.3) as collected:
            await collected.until(lambda: "Not authorized" in collected.beat().detail)
            secret.write_text("right\n")
            await collected.until_subscribed()

    assert "right" not in collected.beat().detail


class Nonsense:
    """A broker of few words: accepts, and answers what it was given."""

    def __init__(self, *answers: bytes) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._answers = answers
        self._stopped = False
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._stopped:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(5)
            with connection, contextlib.suppress(OSError):
                for answer in self._answers:
                    connection.recv(4096)
                    connection.sendall(answer)
                while connection.recv(4096):
                    pass

    def close(self) -> None:
        self._stopped = True
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(LIMIT_S)


CONNACK = b"\x20\x03\x00\x00\x00"
SUBACK_REFUSED = b"\x90\x05\x00\x01\x00\x87\x87"


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\x20\x02\x00",
        CONNACK + b"\x30\xff\xff\xff\xff\x7f",
        CONNACK + b"\x32\x02\x00\x09",
    ],
)
async def test_bytes_that_are_no_mqtt_are_told_and_the_connection_tried_again(garbage: bytes):
    broker = Nonsense(garbage + b"\x00" * 64)
    async with collecting(broker.port, reconnect_most_s=0.2) as collected:
        await collected.until(lambda: broker.connections >= 3)
        told = [entry.reason for entry in collected.quarantined()]
    broker.close()

    assert told
    assert all("malformed" in reason for reason in told)
    assert not collected.beat().connected


async def test_a_broker_that_refuses_the_subscription_is_not_called_connected():
    broker = Nonsense(CONNACK, SUBACK_REFUSED)
    async with collecting(broker.port) as collected:
        await collected.until(lambda: "Not authorized" in collected.beat().detail)
        beat = collected.beat()
    broker.close()

    assert "'plant/#'" in beat.detail
    assert not beat.connected


async def test_a_port_where_nobody_listens_is_told():
    async with collecting(free_port()) as collected:
        await collected.until(lambda: "connection refused" in collected.beat().detail)

    assert not collected.beat().connected
