"""The pages by which people come in."""

from typing import cast

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from api.render import Pages

router = APIRouter(include_in_schema=False)

_UNSTORED = {"Cache-Control": "no-store"}


def _page(request: Request, template: str) -> Response:
    pages = cast("Pages", request.app.state.pages)
    root = request.scope["root_path"]
    page = pages.under(root, request.scope["path"].removeprefix(root)).plain(template)
    return HTMLResponse(page, headers=_UNSTORED)


@router.get("/login")
async def login(request: Request) -> Response:
    """Sign in, and go back to where one came from."""
    return _page(request, "login.html")


@router.get("/set-up")
async def set_up(request: Request) -> Response:
    """Choose a password by a one-time link, whose secret the browser keeps to itself."""
    return _page(request, "set-up.html")


@router.get("/account")
async def account(request: Request) -> Response:
    """One's own password and sessions."""
    return _page(request, "account.html")


@router.get("/people")
async def people(request: Request) -> Response:
    """Accounts, their roles, and the sessions that run."""
    return _page(request, "people.html")
