"""Who would be told now, and why."""

from dataclasses import asdict
from typing import cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.context import Here, Time, answer
from api.dependencies import DutyTold, RotaTold
from api.render import Pages
from api.shapes import Shape
from api.times import TimeForm

router = APIRouter(tags=["people"])


@router.get("/v1/duty")
async def duty(here: Here, time: Time = TimeForm.NS) -> Response:
    """Each rota with who is on duty, its escalation and what its calendar leaves open; and who else is told."""
    return answer(duty_shape(await here.lanes.light.run(here.deps.duty), time))


@router.get("/duty", include_in_schema=False)
async def page(here: Here, request: Request) -> Response:
    """The same for people."""
    pages = cast("Pages", request.app.state.pages).under(request.scope["root_path"], "/duty")
    told = duty_shape(await here.lanes.light.run(here.deps.duty), TimeForm.MS)
    return HTMLResponse(pages.duty(told), headers={"Cache-Control": "no-store"})


def duty_shape(told: DutyTold, form: TimeForm) -> Shape:
    """All of it as members of an answer."""
    return {
        **form.put(at=told.at_ns),
        "rotas": [_rota_shape(each, form) for each in told.rotas],
        "addressees": [asdict(each) for each in told.addressees],
        "waiting": [
            {**{name: member for name, member in asdict(each).items() if name != "due_ns"}, **form.put(due=each.due_ns)}
            for each in told.waiting
        ],
    }


def _rota_shape(rota: RotaTold, form: TimeForm) -> Shape:
    times = {"since_ns", "until_ns", "uncovered", "calendar_good_ns"}
    return {
        **{name: member for name, member in asdict(rota).items() if name not in times},
        **form.put(since=rota.since_ns, until=rota.until_ns, calendar_good=rota.calendar_good_ns),
        "uncovered": [form.put(start=start_ns, end=end_ns) for start_ns, end_ns in rota.uncovered],
    }
