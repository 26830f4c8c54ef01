"""Signing in by an identity provider: going there, and coming back."""

import logging
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.auth import Somebody, desk, door_of
from api.context import Context, Here, answer
from api.cookies import give_binding, give_cookie, kept_binding, session_secret, take_binding
from api.problems import Problem, missing
from domain.errors import Refused
from domain.identity import Begun, NotProven, ProviderAway, Returned, SomebodyElse
from domain.people import Entered, NotLetIn

log = logging.getLogger(__name__)

router = APIRouter(tags=["people"])

_LONGEST = 4000
Word = Annotated[str, Query(max_length=_LONGEST)]


class Going(BaseModel):
    """Where somebody wants to be once they are signed in: a path of ours."""

    model_config = ConfigDict(extra="forbid")

    next: Annotated[str, Field(max_length=2000)] = "/"


@router.post("/v1/session/oidc")
async def go(here: Here, request: Request, going: Going) -> Response:
    """Begin a login at the provider: the address that the browser goes to; 503 while the provider is away."""
    provider, door = here.deps.provider, door_of(request)
    if provider is None:
        raise missing("login", "people sign in here by their passwords alone")
    here.rates.entering.take(door.address)
    onward = going.next if is_path(going.next) else "/"
    begun = await _begun(here, lambda: provider.begin(onward, session_secret(request)))
    response = answer({"url": begun.url})
    give_binding(request, response, begun.binding)
    return response


@router.post("/v1/session/proof")
async def prove(here: Here, request: Request, person: Somebody) -> Response:
    """Begin to prove oneself for what one has just tried to sign: the address that a window goes to.

    409 where nothing waits for a proof, 503 while the provider is away.
    """
    provider, proofs, door = here.deps.provider, here.deps.proofs, door_of(request)
    if provider is None or proofs is None:
        raise missing("login", "people sign in here by their passwords alone")
    wanted = proofs.wanted(person.name)
    if wanted is None:
        raise Problem(HTTPStatus.CONFLICT, "nothing waits for a proof: sign first")
    here.rates.entering.take(door.address)
    begun = await _begun(here, lambda: provider.begin("/", session_secret(request), wanted))
    response = answer({"url": begun.url})
    give_binding(request, response, begun.binding)
    return response


async def _begun(here: Context, begin: Callable[[], Begun]) -> Begun:
    try:
        return await here.lanes.provider.run(begin)
    except ProviderAway as away:
        log.warning("nobody can sign in by the identity provider now: %s", away)
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, _AWAY, headers={"Retry-After": "10"}) from away


_AWAY = "the identity provider does not answer now; who has a password here can sign in with it"


def is_path(text: str) -> bool:
    """Whether this is a path of ours: browsers take two slashes for a host, backslashes for slashes, drop breaks."""
    return text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()


@router.get("/login/oidc", include_in_schema=False)
async def back(
    here: Here, request: Request, state: Word = "", code: Word = "", iss: Word = "", error: Word = ""
) -> Response:
    """Come back from the provider; the login's page goes on, or says why not."""
    provider, people, rules, door = here.deps.provider, desk(here), here.deps.session_rules, door_of(request)
    proofs = here.deps.proofs
    if provider is None:
        raise missing("login", "people sign in here by their passwords alone")
    returned = Returned(state, code, iss, error, kept_binding(request))

    def finish() -> tuple[Entered | None, str]:
        proven = provider.finish(returned)
        if proven.wanted is not None:  # no login: the session that asks goes on
            assert proofs is not None
            people.proven_again(proven.identity, proven.wanted.person)
            proofs.give(proven.wanted)
            return None, ""
        # The cookie of a session does not come along from another site: the login remembers which one it replaces.
        return people.enter_proven(proven.identity, replace(door, session=proven.session), rules), proven.onward

    try:
        here.rates.entering.take(door.address)
        entered, onward = await here.lanes.provider.run(finish)
    except (Problem, Refused) as refused:
        log.warning("a login by the identity provider from %s failed: %s", door.address, refused)
        return _to_login(request, f"fault={_fault(refused)}")
    if entered is None:
        return _to_login(request, "proven=1")
    response = _to_login(request, f"next={quote(onward, safe='/')}")
    give_cookie(request, response, entered.secret)
    return response


def _fault(refused: Exception) -> str:
    """What the login's page says, as its word for it: nothing that came along stands on the page."""
    if isinstance(refused, ProviderAway | Problem):
        return "away"
    if isinstance(refused, NotLetIn):
        return "no-place"
    if isinstance(refused, SomebodyElse):
        return "somebody-else"
    assert isinstance(refused, NotProven | Refused)
    return "not-proven"


def _to_login(request: Request, query: str) -> Response:
    there = f"{request.scope['root_path']}/login?{query}"
    response = RedirectResponse(there, HTTPStatus.SEE_OTHER, {"Cache-Control": "no-store"})
    take_binding(request, response)
    return response
