"""Batches with their phases, the ranges in force over them, and the holds between them."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.auth import Somebody
from api.bands import bands_of
from api.context import Context, Here, SomeEnd, SomeStart, Time, answer
from api.dependencies import SetPointStep
from api.holds import budget_shapes, hold_shapes
from api.problems import bad, missing
from api.shapes import Shape, phase_shape
from api.times import TimeForm, parse_open_span, parse_past
from api.words import Words
from domain.entries import ActionKind, PersonAction
from domain.findings import PhaseRecord

router = APIRouter(prefix="/v1", tags=["batches"])

HOLD_FINDINGS = 500


@router.get("/batches")
async def batches(
    here: Here,
    start: SomeStart = None,
    end: SomeEnd = None,
    unit: Annotated[str | None, Query(description="only of this unit")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="of phases")] = 1_000,
    time: Time = TimeForm.NS,
) -> Response:
    """Batches that overlap the span, each with its phases in order; newest batch first."""
    start_ns, end_ns = parse_open_span(start, end, here.now_ns())
    phases = await here.lanes.light.run(
        lambda: here.deps.records.list_phases(start_ns, end_ns, unit, limit + 1),
    )
    return answer({"batches": batch_shapes(phases[:limit], time), "cut": len(phases) > limit})


def batch_shapes(phases: Sequence[PhaseRecord], form: TimeForm) -> list[Shape]:
    """Group phase runs by unit and batch; a batch is open while one of its phases is."""
    groups: dict[tuple[str, str], list[PhaseRecord]] = {}
    for phase in sorted(phases, key=lambda phase: phase.start_ns):
        groups.setdefault((phase.unit, phase.batch), []).append(phase)
    shapes: list[Shape] = []
    for (unit, batch), runs in groups.items():
        ends = [run.end_ns for run in runs]
        end_ns = None if None in ends else max(end for end in ends if end is not None)
        shapes.append(
            {
                "unit": unit,
                "batch": batch,
                "recipe": runs[-1].recipe,
                **form.put(start=runs[0].start_ns, end=end_ns),
                "phases": [phase_shape(run, form) for run in runs],
            },
        )
    shapes.reverse()
    return shapes


@router.get("/bands")
async def bands(
    here: Here,
    tag: Annotated[str, Query(description="the tag's name")],
    start: SomeStart = None,
    end: SomeEnd = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    time: Time = TimeForm.NS,
) -> Response:
    """The ranges in force on a tag over time: one band for each phase run whose recipe has ranges for it.

    `ranges` are limits. `around` has ranges around a set point that moves: `value` is what it was from each `time` on
    (null: not proven, and so is what lies around it), and its `ranges` are differences from it.
    """
    start_ns, end_ns = parse_open_span(start, end, here.now_ns())
    known = await here.tag(tag)
    units = [unit.name for unit in here.deps.rulebook.units.values() if known.name in unit.parameters.values()]
    found: list[PhaseRecord] = []
    is_cut = False
    for unit in units:
        phases = await here.lanes.light.run(
            lambda unit=unit: here.deps.records.list_phases(start_ns, end_ns, unit, limit + 1),  # type: ignore[misc]  # binds the loop's unit
        )
        is_cut = is_cut or len(phases) > limit
        found.extend(phases[:limit])

    def shaped() -> list[Shape]:
        recipes = here.deps.recipes()
        steps_of = partial(_steps, here, start_ns, end_ns)
        rulebook = here.deps.rulebook
        return [shape for phase in found for shape in bands_of(rulebook, known.name, phase, time, recipes, steps_of)]

    shapes = await here.lanes.light.run(shaped)
    rules = here.deps.rulebook.tags.get(known.name)
    fixed = None if rules is None else [rules.fixed_low, rules.fixed_high]
    return answer(
        {"tag": known.name, "unit": known.unit, "fixed": fixed, "bands": shapes, "cut": is_cut},
    )


def _steps(
    here: Context, start_ns: int | None, end_ns: int | None, name: str, from_ns: int, to_ns: int | None
) -> Sequence[SetPointStep]:
    """The steps of a tag in a band, as far as the band lies in the span that is asked for; blocks."""
    tag = here.deps.feed.tags.find(name)
    to_ns = here.now_ns() + 1 if to_ns is None else to_ns
    to_ns = to_ns if end_ns is None else min(to_ns, end_ns)
    from_ns = from_ns if start_ns is None else max(from_ns, start_ns)
    return () if tag is None or from_ns >= to_ns else here.deps.set_points(tag.id, from_ns, to_ns)


@router.get("/holds")
async def holds(here: Here, time: Time = TimeForm.NS) -> Response:
    """Holds that run or were broken, and the budgets of batches that wait: used, left, by which holds.

    Elapsed time is source time, not a timer's.
    """
    running = await here.lanes.light.run(here.deps.holds)
    used = await here.lanes.light.run(here.deps.budgets)
    findings = await here.lanes.light.run(
        lambda: here.deps.records.list_findings(None, None, None, HOLD_FINDINGS),
    )
    shapes = hold_shapes(here.deps.rulebook, running, findings, here.now_ns(), time)
    budgets = budget_shapes(here.deps.rulebook, used, findings, time)
    return answer({"holds": shapes, "budgets": budgets, **time.put(now=here.now_ns())})


class Correction(BaseModel):
    """When a hold really started or stopped, and why that is known."""

    model_config = ConfigDict(extra="forbid")

    batch: str = Field(default="", max_length=200)
    start: str | None = None
    stop: str | None = None
    comment: Words = Field(min_length=1)


@router.post("/holds/{hold}/correct", status_code=HTTPStatus.ACCEPTED)
async def correct(here: Here, hold: str, said: Correction, person: Somebody) -> Response:
    """Record the true start or stop of a hold, with the reason; what was said of it gets new versions, the old stay.

    202: it is durable, and the core takes it in its place in the journal.
    """
    if hold not in here.deps.rulebook.holds:
        raise missing("hold", f"no hold is named {hold!r}")
    if (said.start is None) == (said.stop is None):
        raise bad("start", "needs exactly one of `start` and `stop`")
    if not said.comment.strip():
        raise bad("comment", "needs a comment that says why")
    if not said.batch.isprintable():
        raise bad("batch", f"{said.batch!r} has characters that no name of a batch has")
    now_ns = here.now_ns()
    kind, name, text = (
        (ActionKind.HOLD_STOP, "stop", said.stop)
        if said.start is None
        else (ActionKind.HOLD_START, "start", said.start)
    )
    true_ns = parse_past(name, text or "", now_ns)
    subject = f"{hold}/{said.batch}"
    action = PersonAction(here.deps.new_id(), now_ns, person.name, kind, subject, said.comment.strip(), true_ns)
    await here.lanes.light.run(lambda: here.deps.records.request(action, person))
    here.deps.wake_core()
    return answer({"request": action.id}, HTTPStatus.ACCEPTED)
