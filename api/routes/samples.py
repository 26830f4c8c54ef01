"""The rows of one tag, raw or aggregated."""

import time as clock
from collections.abc import AsyncIterator, Iterator
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from api.context import Context, End, Here, Start, Time, answer
from api.problems import Problem
from api.reading import Question, Reading, samples_json
from api.times import TimeForm, parse_span
from domain import status
from domain.entries import Position
from domain.tags import Tag
from domain.time import DAY_NS, format_time

router = APIRouter(prefix="/v1", tags=["samples"])

READ_FOR_S = 60.0
HEAVY_SPAN_NS = 31 * DAY_NS
_UNSTORED = {"Cache-Control": "no-store"}

TagName = Annotated[str, Query(description="the tag's name")]
AsOf = Annotated[int | None, Query(ge=0, description="only rows whose journal entry is at or before this position")]


@router.get("/samples")
async def samples(
    here: Here,
    tag: TagName,
    start: Start,
    end: End,
    limit: Annotated[int, Query(ge=1, le=10_000_000)] = 1_000_000,
    time: Time = TimeForm.NS,
    versions: Annotated[
        Literal["newest", "all"],
        Query(description="of several rows at one time the newest by position, or all"),
    ] = "newest",
    as_of: AsOf = None,
) -> Response:
    """Rows with start ≤ time < end as columns; what is not a finite number is null, with its status.

    `cut` tells that the limit (of rows, or of time) left rows out; `next` is the start that goes on there.
    """
    span = parse_span(start, end, here.now_ns())
    known = await here.tag(tag)
    if known.kind == "text":
        return await _texts(here, known, span, min(limit, 100_000), time)
    position = None if as_of is None else Position(as_of)
    question = Question(known, *span, limit, versions == "all", position)
    return await _stream(here, Reading(here.deps.history, question), known, time)


async def _stream(here: Context, reading: Reading, tag: Tag, form: TimeForm) -> Response:
    """Answer at once what one page holds; stream what is longer through the heavy lane."""
    pieces = samples_json(reading, tag, form, clock.monotonic() + READ_FOR_S)

    def begin() -> bytes:
        head = next(pieces) + next(pieces, b"")
        return head + b"".join(pieces) if reading.done else head

    begun = await here.lanes.light.run(begin)
    if reading.done:
        return Response(begun, media_type="application/json", headers=_UNSTORED)
    if here.lanes.exports.locked():
        detail = "several long answers are being read already; ask again in a moment, or for less"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "2"})
    return StreamingResponse(_rest(here, begun, pieces), media_type="application/json", headers=_UNSTORED)


async def _rest(here: Context, begun: bytes, pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    async with here.lanes.exports:
        yield begun
        while piece := await here.lanes.heavy.run(lambda: next(pieces, b"")):
            yield piece


async def _texts(here: Context, tag: Tag, span: tuple[int, int], limit: int, form: TimeForm) -> Response:
    reader = here.deps.texts
    if reader is None:
        detail = f"{tag.name!r} holds text, and this service keeps no index of texts; /v1/stream tells them live"
        raise Problem(HTTPStatus.NOT_IMPLEMENTED, detail, parameter="tag")
    rows = await here.lanes.light.run(lambda: reader.read(tag.id, *span, limit + 1))
    is_cut = len(rows) > limit
    following = rows[limit].time_ns if is_cut else None
    shown = rows[:limit]
    return answer(
        {
            "tag": tag.name,
            "unit": tag.unit,
            form.key("time"): [form.of(row.time_ns) for row in shown],
            "value": [row.value for row in shown],
            "status": [row.status & ~status.TIME_ORIGIN for row in shown],
            "count": len(shown),
            "cut": is_cut,
            "next": following if following is None or form is TimeForm.NS else format_time(following),
        },
    )


@router.get("/aggregates")
async def aggregates(
    here: Here,
    tag: TagName,
    start: Start,
    end: End,
    buckets: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    time: Time = TimeForm.NS,
    as_of: AsOf = None,
) -> Response:
    """First, minimum, maximum, last, mean and count over equal buckets of time; buckets without rows are left out.

    Values are of finite rows that are not Bad: `count` of them, `bad` others; without any they are null.
    """
    start_ns, end_ns = parse_span(start, end, here.now_ns())
    known = await here.tag(tag)
    if known.kind == "text":
        raise Problem(HTTPStatus.BAD_REQUEST, f"tag: {known.name!r} holds text", parameter="tag")
    position = None if as_of is None else Position(as_of)
    lane = here.lanes.heavy if end_ns - start_ns > HEAVY_SPAN_NS else here.lanes.light
    found = await lane.run(
        lambda: here.deps.history.aggregate(known.id, start_ns, end_ns, buckets, as_of=position),
    )
    return answer(
        {
            "tag": known.name,
            "unit": known.unit,
            "bucket_ns": -(-(end_ns - start_ns) // buckets),
            time.key("time"): time.column(found.start_ns),
            "first": found.first,
            "min": found.minimum,
            "max": found.maximum,
            "last": found.last,
            "mean": found.mean,
            "count": found.count,
            "bad": found.bad,
        },
    )
