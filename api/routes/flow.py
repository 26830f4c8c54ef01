"""Whether everything that was sent has arrived: gaps, the ledger, refused messages, and messages to people."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.context import Here, SomeEnd, SomeStart, Time, answer, cut
from api.shapes import gap_shape, heartbeat_shape, ledger_shape, notice_shape, quarantined_shape
from api.times import TimeForm, parse_open_span

router = APIRouter(prefix="/v1", tags=["flow"])

_ALWAYS_NS = (0, 2**63 - 1)


@router.get("/gaps")
async def gaps(
    here: Here,
    tag: Annotated[str | None, Query(description="gaps that concern this tag, its source's included")] = None,
    source: Annotated[str | None, Query(description="gaps of this source and of its tags")] = None,
    start: SomeStart = None,
    end: SomeEnd = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    time: Time = TimeForm.NS,
) -> Response:
    """Stretches in which samples are or may be missing, with the cause of each; an open one has no end."""
    start_ns, end_ns = parse_open_span(start, end, here.now_ns())
    first_ns = _ALWAYS_NS[0] if start_ns is None else start_ns
    last_ns = _ALWAYS_NS[1] if end_ns is None else end_ns
    known = None if tag is None else await here.tag(tag)
    of_source = known.source if known is not None and source is None else source
    id_ = None if known is None else int(known.id)
    found = await here.lanes.light.run(
        lambda: here.deps.journal.gaps(of_source, id_, first_ns, last_ns, limit + 1),
    )
    # A gap of no length was withdrawn: backfill found everything.
    told = [gap for gap in found[:limit] if gap.end_ns is None or gap.end_ns > gap.start_ns]
    named = {int(tag.id): tag for tag in here.deps.feed.tags}
    shapes = [gap_shape(gap, named.get(-1 if gap.tag is None else gap.tag, known), time) for gap in told]
    return answer({"gaps": shapes, "cut": len(found) > limit})


@router.get("/ledger")
async def ledger(here: Here, time: Time = TimeForm.NS) -> Response:
    """Conservation: received = journaled + quarantined + redelivered, per source; and whether each source is heard.

    `record` counts rows of all sources: stored, duplicates of stored ones, and waiting to be sealed.
    """
    counts = await here.lanes.light.run(here.deps.journal.ledger)
    heartbeats = await here.lanes.light.run(here.deps.journal.heartbeats)
    return answer(
        {
            "sources": [ledger_shape(source) for source in counts],
            "record": dict(await here.lanes.light.run(here.deps.record)),
            "heartbeats": [heartbeat_shape(heartbeat, time) for heartbeat in heartbeats],
        },
    )


@router.get("/quarantine")
async def quarantine(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    time: Time = TimeForm.NS,
) -> Response:
    """Messages that could not become samples, newest first, each with the reason."""
    refused = await here.lanes.light.run(lambda: here.deps.quarantine(limit + 1))
    shown, is_cut = cut([quarantined_shape(one, time) for one in refused], limit)
    return answer({"quarantine": shown, "cut": is_cut})


@router.get("/notices")
async def notices(
    here: Here,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    time: Time = TimeForm.NS,
) -> Response:
    """Messages to people, newest first, and what became of each: waiting, sent, refused or unknown."""
    found = await here.lanes.light.run(lambda: here.deps.records.notices(limit + 1))
    shown, is_cut = cut([notice_shape(notice, state, time) for notice, state in found], limit)
    return answer({"notices": shown, "cut": is_cut})
