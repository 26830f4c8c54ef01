"""What belongs to a backup, and what does not: decided once, here.

All that the service keeps in its data folder is in it, the key of its own certificate too, so a backup is as
confidential as the folder. What the configuration names elsewhere as a secret (passwords, tokens, addresses of
notices) is never in it, and is listed. Sockets and gauges of running processes, and locks, are nothing to keep.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from service.config.build import Configuration
from service.files import Files

DATA = "data"
CONFIGURATION = "configuration"
JOURNAL, HISTORY, RECORDS = f"{DATA}/journal.db", f"{DATA}/history", f"{DATA}/records.db"
_SECRETS = ("password_file", "token_file", "url_file", "key_file")


def plain_folders(files: Files) -> tuple[Path, ...]:
    """Folders of the data folder whose files are copied as they are: they are replaced whole, or only grow."""
    return (files.certificates, files.models, files.mirrors, files.duty, files.link_key.parent)


def configuration_files(configuration: Configuration) -> Iterator[tuple[Path, str]]:
    """The configuration, all that it includes, and its models; each with its place in the backup."""
    folder = configuration.file.parent
    models = [configuration.beside(model.file) for model in configuration.models.values() if model.file]
    for path in dict.fromkeys([*configuration.files, *models]):
        inside = path.relative_to(folder) if path.is_relative_to(folder) else Path("elsewhere", *path.parts[1:])
        yield path, f"{CONFIGURATION}/{inside}"


def left_out(configuration: Configuration) -> tuple[str, ...]:
    """What a restored service needs besides, by the names in the configuration: never a secret itself."""
    return tuple(f"{name}: {path}" for name, path in secret_files(configuration))


def secret_files(configuration: Configuration) -> Iterator[tuple[str, Path]]:
    """The files with secrets that the configuration names, each with its key."""
    sections: dict[str, BaseModel] = {
        **{f"sources.{name}.opcua": each.opcua for name, each in configuration.sources.items() if each.opcua},
        **{f"sources.{name}.mqtt": each.mqtt for name, each in configuration.sources.items() if each.mqtt},
        **{f"rota.{name}": each for name, each in configuration.rota.items()},
        **{f"notify.{name}": each for name, each in configuration.notify.items()},
        **{f"mirrors.{name}.influxdb": each.influxdb for name, each in configuration.mirrors.items()},
    }
    for name, section in sections.items():
        for key in _SECRETS:
            if (told := getattr(section, key, None)) is not None:
                yield f"{name}.{key}", configuration.beside(told)
    if configuration.http.tls is not None:
        yield "http.tls.key_file", configuration.http.tls.key
    if configuration.openid is not None and configuration.openid.client.secret_file is not None:
        yield "login.oidc.client_secret_file", configuration.openid.client.secret_file
    if configuration.ldap is not None and configuration.ldap.finding is not None:
        yield "login.ldap.search.password_file", configuration.ldap.finding.password_file
    for key in _SECRETS:
        if configuration.records is not None and (path := getattr(configuration.records, key, None)) is not None:
            yield f"records.postgresql.{key}", path
