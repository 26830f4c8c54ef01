"""What was told of batches, which was made of which, and what senders ask the core to take; nothing is deleted."""

from collections.abc import Sequence
from decimal import Decimal

import orjson
from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

from domain.entries import BatchEvent, EventKind, Position, RowPosition
from domain.findings import BatchTold
from domain.genealogy import BatchLink, Kinship
from records.requests import DONE, REFUSED, WAITING, Answer
from records.tables import batch_events, batch_links, event_requests

_COPIED = ("id", "source", "time_ns", "recorded_ns", "unit", "batch", "phase", "material", "amount_unit")
_OF_RELATIVES = (str(EventKind.SPLIT), str(EventKind.MERGE), str(EventKind.REWORK))
_MORE = ("from_unit", "to_unit", "person")
_NEWER = ("recipe", "corrects")  # kept with the relatives, so that a database of an older program serves


def write_told(connection: Connection, given: Sequence[BatchTold]) -> None:
    """Write events that count; one that is there already stays as it is."""
    for told in given:
        event, position = told.event, told.position
        same = (batch_events.c.source == event.source, batch_events.c.id == event.id)
        if connection.execute(select(batch_events.c.id).where(*same)).first() is None:
            row = _fields(event) | {"entry": int(position.entry), "row": position.row}
            connection.execute(insert(batch_events).values(row))


def write_links(connection: Connection, given: Sequence[BatchLink]) -> None:
    """Write links; one that is there already stays as it is."""
    for link in given:
        same = (batch_links.c.parent == link.parent, batch_links.c.child == link.child)
        if connection.execute(select(batch_links.c.parent).where(*same)).first() is None:
            connection.execute(
                insert(batch_links).values(
                    parent=link.parent,
                    child=link.child,
                    kinship=str(link.kinship),
                    time_ns=link.time_ns,
                    source=link.source,
                    event=link.event,
                )
            )


def listed_told(connection: Connection, batch: str, limit: int) -> list[BatchTold]:
    """Events that name a batch, newest first."""
    names = batch_events.c.relatives.contains(orjson.dumps(batch).decode(), autoescape=True)
    related = and_(batch_events.c.kind.in_(_OF_RELATIVES), names)
    query = select(batch_events).where(or_(batch_events.c.batch == batch, related))
    query = query.order_by(batch_events.c.time_ns.desc(), batch_events.c.sequence.desc()).limit(limit)
    return [
        BatchTold(_event(row), RowPosition(Position(row["entry"]), row["row"]))
        for row in connection.execute(query).mappings()
    ]


def links_of(connection: Connection, batches: Sequence[str], *, back: bool, limit: int) -> list[BatchLink]:
    """The links from some batches to their parents (`back`) or to their children, oldest first."""
    own = batch_links.c.child if back else batch_links.c.parent
    query = select(batch_links).where(own.in_(batches)).order_by(batch_links.c.sequence).limit(limit)
    return [
        BatchLink(row.parent, row.child, Kinship(row.kinship), row.time_ns, row.source, row.event)
        for row in connection.execute(query)
    ]


def write_event_request(connection: Connection, event: BatchEvent) -> BatchEvent:
    """Ask for an event to be taken; return the one that is known by this id: what it says may differ."""
    row = connection.execute(select(event_requests).where(event_requests.c.id == event.id)).mappings().one_or_none()
    if row is not None:
        return _event(row)
    connection.execute(insert(event_requests).values(_fields(event) | {"state": WAITING, "error": ""}))
    return event


def waiting_events(connection: Connection, limit: int) -> list[BatchEvent]:
    """Events that are not answered yet, oldest first."""
    query = select(event_requests).where(event_requests.c.state == WAITING)
    rows = connection.execute(query.order_by(event_requests.c.sequence).limit(limit)).mappings()
    return [_event(row) for row in rows]


def answer_event(connection: Connection, id_: str, error: str | None) -> None:
    """Say that an event was taken, or why not; the first answer stands."""
    waits = (event_requests.c.id == id_, event_requests.c.state == WAITING)
    state = DONE if error is None else REFUSED
    connection.execute(update(event_requests).where(*waits).values(state=state, error=error or ""))


def event_answer(connection: Connection, id_: str) -> Answer | None:
    """How a request stands, if there is one."""
    row = connection.execute(select(event_requests).where(event_requests.c.id == id_)).one_or_none()
    return None if row is None else Answer(row.state, row.error)


def _fields(event: BatchEvent) -> dict[str, object]:
    newer = {name: told for name in _NEWER if (told := getattr(event, name))}
    return {
        **{name: getattr(event, name) for name in (*_COPIED, *_MORE)},
        "kind": str(event.kind),
        "amount": "" if event.amount is None else str(event.amount),
        "relatives": orjson.dumps([event.parents, event.children, *([newer] if newer else [])]).decode(),
    }


def _event(row: RowMapping) -> BatchEvent:
    parents, children, *newer = orjson.loads(row["relatives"])
    return BatchEvent(
        kind=EventKind(row["kind"]),
        amount=Decimal(row["amount"]) if row["amount"] else None,
        parents=tuple(parents),
        children=tuple(children),
        **{name: row[name] for name in (*_COPIED, *_MORE)},
        **(newer[0] if newer else {}),
    )
