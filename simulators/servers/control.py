"""How a running bench is steered from outside: faults and time, over HTTP on the loopback.

Every answer is JSON. With a token, each request needs `Authorization: Bearer TOKEN`. Durations are of plant time:
`"10min"`, `"1 h 30 min"`, `"2 days"` or a number of seconds, whole ones; plant times are ISO 8601, UTC.

| request | body | answer |
|---|---|---|
| `GET /v1/status` | | 200 STATUS |
| `GET /v1/catalogue` | | 200 `{"kinds": [KIND…]}` |
| `POST /v1/faults` | FAULT | 201 FAULT; it begins at the plant's next step, or after `after` |
| `DELETE /v1/faults/ID` | | 200 FAULT; it ends at the plant's next step |
| `POST /v1/advance` | `{"by": "10min"}` | 200 STATUS, once the plant has run so far and every value is published |
| `POST /v1/pause`, `/v1/resume` | | 200 STATUS |
| `POST /v1/speed` | `{"speed": 60}` | 200 STATUS |
| `GET /v1/truth` | | 200 `{"labels": [LABEL…]}`, so far |

STATUS: `scenario`, `seed`, `plant_time`, `second`, `speed` (0: it stands), `paused`, `behind_s`, `ended` (the
scenario's time is over; the plant goes on), `units` (each `unit`, `phase`, `batch`, `since`), `faults` (FAULT…),
`addresses` (`opcua`, `mqtt`, `control` … as in the ready line), `clock` (`wall_origin`, `plant_origin` in ns, `speed`).

FAULT: `kind` and `target`, which are needed, and `id`, `settings` (numbers in the catalogue's units, or words),
`lasts`, `after`, `shape` (step, ramp or intermittent), `ramp`, `power`, `period`, `on`; in answers also `state`
(waiting, active, over, or cleared: it was cleared before it began) and `since`.

KIND: `kind`, `domain`, `targets`, `does`, `gradual`, `settings` (by name: `does`, `unit`, `default`, `low`, `high`,
`choices`, `required`).

LABEL: as in `truth.json`, with `onset`, `end` and `visible` as times.

What is refused is 400 `{"error": {"field", "message"}}`; 401 without the token, 404 for a fault that is not there.
OPC UA has the same as methods of the object `Bench`: `Advance(by)`, `Inject(fault as JSON)`, `Clear(id)`; each answers
with the JSON that HTTP would (`opcua_methods`).
"""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from simulators.live import NotPossible
from simulators.servers.control_desk import Desk
from simulators.servers.ports import own_port

_HOST: Final = "127.0.0.1"
_START_WITHIN_S: Final = 30.0
_STOP_WITHIN_S: Final = 5
_LOOK_AGAIN_S: Final = 0.01
_LARGEST_BODY: Final = 100_000  # bytes

Answer = Callable[[Request], Awaitable[JSONResponse]]


class ControlServer:
    """Serves the interface; `async with` opens and closes it. `url` is where, without a slash at its end."""

    def __init__(self, desk: Desk, port: int = 0, token: str = "") -> None:
        config = uvicorn.Config(
            _application(desk, token),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
        config.load()
        self._server = _Server(config)
        self._port = port
        self._serving: asyncio.Task[None] | None = None
        self.url = ""

    async def __aenter__(self) -> Self:
        """Listen; OSError: the port is taken."""
        ours = own_port(self._port)  # uvicorn ends the process where it cannot bind
        self.url = f"http://{_HOST}:{ours.getsockname()[1]}"
        self._serving = asyncio.create_task(self._server.serve([ours]))
        async with asyncio.timeout(_START_WITHIN_S):
            while not self._server.started:
                if self._serving.done():
                    ours.close()
                    raise OSError(f"the control interface cannot listen at {self.url}")
                await asyncio.sleep(_LOOK_AGAIN_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Server(uvicorn.Server):
    """uvicorn, which leaves the process's signals to those who own them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _application(desk: Desk, token: str) -> Starlette:
    answers = _Answers(desk)
    routes = (
        ("GET", "/v1/status", answers.status),
        ("GET", "/v1/catalogue", answers.catalogue),
        ("GET", "/v1/truth", answers.truth),
        ("POST", "/v1/faults", answers.inject),
        ("DELETE", "/v1/faults/{fault:path}", answers.clear),
        ("POST", "/v1/advance", answers.advance),
        ("POST", "/v1/pause", answers.pause),
        ("POST", "/v1/resume", answers.resume),
        ("POST", "/v1/speed", answers.speed),
    )
    return Starlette(routes=[Route(path, _guarded(answer, token), methods=[method]) for method, path, answer in routes])


class _Answers:
    """One method per request."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def status(self, _: Request) -> JSONResponse:
        return JSONResponse(self._desk.status())

    async def catalogue(self, _: Request) -> JSONResponse:
        return JSONResponse(self._desk.catalogue())

    async def truth(self, _: Request) -> JSONResponse:
        return JSONResponse(self._desk.truth())

    async def inject(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._desk.inject(await _body(request)), 201)

    async def clear(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._desk.clear(request.path_params["fault"]))

    async def advance(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._desk.advance(await _body(request)))

    async def pause(self, _: Request) -> JSONResponse:
        return JSONResponse(await self._desk.pause())

    async def resume(self, _: Request) -> JSONResponse:
        return JSONResponse(await self._desk.resume())

    async def speed(self, request: Request) -> JSONResponse:
        return JSONResponse(await self._desk.set_speed(await _body(request)))


def _guarded(answer: Answer, token: str) -> Answer:
    """Ask for the token, and say what was wrong."""

    async def guarded(request: Request) -> JSONResponse:
        said = request.headers.get("authorization", "")
        if token and not hmac.compare_digest(said.encode(), f"Bearer {token}".encode()):
            return _refusal("authorization", "the token is missing or wrong", 401)
        try:
            return await answer(request)
        except NotPossible as refusal:
            return _refusal(refusal.field, str(refusal), 400)
        except KeyError as missing:
            return _refusal("id", f"there is no fault {missing.args[0]!r}", 404)

    return guarded


def _refusal(field: str, message: str, status: int) -> JSONResponse:
    return JSONResponse({"error": {"field": field, "message": message}}, status)


async def _body(request: Request) -> object:
    """The request's JSON; NotPossible."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > _LARGEST_BODY:
            raise NotPossible("body", f"it has more than {_LARGEST_BODY} bytes")
    try:
        parsed: object = json.loads(content or b"{}")
    except ValueError as error:
        raise NotPossible("body", f"it is no JSON: {error}") from error
    return parsed
