"""Give people personal tokens, take them back, and list them."""

import argparse
from contextlib import closing
from pathlib import Path

from domain.people import Token
from domain.roles import Permission, Role
from domain.time import DAY_NS, format_time
from records.database import SqlRecords
from service.cli.people import at_the_console
from service.config.build import load
from service.files import Files
from service.keeping import open_records

ROLES = tuple(Role)
_SCOPES = {permission.name.lower().replace("_", "-"): permission for permission in Permission}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, revoke NAME, list."""
    _where(parser, None)
    verbs = parser.add_subparsers(dest="what", required=True, metavar="add|revoke|list")
    add = verbs.add_parser("add", help="print a new token, once")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, help="of a new account; default: operator")
    told = "only this, as often as you like; default: all that the role may"
    add.add_argument("--scope", action="append", choices=tuple(_SCOPES), help=told)
    add.add_argument("--days", type=int, metavar="N", help="how long it is good; default: until it is revoked")
    revoke = verbs.add_parser("revoke", help="take a person's tokens back")
    revoke.add_argument("name")
    for verb in (add, revoke, verbs.add_parser("list", help="who holds a token")):
        _where(verb, argparse.SUPPRESS)  # before the verb or after it


def _where(parser: argparse.ArgumentParser, default: str | None) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help="default: thermowell.yaml")
    told = "the data folder, instead of --config, where it has the records"
    parser.add_argument("--data", type=Path, metavar="DIR", default=default, help=told)


def run(options: argparse.Namespace) -> int:
    """Change the people in the records."""
    with closing(_records(options)) as records:
        return _do(options, records)


def _records(options: argparse.Namespace) -> SqlRecords:
    if options.data is not None:
        return SqlRecords.open(Files(options.data).made().records)
    configuration = load(options.config or Path("thermowell.yaml"))
    Files(configuration.data).made()
    return open_records(configuration)


def _do(options: argparse.Namespace, records: SqlRecords) -> int:
    if options.what == "add":
        scopes = None if options.scope is None else [_SCOPES[scope] for scope in options.scope]
        lasts_ns = None if options.days is None else options.days * DAY_NS
        by = at_the_console()
        print(records.people.add_token(options.name, options.role or "", by, scopes=scopes, lasts_ns=lasts_ns))
    elif options.what == "revoke":
        records.people.revoke_token(options.name, at_the_console())
        print(f"{options.name} holds no token any more")
    else:
        for token in records.people.tokens():
            print("\t".join((token.name, token.role, _state(token))))
    return 0


def _state(token: Token) -> str:
    """Whether it is good, until when, and for what alone."""
    if token.revoked_ns is not None:
        return "revoked"
    until = "good" if token.expires_ns is None else f"until {format_time(token.expires_ns)}"
    names = [name for name, scope in _SCOPES.items() if token.scopes is not None and scope in token.scopes]
    return f"{until}, only {', '.join(names)}" if names else until
