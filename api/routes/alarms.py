"""Alarms: the list, the past of each, and what people do to them."""

import asyncio
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.requests import Request
from starlette.responses import Response

from api.alarm_list import AlarmList
from api.auth import Somebody
from api.context import Context, Here, Time, answer
from api.problems import Problem, bad, missing
from api.shapes import transition_shape
from api.times import TimeForm, parse_moment
from api.words import Words
from domain.alarms import Transition
from domain.entries import ActionKind, PersonAction
from domain.ports import Person
from domain.time import HOUR_NS

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

APPLIED_WITHIN_S = 2.0
LOOK_EVERY_S = 0.05
SHELVED_AT_MOST_NS = 24 * HOUR_NS

_DONE_AS = {
    ActionKind.ACKNOWLEDGE: "acknowledged",
    ActionKind.SHELVE: "shelved",
    ActionKind.UNSHELVE: "unshelved",
    ActionKind.COMMENT: "commented",
}


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
    if not history:
        raise missing("alarm", f"no alarm has the id {alarm!r}")
    shape = await here.lanes.light.run(lambda: alarm_list.shape(history[0], form))
    transitions = [transition_shape(transition, form) for transition in history[:limit]]
    return {"alarm": shape, "transitions": transitions, "cut": len(history) > limit, **form.put(now=here.now_ns())}


@router.post("/{alarm:path}/acknowledge")
async def acknowledge(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Acknowledge an alarm, with a comment. 200 with the transition, or 202 where the core has not applied it yet."""
    newest = await _newest(here, alarm)
    if newest.facts.acknowledged:
        detail = f"{alarm!r} is acknowledged already"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="alarm")
    return await _apply(here, newest, person, _action(here, newest, person, ActionKind.ACKNOWLEDGE, said.comment))


@router.post("/{alarm:path}/shelve")
async def shelve(here: Here, alarm: str, said: Shelving, person: Somebody) -> Response:
    """Shelve an alarm until a time, with the reason; the record goes on. Answers like `acknowledge`."""
    now_ns = here.now_ns()
    until_ns = parse_moment("until", said.until, now_ns)
    if not now_ns < until_ns <= now_ns + SHELVED_AT_MOST_NS:
        raise bad("until", f"{said.until!r} is not within the next {SHELVED_AT_MOST_NS // HOUR_NS} h")
    newest = await _newest(here, alarm)
    return await _apply(here, newest, person, _action(here, newest, person, ActionKind.SHELVE, said.comment, until_ns))


@router.post("/{alarm:path}/unshelve")
async def unshelve(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Take an alarm off its shelf. Answers like `acknowledge`."""
    newest = await _newest(here, alarm)
    if newest.facts.shelved_until_ns is None:
        raise Problem(HTTPStatus.CONFLICT, f"{alarm!r} is not shelved", parameter="alarm")
    return await _apply(here, newest, person, _action(here, newest, person, ActionKind.UNSHELVE, said.comment))


@router.post("/{alarm:path}/comment")
async def comment(here: Here, alarm: str, said: Said, person: Somebody) -> Response:
    """Add a comment to an alarm's record. Answers like `acknowledge`."""
    newest = await _newest(here, alarm)
    return await _apply(here, newest, person, _action(here, newest, person, ActionKind.COMMENT, said.comment))


async def _newest(here: Context, alarm: str) -> Transition:
    history = await here.lanes.light.run(lambda: here.deps.records.transitions(alarm, 1))
    if not history:
        raise missing("alarm", f"no alarm has the id {alarm!r}")
    return history[0]


def _action(
    here: Context,
    newest: Transition,
    person: Person,
    kind: ActionKind,
    comment: str,
    until_ns: int | None = None,
) -> PersonAction:
    return PersonAction(here.deps.new_id(), here.now_ns(), person.name, kind, newest.alarm, comment, until_ns)


async def _apply(here: Context, before: Transition, person: Person, action: PersonAction) -> Response:
    """Ask the core, and wait a little for what it makes of it: the alarm state has one writer, and it is not we."""
    await here.lanes.light.run(lambda: here.deps.records.request(action, person))
    here.deps.wake_core()
    for _ in range(round(APPLIED_WITHIN_S / LOOK_EVERY_S)):
        history = await here.lanes.light.run(lambda: here.deps.records.transitions(action.subject, 20))
        for transition in history:
            mine = transition.person == action.person and transition.what == _DONE_AS[action.kind]
            if mine and transition.number > before.number:
                told = {"request": action.id, "transition": transition_shape(transition, TimeForm.NS)}
                return answer(told)
        refused = await here.lanes.light.run(lambda: here.deps.refusal(action.id))
        if refused:
            raise Problem(HTTPStatus.CONFLICT, refused, parameter="alarm")
        await asyncio.sleep(LOOK_EVERY_S)
    detail = "the request is durable; the core has not applied it yet"
    return answer({"request": action.id, "transition": None, "detail": detail}, HTTPStatus.ACCEPTED)
