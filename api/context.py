"""What every route needs, and how it finds it."""

from collections import Counter
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from api.dependencies import Dependencies
from api.jsonify import to_json
from api.lanes import Lanes
from api.limits import Rates
from api.problems import missing
from api.times import TimeForm
from domain.tags import Tag, TagTable


@dataclass(slots=True)
class Context:
    """One running HTTP interface."""

    deps: Dependencies
    lanes: Lanes = field(default_factory=Lanes)
    rates: Rates = field(default_factory=Rates)
    requests: dict[int, int] = field(default_factory=dict)  # by status
    listening: Counter[str] = field(default_factory=Counter)  # streams by address
    connections: Sized = ()  # of the server, once there is one

    def now_ns(self) -> int:
        """The plant's now."""
        return self.deps.clock.now_ns()

    async def tag(self, name: str) -> Tag:
        """The tag of that name; Problem 404 if nobody knows it."""
        known = self.deps.feed.tags.find(name)
        if known is not None:
            return known
        # It may have been defined since the last wake-up.
        known = TagTable(await self.lanes.light.run(self.deps.journal.tags)).find(name)
        if known is None:
            raise missing("tag", f"no tag is named {name!r}; /v1/tags lists all")
        return known


def _context(request: Request) -> Context:
    return cast("Context", request.app.state.context)


Here = Annotated[Context, Depends(_context)]

Time = Annotated[
    TimeForm,
    Query(alias="time", description="form of the times in the answer: `ns` and `ms` are integers, `iso` is ISO 8601"),
]
Start = Annotated[
    str,
    Query(description="first moment: ISO 8601, integer ns since 1970, `now`, or back from now like `-8h`"),
]
End = Annotated[str, Query(description="first moment after the span, written like `start`")]
SomeStart = Annotated[str | None, Query(alias="start", description="leave out what ended before")]
SomeEnd = Annotated[str | None, Query(alias="end", description="leave out what began at or after")]


def answer(told: object, status: int = 200) -> Response:
    """A JSON answer; arrays of numpy are members like any other, NaN is null."""
    return Response(
        to_json(told),
        status,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


def cut(items: list[dict[str, object]], limit: int) -> tuple[list[dict[str, object]], bool]:
    """At most `limit` items, and whether there were more (ask for one more than the limit)."""
    return items[:limit], len(items) > limit
