"""The database as the containers set it up, with a real PostgreSQL: the service's role owns its database, no more."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import RetryLater
from records.address import Server
from records.database import SqlRecords
from tests.patience import LIMIT_S
from tests.postgres_server import PASSWORD, PORT, PostgresForTests, programs, running
from tests.unit.deploy.reading import compose_file, text_of

OWN = "the-services-own"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresForTests]:
    with running() as started:
        secret = started.folder / "database_password"
        secret.write_text(OWN + "\n")
        if os.getuid() == 0:
            shutil.chown(secret, "postgres")
        text = text_of("deploy/postgres/thermowell.sql")
        assert "/run/secrets/database_password" in text
        # The tests' administrator has the name that the service's role has in production.
        text = text.replace("thermowell", "service").replace("/run/secrets/database_password", str(secret))
        done = _psql(started, text)
        assert done.returncode == 0, done.stderr
        yield started


def client(name: str) -> str:
    """A client program: some PostgreSQLs have the server alone in their folder."""
    folders = (programs(), *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
    places = [shutil.which(name), *(shutil.which(name, path=str(folder)) for folder in folders)]
    found = next((place for place in places if place), None)
    if found is None:
        pytest.skip(f"no {name} here: what the containers' database does is not tried")
    return found


def _psql(server: PostgresForTests, text: str) -> subprocess.CompletedProcess[str]:
    command = [client("psql"), "-v", "ON_ERROR_STOP=1", "-h", str(server.folder), "-p", str(PORT),
               "-U", "thermowell", "-d", "postgres"]  # fmt: skip
    return subprocess.run(
        command, input=text, env={**os.environ, "PGPASSWORD": PASSWORD}, check=False, capture_output=True, text=True,
        timeout=LIMIT_S,
    )  # fmt: skip


@pytest.fixture
def address(server: PostgresForTests) -> Server:
    return Server(str(server.folder), PORT, "service", "service", server.folder / "database_password", "off")


def test_the_records_open_by_the_socket_with_the_services_own_role(address: Server) -> None:
    with closing(SqlRecords.open(address)) as records:
        token = records.add_person("Ada", "operator")

    assert token


def test_without_the_password_nobody_gets_in(address: Server, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")

    with (
        closing(SqlRecords.open(replace(address, password_file=tmp_path / "wrong"))) as records,
        pytest.raises(RetryLater, match="password authentication failed"),
    ):
        records.add_person("Ada", "operator")


def test_an_empty_secret_stops_the_set_up(server: PostgresForTests) -> None:
    """A role without a password would be made else, and nobody would be told why it cannot come in."""
    text = text_of("deploy/postgres/thermowell.sql").replace("thermowell", "careless")
    done = _psql(server, text.replace("/run/secrets/database_password", "/dev/null"))

    assert done.returncode == 3
    assert "division by zero" in done.stderr
    assert server.admin("SELECT 1 FROM pg_roles WHERE rolname = 'careless'") == []


def test_the_services_role_may_not_administer(server: PostgresForTests) -> None:
    rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls"

    assert server.admin(f"SELECT {rights} FROM pg_roles WHERE rolname = 'service'") == [(False,) * 5]
    assert server.admin("SELECT has_database_privilege('service', 'postgres', 'CREATE')") == [(False,)]


def test_the_password_stands_in_no_log(server: PostgresForTests) -> None:
    assert OWN not in (server.folder / "log").read_text(errors="replace")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user can be given: those of pytest lie in folders of its own user."""
    with tempfile.TemporaryDirectory(prefix="thermowell-initdb-") as name:
        yield Path(name)


def test_initdb_and_the_server_know_every_option_that_they_are_given(home: Path) -> None:
    """What the entry point of the image gives to initdb, and the command that then runs, on a cluster of their own."""
    folder = programs()
    if folder is None:
        pytest.skip("no PostgreSQL here: its options are not tried")
    service = compose_file()["services"]["postgres"]
    cluster = home / "cluster"
    options = shlex.split(service["environment"]["POSTGRES_INITDB_ARGS"])
    secret = home / "secret"
    secret.write_text(PASSWORD)
    made = PostgresForTests(home, folder)
    for path in (home, secret):
        if os.getuid() == 0:
            shutil.chown(path, "postgres")
    made._run("initdb", "--no-sync", "-U", "postgres", f"--pwfile={secret}", "-D", str(cluster), *options)
    told = made._as_user(
        str(Path("postgres")), "-D", str(cluster), *service["command"][1:], "-C", "password_encryption"
    )
    done = subprocess.run(told, check=False, capture_output=True, text=True, timeout=LIMIT_S, cwd="/")
    rules = re.findall(r"^(?:local|host)\s.*\s(\S+)$", (cluster / "pg_hba.conf").read_text(), re.MULTILINE)

    assert done.stdout.strip() == "scram-sha-256", done.stderr
    assert set(rules) == {"scram-sha-256"}


def test_the_health_check_is_a_command_that_the_client_knows() -> None:
    _, program, *options = compose_file()["services"]["postgres"]["healthcheck"]["test"]
    done = subprocess.run(
        [client(program), *options, "--port=1"], check=False, capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 2, "2: no answer; 3 would be a wrong option"
