"""Who asks: personal tokens, sent as `Authorization: Bearer …`. What they may do stands in `api.access`."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from api.context import Context
from api.problems import Problem
from domain.ports import Person

_bearer = HTTPBearer(auto_error=False, description="a personal token from `thermowell token add NAME`")
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]


async def known_person(here: Context, credentials: HTTPAuthorizationCredentials | None) -> Person:
    """The person behind the token; Problem 401 without a valid one."""
    if credentials is None:
        detail = "a personal token is needed: Authorization: Bearer TOKEN; `thermowell token add NAME` makes one"
        raise _unauthorised(detail, "Bearer")
    person = await here.lanes.light.run(lambda: here.deps.records.person_of(credentials.credentials))
    if person is None:
        raise _unauthorised("nobody has this token", 'Bearer error="invalid_token"')
    return person


def _unauthorised(detail: str, challenge: str) -> Problem:
    headers = {"WWW-Authenticate": challenge}
    return Problem(HTTPStatus.UNAUTHORIZED, detail, parameter="Authorization", headers=headers)


def _who_asks(request: Request) -> Person:
    person = request.state.person
    assert isinstance(person, Person)  # `api.access` lets nobody through to a write without a name
    return person


Somebody = Annotated[Person, Depends(_who_asks)]
"""Who asks, on a route whose line in `api.access` needs a permission other than to look."""
