"""Who asks: a session's cookie, or a token sent as `Authorization: Bearer …`. What they may do stands in `api.access`.

A session that nobody has used for a while may look and not act: the page goes on, an action asks for the password.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, TypeVar

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from api.context import Context
from api.cookies import CSRF_HEADER, has_csrf, session_secret
from api.lanes import Lane
from api.limits import too_many
from api.problems import Problem
from api.seen import Seen
from domain.errors import Refused
from domain.identity import ProviderAway
from domain.people import Door, NotLetIn, PeopleDesk, Person, ProofWanted, TooSoon, Visit
from domain.time import SECOND_NS

log = logging.getLogger(__name__)

_bearer = HTTPBearer(auto_error=False, description="a personal token from `thermowell token add NAME`")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]

Answer = TypeVar("Answer")

_NOTED_EVERY_NS = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and by which session; None: by a token."""

    person: Person
    visit: Visit | None = None


async def known_asker(
    request: Request, here: Context, credentials: HTTPAuthorizationCredentials | None, *, acts: bool
) -> Asker:
    """Who asks; Problem 401 where nobody is known, or who looks may not act any more, 403 without the session's word.

    A token counts where one is sent, also beside a cookie.
    """
    if credentials is not None:
        return Asker(await _holder(here, credentials.credentials))
    visit = await visit_of(request, here)
    if visit is None:
        detail = "sign in on the page, or send a personal token: Authorization: Bearer TOKEN"
        raise _unauthorised(detail, "Bearer")
    if acts:
        await _demand_use(request, here, visit)
    return Asker(visit.person, visit)


async def visit_of(request: Request, here: Context) -> Visit | None:
    """The session of a request's cookie, as far as it runs."""
    secret, people = session_secret(request), here.deps.people
    if not secret or people is None:
        return None
    return await here.lanes.light.run(lambda: people.visit(secret))


async def _holder(here: Context, token: str) -> Person:
    person = await here.lanes.light.run(lambda: here.deps.records.person_of(token))
    if person is None:
        raise _unauthorised("nobody has this token", 'Bearer error="invalid_token"')
    return person


async def _demand_use(request: Request, here: Context, visit: Visit) -> None:
    """A session that acts is in use, and proves that our own page asks."""
    demand_csrf(request)
    idle_ns = here.deps.session_rules.idle_ns
    if visit.unused_ns >= idle_ns:
        minutes = round(idle_ns / SECOND_NS / 60)
        detail = f"{visit.person.name} has done nothing for {minutes} min: actions ask for the password again"
        raise _unauthorised(detail, 'Session error="idle"')
    if visit.unused_ns >= _NOTED_EVERY_NS:
        people, secret = desk(here), session_secret(request)
        await here.lanes.light.run(lambda: people.used(secret))


def demand_csrf(request: Request) -> None:
    """Problem 403 for a write by a session without the session's word."""
    if not has_csrf(request, session_secret(request)):
        detail = f"a write by a session needs the header {CSRF_HEADER}, which GET /v1/session tells"
        raise Problem(HTTPStatus.FORBIDDEN, detail, parameter=CSRF_HEADER)


def _unauthorised(detail: str, challenge: str) -> Problem:
    headers = {"WWW-Authenticate": challenge}
    return Problem(HTTPStatus.UNAUTHORIZED, detail, parameter="Authorization", headers=headers)


def desk(here: Context) -> PeopleDesk:
    """Who keeps accounts; Problem 404 where there are none."""
    if here.deps.people is None:
        raise Problem(HTTPStatus.NOT_FOUND, "this service keeps no accounts")
    return here.deps.people


def door_of(request: Request) -> Door:
    """From where somebody asks."""
    seen: Seen = request.scope["seen"]
    return Door(seen.client, request.headers.get("user-agent", ""), session_secret(request))


AWAY = "{} does not answer now; who has a password here can sign in with it"


async def lane_of(here: Context, name: str) -> Lane:
    """Where that person's password is looked at: who waits for a directory holds up nobody whose password is here."""
    people = here.deps.people
    if people is not None and await here.lanes.light.run(lambda: people.asks_elsewhere(name)):
        return here.lanes.provider
    return here.lanes.passwords


def no_proof(refused: Refused) -> Problem:
    """What is answered to who signs and is not proven: 401, with `proof` to blame where they can prove it elsewhere.

    429 after too many tries, 503 where nobody can tell now, 409 for all else.
    """
    if isinstance(refused, TooSoon):
        return too_many(str(refused), refused.wait_s)
    if isinstance(refused, ProviderAway):
        log.warning("nobody of a directory can sign now: %s", refused)
        detail = "the system that knows the password does not answer now: nothing is signed"
        return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"})
    if isinstance(refused, NotLetIn):
        parameter = "proof" if isinstance(refused, ProofWanted) else "secret"
        headers = {"WWW-Authenticate": f'Session error="{"proof" if parameter == "proof" else "password"}"'}
        return Problem(HTTPStatus.UNAUTHORIZED, str(refused), parameter=parameter, headers=headers)
    return Problem(HTTPStatus.CONFLICT, str(refused))


async def looked_at(here: Context, call: Callable[[], Answer], name: str = "") -> Answer:
    """What a call answers that needs a password, of that name if one is told.

    Problem 401 or 429 as it refuses, 503 where the directory that knows the password does not answer.
    """
    lane = await lane_of(here, name) if name else here.lanes.passwords
    try:
        return await lane.run(call)
    except ProviderAway as away:
        log.warning("a password cannot be looked at: %s", away)
        detail, again = AWAY.format(desk(here).elsewhere), {"Retry-After": "10"}
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=again) from away
    except TooSoon as soon:
        raise too_many(str(soon), soon.wait_s) from soon
    except NotLetIn as refused:
        raise _unauthorised(str(refused), 'Session error="password"') from refused


def _who_asks(request: Request) -> Person:
    person = request.state.person
    assert isinstance(person, Person)  # `api.access` lets nobody through to a write without a name
    return person


Somebody = Annotated[Person, Depends(_who_asks)]
"""Who asks, on a route whose line in `api.access` needs a permission other than to look."""
