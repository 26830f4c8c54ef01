"""Signing in and out, and the one-time links by which people choose their passwords."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Somebody, demand_csrf, desk, door_of, looked_at, visit_of
from api.context import Context, Here, answer
from api.cookies import csrf_of, give_cookie, session_secret, take_cookie
from api.problems import Problem
from api.words import Words
from domain.errors import Refused
from domain.people import LONGEST_NAME, LONGEST_PASSWORD, Entered, PeopleDesk, Person, Purpose
from domain.roles import Permission

router = APIRouter(prefix="/v1", tags=["people"])

Name = Annotated[str, Field(max_length=LONGEST_NAME)]
Password = Annotated[str, Field(max_length=LONGEST_PASSWORD)]
Secret = Annotated[str, Field(max_length=100, description="what follows the `#` of a one-time link")]


class Entering(BaseModel):
    """A name and its password."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    password: Password


class Changing(BaseModel):
    """One's own password, and the one to come."""

    model_config = ConfigDict(extra="forbid")

    password: Password
    new: Password


class Looking(BaseModel):
    """A one-time link."""

    model_config = ConfigDict(extra="forbid")

    link: Secret


class Using(Looking):
    """A one-time link and what it is there for."""

    name: Words = ""
    full_name: Words = ""
    password: Password = ""


@router.get("/session")
async def session(here: Here, request: Request) -> Response:
    """Who is signed in, what they may do, and the word that their writes carry."""
    visit = await visit_of(request, here)
    about = {
        "reading_open": here.deps.reading_open,
        "directory": None if here.deps.people is None else here.deps.people.elsewhere or None,
        "provider": None if here.deps.provider is None else here.deps.provider.title,
    }
    if visit is None:
        return answer({"person": None, "locked": False, "csrf": None, "proof": None, **about})
    people, name = desk(here), visit.person.name
    proof = await here.lanes.light.run(lambda: _proof_of(people, name))
    return answer(
        {
            **about,
            "proof": proof,
            "person": person_shape(visit.person),
            "locked": visit.unused_ns >= here.deps.session_rules.idle_ns,
            "csrf": csrf_of(session_secret(request)),
            "expires_ns": str(visit.session.expires_ns),
        }
    )


def _proof_of(people: PeopleDesk, name: str) -> str:
    """By what somebody proves themselves at signing: a password of theirs here or in a directory, or a provider."""
    if not people.is_by_provider(name):
        return "password"
    return "directory" if people.asks_elsewhere(name) else "provider"


def person_shape(person: Person) -> dict[str, object]:
    """Somebody, and what they may do."""
    permitted = [permission.name.lower() for permission in Permission if person.may(permission)]
    return {"name": person.name, "full_name": person.full_name, "role": person.role, "may": permitted}


@router.post("/session", status_code=HTTPStatus.CREATED)
async def sign_in(here: Here, request: Request, entering: Entering) -> Response:
    """Sign in; 401 where name or password is wrong, 429 after too many tries."""
    door, people, rules = door_of(request), desk(here), here.deps.session_rules
    here.rates.entering.take(door.address)
    entered = await looked_at(here, lambda: people.enter(entering.name, entering.password, door, rules), entering.name)
    return _signed_in(request, entered)


def _signed_in(request: Request, entered: Entered) -> Response:
    told = {"person": person_shape(entered.person), "locked": False, "csrf": csrf_of(entered.secret)}
    response = answer(told, HTTPStatus.CREATED)
    give_cookie(request, response, entered.secret)
    return response


@router.delete("/session")
async def sign_out(here: Here, request: Request) -> Response:
    """Sign out; nothing happens where nobody is signed in."""
    secret, people = session_secret(request), desk(here)
    if secret and await visit_of(request, here) is not None:
        demand_csrf(request)
        await here.lanes.light.run(lambda: people.leave(secret))
    response = answer({"person": None})
    take_cookie(request, response)
    return response


@router.post("/session/used")
async def used(person: Somebody) -> Response:
    """Tell that somebody is there: the page does, at most once a minute while it is touched."""
    return answer({"person": person_shape(person)})


@router.post("/session/password", status_code=HTTPStatus.CREATED)
async def change_password(here: Here, request: Request, changing: Changing, person: Somebody) -> Response:
    """Change one's own password; every session of that person ends, and this browser gets a new one."""
    door, people, rules = door_of(request), desk(here), here.deps.session_rules
    here.rates.entering.take(door.address)

    def change() -> Entered:
        people.change_password(person.name, changing.password, changing.new, door)
        return people.enter(person.name, changing.new, door, rules)

    return _signed_in(request, await _refusable(here, change, "new"))


@router.post("/one-time/look")
async def look_at_link(here: Here, request: Request, looking: Looking) -> Response:
    """What a one-time link is there for; 404 where it is not good any more."""
    people = desk(here)
    here.rates.entering.take(door_of(request).address)
    try:
        link = await here.lanes.light.run(lambda: people.look_at_link(looking.link))
    except Refused as refused:
        raise Problem(HTTPStatus.NOT_FOUND, str(refused), parameter="link") from refused
    return answer({"purpose": link.purpose.name.lower(), "name": link.name})


@router.post("/one-time/use", status_code=HTTPStatus.CREATED)
async def use_link(here: Here, request: Request, using: Using) -> Response:
    """Use a one-time link: who made an account or chose a password is signed in."""
    door, people, rules = door_of(request), desk(here), here.deps.session_rules
    here.rates.entering.take(door.address)

    def use() -> Entered:
        purpose = people.look_at_link(using.link).purpose
        if purpose is Purpose.ENTER:
            return people.enter_by_link(using.link, door, rules)
        if purpose is Purpose.SET_UP:
            person = people.set_up(using.link, using.name, using.full_name, using.password)
        else:
            person = people.choose_password(using.link, using.password)
        return people.enter(person.name, using.password, door, rules)

    return _signed_in(request, await _refusable(here, use, "password"))


async def _refusable(here: Context, call: Callable[[], Entered], parameter: str) -> Entered:
    """What a call answers; Problem 409 says in words what is wrong with what was asked."""
    try:
        return await looked_at(here, call)
    except Refused as refused:
        raise Problem(HTTPStatus.CONFLICT, str(refused), parameter=parameter) from refused
