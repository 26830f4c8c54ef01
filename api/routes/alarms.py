"""Alarms: the list, the past of each, and what people do to them."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from api.acting import Deed, Outcome, act
from api.alarm_list import AlarmList, summary_shape, suppression_shapes
from api.auth import Somebody
from api.context import Context, Here, SomeEnd, SomeStart, Time, answer
from api.document import WAITS
from api.problems import Problem, bad, missing
from api.shapes import transition_shape
from api.times import TimeForm, parse_moment
from api.words import Words
from domain.alarms import Sought
from domain.entries import ActionKind
from domain.rules import Priority
from domain.time import HOUR_NS

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

SHELVED_AT_MOST_NS = 24 * HOUR_NS
MANY = 500
"""Alarms that one request may be about."""


class Said(BaseModel):
    """What a person says with an action; a comment is part of the record."""

    model_config = ConfigDict(extra="forbid")

    comment: Words = Field(description="why, in words")

    @field_validator("comment")
    @classmethod
    def _not_blank(cls, comment: str) -> str:
        if not comment.strip():
            raise ValueError("a comment is needed, in words")
        return comment.strip()


class Shelving(Said):
    """A shelf always ends."""

    until: str = Field(description="ISO 8601 or integer ns, at most 24 h from now")


Ids = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(min_length=1, max_length=MANY, description=f"ids of alarms, at most {MANY}"),
]


class SaidOfMany(Said):
    """One comment for several alarms."""

    ids: Ids


class ShelvingOfMany(Shelving):
    """One reason and one end for several alarms."""

    ids: Ids


def _sought(  # noqa: PLR0913, PLR0917  each is a member of the query
    here: Here,
    start: SomeStart = None,
    end: SomeEnd = None,
    unit: str = "",
    batch: str = "",
    person: str = "",
    what: Annotated[str, Query(description="activated, acknowledged, shelved, …")] = "",
    priority: Annotated[int | None, Query(ge=1, le=5)] = None,
    text: Annotated[str, Query(description="in the message, the comment or the alarm's id", max_length=200)] = "",
) -> Sought:
    now_ns = here.now_ns()
    start_ns = None if start is None else parse_moment("start", start, now_ns)
    end_ns = None if end is None else parse_moment("end", end, now_ns)
    worst = None if priority is None else Priority(priority)
    return Sought(start_ns, end_ns, unit, batch, person, what, worst, text)


SoughtInQuery = Annotated[Sought, Depends(_sought)]


def _list(request: Request) -> AlarmList:
    return cast("AlarmList", request.app.state.alarm_list)


@router.get("")
async def alarms(
    here: Here,
    request: Request,
    *,
    everything: Annotated[bool, Query(alias="all", description="also alarms that are normal")] = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    time: Time = TimeForm.NS,
) -> Response:
    """Alarms that are not normal, unacknowledged and severe first."""
    shapes = await here.lanes.light.run(lambda: _list(request).shapes(time, everything=everything))
    return answer({"alarms": shapes[:limit], "cut": len(shapes) > limit, **time.put(now=here.now_ns())})


@router.get("/summary")
async def summary(here: Here, time: Time = TimeForm.NS) -> Response:
    """How many alarms wait, last and were put away, and which of them ask to be heard: what every page shows."""
    newest = await here.lanes.light.run(here.deps.records.alarms)
    return answer({**summary_shape(newest), **time.put(now=here.now_ns())})


@router.get("/suppressions")
async def suppressions(here: Here, time: Time = TimeForm.NS) -> Response:
    """The suppressions by design that are in force, also where nothing is active that they hide: why, until what."""
    told = await here.lanes.light.run(here.deps.suppressions)
    return answer({"suppressions": suppression_shapes(told, here.deps.rulebook, time)})


@router.get("/journal")
async def journal(
    here: Here,
    sought: SoughtInQuery,
    before: Annotated[str | None, Query(description="`next` of the answer before")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    time: Time = TimeForm.NS,
) -> Response:
    """What happened to alarms, newest first, by time, unit, person and more; `next` continues."""
    found = await here.lanes.heavy.run(lambda: here.deps.records.sought(sought, limit + 1, before))
    rows = [transition_shape(transition, time) for transition in found[:limit]]
    return answer({"transitions": rows, "next": found[limit - 1].id if len(found) > limit else None})


@router.get("/{alarm:path}")
async def alarm_history(
    here: Here,
    request: Request,
    alarm: str,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    time: Time = TimeForm.NS,
) -> Response:
    """One alarm and its transitions, newest first."""
    told = await alarm_told(here, _list(request), alarm, limit, time)
    return answer(told)


async def alarm_told(
    here: Context,
    alarm_list: AlarmList,
    alarm: str,
    limit: int,
    form: TimeForm,
) -> dict[str, object]:
    """One alarm with its history; Problem 404 if there is none by that id."""
    history = await here.lanes.light.run(lambda: here.deps.records.transitions(alarm, limit + 1))
    newest = await here.lanes.light.run(lambda: here.deps.records.alarm(alarm))
    if newest is None:
        raise missing("alarm", f"no alarm has the id {alarm!r}")
    shape = await here.lanes.light.run(lambda: alarm_list.shape(newest, form))
    transitions = [transition_shape(transition, form) for transition in history[:limit]]
    return {"alarm": shape, "transitions": transitions, "cut": len(history) > limit, **form.put(now=here.now_ns())}


@router.post("/acknowledge", responses=WAITS)
async def acknowledge_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Acknowledge some alarms with one comment. Each is answered by itself: one that fails holds back no other."""
    return await _many(here, said.ids, Deed(person, ActionKind.ACKNOWLEDGE, said.comment))


@router.post("/shelve", responses=WAITS)
async def shelve_many(here: Here, said: ShelvingOfMany, person: Somebody) -> Response:
    """Shelve some alarms until a time, with one reason. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.SHELVE, said.comment, _shelf_end(here, said.until)))


@router.post("/unshelve", responses=WAITS)
async def unshelve_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Take some alarms off their shelves. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.UNSHELVE, said.comment))


@router.post("/comment", responses=WAITS)
async def comment_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Add one comment to the records of some alarms. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.COMMENT, said.comment))


@router.post("/out-of-service", responses=WAITS)
async def out_of_service_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Take some alarms out of service, until somebody puts them back. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.OUT_OF_SERVICE, said.comment))


@router.post("/return-to-service", responses=WAITS)
async def return_to_service_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Put some alarms back into service. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.RETURN_TO_SERVICE, said.comment))


@router.post("/reset", responses=WAITS)
async def reset_many(here: Here, said: SaidOfMany, person: Somebody) -> Response:
    """Let go some alarms that are latched. Answers like `acknowledge`."""
    return await _many(here, said.ids, Deed(person, ActionKind.RESET, said.comment))


@router.post("/{alarm:path}/acknowledge", responses=WAITS)
async def acknowledge(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Acknowledge an alarm, with a comment. 200 with the transition, or 202 where the core has not applied it yet."""
    return await answer_one(here, alarm, Deed(person, ActionKind.ACKNOWLEDGE, said.comment))


@router.post("/{alarm:path}/shelve", responses=WAITS)
async def shelve(here: Here, alarm: str, said: Shelving, person: Somebody) -> Response:
    """Shelve an alarm until a time, with the reason; the record goes on. Answers like `acknowledge`."""
    return await answer_one(here, alarm, Deed(person, ActionKind.SHELVE, said.comment, _shelf_end(here, said.until)))


@router.post("/{alarm:path}/unshelve", responses=WAITS)
async def unshelve(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Take an alarm off its shelf. Answers like `acknowledge`."""
    return await answer_one(here, alarm, Deed(person, ActionKind.UNSHELVE, said.comment))


@router.post("/{alarm:path}/comment", responses=WAITS)
async def comment(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Add a comment to an alarm's record. Answers like `acknowledge`."""
    return await answer_one(here, alarm, Deed(person, ActionKind.COMMENT, said.comment))


def _shelf_end(here: Context, until: str) -> int:
    now_ns = here.now_ns()
    until_ns = parse_moment("until", until, now_ns)
    if not now_ns < until_ns <= now_ns + SHELVED_AT_MOST_NS:
        raise bad("until", f"{until!r} is not within the next {SHELVED_AT_MOST_NS // HOUR_NS} h")
    return until_ns


async def answer_one(here: Context, alarm: str, deed: Deed) -> Response:
    """Do something to one alarm. 200 with the transition, 202 while the core has not applied it; Problem 404, 409."""
    (told,) = await act(here, [alarm], deed)
    match told.outcome:
        case Outcome.UNKNOWN:
            raise missing("alarm", told.detail)
        case Outcome.ALREADY | Outcome.REFUSED:
            raise Problem(HTTPStatus.CONFLICT, told.detail, parameter="alarm")
        case Outcome.WAITING:
            waiting = {"request": told.request, "transition": None, "detail": told.detail}
            return answer(waiting, HTTPStatus.ACCEPTED)
    assert told.transition is not None
    return answer({"request": told.request, "transition": transition_shape(told.transition, TimeForm.NS)})


async def _many(here: Context, ids: Sequence[str], deed: Deed) -> Response:
    told = await act(here, ids, deed)
    done = sum(each.outcome is Outcome.DONE for each in told)
    waits = any(each.outcome is Outcome.WAITING for each in told)
    body = {"answers": [each.shape() for each in told], "done": done, "not_done": len(told) - done}
    return answer(body, HTTPStatus.ACCEPTED if waits else HTTPStatus.OK)
