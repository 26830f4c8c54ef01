"""What the detectors concluded."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here, SomeEnd, SomeStart, Time, answer, cut
from api.shapes import finding_shape
from api.times import TimeForm, parse_open_span

router = APIRouter(prefix="/v1", tags=["findings"])


@router.get("/findings")
async def findings(
    here: Here,
    start: SomeStart = None,
    end: SomeEnd = None,
    subject: Annotated[str | None, Query(description="only about this tag, unit or hold")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
    before: Annotated[str | None, Query(description="continue after this finding: the last answer's `next`")] = None,
    time: Time = TimeForm.NS,
) -> Response:
    """Findings that overlap the span, newest first, each in its newest version with its evidence."""
    start_ns, end_ns = parse_open_span(start, end, here.now_ns())
    found = await here.lanes.light.run(
        lambda: here.deps.records.list_findings(start_ns, end_ns, subject, limit + 1, before),
    )
    shown, is_cut = cut([finding_shape(finding, time) for finding in found], limit)
    return answer({"findings": shown, "cut": is_cut, "next": shown[-1]["id"] if is_cut else None})
