"""Accounts: one a person, for ever; who leaves is disabled, so that no name ever means two people."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import Connection, RowMapping, insert, select, update

from domain.audit import AuditEntry
from domain.errors import Refused
from domain.look_alikes import look
from domain.people import Account, Person, State, name_key, proper_name
from domain.roles import Role, role_named
from records.audit import write_audit
from records.tables import accounts


@dataclass(frozen=True, slots=True)
class Deed:
    """Who changes something about people, when (the wall's time), and why."""

    by: Person
    at_ns: int
    why: str = ""


def note(
    connection: Connection, deed: Deed, kind: str, subject: str, what: str, *, old: str = "", new: str = ""
) -> None:
    """Put a deed about people into the audit trail."""
    by = deed.by
    entry = AuditEntry(
        f"{kind} {uuid4()}",
        deed.at_ns,
        by.name,
        kind,
        subject,
        what,
        deed.why,
        old=old,
        new=new,
        origin=by.origin,
        role=by.role,
    )
    write_audit(connection, entry, deed.at_ns)


def add_account(connection: Connection, name: str, full_name: str, role: str, deed: Deed) -> Account:
    """Refused: the name is none or somebody's already, also one that looks alike; the role is none."""
    proper_name(name)
    if full_name:
        proper_name(full_name)
    if role not in tuple(Role):
        raise Refused(f"{role!r} is not a role; the roles are {', '.join(Role)}")
    held = account_row(connection, name)
    if held is not None:
        raise Refused(f"the name {held['name']!r} is somebody's already; names are not used again")
    alike = looked_like(connection, name)
    if alike:
        raise Refused(f"the name looks like {alike!r}, which is somebody's: nobody could tell who did what")
    row: dict[str, object] = {
        "key": name_key(name),
        "name": name,
        "full_name": full_name,
        "role": role,
        "state": str(State.ACTIVE),
        "password": "",
        "created_ns": deed.at_ns,
        "changed_ns": deed.at_ns,
    }
    connection.execute(insert(accounts).values(row))
    note(connection, deed, "account", name, "added", new=role)
    return account_of(row)


def looked_like(connection: Connection, name: str) -> str:
    """The name of somebody else that looks like this one, by letters of other alphabets; empty where there is none."""
    looked, key = look(name), name_key(name)
    others = connection.execute(select(accounts.c.name).where(accounts.c.key != key)).scalars()
    return next((str(other) for other in others if look(str(other)) == looked), "")


def account_row(connection: Connection, name: str) -> RowMapping | None:
    """The account of that name, however it is written."""
    found = select(accounts).where(accounts.c.key == name_key(name))
    return connection.execute(found).mappings().one_or_none()


def needed_row(connection: Connection, name: str) -> RowMapping:
    """The account of that name; Refused if there is none."""
    found = account_row(connection, name)
    if found is None:
        raise Refused(f"nobody is named {name!r}")
    return found


def row_to_sign_in(connection: Connection, name: str) -> RowMapping:
    """The account of somebody who may have a password; Refused for a service, and who is let in no more."""
    row = needed_row(connection, name)
    if row["state"] != State.ACTIVE or row["role"] == Role.SERVICE:
        raise Refused(f"{row['name']} cannot sign in: {row['state']}, {row['role']}")
    return row


def change_account(connection: Connection, name: str, deed: Deed, what: str, **values: str) -> None:
    """Change some columns, and say so in the audit trail; of a password, that it is another one."""
    held = needed_row(connection, name)
    changed = update(accounts).where(accounts.c.key == held["key"])
    connection.execute(changed.values(**values, changed_ns=deed.at_ns))
    told = [column for column in values if column != "password"]
    old, new = ("; ".join(str(row[column]) for column in told) for row in (held, values))
    note(connection, deed, "account", held["name"], what, old=old, new=new)


def rehashed(connection: Connection, name: str, password: str) -> None:
    """Keep the same password by today's parameters: nothing about the account changes."""
    connection.execute(update(accounts).where(accounts.c.key == name_key(name)).values(password=password))


def give_role(connection: Connection, name: str, role: str, deed: Deed) -> None:
    """Another role from now on; Refused where it is none, or would leave nobody to manage people."""
    wanted, held = role_named(role), needed_row(connection, name)
    if held["role"] == wanted:
        raise Refused(f"{held['name']} has the role {wanted} already")
    if held["role"] == Role.ADMIN and wanted is not Role.ADMIN:
        demand_another_admin(connection, name)
    change_account(connection, name, deed, "role", role=str(wanted))


def give_state(connection: Connection, name: str, state: State, deed: Deed) -> None:
    """Disable or enable; Refused where it would leave nobody to manage people."""
    held = needed_row(connection, name)
    if held["state"] == state:
        raise Refused(f"{held['name']} is {state} already")
    if state is State.DISABLED and held["role"] == Role.ADMIN:
        demand_another_admin(connection, name)
    change_account(connection, name, deed, "state", state=str(state))


def demand_another_admin(connection: Connection, name: str) -> None:
    """Refused where that person alone can sign in to manage people."""
    if not any(name_key(admin.name) != name_key(name) for admin in admins(connection)):
        raise Refused(f"{name} is the only administrator who can sign in; make another one first")


def admins(connection: Connection) -> Sequence[Account]:
    """The administrators who can sign in."""
    found = select(accounts).where(
        accounts.c.role == str(Role.ADMIN), accounts.c.state == str(State.ACTIVE), accounts.c.password != ""
    )
    return [account_of(row) for row in connection.execute(found).mappings()]


def account_rows(connection: Connection) -> Sequence[RowMapping]:
    """Every account, by name."""
    return connection.execute(select(accounts).order_by(accounts.c.key)).mappings().all()


def account_of(row: "RowMapping | dict[str, object]") -> Account:
    """An account as its row tells it, before anybody looks whether it is locked."""
    return Account(
        str(row["name"]),
        str(row["full_name"]),
        str(row["role"]),
        State(str(row["state"])),
        bool(row["password"]),
        int(str(row["created_ns"])),
        int(str(row["changed_ns"])),
    )


def person_of(row: RowMapping) -> Person:
    """Who acts under an account."""
    return Person(row["name"], row["role"], full_name=row["full_name"])
