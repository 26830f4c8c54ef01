"""Range changes: proposals with what differs, who signed what, and the steps of those who may take them."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.acting import APPLIED_WITHIN_S, LOOK_EVERY_S
from api.auth import Bearer, Somebody, known_asker, lane_of, no_proof
from api.context import Context, Here, Time, answer
from api.problems import Problem, missing
from api.shapes import Shape
from api.times import TimeForm, parse_moment
from api.words import Words
from domain.entries import PersonAction
from domain.errors import Refused
from domain.people import LONGEST_PASSWORD, Person
from domain.range_desk import RangeChange, RangeDesk, Said
from domain.range_steps import RangeStep, steps_for
from domain.roles import Permission
from domain.signatures import Shown
from domain.time import DAY_NS

router = APIRouter(prefix="/v1/ranges", tags=["ranges"])

Answer = TypeVar("Answer")
Reason = Annotated[Words, Field(min_length=1)]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD, description="the password, once more")]


def range_desk(here: Context) -> RangeDesk:
    """Who keeps range changes; Problem 404 where there is nobody."""
    if here.deps.ranges is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this service keeps no range changes")
    return here.deps.ranges


@router.get("")
async def ranges(here: Here, request: Request, credentials: Bearer, time: Time = TimeForm.NS) -> Response:
    """The newest proposals, each with the steps that whoever asks may take (`may`), and what they could propose."""
    return answer(await changes_told(here, await looker(request, here, credentials), time))


async def looker(request: Request, here: Context, credentials: Bearer) -> Person | None:
    """Who looks, as far as they said; reading needs nobody to."""
    if isinstance(request.state.person, Person):
        return request.state.person
    try:
        return (await known_asker(request, here, credentials, acts=False)).person
    except Problem:
        return None


async def changes_told(here: Context, person: Person | None, form: TimeForm) -> Shape:
    """All range changes as somebody sees them."""
    desk, now_ns = range_desk(here), here.now_ns()
    changes, drafts = await here.lanes.light.run(lambda: (desk.changes(now_ns), desk.drafts(now_ns)))
    may_propose = person is not None and person.may(Permission.PROPOSE_RANGES) and person.may(Permission.SIGN)
    return {
        "person": None if person is None else person.name,
        "changes": [change_shape(each, person, form) for each in changes],
        "drafts": [{"product": product, "version": version} for product, version in drafts] if may_propose else [],
        **form.put(now=now_ns),
    }


def change_shape(change: RangeChange, person: Person | None, form: TimeForm) -> Shape:
    """A proposal, how it stands, and what a person may do with it."""
    proposal = change.proposal
    given = [each.signature for each in change.signatures]
    may = steps_for(person, proposal, given) if person is not None and change.is_open else ()
    return {
        "id": proposal.id,
        "product": proposal.product,
        "version": proposal.version,
        "change": proposal.change,
        "study": proposal.study,
        **form.put(proposed=proposal.at_ns),
        "proposed_by": proposal.person,
        "reason": proposal.reason,
        "state": change.state,
        "sha256": change.sha256,
        "in_force": change.in_force,
        "differences": list(change.differences),
        "signatures": [_signature_shape(each, form) for each in change.signatures],
        "reviewed_by": list(change.reviewed_by),
        "closed_by": change.closed_by,
        "closed_because": change.closed_because,
        "may": [str(step) for step in may],
    }


def _signature_shape(each: Shown, form: TimeForm) -> Shape:
    one = each.signature
    return {
        "printed": one.printed,
        "role": one.role,
        "meaning": one.meaning,
        **form.put(at=one.at_ns),
        "reason": one.reason,
        "hash": one.hash,
        "stands": each.stands,
    }


@router.get("/{proposal}/impact")
async def weigh(here: Here, proposal: str, days: Annotated[int, Query(ge=1, le=90)] = 30) -> Response:
    """The ranges of recent batches that would have said otherwise, by the straight lines between proven samples."""
    desk, now_ns = range_desk(here), here.now_ns()
    try:
        weighed = await here.lanes.heavy.run(lambda: desk.weigh(proposal, now_ns - days * DAY_NS, now_ns))
    except Refused as refused:
        raise missing("proposal", str(refused)) from None
    told = [{name: getattr(each, name) for name in each.__slots__} for each in weighed.otherwise]
    return answer({"days": days, "runs": weighed.runs, "otherwise": told})


class Signed(BaseModel):
    """Why, and the password once more."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason
    secret: Password


class Draft(Signed):
    """The product whose ranges, as the service read them from its file, are put forward."""

    product: str = Field(max_length=200)


class Step(Signed):
    """A step on the content that the person saw."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="as `GET /v1/ranges` told it")


class Approval(Step):
    """An approval, from now on or from a time that is not in the past."""

    valid_from: str | None = Field(default=None, max_length=64)


@router.post("")
async def propose(here: Here, draft: Draft, person: Somebody) -> Response:
    """Put a file's ranges forward, signed; 409 says why not."""
    desk, said, now_ns = range_desk(here), Said(draft.secret, draft.reason), here.now_ns()
    made = await _signed(here, person, lambda: desk.propose(draft.product, person, said, now_ns))
    return answer({"id": made.id, "outcome": "done"}, HTTPStatus.CREATED)


@router.post("/{proposal}/review")
async def review(here: Here, proposal: str, step: Step, person: Somebody) -> Response:
    """Sign that one reviewed a proposal: not by whoever proposed it."""
    await _demand_seen(here, proposal, step.sha256)
    return await _take(here, RangeStep.REVIEW, proposal, person, Said(step.secret, step.reason))


@router.post("/{proposal}/approve")
async def approve(here: Here, proposal: str, step: Approval, person: Somebody) -> Response:
    """Put a reviewed proposal in force: by a third person."""
    await _demand_seen(here, proposal, step.sha256)
    valid_from_ns = None if step.valid_from is None else parse_moment("valid_from", step.valid_from, here.now_ns())
    return await _take(here, RangeStep.APPROVE, proposal, person, Said(step.secret, step.reason, valid_from_ns))


@router.post("/{proposal}/reject")
async def reject(here: Here, proposal: str, step: Step, person: Somebody) -> Response:
    """Turn a proposal down: not by whoever proposed it, who may withdraw it."""
    await _demand_seen(here, proposal, step.sha256)
    return await _take(here, RangeStep.REJECT, proposal, person, Said(step.secret, step.reason))


@router.post("/{proposal}/withdraw")
async def withdraw(here: Here, proposal: str, step: Step, person: Somebody) -> Response:
    """Take one's own proposal back."""
    await _demand_seen(here, proposal, step.sha256)
    return await _take(here, RangeStep.WITHDRAW, proposal, person, Said(step.secret, step.reason))


async def _change(here: Context, id_: str) -> RangeChange:
    desk, now_ns = range_desk(here), here.now_ns()
    change = await here.lanes.light.run(lambda: desk.change(id_, now_ns))
    if change is None:
        raise missing("proposal", f"there is no proposal {id_!r}")
    return change


async def _demand_seen(here: Context, id_: str, sha256: str) -> None:
    """Problem 404 or 409 where what the person saw is not what is there."""
    if (await _change(here, id_)).sha256 != sha256:
        detail = "the content is another one than the one that was shown: look at it again"
        raise Problem(HTTPStatus.CONFLICT, detail, parameter="sha256")


async def _take(here: Context, step: RangeStep, id_: str, person: Person, said: Said) -> Response:
    """Take a step, and wait a little for what the core makes of it; 409 where it refuses, 202 while it waits."""
    desk, now_ns = range_desk(here), here.now_ns()
    action = await _signed(here, person, lambda: desk.step(step, id_, person, said, now_ns))
    if action is None or await _settled(here, action):
        return answer({"id": id_, "outcome": "done"}, HTTPStatus.CREATED)
    return answer({"id": id_, "outcome": "waiting", "request": action.id}, HTTPStatus.ACCEPTED)


async def _settled(here: Context, action: PersonAction) -> bool:
    """Whether the core has done it by now; Problem 409 in its words where it refused."""
    for _ in range(round(APPLIED_WITHIN_S / LOOK_EVERY_S)):
        here.deps.wake_core()
        settled = await here.lanes.light.run(lambda: here.deps.settled([action.id]))
        if settled.get(action.id):
            raise Problem(HTTPStatus.CONFLICT, settled[action.id])
        if action.id in settled:
            return True
        await asyncio.sleep(LOOK_EVERY_S)
    return False


async def _signed(here: Context, person: Person, call: Callable[[], Answer]) -> Answer:
    """What a call answers in which this person signs; Problem 401, 409, 429 or 503 in its words."""
    lane = await lane_of(here, person.name)
    try:
        return await lane.run(call)
    except Refused as refused:
        raise no_proof(refused) from None
