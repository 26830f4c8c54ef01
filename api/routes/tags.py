"""What is measured, and the newest value of each."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Context, Here, Time, answer, cut
from api.shapes import tag_shape, unit_label
from api.times import TimeForm
from domain import status
from domain.ports import Latest
from domain.tags import Tag

router = APIRouter(prefix="/v1", tags=["samples"])


@router.get("/tags")
async def tags(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
    after: Annotated[int, Query(ge=-1, description="continue after this dense id")] = -1,
) -> Response:
    """Every tag's newest definition, by dense id, and the place of each in its unit."""
    places: dict[str, list[dict[str, str]]] = {}
    for unit in here.deps.rulebook.units.values():
        for role, name in unit.parameters.items():
            places.setdefault(name, []).append({"unit": unit.name, "role": role})
    known = [tag for tag in await here.lanes.light.run(here.deps.journal.tags) if tag.id > after]
    known.sort(key=lambda tag: tag.id)
    shapes = [tag_shape(tag) | {"places": places.get(tag.name, [])} for tag in known[: limit + 1]]
    shown, is_cut = cut(shapes, limit)
    return answer({"tags": shown, "cut": is_cut, "next": shown[-1]["id"] if is_cut else None})


@router.get("/latest")
async def latest(
    here: Here,
    tag: Annotated[list[str] | None, Query(description="only these tags; may be given several times")] = None,
    time: Time = TimeForm.NS,
) -> Response:
    """The newest row of each tag that has rows."""
    return answer(await latest_rows(here, tag, time))


async def latest_rows(here: Context, names: list[str] | None, form: TimeForm) -> dict[str, object]:
    """The newest row of each of the named tags, or of all."""
    chosen = None if names is None else [(await here.tag(name)).id for name in names]
    newest = await here.lanes.light.run(lambda: here.deps.history.latest(chosen))
    known = {int(tag.id): tag for tag in here.deps.feed.tags}
    return {"latest": _rows(newest, known, form)}


def _rows(newest: Latest, known: dict[int, Tag], form: TimeForm) -> list[dict[str, object]]:
    codes = status.raw(newest.status).tolist()
    times, values = newest.time_ns.tolist(), newest.value.tolist()
    finite = np.isfinite(newest.value).tolist()
    return [
        {
            "tag": known[id_].name,
            "unit": known[id_].unit,
            "unit_label": unit_label(known[id_].unit, known[id_].reference),
            **form.put(time=times[at]),
            "value": values[at] if finite[at] else None,
            "status": codes[at],
            "quality": status.severity_name(codes[at]),
        }
        for at, id_ in enumerate(newest.tag.tolist())
        if id_ in known
    ]
