"""Who may ask for what: one table of every route, looked into before a route does anything.

A route without a line is refused for everybody, so one that is forgotten is found at once and opens nothing.
"""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request

from api.auth import Asker, Bearer, known_asker
from api.context import Here
from api.problems import Problem
from domain.roles import Permission

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
    "GET /login": EVERYBODY,
    "GET /login/oidc": EVERYBODY,
    "POST /v1/session/oidc": EVERYBODY,
    "POST /v1/session/proof": Permission.SIGN,
    "GET /set-up": EVERYBODY,
    "GET /v1/session": EVERYBODY,
    "POST /v1/session": EVERYBODY,
    "DELETE /v1/session": EVERYBODY,
    "POST /v1/session/used": Permission.KEEP_ACCOUNT,
    "POST /v1/session/password": Permission.KEEP_ACCOUNT,
    "GET /account": Permission.KEEP_ACCOUNT,
    "GET /people": Permission.MANAGE_PEOPLE,
    "GET /v1/people": Permission.MANAGE_PEOPLE,
    "POST /v1/people": Permission.MANAGE_PEOPLE,
    "POST /v1/people/{name:path}/disable": Permission.MANAGE_PEOPLE,
    "POST /v1/people/{name:path}/enable": Permission.MANAGE_PEOPLE,
    "POST /v1/people/{name:path}/reset": Permission.MANAGE_PEOPLE,
    "POST /v1/people/{name:path}/role": Permission.MANAGE_PEOPLE,
    "POST /v1/people/{name:path}/unlock": Permission.MANAGE_PEOPLE,
    "GET /v1/people/sessions": Permission.MANAGE_PEOPLE,
    "POST /v1/people/sessions/{session}/end": Permission.MANAGE_PEOPLE,
    "GET /v1/sessions": Permission.KEEP_ACCOUNT,
    "DELETE /v1/sessions/{session}": Permission.KEEP_ACCOUNT,
    "POST /v1/one-time/look": EVERYBODY,
    "POST /v1/one-time/use": EVERYBODY,
    "GET /": Permission.LOOK,
    "GET /performance": Permission.LOOK,
    "GET /ranges": Permission.LOOK,
    "GET /recipes": Permission.LOOK,
    "GET /audit": Permission.LOOK,  # the form; what it finds comes by `GET /v1/audit`
    "GET /v1/audit": Permission.READ_AUDIT,
    "GET /v1/audit/export": Permission.READ_AUDIT,
    "GET /duty": Permission.LOOK,
    "GET /ack/{token}": EVERYBODY,  # whoever has the message has what it shows
    "GET /alarms": Permission.LOOK,
    "GET /handover": Permission.LOOK,
    "GET /alarms/{alarm:path}": Permission.LOOK,
    "GET /batches/{batch:path}": Permission.LOOK,
    "GET /v1/aggregates": Permission.LOOK,
    "GET /v1/alarms": Permission.LOOK,
    "GET /v1/alarms/journal": Permission.LOOK,
    "GET /v1/alarms/summary": Permission.LOOK,
    "GET /v1/alarms/suppressions": Permission.LOOK,
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
    "GET /v1/handover": Permission.LOOK,
    "GET /v1/holds": Permission.LOOK,
    "GET /v1/latest": Permission.LOOK,
    "GET /v1/ledger": Permission.LOOK,
    "GET /v1/notices": Permission.LOOK,
    "GET /v1/quarantine": Permission.LOOK,
    "GET /v1/ranges": Permission.LOOK,
    "GET /v1/ranges/{proposal}/impact": Permission.LOOK,
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
    "GET /batches/{batch:path}/review": Permission.LOOK,
    "GET /v1/batches/{batch:path}/review": Permission.LOOK,
    "GET /v1/batches/{batch:path}/report.{form}": Permission.EXPORT,
    "POST /v1/batches/{batch:path}/dispositions": Permission.ASSESS,
    "POST /v1/batches/{batch:path}/review": Permission.REVIEW_BATCH,
    "POST /v1/batches/events": Permission.TELL,
    "POST /v1/handover/notes": Permission.COMMENT,
    "POST /v1/handover/taken-over": Permission.TAKE_OVER,
    "POST /v1/holds/{hold}/correct": Permission.CORRECT,
    "POST /v1/ranges": Permission.PROPOSE_RANGES,
    "POST /v1/ranges/{proposal}/approve": Permission.APPROVE_RANGES,
    "POST /v1/ranges/{proposal}/reject": Permission.REVIEW_RANGES,
    "POST /v1/ranges/{proposal}/review": Permission.REVIEW_RANGES,
    "POST /v1/ranges/{proposal}/withdraw": Permission.PROPOSE_RANGES,
    "POST /v1/tags/{name:path}/calibrations": Permission.CORRECT,
}
"""Method and path of each route, and what whoever asks must be allowed to do."""


_SAFE = frozenset({"GET", "HEAD"})


def origin_of(request: Request) -> str:
    """The address that a request comes from, behind proxies that are believed."""
    return "" if request.client is None else request.client.host


async def admitted(request: Request, here: Here, credentials: Bearer) -> None:
    """Let a request through to its route, or raise a Problem; `request.state.person` is who asks, if known.

    401 or 403 say why not, 429 that it is too often; a page that nobody may see without a login leads to it by 303.
    """
    line = f"{request.method} {request.scope['route'].path}"
    request.state.person = None
    if line not in ACCESS:
        raise Problem(HTTPStatus.FORBIDDEN, f"no rule says who may ask for {line}")
    permission = ACCESS[line]
    if permission is EVERYBODY or (permission is Permission.LOOK and here.deps.reading_open):
        return
    acts = request.method not in _SAFE and permission is not Permission.LOOK
    try:
        asker = await known_asker(request, here, credentials, acts=acts)
    except Problem as problem:
        raise _to_login(request) or problem from None
    if not asker.person.may(permission):
        raise Problem(HTTPStatus.FORBIDDEN, _why_not(asker, permission), parameter="Authorization")
    if acts:
        here.rates.writing.take(asker.person.name)
    request.state.person = replace(asker.person, origin=origin_of(request))


def _why_not(asker: Asker, permission: Permission) -> str:
    person = asker.person
    if person.scopes is not None and permission not in person.scopes:
        return f"this token of {person.name} may not {permission}"
    return f"{person.name} has the role {person.role!r}, which may not {permission}"


def _to_login(request: Request) -> Problem | None:
    """Where a person goes who asked for a page; None for a program, which reads problems."""
    if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
        return None
    root = request.scope["root_path"]
    there = request.scope["path"].removeprefix(root)
    query = request.scope["query_string"].decode("latin-1")
    back = quote(f"{there}?{query}" if query else there, safe="/")
    headers = {"Location": f"{root}/login?next={back}", "Cache-Control": "no-store"}
    return Problem(HTTPStatus.SEE_OTHER, "sign in first", headers=headers)
