"""Versions of ranges: which judges, which will, and what waits for a second person."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter
from starlette.responses import Response

from api.context import Context, Here, Time, answer
from api.shapes import Shape
from api.times import TimeForm
from domain.approvals import Closed, Proposal, Standing
from domain.entries import RecipeApproved

router = APIRouter(prefix="/v1/recipes", tags=["recipes"])


@router.get("")
async def recipes(here: Here, time: Time = TimeForm.NS) -> Response:
    """Every product: the version in force, those that are valid later, what waits, and how its file stands."""
    return answer({"recipes": await recipe_shapes(here, time), **time.put(now=here.now_ns())})


async def recipe_shapes(here: Context, form: TimeForm) -> list[Shape]:
    """How the ranges of each product stand."""
    now_ns = here.now_ns()
    standings = await here.lanes.light.run(lambda: here.deps.standings(now_ns))
    reviewed = await here.lanes.light.run(lambda: _reviewers(here, standings))
    return [_standing_shape(each, reviewed, form) for each in standings]


def _reviewers(here: Context, standings: Sequence[Standing]) -> dict[str, Sequence[str]]:
    """Who had reviewed each approved version, by its id."""
    desk = here.deps.ranges
    if desk is None:
        return {}
    shown = [one for each in standings for one in (each.in_force, *each.later) if one is not None]
    return {one.id: desk.reviewers(one) for one in shown}


def _standing_shape(standing: Standing, reviewed: Mapping[str, Sequence[str]], form: TimeForm) -> Shape:
    judges = standing.in_force
    return {
        "product": standing.product,
        "approval": "required" if standing.required else "off",
        "judges": None if standing.required and judges is None else "version" if standing.required else "file",
        "in_force": None if judges is None else _version_shape(judges, reviewed, form),
        "later": [_version_shape(each, reviewed, form) for each in standing.later],
        "waiting": [_proposal_shape(each, form) for each in standing.waiting],
        "closed": [_closed_shape(each, form) for each in standing.closed],
        "file": {"version": standing.draft_version, "state": standing.draft},
    }


def _version_shape(entry: RecipeApproved, reviewed: Mapping[str, Sequence[str]], form: TimeForm) -> Shape:
    return {
        "version": entry.version,
        "change": entry.change,
        "study": entry.study,
        **form.put(valid_from=entry.valid_from_ns, recorded=entry.at_ns),
        "proposed_by": entry.proposer,
        "reviewed_by": list(reviewed.get(entry.id, ())),
        "approved_by": entry.approver,
        "reason": entry.reason,
        "hash": entry.hash,
    }


def _proposal_shape(proposal: Proposal, form: TimeForm) -> Shape:
    return {
        "id": proposal.id,
        "version": proposal.version,
        "change": proposal.change,
        "study": proposal.study,
        **form.put(proposed=proposal.at_ns),
        "proposed_by": proposal.person,
        "reason": proposal.reason,
        "hash": proposal.hash,
    }


def _closed_shape(closed: Closed, form: TimeForm) -> Shape:
    return {
        **_proposal_shape(closed.proposal, form),
        "state": closed.state,
        **form.put(closed=closed.action.at_ns),
        "closed_by": closed.action.person,
        "closed_because": closed.action.comment,
    }
