"""Give people personal tokens, take them back, and list them."""

import argparse
from contextlib import closing
from pathlib import Path

from domain.roles import Role
from records.database import SqlRecords
from service.config.build import load
from service.files import Files
from service.keeping import open_records

ROLES = tuple(Role)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add NAME, revoke NAME, list."""
    _where(parser, None)
    verbs = parser.add_subparsers(dest="what", required=True, metavar="add|revoke|list")
    add = verbs.add_parser("add", help="print a new token, once")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, default="operator")
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
        print(records.add_person(options.name, options.role))
    elif options.what == "revoke":
        records.revoke(options.name)
        print(f"{options.name} holds no token any more")
    else:
        for token in records.people.tokens():
            print(f"{token.name}\t{token.role}")
    return 0
