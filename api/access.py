"""Who may ask for what: one table of every route, looked into before a route does anything.

A route without a line is refused for everybody, so one that is forgotten is found at once and opens nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus

from starlette.requests import Request

from api.auth import Bearer, known_person
from api.context import Here
from api.problems import Problem
from domain.roles import Permission, may

EVERYBODY = None
"""In the table: nobody has to say who asks, also where reading is closed."""

ACCESS: Mapping[str, Permission | None] = {
    "GET /-/healthy": EVERYBODY,
    "GET /-/ready": EVERYBODY,
    "GET /metrics": EVERYBODY,
    "GET /influx/ping": EVERYBODY,
    "HEAD /influx/ping": EVERYBODY,
    "GET /influx/query": Permission.LOOK,
    "POST /influx/query": Permission.LOOK,
    "GET /": Permission.LOOK,
    "GET /performance": Permission.LOOK,
    "GET /recipes": Permission.LOOK,
    "GET /duty": Permission.LOOK,
    "GET /ack/{token}": EVERYBODY,  # whoever has the message has what it shows
    "GET /alarms/{alarm:path}": Permission.LOOK,
    "GET /batches/{batch:path}": Permission.LOOK,
    "GET /v1/aggregates": Permission.LOOK,
    "GET /v1/alarms": Permission.LOOK,
    "GET /v1/alarms/journal": Permission.LOOK,
    "GET /v1/alarms/summary": Permission.LOOK,
    "GET /v1/alarms/{alarm:path}": Permission.LOOK,
    "GET /v1/alarms/episodes": Permission.LOOK,
    "GET /v1/alarms/flood": Permission.LOOK,
    "GET /v1/alarms/performance": Permission.LOOK,
    "GET /v1/bands": Permission.LOOK,
    "GET /v1/batches": Permission.LOOK,
    "GET /v1/batches/{batch:path}": Permission.LOOK,
    "GET /v1/batches/{batch:path}/genealogy": Permission.LOOK,
    "GET /v1/connection": Permission.LOOK,
    "GET /v1/duty": Permission.LOOK,
    "GET /v1/findings": Permission.LOOK,
    "GET /v1/gaps": Permission.LOOK,
    "GET /v1/holds": Permission.LOOK,
    "GET /v1/latest": Permission.LOOK,
    "GET /v1/ledger": Permission.LOOK,
    "GET /v1/notices": Permission.LOOK,
    "GET /v1/quarantine": Permission.LOOK,
    "GET /v1/recipes": Permission.LOOK,
    "GET /v1/samples": Permission.LOOK,
    "GET /v1/stream": Permission.LOOK,
    "GET /v1/tags": Permission.LOOK,
    "GET /v1/tags/{name:path}/calibrations": Permission.LOOK,
    "POST /v1/alarms/acknowledge": Permission.ACKNOWLEDGE,
    "POST /v1/alarms/comment": Permission.COMMENT,
    "POST /v1/alarms/out-of-service": Permission.TAKE_OUT_OF_SERVICE,
    "POST /v1/alarms/reset": Permission.ACKNOWLEDGE,
    "POST /v1/alarms/return-to-service": Permission.TAKE_OUT_OF_SERVICE,
    "POST /v1/alarms/shelve": Permission.SHELVE,
    "POST /v1/alarms/unshelve": Permission.ACKNOWLEDGE,
    "POST /v1/ack/{token}": Permission.ACKNOWLEDGE,
    "POST /v1/alarms/{alarm:path}/acknowledge": Permission.ACKNOWLEDGE,
    "POST /v1/alarms/{alarm:path}/comment": Permission.COMMENT,
    "POST /v1/alarms/{alarm:path}/shelve": Permission.SHELVE,
    "POST /v1/alarms/{alarm:path}/unshelve": Permission.ACKNOWLEDGE,
    "POST /v1/batches/events": Permission.TELL,
    "POST /v1/holds/{hold}/correct": Permission.CORRECT,
    "POST /v1/tags/{name:path}/calibrations": Permission.CORRECT,
}
"""Method and path of each route, and what whoever asks must be allowed to do."""


def origin_of(request: Request) -> str:
    """The address that a request comes from, behind proxies that are believed."""
    return "" if request.client is None else request.client.host


async def admitted(request: Request, here: Here, credentials: Bearer) -> None:
    """Let a request through to its route, or raise Problem 401 or 403; `request.state.person` is who asks, if known."""
    line = f"{request.method} {request.scope['route'].path}"
    request.state.person = None
    if line not in ACCESS:
        raise Problem(HTTPStatus.FORBIDDEN, f"no rule says who may ask for {line}")
    permission = ACCESS[line]
    if permission is EVERYBODY or (permission is Permission.LOOK and here.deps.reading_open):
        return
    person = await known_person(here, credentials)
    if not may(person.role, permission):
        detail = f"{person.name} has the role {person.role!r}, which may not {permission}"
        raise Problem(HTTPStatus.FORBIDDEN, detail, parameter="Authorization")
    request.state.person = replace(person, origin=origin_of(request))
