"""Whether the service lives and works, for machines."""

from http import HTTPStatus

from fastapi import APIRouter
from starlette.responses import PlainTextResponse, Response

from api.context import Context, Here

router = APIRouter(tags=["health"])


@router.get("/-/healthy")
async def healthy() -> Response:
    """200 while this process answers."""
    return PlainTextResponse("healthy\n")


@router.get("/-/ready")
async def ready(here: Here) -> Response:
    """200 once everything has started and the journal can be followed, else 503 with the reason."""
    is_ready, reason = await here.lanes.light.run(here.deps.ready)
    faults = here.deps.feed.faults
    if faults:
        told = [] if is_ready else [reason]
        is_ready, reason = False, "; ".join([*told, *(f"{what}: {fault}" for what, fault in faults.items())])
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse(f"{reason}\n", status, headers={"Cache-Control": "no-store"})


@router.get("/metrics")
async def metrics(here: Here) -> Response:
    """Figures for Prometheus: this process's own, then the core's."""
    core = await here.lanes.light.run(here.deps.metrics)
    text = "\n".join(own_metrics(here)) + "\n" + core
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def own_metrics(here: Context) -> list[str]:
    """What this process counts."""
    feed = here.deps.feed
    lines = [
        "# HELP thermowell_web_position The newest journal position told to listeners.",
        "# TYPE thermowell_web_position gauge",
        f"thermowell_web_position {feed.position}",
        "# HELP thermowell_web_listeners Clients of the event stream.",
        "# TYPE thermowell_web_listeners gauge",
        f"thermowell_web_listeners {feed.clients}",
        "# HELP thermowell_web_events_total Events built for the event stream.",
        "# TYPE thermowell_web_events_total counter",
        f"thermowell_web_events_total {feed.events}",
        "# HELP thermowell_web_events_dropped_total Events that slow clients did not get.",
        "# TYPE thermowell_web_events_dropped_total counter",
        f"thermowell_web_events_dropped_total {feed.dropped}",
        "# HELP thermowell_web_reads Reads that run or wait, and how many may.",
        "# TYPE thermowell_web_reads gauge",
    ]
    for lane in (here.lanes.light, here.lanes.heavy):
        lines.append(f'thermowell_web_reads{{lane="{lane.name}",what="inside"}} {lane.inside}')
        lines.append(f'thermowell_web_reads{{lane="{lane.name}",what="places"}} {lane.places}')
    lines.append("# HELP thermowell_web_requests_total Answers by status.")
    lines.append("# TYPE thermowell_web_requests_total counter")
    lines.extend(
        f'thermowell_web_requests_total{{status="{status}"}} {count}' for status, count in sorted(here.requests.items())
    )
    return lines
