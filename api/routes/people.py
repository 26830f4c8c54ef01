"""Accounts, for who manages them; and one's own sessions."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from api.auth import Somebody, desk, visit_of
from api.context import Context, Here, Time, answer
from api.problems import Problem
from api.routes.session import Name
from api.times import TimeForm
from api.words import Words
from domain.errors import Refused
from domain.people import Account, PeopleDesk, Person, Session
from domain.roles import Role

router = APIRouter(prefix="/v1", tags=["people"])

_SET_UP = "/set-up#"


class Change(BaseModel):
    """Why somebody's account is changed; it goes into the audit trail."""

    model_config = ConfigDict(extra="forbid")

    reason: Annotated[Words, Field(min_length=1)]


class NewAccount(Change):
    """A person who is to come in."""

    name: Name
    full_name: Name = ""
    role: Role


class NewRole(Change):
    """Another role."""

    role: Role


@router.get("/people")
async def people(here: Here, time: Time = TimeForm.NS) -> Response:
    """Every account there ever was, by name."""
    book = desk(here)
    accounts = await here.lanes.light.run(book.accounts)
    return answer({"people": [_account_shape(account, time) for account in accounts]})


def _account_shape(account: Account, form: TimeForm) -> dict[str, object]:
    return {
        "name": account.name,
        "full_name": account.full_name,
        "role": account.role,
        "state": account.state,
        "has_password": account.has_password,
        **form.put(created=account.created_ns, changed=account.changed_ns, locked_until=account.locked_until_ns),
    }


@router.post("/people", status_code=HTTPStatus.CREATED)
async def add(here: Here, new: NewAccount, person: Somebody) -> Response:
    """Make an account; `link` leads its person to choosing a password, within a day and once."""

    def made(book: PeopleDesk) -> str:
        return book.add(new.name, new.full_name, str(new.role), person, new.reason)

    return await _linked(here, made, HTTPStatus.CREATED)


@router.post("/people/{name:path}/reset")
async def reset(here: Here, name: str, change: Change, person: Somebody) -> Response:
    """A link by which somebody chooses a new password; until it is used the old one is good."""
    return await _linked(here, lambda book: book.reset(name, person, change.reason), HTTPStatus.OK)


@router.post("/people/{name:path}/disable")
async def disable(here: Here, name: str, change: Change, person: Somebody) -> Response:
    """Let somebody in no more: their sessions and their token end; the name stays theirs."""
    return await _done(here, lambda book: book.disable(name, person, change.reason))


@router.post("/people/{name:path}/enable")
async def enable(here: Here, name: str, change: Change, person: Somebody) -> Response:
    """Let somebody in again."""
    return await _done(here, lambda book: book.enable(name, person, change.reason))


@router.post("/people/{name:path}/unlock")
async def unlock(here: Here, name: str, change: Change, person: Somebody) -> Response:
    """Forget the tries that failed."""
    return await _done(here, lambda book: book.unlock(name, person, change.reason))


@router.post("/people/{name:path}/role")
async def give_role(here: Here, name: str, change: NewRole, person: Somebody) -> Response:
    """Give somebody another role, from their next request on."""
    return await _done(here, lambda book: book.give_role(name, str(change.role), person, change.reason))


@router.get("/people/sessions")
async def all_sessions(here: Here, request: Request, time: Time = TimeForm.NS) -> Response:
    """The sessions of everybody that run, newest first."""
    return await _sessions(here, request, None, time)


@router.post("/people/sessions/{session}/end")
async def end_any(here: Here, session: str, change: Change, person: Somebody) -> Response:
    """End anybody's session."""
    return await _done(here, lambda book: book.end_session(session, person, change.reason))


@router.get("/sessions")
async def own_sessions(here: Here, request: Request, person: Somebody, time: Time = TimeForm.NS) -> Response:
    """One's own sessions that run, newest first."""
    return await _sessions(here, request, person, time)


@router.delete("/sessions/{session}")
async def end_own(here: Here, session: str, person: Somebody) -> Response:
    """End a session of one's own."""
    return await _done(here, lambda book: book.end_session(session, person, "", of=person.name))


async def _sessions(here: Context, request: Request, person: Person | None, form: TimeForm) -> Response:
    book, visit = desk(here), await visit_of(request, here)
    running = await here.lanes.light.run(lambda: book.sessions(None if person is None else person.name))
    mine = None if visit is None else visit.session.id
    return answer({"sessions": [_session_shape(session, form, is_this=session.id == mine) for session in running]})


def _session_shape(session: Session, form: TimeForm, *, is_this: bool) -> dict[str, object]:
    return {
        "id": session.id,
        "name": session.name,
        "client": session.client,
        "agent": session.agent,
        "this": is_this,
        **form.put(created=session.created_ns, used=session.used_ns, expires=session.expires_ns),
    }


async def _done(here: Context, deed: Callable[[PeopleDesk], None]) -> Response:
    """Do it; Problem 409 says in words why not."""
    book = desk(here)
    try:
        await here.lanes.light.run(lambda: deed(book))
    except Refused as refused:
        raise Problem(HTTPStatus.CONFLICT, str(refused)) from refused
    return answer({"done": True})


async def _linked(here: Context, deed: Callable[[PeopleDesk], str], status: HTTPStatus) -> Response:
    """Do it, and tell the path of the link that came of it, which is not told again; empty for a service."""
    book = desk(here)
    try:
        secret = await here.lanes.light.run(lambda: deed(book))
    except Refused as refused:
        raise Problem(HTTPStatus.CONFLICT, str(refused)) from refused
    return answer({"link": f"{_SET_UP}{secret}" if secret else ""}, status)
