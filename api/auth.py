"""Who asks: personal tokens, sent as `Authorization: Bearer …`; reading is open, every write needs one."""

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.context import Here
from api.problems import Problem
from domain.ports import Person

_bearer = HTTPBearer(auto_error=False, description="a personal token from `thermowell token add NAME`")

ONLOOKERS = frozenset({"viewer", "service", "admin"})
"""Roles that act on no alarm: an administrator holds no role in the process."""

TELLS_NOTHING = frozenset({"viewer", "admin"})
"""Roles that tell no events of batches."""

SHELVERS = frozenset({"shift lead", "process engineer", "qa"})
"""Roles that may shelve."""


def role_words(role: str) -> str:
    """A role in words, however it is written: `shift_lead` → `shift lead`."""
    return role.replace("_", " ").replace("-", " ").strip().lower()


async def person_of(
    here: Here,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Person:
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


Somebody = Annotated[Person, Depends(person_of)]


def must_act(person: Person) -> None:
    """Problem 403 if the person's role only looks on."""
    if role_words(person.role) in ONLOOKERS:
        detail = f"{person.name} has the role {person.role!r}, which acts on no alarm"
        raise Problem(HTTPStatus.FORBIDDEN, detail, parameter="Authorization")


def must_tell(person: Person) -> None:
    """Problem 403 if the person's role tells nothing of batches: a system's token has the role `service`."""
    if role_words(person.role) in TELLS_NOTHING:
        detail = f"{person.name} has the role {person.role!r}, which tells nothing of batches"
        raise Problem(HTTPStatus.FORBIDDEN, detail, parameter="Authorization")


def must_shelve(person: Person) -> None:
    """Problem 403 if the person's role may not shelve."""
    if role_words(person.role) not in SHELVERS:
        detail = f"{person.name} has the role {person.role!r}; shelving is for a {', a '.join(sorted(SHELVERS))}"
        raise Problem(HTTPStatus.FORBIDDEN, detail, parameter="Authorization")
