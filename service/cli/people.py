"""Accounts of people: add, disable, enable, unlock, reset, role, list, set-up."""

import argparse
import getpass
from contextlib import closing
from pathlib import Path

from domain.errors import Refused
from domain.people import Account, Person
from domain.roles import Role, role_named
from domain.time import format_time
from records.database import SqlRecords
from service.config.build import Configuration, load
from service.files import Files
from service.first_link import link_to
from service.keeping import open_records

_HELP = {
    "add": "make an account, and print the link by which its person chooses a password",
    "disable": "let somebody in no more; the name stays theirs",
    "enable": "let somebody in again",
    "unlock": "forget failed tries that locked an account",
    "reset": "print a link by which somebody chooses a new password",
    "role": "give somebody another role",
    "list": "every account with its role and state",
    "set-up": "print a link by which the first administrator is made",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """A verb, mostly a name, and why."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="|".join(_HELP))
    for verb, told in _HELP.items():
        sub = verbs.add_parser(verb, help=told, description=told)
        sub.add_argument("--config", type=Path, metavar="FILE", default=Path("thermowell.yaml"))
        if verb in ("list", "set-up"):
            continue
        sub.add_argument("name")
        sub.add_argument("--reason", default="", help="why, for the audit trail")
        if verb == "add":
            sub.add_argument("--full-name", default="", help="as signatures print it")
        if verb in ("add", "role"):
            sub.add_argument("--role", required=True, type=_role, metavar="ROLE", help=", ".join(Role))


def _role(text: str) -> Role:
    try:
        return role_named(text)
    except Refused as refused:
        raise argparse.ArgumentTypeError(str(refused)) from refused


def run(options: argparse.Namespace) -> int:
    """Change the accounts in the records."""
    configuration = load(options.config)
    Files(configuration.data).made()
    with closing(open_records(configuration)) as records:
        _do(options, configuration, records)
    return 0


def at_the_console() -> Person:
    """Who sits at this machine, as it knows them: not an account of ours."""
    return Person(f"{getpass.getuser()} at the console", "", "cli")


def _do(options: argparse.Namespace, configuration: Configuration, records: SqlRecords) -> None:
    people, by = records.people, at_the_console()
    match options.what:
        case "add":
            secret = people.add(options.name, options.full_name, str(options.role), by, options.reason)
            print(_link(configuration, secret) if secret else f"`thermowell token add {options.name}` makes its token")
        case "reset":
            print(_link(configuration, people.reset(options.name, by, options.reason)))
        case "disable":
            people.disable(options.name, by, options.reason)
        case "enable":
            people.enable(options.name, by, options.reason)
        case "unlock":
            people.unlock(options.name, by, options.reason)
        case "role":
            people.give_role(options.name, str(options.role), by, options.reason)
        case "set-up":
            first = people.first_link()
            print(link_to(configuration.http, "set-up", first) if first else "an administrator can sign in already")
        case _:
            for account in people.accounts():
                print(_line(account))


def _link(configuration: Configuration, secret: str) -> str:
    return f"within a day, once: {link_to(configuration.http, 'set-up', secret)}"


def _line(account: Account) -> str:
    state = str(account.state)
    if account.locked_until_ns is not None:
        state = f"{state} until {format_time(account.locked_until_ns)}"
    way = "password" if account.has_password else "no password"
    return f"{account.name}\t{account.role}\t{state}\t{way}\t{account.full_name}"
