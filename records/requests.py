"""What people ask of the core: written by the web process, answered by the core."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, insert, select, update

from domain.entries import ActionKind, PersonAction
from domain.ports import Person
from records.chunks import in_chunks
from records.tables import requests

WAITING, DONE, REFUSED = "waiting", "done", "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request stands; `error` says why it was refused."""

    state: str  # waiting | done | refused
    error: str = ""


def write_request(connection: Connection, action: PersonAction, by: Person | None = None) -> None:
    """Ask once; the same id again changes nothing. `by` tells the role and the origin for the audit trail."""
    if connection.execute(select(requests.c.id).where(requests.c.id == action.id)).first() is not None:
        return
    connection.execute(
        insert(requests).values(
            id=action.id,
            at_ns=action.at_ns,
            person=action.person,
            kind=str(action.kind),
            subject=action.subject,
            comment=action.comment,
            until_ns=action.until_ns,
            state=WAITING,
            error="",
            role="" if by is None else by.role,
            origin="" if by is None else by.origin,
        )
    )


def unanswered(connection: Connection, limit: int) -> list[PersonAction]:
    """Requests that wait, oldest first."""
    query = select(requests).where(requests.c.state == WAITING).order_by(requests.c.sequence).limit(limit)
    return [_from_row(row) for row in connection.execute(query).mappings()]


def answer(connection: Connection, id_: str, error: str | None) -> None:
    """Say how a request ended; the first answer stands."""
    connection.execute(
        update(requests)
        .where(requests.c.id == id_, requests.c.state == WAITING)
        .values(state=DONE if error is None else REFUSED, error=error or "")
    )


def answer_of(connection: Connection, id_: str) -> Answer | None:
    """How a request stands, if there is one."""
    row = connection.execute(select(requests.c.state, requests.c.error).where(requests.c.id == id_)).one_or_none()
    return None if row is None else Answer(row.state, row.error)


def settled(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Those of some requests that wait no longer: why each was refused, empty where it was done."""
    found: dict[str, str] = {}
    for chunk in in_chunks(ids):
        query = select(requests.c.id, requests.c.error).where(requests.c.id.in_(chunk), requests.c.state != WAITING)
        found |= {row.id: row.error for row in connection.execute(query)}
    return found


def _from_row(row: RowMapping) -> PersonAction:
    return PersonAction(
        row["id"],
        row["at_ns"],
        row["person"],
        ActionKind(row["kind"]),
        row["subject"],
        row["comment"],
        row["until_ns"],
    )
