"""Where the records lie: told in the configuration, refused with the place where it cannot be."""

from pathlib import Path

import pytest

from domain.errors import ConfigError
from records.address import Server
from service.config.build import load
from service.keeping import address_of


def configuration(folder: Path, records: str) -> Path:
    (folder / "secret").write_text("s3cret")
    (folder / "ca.pem").write_text("")
    file = folder / "thermowell.yaml"
    file.write_text(f"site: north\n{records}")
    return file


def test_records_are_a_file_of_the_data_folder_unless_told_otherwise(tmp_path: Path) -> None:
    assert address_of(load(configuration(tmp_path, ""))) == tmp_path / "data" / "records.db"


def test_a_server_is_told_with_its_password_in_a_file(tmp_path: Path) -> None:
    told = "records:\n  postgresql: {host: db1.example, database: batches, user: ada, password_file: secret, ca_file: ca.pem}\n"

    address = address_of(load(configuration(tmp_path, told)))

    files = {"password_file": tmp_path / "secret", "ca_file": tmp_path / "ca.pem"}
    assert address == Server("db1.example", 5432, "batches", "ada", tls="verify-full", **files)
    assert str(address) == "postgresql://ada@db1.example:5432/batches"


def test_a_socket_of_this_machine_needs_neither_tls_nor_a_password(tmp_path: Path) -> None:
    address = address_of(load(configuration(tmp_path, "records: {postgresql: {host: /run/postgresql}}\n")))

    assert address == Server("/run/postgresql", 5432, "thermowell", "thermowell", tls="off")


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ("{host: db1, password_file: nowhere}", "3:27: records.postgresql.password_file: no file 'nowhere'"),
        ("{host: db1, password: s3cret}", "records.postgresql.password"),
        ("{host: 'ada:s3cret@db1'}", "records.postgresql.host"),
        ("{host: db1, tls: prefer}", "records.postgresql.tls"),
        ("{host: db1, tls: 'off', ca_file: ca.pem}", "records.postgresql.ca_file: says nothing where `tls` is off"),
        ("{host: db1, key_file: ca.pem}", "needs both of `certificate_file` and `key_file`"),
        ("{port: 5432}", "records.postgresql"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(tmp_path: Path, told: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load(configuration(tmp_path, f"records:\n  postgresql: {told}\n"))

    assert complaint in str(refused.value)
    assert "s3cret" not in str(refused.value)
