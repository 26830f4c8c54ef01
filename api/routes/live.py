"""The event stream."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from api.auth import door_of
from api.context import Context, Here
from api.document import comes_as
from api.frames import TagFilter
from api.limits import too_many
from api.problems import Problem, bad
from api.stream import MOST_CLIENTS, Feed
from api.subscription import Subscription
from domain.entries import Position

router = APIRouter(prefix="/v1", tags=["live"])

MOST_TAGS = 1_000
MOST_OF_ONE = 100
"""Streams of one address: half of all, so that others are heard. A browser has one, however many pages it shows."""


@router.get("/stream", response_class=Response, responses=comes_as("text/event-stream"))
async def stream(
    here: Here,
    request: Request,
    tags: Annotated[str | None, Query(description="names, separated by commas; without it: all tags")] = None,
    after: Annotated[int | None, Query(ge=0, description="go on after this position, like Last-Event-ID")] = None,
    last_event_id: Annotated[str | None, Header(description="the position a client has heard up to")] = None,
) -> Response:
    """Server-sent events: `samples`, `text`, `gap`, `tag`, `alarm`, `phase`, `finding`, `heartbeat` and `cut`.

    An event's id is the journal's position. Samples are columns `{"tag": [dense ids], "time_ns", "value", "status"}`.
    `heartbeat` comes once a second: a client that hears none for three seconds is not connected. `cut` says what this
    client did not hear.
    """
    chosen = await _chosen(here, tags)
    heard = after
    if last_event_id:
        if not re.fullmatch(r"\d{1,18}", last_event_id):
            raise bad("Last-Event-ID", f"{last_event_id!r} is no position")
        heard = int(last_event_id)
    return _Stream(here, door_of(request).address, chosen, None if heard is None else Position(heard))


class _Stream(StreamingResponse):
    """An event stream that has its place from when it is let in until it ends, however it ends."""

    def __init__(self, here: Context, address: str, chosen: TagFilter, heard: Position | None) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(iter(()), media_type="text/event-stream", headers=headers)
        self._here, self._address, self._chosen, self._heard = here, address, chosen, heard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream; Problem 429 or 503 if there is no place."""
        with _a_place(self._here, self._address, self._chosen) as client:
            feed = self._here.deps.feed
            self.body_iterator = _told(feed, client, self._chosen, self._heard, feed.position)
            await super().__call__(scope, receive, send)


@contextmanager
def _a_place(here: Context, address: str, chosen: TagFilter) -> Iterator[Subscription]:
    """Count a listener where it is let in: nothing is awaited in between, so that no burst gets past the limits."""
    feed = here.deps.feed
    if here.listening[address] >= MOST_OF_ONE:
        raise too_many(f"{MOST_OF_ONE} streams go to {address or 'one address'} already", 10)
    if feed.clients >= MOST_CLIENTS:
        detail = f"{feed.clients} clients listen already"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "10"})
    here.listening[address] += 1
    client = feed.subscribe(chosen)
    try:
        yield client
    finally:
        feed.unsubscribe(client)
        here.listening[address] -= 1
        if not here.listening[address]:
            del here.listening[address]


async def _chosen(here: Context, tags: str | None) -> TagFilter:
    if tags is None:
        return None
    names = [name for name in tags.split(",") if name]
    if len(names) > MOST_TAGS:
        raise bad("tags", f"{len(names)} tags are more than {MOST_TAGS}; leave it out to hear all")
    return frozenset([int((await here.tag(name)).id) for name in names])


async def _told(
    feed: Feed, client: Subscription, chosen: TagFilter, heard: Position | None, through: Position
) -> AsyncIterator[bytes]:
    """What was missed up to where `client` begins to hear, then what it hears."""
    yield b"retry: 1000\n\n"
    if heard is not None:
        missed = await feed.replay(heard, through, chosen)
        if missed:
            yield missed
    async for chunk in client.chunks():
        yield chunk
