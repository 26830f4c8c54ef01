"""Where the records lie, with the files beside the configuration that the connection needs."""

from pathlib import Path

from domain.errors import Complaint
from records.address import Server, usual_tls
from service.config.document import Document
from service.config.shape.stores import PostgreSql

_FILES = ("password_file", "ca_file", "certificate_file", "key_file")


def records_of(document: Document, told: PostgreSql | None, path: Path, complaints: list[Complaint]) -> Server | None:
    """The server that is told, if one is; complains of a file that is not there, and of TLS files without TLS."""
    if told is None:
        return None
    place = ("records", "postgresql")
    files = {name: getattr(told, name) for name in _FILES}
    found = {name: (path.parent / file).resolve() for name, file in files.items() if file is not None}
    for name, file in found.items():
        if not file.is_file():
            complaints.append(document.complain((*place, name), f"no file {files[name]!r}"))
    tls = told.tls or usual_tls(told.host)
    if tls == "off" and (useless := [name for name in found if name != "password_file"]):
        message = f"says nothing where `tls` is off ({'as it is told' if told.tls else 'the usual on this machine'})"
        complaints.append(document.complain((*place, useless[0]), message))
    return Server(
        host=told.host,
        port=told.port,
        database=told.database,
        user=told.user,
        password_file=found.get("password_file"),
        tls=tls,
        ca_file=found.get("ca_file"),
        certificate_file=found.get("certificate_file"),
        key_file=found.get("key_file"),
    )
