"""InfluxQL over HTTP as InfluxDB 1 and Grafana's data source speak it, answered from the record."""

import asyncio
import base64
import binascii
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.context import Context, Here
from api.document import comes_as
from api.influxql.answering import DEFAULT_CHUNK, PRECISIONS, Form, refusal, written
from api.influxql.budget import Budget
from api.influxql.decided import Decided
from api.influxql.evaluation import Evaluation, is_cheap
from api.influxql.faults import Unreadable
from api.influxql.frames import Record
from api.influxql.parsing import parse
from api.influxql.schema import Measurement, Naming
from api.lanes import Lane
from api.problems import Problem

router = APIRouter(prefix="/influx", tags=["influx"])

_REFUSED = comes_as("application/json", status="default", what="refused, as InfluxDB says it: `error`")

_PIECE_BYTES = 256 * 1024
_PIECE_S = 0.2
_PRETTY_BYTES = 4 * 1024 * 1024
_LARGEST_CHUNK = 100_000
_FORM = "application/x-www-form-urlencoded"


@router.head("/ping", include_in_schema=False)
@router.get("/ping", operation_id="influx_ping", status_code=HTTPStatus.NO_CONTENT)
async def ping(here: Here) -> Response:
    """Tell that somebody is here, and which version: what clients of InfluxDB ask first."""
    return Response(status_code=HTTPStatus.NO_CONTENT, headers=_headers(here))


@router.post("/query", operation_id="influx_query_by_form", responses=_REFUSED)
@router.get("/query", operation_id="influx_query", responses=_REFUSED)
async def query(here: Here, request: Request) -> Response:
    """Answer `q`, one statement or several: SELECT and SHOW, as docs/influxql.md tells.

    400 with `error` if it cannot be read; a statement that cannot be answered says so in its own result.
    """
    try:
        parameters = await _parameters(request)
        await _check_token(here, request, parameters)
        return await _answer(here, request, parameters)
    except Unreadable as error:
        return _refused(here, HTTPStatus.BAD_REQUEST, str(error))
    except Problem as problem:
        return _refused(here, problem.status, problem.detail, problem.headers)


async def _answer(here: Context, request: Request, parameters: Mapping[str, str]) -> Response:
    statements = parse(parameters.get("q", ""), _bound(parameters.get("params", "")))
    form = _form(parameters)
    budget = Budget()
    lane = here.lanes.light if is_cheap(statements) else here.lanes.panels
    record = Record(here.deps.history, here.deps.texts, budget)
    pieces: Iterator[bytes] | None = None

    def step() -> tuple[bytes, bool]:
        nonlocal pieces
        if pieces is None:
            evaluation = Evaluation(
                statements,
                here.deps.influx_databases,
                parameters.get("db") or None,
                parameters.get("rp") or None,
                _measurements(here),
                Decided(here.deps, here.now_ns()),
                record,
                here.now_ns(),
            )
            pieces = written(evaluation, form)
        return _next(pieces)

    watching = asyncio.create_task(_stop_when_gone(request, budget))
    try:
        begun, is_done = await lane.run(step)
        if parameters.get("pretty") == "true" and form.chunk is None:
            while not is_done and len(begun) < _PRETTY_BYTES:
                more, is_done = await lane.run(step)
                begun += more
            if is_done:
                begun = json.dumps(orjson.loads(begun), indent=4).encode() + b"\n"
    except BaseException:
        budget.stop()
        raise
    finally:
        watching.cancel()
    headers = _headers(here)
    if is_done:
        return Response(begun, media_type="application/json", headers=headers)
    rest = _rest(begun, lane, step, budget)
    return StreamingResponse(rest, media_type="application/json", headers=headers)


def _next(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """The next of the answer, as much as makes a piece or as much as is there in a moment; and whether it ends."""
    until_s = time.monotonic() + _PIECE_S
    made: list[bytes] = []
    size = 0
    for piece in pieces:
        made.append(piece)
        size += len(piece)
        if size >= _PIECE_BYTES or time.monotonic() > until_s:
            return b"".join(made), False
    return b"".join(made), True


async def _rest(
    begun: bytes, lane: Lane, step: Callable[[], tuple[bytes, bool]], budget: Budget
) -> AsyncIterator[bytes]:
    try:
        yield begun
        is_done = False
        while not is_done:
            piece, is_done = await lane.run(step)
            if piece:
                yield piece
    finally:
        budget.stop()


async def _stop_when_gone(request: Request, budget: Budget) -> None:
    """Whoever closes the connection wants no answer."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    budget.stop()


def _measurements(here: Context) -> list[Measurement]:
    """What can be asked for: the tags that have rows, and those that hold text."""
    deps = here.deps
    unit_of = {tag: unit.name for unit in deps.rulebook.units.values() for tag in unit.parameters.values()}
    known = set(deps.history.latest().tag.tolist())
    tags = [tag for tag in deps.feed.tags if int(tag.id) in known or tag.kind == "text"]
    return Naming(deps.site, unit_of, deps.simulated).measurements(tags)


async def _parameters(request: Request) -> dict[str, str]:
    """Of the address and of a form; the form's come first, as InfluxDB has it."""
    parameters = dict(reversed(request.query_params.multi_items()))
    if request.method == "POST":
        body = await request.body()
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        text = body.decode("utf-8", errors="replace")
        if kind == _FORM:
            parameters |= dict(reversed(parse_qsl(text, keep_blank_values=True, max_num_fields=1_000)))
        elif kind == "application/vnd.influxql":
            parameters["q"] = text
    return parameters


def _bound(written_values: str) -> dict[str, object]:
    """The values of `$names`, a JSON object."""
    if not written_values:
        return {}
    try:
        values = orjson.loads(written_values)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"error parsing query parameters: {error}") from None
    if not isinstance(values, dict):
        raise Unreadable("error parsing query parameters: params must be a JSON object")
    return values


def _form(parameters: Mapping[str, str]) -> Form:
    epoch = parameters.get("epoch", "")
    chunk = None
    if parameters.get("chunked") == "true":
        size = parameters.get("chunk_size", "")
        chunk = int(size) if size.isdecimal() and len(size) < 10 and int(size) > 0 else DEFAULT_CHUNK
    # An unknown precision is RFC 3339, as InfluxDB has it.
    return Form(PRECISIONS.get(epoch), None if chunk is None else min(chunk, _LARGEST_CHUNK))


async def _check_token(here: Context, request: Request, parameters: Mapping[str, str]) -> None:
    """Reading is open, as everywhere here; a token that is sent has to be somebody's. Problem 401 if it is not."""
    token = _token(request.headers.get("authorization", ""), parameters)
    if token is None:
        return
    if await here.lanes.light.run(lambda: here.deps.records.person_of(token)) is None:
        challenge = {"WWW-Authenticate": 'Basic realm="thermowell"'}
        raise Problem(HTTPStatus.UNAUTHORIZED, "authorization failed: nobody has this token", headers=challenge)


def _token(header: str, parameters: Mapping[str, str]) -> str | None:
    """As InfluxDB's clients send it: `u` and `p`, `Token …`, `Token NAME:…`, `Bearer …`, or the password of Basic."""
    if parameters.get("p"):
        return parameters["p"]
    scheme, _, value = header.partition(" ")
    value = value.strip()
    known = {
        "token": lambda: value.partition(":")[2] or value,
        "bearer": lambda: value,
        "basic": lambda: _password(value),
    }
    read = known.get(scheme.lower())
    return None if read is None or not value else read()


def _password(encoded: str) -> str:
    """Of Basic; nobody's token if it cannot be read."""
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _headers(here: Context) -> dict[str, str]:
    return {
        "X-Influxdb-Version": f"thermowell-{here.deps.version}",
        "X-Influxdb-Build": "thermowell",
        "Cache-Control": "no-store",
    }


def _refused(here: Context, status: HTTPStatus, error: str, headers: Mapping[str, str] | None = None) -> Response:
    line = "".join(each if " " <= each <= "~" else "?" for each in error[:500])  # a header takes no other characters
    told = {**_headers(here), **(headers or {}), "X-Influxdb-Error": line}
    return Response(refusal(error), status, told, media_type="application/json")
