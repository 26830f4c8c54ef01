"""Whether the service lives and works, for machines."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Annotated, cast

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from api.context import Context, Here, answer
from api.document import comes_as
from api.exposition import exposition
from api.seen import Seen
from domain.figures import Reading

router = APIRouter(tags=["health"])


@router.get("/-/healthy", response_class=PlainTextResponse)
async def healthy() -> Response:
    """200 while this process answers."""
    return PlainTextResponse("healthy\n")


@router.get(
    "/-/ready",
    response_class=PlainTextResponse,
    responses=comes_as("text/plain", status=HTTPStatus.SERVICE_UNAVAILABLE, what="not ready, and why"),
)
async def ready(here: Here) -> Response:
    """200 once everything has started and the journal can be followed, else 503 with the reason."""
    is_ready, reason = await here.lanes.light.run(here.deps.ready)
    faults = here.deps.feed.faults
    if faults:
        told = [] if is_ready else [reason]
        is_ready, reason = False, "; ".join([*told, *(f"{what}: {fault}" for what, fault in faults.items())])
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse(f"{reason}\n", status, headers={"Cache-Control": "no-store"})


@router.get("/v1/connection")
async def connection(request: Request) -> Response:
    """How this request reached the service: by which name and path, from whom, through which named proxies.

    What is not as a browser sees it, the proxy does not tell, or http.proxies does not name it.
    """
    seen = cast("Seen", request.scope["seen"])
    return answer(
        {
            "client": seen.client,
            "scheme": seen.scheme,
            "host": seen.host,
            "prefix": seen.prefix,
            "through": list(seen.through),
        },
    )


@router.get("/metrics", response_class=Response, responses=comes_as("text/plain", "application/openmetrics-text"))
async def metrics(here: Here, accept: Annotated[str, Header()] = "") -> Response:
    """Figures for Prometheus: this process's own and the core's."""
    told = await here.lanes.light.run(here.deps.figures)
    text, media_type = exposition([*told, *own_figures(here)], accept)
    return Response(text, media_type=media_type, headers={"Cache-Control": "no-store"})


def own_figures(here: Context) -> Iterator[Reading]:
    """What this process counts."""
    feed = here.deps.feed
    yield Reading("thermowell_web_position", feed.position)
    yield Reading("thermowell_web_listeners", feed.clients)
    yield Reading("thermowell_web_connections", len(here.connections))
    yield Reading("thermowell_web_events_total", feed.events)
    yield Reading("thermowell_web_events_dropped_total", feed.dropped)
    for lane in (here.lanes.light, here.lanes.heavy):
        yield Reading("thermowell_web_reads", lane.inside, (lane.name, "inside"))
        yield Reading("thermowell_web_reads", lane.places, (lane.name, "places"))
    for status, count in sorted(here.requests.items()):
        yield Reading("thermowell_web_requests_total", count, (str(status),))
