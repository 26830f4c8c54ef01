"""The hand-over of a shift: what is left, notes of people, and who took over; words stand in the audit trail."""

from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from api.alarm_list import AlarmList
from api.auth import Somebody
from api.context import Context, Here, Time, answer
from api.handover import handover_shape, said, span_of
from api.problems import Problem, bad
from api.routes.alarms import Said
from api.shapes import Shape
from api.times import TimeForm
from domain.audit import AuditEntry
from domain.handover import NOTE, TAKEN_OVER
from domain.people import Person
from domain.time import format_time

router = APIRouter(prefix="/v1/handover", tags=["alarms"])


class Note(Said):
    """A note for the next shift, of a unit or of the whole plant."""

    unit: Annotated[str, Field(max_length=100, description="empty: the plant")] = ""


class TakingOver(Said):
    """Somebody takes over what they have read: `hash` is that of the answer that they saw."""

    hash: Annotated[str, Field(min_length=64, max_length=64)]


async def told_now(here: Context, request: Request, form: TimeForm, earlier: int = 0) -> Shape:
    """The hand-over of the shift that runs, or of the one `earlier` shifts before, whose beginning it then has."""
    now_ns = here.now_ns()
    start_ns, end_ns = span_of(here.deps, now_ns)
    for _ in range(earlier):
        start_ns, _ignored = span_of(here.deps, start_ns - 1)
    alarms = cast("AlarmList", request.app.state.alarm_list)
    told = await here.lanes.heavy.run(lambda: handover_shape(here.deps, alarms, start_ns, now_ns, form))
    return {**told, **form.put(start=start_ns, end=end_ns, now=now_ns)}


@router.get("")
async def handover(
    here: Here,
    request: Request,
    earlier: Annotated[int, Query(ge=0, le=30, description="shifts back: the time that is told of begins there")] = 0,
    time: Time = TimeForm.NS,
) -> Response:
    """What the next shift has to know: alarms that wait, last or are put away, holds, gaps, what happened, notes.

    What could not be read is null and named in `unknown`. `hash` stands for what is handed over.
    """
    return answer(await told_now(here, request, time, earlier))


@router.post("/notes", status_code=HTTPStatus.CREATED)
async def note(here: Here, note: Note, person: Somebody) -> Response:
    """Add a note; it stands in the audit trail under its author, and nobody can change it."""
    if note.unit and note.unit not in here.deps.rulebook.units:
        raise bad("unit", f"no unit is named {note.unit!r}")
    return await _kept(here, person, NOTE, note.unit, "noted", note.comment)


@router.post("/taken-over", status_code=HTTPStatus.CREATED)
async def taken_over(here: Here, request: Request, taking: TakingOver, person: Somebody) -> Response:
    """Take the shift over, as it was read; 409 where something has changed since, so that it is read again."""
    told = await told_now(here, request, TimeForm.NS)
    if told["hash"] != taking.hash:
        detail = "something has changed since this was read: look at it again, then take over"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="hash")
    start = format_time(cast("int", told["start_ns"]))
    return await _kept(here, person, TAKEN_OVER, f"shift of {start}", "taken over", taking.comment, taking.hash)


async def _kept(
    here: Context, person: Person, kind: str, subject: str, what: str, words: str, new: str = ""
) -> Response:
    now_ns = here.now_ns()
    id_, by = here.deps.new_id(), {"origin": person.origin, "role": person.role}
    entry = AuditEntry(id_, now_ns, person.name, kind, subject, what, words, new=new, **by)
    await here.lanes.light.run(lambda: here.deps.records.audit(entry))
    rows = await here.lanes.light.run(lambda: said(here.deps, kind, now_ns, TimeForm.NS))
    mine = [row for row in rows if row["id"] == entry.reference]
    return answer(mine[0], HTTPStatus.CREATED)
