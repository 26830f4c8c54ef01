"""Basic256Sha256 with a user, certificates that a person has to trust, and passwords in a file."""

import shutil
import stat

import pytest
from asyncua import ua
from asyncua.crypto.cert_gen import setup_self_signed_certificate
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.user_managers import UserManager
from cryptography.x509.oid import ExtendedKeyUsageOID

from collector.opcua.settings import Security
from collector.opcua.source import OpcUaSource
from tests.acceptance.opcua.plant import CounterServer, Sink, WallClock, counter_tags, settings
from tests.ports import free_port


class OneUser(UserManager):
    """Knows `hist` with one password."""

    def get_user(self, iserver, username=None, password=None, certificate=None):
        return User(role=UserRole.User) if (username, password) == ("hist", "s3cret") else None


@pytest.fixture
async def secure_plant(tmp_path):
    plant = CounterServer(free_port(), tags=2)
    plant.certificate = (tmp_path / "server.der", tmp_path / "server.pem")
    plant.policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
    plant.users = OneUser()
    key, certificate = plant.certificate[1], plant.certificate[0]
    usage = [ExtendedKeyUsageOID.SERVER_AUTH]
    await setup_self_signed_certificate(key, certificate, "urn:freeopcua:python:server", "localhost", usage, {})
    async with plant.running():
        yield plant


async def test_a_secured_server_is_read_once_a_person_trusts_it_and_the_password_is_right(secure_plant, tmp_path):
    password = tmp_path / "password"
    password.write_text("wrong\n")
    wanted = settings(
        secure_plant.port,
        security=Security.BASIC256SHA256,
        user="hist",
        password_file=password,
        certificate_dir=tmp_path / "own",
        trust_dir=tmp_path / "trusted",
        step_s=5.0,
    )
    sink = Sink()
    source = OpcUaSource(wanted, counter_tags(2), WallClock(), None)
    async with sink.collecting(source):
        await sink.until(lambda _: "not trusted" in source.heartbeat(1).detail)
        distrusted = source.heartbeat(1).detail
        (rejected,) = (tmp_path / "trusted" / "rejected").glob("*.der")
        shutil.move(rejected, tmp_path / "trusted" / rejected.name)
        await sink.until(lambda _: "BadUserAccessDenied" in source.heartbeat(1).detail)
        password.write_text("s3cret\n")
        await sink.until(lambda sink: len(sink.values(1)) > 10)

    assert f"mv '{rejected}'" in distrusted
    assert stat.S_IMODE((tmp_path / "own" / "thermowell.key.pem").stat().st_mode) == 0o600


async def test_a_policy_that_is_not_offered_is_named_with_those_that_are(tmp_path):
    sink = Sink()
    async with CounterServer(free_port(), tags=1).running() as plant:
        wanted = settings(plant.port, security=Security.BASIC256SHA256, trust_dir=tmp_path, certificate_dir=tmp_path)
        source = OpcUaSource(wanted, counter_tags(1), WallClock(), None)
        async with sink.collecting(source):
            await sink.until(lambda _: "does not offer" in source.heartbeat(1).detail)
            detail = source.heartbeat(1).detail

    assert detail.endswith("does not offer Basic256Sha256/SignAndEncrypt, only None/None")
