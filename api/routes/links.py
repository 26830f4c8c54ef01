"""Links in messages: opening one shows the alarm and changes nothing; acknowledging by one is a person's POST."""

from http import HTTPStatus
from typing import cast

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.acting import Deed, who_was_first
from api.auth import Somebody
from api.context import Context, Here
from api.document import WAITS
from api.problems import Problem, bad, missing
from api.render import Pages
from api.routes.alarms import Said, answer_one
from api.shapes import Shape, transition_shape
from api.times import TimeForm
from domain.alarms import Transition
from domain.entries import ActionKind
from domain.links import BadLink, Link
from domain.time import SECOND_NS, format_time

router = APIRouter(tags=["alarms"])

_HISTORY = 100
_WORSE = ("activated", "severity")
_UNSTORED = {"Cache-Control": "no-store"}
_TELL = "Look at the alarm's own page, or at the list of alarms."


class Seen(Said):
    """What a person says of what they were shown."""

    shown: str = Field(max_length=1_000, description="the transition that the page showed when they acted")


@router.get("/ack/{token}", include_in_schema=False)
async def show(here: Here, request: Request, token: str) -> Response:
    """Show what a link names, as often as anybody likes."""
    pages = cast("Pages", request.app.state.pages).under(request.scope["root_path"], "/ack")
    try:
        link = _link(here, token)
        if link.is_test:
            return HTMLResponse(pages.link({"recipient": link.recipient, "test": True}), headers=_UNSTORED)
        told = await _told(here, link)
    except Problem as problem:
        return HTMLResponse(pages.problem(problem.status, problem.detail), problem.status, headers=_UNSTORED)
    return HTMLResponse(pages.link(told | {"test": False}, token), headers=_UNSTORED)


@router.post("/v1/ack/{token}", responses=WAITS)
async def acknowledge(here: Here, token: str, said: Seen, person: Somebody) -> Response:
    """Acknowledge what a link showed, with a comment. 409: somebody was first, or it has become worse meanwhile."""
    link = _link(here, token)
    if link.is_test:
        raise Problem(HTTPStatus.CONFLICT, "this link only tries the way; there is nothing to acknowledge")
    history = await _history(here, link.alarm)
    worse = _worse_since(said.shown, history)
    if worse is not None and not history[0].facts.acknowledged:
        detail = f"it has become worse since you saw it: {worse.message}. Look at it again before you acknowledge."
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="shown")
    return await answer_one(here, link.alarm, Deed(person, ActionKind.ACKNOWLEDGE, said.comment))


def _link(here: Context, token: str) -> Link:
    """What a link says; Problem 404 where it is none of ours, 410 where it has ended."""
    if here.deps.links is None:
        raise missing("token", "this service puts no links into its messages")
    try:
        link = here.deps.links.read(token)
    except BadLink as error:
        raise missing("token", f"{error}. {_TELL}") from error
    if here.deps.wall_ns() >= link.ends_ns:
        detail = f"this link ended at {format_time(link.ends_ns)}; {link.alarm or 'it was a test'}. {_TELL}"
        raise Problem(HTTPStatus.GONE, detail, parameter="token")
    return link


async def _history(here: Context, alarm: str) -> list[Transition]:
    """The newest transitions of an alarm, newest first; Problem 404 if there is none by that id."""
    history = await here.lanes.light.run(lambda: here.deps.records.transitions(alarm, _HISTORY))
    if not history:
        raise missing("alarm", f"no alarm has the id {alarm!r}")
    return list(history)


def _worse_since(shown: str, history: list[Transition]) -> Transition | None:
    """What has made an alarm worse, or active again, since a transition; Problem 400 if that is none of its newest."""
    place = next((place for place, each in enumerate(history) if each.id == shown), None)
    if place is None:
        raise bad("shown", f"{shown!r} is none of the newest transitions of this alarm")
    return next((each for each in history[:place] if each.what in _WORSE), None)


async def _told(here: Context, link: Link) -> Shape:
    """What the page says: how the alarm stands, and what became of it since the message."""
    history = await _history(here, link.alarm)
    newest, form = history[0], TimeForm.MS
    told = next((each for each in history if each.id == link.transition), None)
    since = [each for each in history if told is not None and each.number > told.number]
    worse = next((each for each in since if each.what in _WORSE), None)
    by = who_was_first(link.alarm, ActionKind.ACKNOWLEDGE, history) if newest.facts.acknowledged else ""
    speaks = await here.lanes.light.run(lambda: here.deps.records.alarm(link.alarm))
    return {
        "recipient": link.recipient,
        "alarm": transition_shape(newest, form),
        "message": newest.message if speaks is None else speaks.message,
        "since": [transition_shape(each, form) for each in since],
        "worse": None if worse is None else transition_shape(worse, form),
        "acknowledged": by,
        **form.put(ends=link.ends_ns // SECOND_NS * SECOND_NS),
    }
