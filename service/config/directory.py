"""The section `login.ldap`: a directory whose people sign in here, checked and built."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from domain.errors import Complaint
from domain.roles import role_named
from service.config.document import Document
from service.config.shape.access import LdapSearchText, LdapText
from service.login.asking import LOOPBACKS
from service.login.directory import Finding, Reading, Server, Told
from service.login.ldap_names import is_name

_PLACE = ("login", "ldap")
_PORTS = {"ldaps": 636, "ldap": 389}
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
Complain = Callable[..., None]


def ldap_of(document: Document, told: LdapText | None, path: Path, complaints: list[Complaint]) -> Told | None:
    """The directory that is told, if one is; complains of what would send passwords in clear, or can let in nobody."""
    if told is None:
        return None

    def complain(message: str, *keys: str) -> None:
        complaints.append(document.complain((*_PLACE, *keys), message))

    ca_file = None if told.ca_file is None else _file(told.ca_file, path, complain, "ca_file")
    servers = [_server(url, told, ca_file, complain, at) for at, url in enumerate(told.servers)]
    finding = None if told.search is None else _finding(told.search, path, complain)
    _check_template(told, complain)
    for key in ("name", "full_name", "subject"):
        _check_attribute(getattr(told, key), complain, key)
    _check_attribute(told.roles.member, complain, "roles", "member")
    for group in told.roles.map:
        if not is_name(group):
            complain("is no name in the tree, such as cn=qa,ou=groups,dc=plant,dc=example", "roles", "map", group)
    roles = {group: role_named(role) for group, role in told.roles.map.items()}
    reading = Reading(told.name, told.full_name, told.subject, told.roles.member, roles)
    usable = [server for server in servers if server is not None]
    return Told(usable, told.title, finding, told.template or "", reading)


def _server(url: str, told: LdapText, ca_file: Path | None, complain: Complain, at: int) -> Server | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        host, port = "", 0
    if not host or not port or parts.username is not None or parts.path not in ("", "/") or parts.query:
        complain("is no address such as ldaps://directory.example, or ldap:// with StartTLS", "servers", str(at))
        return None
    if parts.scheme == "ldaps":
        return Server(host, port, "at once", ca_file)
    if not told.starttls and host not in LOOPBACKS:
        complain("would send passwords in clear: `starttls: false` is for servers on this machine", "starttls")
    return Server(host, port, "by StartTLS" if told.starttls else "never", ca_file)


def _finding(told: LdapSearchText, path: Path, complain: Complain) -> Finding:
    for key in ("account", "base"):
        if not is_name(getattr(told, key)):
            complain("is no name in the tree, such as ou=people,dc=plant,dc=example", "search", key)
    for attribute in told.among:
        _check_attribute(attribute, complain, "search", "among", attribute)
    password = _file(told.password_file, path, complain, "search", "password_file")
    return Finding(told.account, password, told.base, tuple(told.among.items()))


def _check_template(told: LdapText, complain: Complain) -> None:
    if (told.search is None) == (told.template is None):
        complain("needs either `search` or `template`: how a name leads to a person")
    elif told.template is not None and (told.template.count("{name}") != 1 or not is_name(told.template)):
        complain(
            "is no name in the tree with {name} once, such as uid={name},ou=people,dc=plant,dc=example", "template"
        )


def _check_attribute(name: str, complain: Complain, *keys: str) -> None:
    if not _ATTRIBUTE.fullmatch(name):
        complain(f"{name!r} is no attribute", *keys)


def _file(name: str, path: Path, complain: Complain, *keys: str) -> Path:
    found = (path.parent / name).resolve()
    if not found.is_file():
        complain(f"no file {name!r}", *keys)
    return found
