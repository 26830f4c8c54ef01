"""The web application: what it answers, in one place."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from functools import cache, partial

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from api import problems
from api.access import admitted
from api.alarm_list import AlarmList
from api.context import Context
from api.dependencies import Dependencies
from api.document import PROBLEMS
from api.guard import Guard
from api.navigation import places_of
from api.render import STATIC, Pages
from api.routes import (
    alarms,
    audit,
    batch,
    batches,
    doors,
    duty,
    findings,
    flow,
    handover,
    health,
    influx,
    links,
    live,
    pages,
    people,
    performance,
    provider,
    ranges,
    recipes,
    review,
    samples,
    session,
    tags,
)

logger = logging.getLogger(__name__)

DESCRIPTION = (
    "The record of a plant, read-only, and the actions of people on its alarms. "
    "Times are UTC; each list has limits and says when it cut; errors are problem details (RFC 9457). "
    "Reading is open to whoever reaches the port, unless it is closed; every write needs a person and their role."
)

ROUTES = (
    *(
        tags,
        samples,
        batches,
        review,
        batch,
        findings,
        performance,
        alarms,
        links,
        duty,
        flow,
        handover,
        live,
        health,
        recipes,
        ranges,
        influx,
    ),
    audit,
    pages,
    *(session, provider, people, doors),
)
"""Modules with a router; each route has a line in `api.access`."""


def create_app(deps: Dependencies) -> FastAPI:
    """Build the application; its lifespan runs the feed."""
    context = Context(deps)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        following = asyncio.create_task(_follow(deps))
        try:
            yield
        finally:
            deps.feed.close()
            following.cancel()
            await asyncio.wait([following])
            deps.feed.shut()
            context.lanes.close()

    app = FastAPI(
        title="Thermowell",
        version=deps.version,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # they would load scripts from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    app.state.context = context
    app.state.alarm_list = AlarmList(deps.records)
    problems.install(app)
    app.router.routes.extend(_routes())
    app.state.pages = Pages(deps, places_of(_page_paths()))
    app.state.problem_page = partial(_problem_page, app.state.pages)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(Guard, context=context)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """What every application answers: FastAPI reads a hundred signatures for it, which is done once in a process."""
    every = APIRouter(dependencies=[Depends(admitted)], responses=PROBLEMS)
    for module in ROUTES:
        every.include_router(module.router)
    return tuple(every.routes)


def _problem_page(pages: Pages, request: Request, status: int, detail: str) -> str:
    """What a person reads who asked for a page and may not have it, or where there is none."""
    root = request.scope["root_path"]
    return pages.under(root, request.scope["path"].removeprefix(root)).problem(status, detail)


def _page_paths() -> list[str]:
    """The paths of all routes without parameters; the navigation points at those that it knows."""
    return [route.path for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]


async def _follow(deps: Dependencies) -> None:
    """Start the feed as soon as journal and records can be read, then run it."""
    feed = deps.feed
    while True:
        try:
            await feed.start()
        except Exception as error:  # noqa: BLE001 - the root of a task that tries again
            if feed.faults.get("start") != str(error):
                logger.warning("the journal cannot be followed yet, trying again every second: %s", error)
            feed.faults["start"] = str(error)
            await asyncio.sleep(1)
        else:
            feed.faults.pop("start", None)
            break
    await feed.run()
