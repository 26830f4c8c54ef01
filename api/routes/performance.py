"""How the alarm system behaves: floods now, episodes with their first-out, and the measures of ISA-18.2."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Context, End, Here, Start, Time, answer
from api.dependencies import Measures
from api.performance import episode_shape, performance_shape, position_shape
from api.problems import bad, missing
from api.times import TimeForm, parse_span

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

Position = Annotated[str | None, Query(description="an operator position; left out: all together")]


@router.get("/flood")
async def flood(here: Here, time: Time = TimeForm.NS) -> Response:
    """Each operator position now: its flood if it is in one, its episodes, and a digest by priority and unit.

    A flood starts above 10 and ends below 5 annunciations in ten minutes (ISA-18.2).
    """
    now_ns, measures = here.now_ns(), _measures(here)
    found = await here.lanes.light.run(lambda: measures.now(now_ns))
    return answer({"positions": [position_shape(each, time) for each in found], **time.put(now=now_ns)})


@router.get("/episodes")
async def episodes(
    here: Here,
    start: Start = "-24h",
    end: End = "now",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    time: Time = TimeForm.NS,
) -> Response:
    """Alarms that followed one another in a unit or first-in group, with what began it; newest first."""
    start_ns, end_ns = parse_span(start, end, here.now_ns())
    measures = _measures(here)
    found = await here.lanes.heavy.run(lambda: measures.episodes(start_ns, end_ns))
    shapes = [episode_shape(each, time) for each in found[:limit]]
    return answer({"episodes": shapes, "cut": len(found) > limit})


@router.get("/performance")
async def performance(
    here: Here,
    start: Start = "-7d",
    end: End = "now",
    position: Position = None,
    time: Time = TimeForm.NS,
) -> Response:
    """The measures of ISA-18.2 and EEMUA 191 over a time."""
    start_ns, end_ns = parse_span(start, end, here.now_ns())
    measures = _measures(here)
    if position is not None and position not in measures.positions.names:
        raise bad("position", f"no operator position is named {position!r}")
    told = await here.lanes.heavy.run(lambda: measures.performance(start_ns, end_ns, position))
    return answer(performance_shape(told, time))


def _measures(here: Context) -> Measures:
    measures = here.deps.measures
    if measures is None:
        raise missing("measures", "nobody measures the alarm system here")
    return measures
