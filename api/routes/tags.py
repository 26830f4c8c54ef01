"""What is measured, and the newest value of each."""

from http import HTTPStatus
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.auth import Somebody
from api.context import Context, Here, Time, answer, cut
from api.problems import bad
from api.shapes import Shape, tag_shape, unit_label
from api.times import TimeForm, parse_past
from api.words import Words
from domain import status
from domain.entries import ActionKind, PersonAction
from domain.health import NOTHING
from domain.ports import Latest
from domain.tags import Tag

router = APIRouter(prefix="/v1", tags=["samples"])

_MOST_ACTIONS = 20_000  # deeds of people that are looked through, the newest
_RESULTS = {ActionKind.CALIBRATED: "good", ActionKind.CALIBRATION_FAILED: "failed"}


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


class Calibration(BaseModel):
    """How a calibration of an instrument ended, and when it was made."""

    model_config = ConfigDict(extra="forbid")

    result: Literal["good", "failed"]
    time: str
    comment: Words = Field(min_length=1)


@router.get("/tags/{name:path}/calibrations")
async def calibrations(
    here: Here, name: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 100, time: Time = TimeForm.NS
) -> Response:
    """What people and systems said of a tag's calibrations, what was said last first, beside what the file says.

    Of what was said and what the file says the newer counts. `cut` tells that there may be older ones.
    """
    tag = await here.tag(name)
    actions = await here.lanes.light.run(lambda: here.deps.journal.actions(_MOST_ACTIONS))
    said = [each for each in actions if each.kind in _RESULTS and each.subject == tag.name]
    rules = here.deps.rulebook.tags.get(tag.name)
    health = NOTHING if rules is None else rules.health
    told = {
        "tag": tag.name,
        "file": time.put(
            calibrated=health.calibrated_ns, due=health.calibration_due_ns, failed=health.calibration_failed_ns
        ),
        "calibrations": [_calibration_shape(each, time) for each in said[:limit]],
        "cut": len(said) > limit or len(actions) == _MOST_ACTIONS,
    }
    return answer(told)


def _calibration_shape(action: PersonAction, form: TimeForm) -> Shape:
    return {
        "id": action.id,
        "result": _RESULTS[action.kind],
        **form.put(time=action.until_ns, recorded=action.at_ns),
        "person": action.person,
        "comment": action.comment,
    }


@router.post("/tags/{name:path}/calibrations", status_code=HTTPStatus.ACCEPTED)
async def calibrated(here: Here, name: str, said: Calibration, person: Somebody) -> Response:
    """Record a calibration. After one that failed, a finding names the batches since the last good one.

    202: it is durable, and the core takes it in its place in the journal.
    """
    tag = await here.tag(name)
    if not said.comment.strip():
        raise bad("comment", "needs a comment that says how it is known")
    now_ns = here.now_ns()
    made_ns = parse_past("time", said.time, now_ns)
    kind = next(kind for kind, result in _RESULTS.items() if result == said.result)
    action = PersonAction(here.deps.new_id(), now_ns, person.name, kind, tag.name, said.comment.strip(), made_ns)
    await here.lanes.light.run(lambda: here.deps.records.request(action, person))
    here.deps.wake_core()
    return answer({"request": action.id}, HTTPStatus.ACCEPTED)


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
