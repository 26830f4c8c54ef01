"""How the alarm system behaves: floods now, episodes with their first-out, and the measures of ISA-18.2."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Context, End, Here, Start, Time, answer
from api.dependencies import Measures
from api.performance import episode_shape, performance_shape, position_shape
from api.problems import bad, missing
from api.shapes import Shape
from api.times import TimeForm, parse_span
from domain.errors import Refused
from domain.performance import Performance
from domain.time import DAY_NS

router = APIRouter(prefix="/v1/alarms", tags=["alarms"])

_WEEKS = 6
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
    week: Annotated[str | None, Query(description="in place of `start` and `end`, such as 2026-W47")] = None,
    position: Position = None,
    time: Time = TimeForm.NS,
) -> Response:
    """The measures of ISA-18.2 and EEMUA 191 over a time."""
    measures = _measures(here)
    span = parse_span(start, end, here.now_ns()) if week is None else _span_of(measures, week)
    return answer(performance_shape(await _measured(here, measures, span, position), time))


async def performance_shown(here: Context, week: str | None, position: str | None) -> Shape:
    """What the page shows: the measures of a week or of the last seven days, and floods of now."""
    measures, now_ns = here.deps.measures, here.now_ns()
    if measures is None:
        return {"told": None}
    span = (now_ns - 7 * DAY_NS, now_ns) if week is None else _span_of(measures, week)
    told = await _measured(here, measures, span, position)
    floods = await here.lanes.light.run(lambda: measures.now(now_ns))
    return {
        "told": performance_shape(told, TimeForm.MS),
        "now": [position_shape(each, TimeForm.MS) for each in floods],
        "week": week,
        "weeks": [each.name for each in measures.newest_weeks(now_ns, _WEEKS)],
        "position": position,
        "positions": measures.positions.names,
    }


async def _measured(here: Context, measures: Measures, span: tuple[int, int], position: str | None) -> Performance:
    if position is not None and position not in measures.positions.names:
        raise bad("position", f"no operator position is named {position!r}")
    return await here.lanes.heavy.run(lambda: measures.performance(*span, position))


def _span_of(measures: Measures, week: str) -> tuple[int, int]:
    try:
        span = measures.week(week)
    except Refused as error:
        raise bad("week", str(error)) from None
    return span.start_ns, span.end_ns


def _measures(here: Context) -> Measures:
    measures = here.deps.measures
    if measures is None:
        raise missing("measures", "nobody measures the alarm system here")
    return measures
