"""The pages for people."""

from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.alarm_list import AlarmList
from api.batch_page import review_shape
from api.batches import batch_shape, genealogy_shape, timeline
from api.context import Here
from api.problems import Problem
from api.render import Pages
from api.routes.alarms import alarm_told
from api.routes.handover import told_now
from api.routes.performance import performance_shown
from api.routes.ranges import changes_told, looker
from api.routes.recipes import recipe_shapes
from api.routes.review import told as review_told
from api.shapes import Shape
from api.times import TimeForm

router = APIRouter(include_in_schema=False)

_BATCH_ROWS = 500
_UNSTORED = {"Cache-Control": "no-store"}


def _pages(request: Request) -> Pages:
    pages = cast("Pages", request.app.state.pages)
    root = request.scope["root_path"]
    return pages.under(root, request.scope["path"].removeprefix(root))


@router.get("/")
async def overview(request: Request) -> Response:
    """All units at a glance."""
    return HTMLResponse(_pages(request).overview(), headers=_UNSTORED)


@router.get("/recipes")
async def recipes(here: Here, request: Request) -> Response:
    """Which versions of the ranges judge, and what waits."""
    return HTMLResponse(_pages(request).recipes(await recipe_shapes(here, TimeForm.MS)), headers=_UNSTORED)


@router.get("/ranges")
async def ranges(here: Here, request: Request) -> Response:
    """Range changes: what is proposed, who signed what, and the steps of whoever is signed in."""
    if here.deps.ranges is None:
        told: Shape = {"person": None, "changes": [], "drafts": []}
    else:
        told = await changes_told(here, await looker(request, here, None), TimeForm.MS)
    return HTMLResponse(_pages(request).ranges(told), headers=_UNSTORED)


@router.get("/audit")
async def audit(request: Request) -> Response:
    """The form of the audit trail; what it finds is asked for by whoever may read it."""
    return HTMLResponse(_pages(request).audit(), headers=_UNSTORED)


@router.get("/performance")
async def performance(here: Here, request: Request, week: str | None = None, position: str | None = None) -> Response:
    """How the alarm system behaves, by ISA-18.2."""
    shown = await performance_shown(here, week, position)
    return HTMLResponse(_pages(request).performance(shown), headers=_UNSTORED)


@router.get("/alarms")
async def alarms(request: Request) -> Response:
    """Every alarm that is not normal, and what was put away."""
    return HTMLResponse(_pages(request).alarms(), headers=_UNSTORED)


@router.get("/handover")
async def handover(here: Here, request: Request, earlier: Annotated[int, Query(ge=0, le=30)] = 0) -> Response:
    """What the next shift has to know."""
    told = await told_now(here, request, TimeForm.MS, earlier)
    return HTMLResponse(_pages(request).handover(told, earlier), headers=_UNSTORED)


@router.get("/alarms/{alarm:path}")
async def alarm(here: Here, request: Request, alarm: str) -> Response:
    """One alarm with its history."""
    alarm_list = cast("AlarmList", request.app.state.alarm_list)
    try:
        told = await alarm_told(here, alarm_list, alarm, 100, TimeForm.MS)
    except Problem as problem:
        if problem.status is not HTTPStatus.NOT_FOUND:
            raise
        return HTMLResponse(_pages(request).problem(404, problem.detail), 404, headers=_UNSTORED)
    return HTMLResponse(_pages(request).alarm(told), headers=_UNSTORED)


@router.get("/batches/{batch:path}/review")
async def batch_review(here: Here, request: Request, batch: str) -> Response:
    """The review of a batch: what is open, dispositions, the signature, the report."""
    try:
        told = await review_told(here, batch)
    except Problem as problem:
        if problem.status is not HTTPStatus.NOT_FOUND:
            raise
        return HTMLResponse(_pages(request).problem(404, problem.detail), 404, headers=_UNSTORED)
    return HTMLResponse(_pages(request).batch_review(told), headers=_UNSTORED)


@router.get("/batches/{batch:path}")
async def batch(here: Here, request: Request, batch: str) -> Response:
    """One batch with its phases, findings, relatives and events."""
    records, form = here.deps.records, TimeForm.MS
    told = await here.lanes.light.run(lambda: batch_shape(records, batch, _BATCH_ROWS, form))
    if told is None:
        detail = f"nothing is known of batch {batch!r}"
        return HTMLResponse(_pages(request).problem(404, detail), 404, headers=_UNSTORED)
    phases = await here.lanes.light.run(lambda: records.phases_of(batch, _BATCH_ROWS))
    back, forward = [
        await here.lanes.light.run(
            lambda back=back: genealogy_shape(records, batch, back=back, limit=_BATCH_ROWS, form=form)  # type: ignore[misc]  # binds the loop's way
        )
        for back in (True, False)
    ]
    now_ns = here.now_ns()
    review = await here.lanes.light.run(lambda: review_shape(here.deps, batch, phases, _BATCH_ROWS, now_ns))
    lanes = timeline(phases, now_ns)
    return HTMLResponse(_pages(request).batch(told, lanes, review, back, forward), headers=_UNSTORED)
