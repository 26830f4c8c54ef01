"""One batch and its genealogy, and the events that systems and people tell of batches."""

import asyncio
from dataclasses import replace
from enum import StrEnum
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Somebody
from api.batches import batch_shape, event_shape, genealogy_shape
from api.context import Here, Time, answer
from api.document import WAITS
from api.problems import Problem, bad, missing
from api.times import TimeForm
from domain.errors import BadMessage
from domain.telling import parse, read_event, told_ahead

router = APIRouter(prefix="/v1/batches", tags=["batches"])

TAKEN_WITHIN_S = 2.0
LOOK_EVERY_S = 0.05
MOST_BODY_BYTES = 65_536


class Direction(StrEnum):
    """Which way a genealogy is walked."""

    BACK = "back"
    FORWARD = "forward"


@router.post(
    "/events",
    responses=WAITS,
    openapi_extra={"requestBody": {"content": {"application/json": {}}, "required": True}},
)
async def tell(here: Here, request: Request, person: Somebody) -> Response:
    """Tell an event of a batch, as one JSON object. The same id again is the same event; with other words it is 409.

    200 once the core has it in the journal, 202 where it is durable as a request and the core has not taken it yet.
    """
    told = _parsed(await request.body())
    try:
        event = read_event(told, "", here.now_ns(), person.name, here.deps.amount_fault)
    except BadMessage as problem:
        raise bad("body", str(problem)) from None
    wrong = told_ahead(event.time_ns, event.recorded_ns)
    if wrong:
        raise bad("time", wrong)
    known = await here.lanes.light.run(lambda: here.deps.records.ask_event(event))
    if replace(known, recorded_ns=0, person="") != replace(event, recorded_ns=0, person=""):
        detail = f"event {event.id!r} was told already and said something else"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="id")
    here.deps.wake_core()
    shape = event_shape(known, TimeForm.NS)
    for _ in range(round(TAKEN_WITHIN_S / LOOK_EVERY_S)):
        state = await here.lanes.light.run(lambda: here.deps.records.event_state(event.id))
        if state == "done":
            return answer({"event": shape, "state": state})
        await asyncio.sleep(LOOK_EVERY_S)
    return answer({"event": shape, "state": "waiting"}, HTTPStatus.ACCEPTED)


def _parsed(body: bytes) -> object:
    """A body as JSON whose numbers keep their digits."""
    if len(body) > MOST_BODY_BYTES:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"an event has at most {MOST_BODY_BYTES} bytes")
    try:
        return parse(body)
    except BadMessage as problem:
        raise bad("body", str(problem)) from None


@router.get("/{batch:path}/genealogy")
async def genealogy(
    here: Here,
    batch: str,
    direction: Annotated[Direction, Query(description="to what it was made of, or to what was made of it")],
    limit: Annotated[int, Query(ge=1, le=5_000, description="of links")] = 500,
    time: Time = TimeForm.NS,
) -> Response:
    """Ancestors (`back`) or descendants (`forward`) of a batch, the nearest first."""
    back = direction is Direction.BACK
    shape = await here.lanes.light.run(
        lambda: genealogy_shape(here.deps.records, batch, back=back, limit=limit, form=time),
    )
    return answer(shape)


@router.get("/{batch:path}")
async def one(
    here: Here,
    batch: str,
    limit: Annotated[int, Query(ge=1, le=5_000, description="of each list")] = 500,
    time: Time = TimeForm.NS,
) -> Response:
    """One batch: units, phases, events, findings, and its nearest relatives."""
    shape = await here.lanes.light.run(lambda: batch_shape(here.deps.records, batch, limit, time))
    if shape is None:
        raise missing("batch", f"nothing is known of batch {batch!r}")
    return answer({**shape, **time.put(now=here.now_ns())})
