"""Errors as problem details (RFC 9457): one form everywhere, and each names the parameter that is to blame."""

import logging
from collections.abc import Mapping
from http import HTTPStatus

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from domain.errors import RetryLater

logger = logging.getLogger(__name__)

_WORDS = {
    "model_attributes_type": "must be a JSON object, sent as application/json",
    "dict_type": "must be a JSON object, sent as application/json",
    "json_invalid": "is no JSON",
    "extra_forbidden": "is no member of this request",
    "missing": "is missing",
    "string_type": "must be text",
    "string_unicode": "has half of a character (a lone surrogate), which no text may have",
}
"""What is wrong in our words, where pydantic's are about Python."""


_PAGED = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_FOR_PROGRAMS = ("/v1/", "/influx/", "/-/", "/static/", "/metrics", "/openapi.json")


class Problem(Exception):
    """Ends a request with a problem; `parameter` is the query, path or body member that is to blame."""

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        parameter: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = headers


def is_for_a_person(request: Request) -> bool:
    """Whether a page is asked for, and not what a program reads."""
    path = request.scope["path"].removeprefix(request.scope["root_path"])
    asks = request.method == "GET" and "text/html" in request.headers.get("accept", "")
    return asks and not path.startswith(_FOR_PROGRAMS)


def bad(parameter: str, detail: str) -> Problem:
    """A parameter that cannot be used."""
    return Problem(HTTPStatus.BAD_REQUEST, f"{parameter}: {detail}", parameter=parameter)


def missing(parameter: str, detail: str) -> Problem:
    """A thing that does not exist."""
    return Problem(HTTPStatus.NOT_FOUND, detail, parameter=parameter)


def problem_response(
    status: int,
    detail: str,
    *,
    instance: str,
    parameter: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as a response."""
    told: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if parameter is not None:
        told["parameter"] = parameter
    return Response(orjson.dumps(told), status, headers, media_type="application/problem+json")


def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    if error.status in _PAGED and is_for_a_person(request):
        page = request.app.state.problem_page(request, error.status, error.detail)
        return HTMLResponse(page, error.status, {"Cache-Control": "no-store", **(error.headers or {})})
    return problem_response(
        error.status,
        error.detail,
        instance=request.url.path,
        parameter=error.parameter,
        headers=error.headers,
    )


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Problem):  # of the guard, while the body was read
        return _on_problem(request, error.__cause__)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    if error.status_code in _PAGED and is_for_a_person(request):
        return _on_problem(request, Problem(HTTPStatus(error.status_code), f"no page is at {request.url.path}"))
    return problem_response(error.status_code, detail, instance=request.url.path, headers=error.headers)


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = [str(step) for step in first["loc"]]
    parameter = ".".join(where[1:]) or where[0]
    detail = f"{parameter}: {_WORDS.get(first['type'], first['msg'].removeprefix('Value error, '))}"
    return problem_response(HTTPStatus.BAD_REQUEST, detail, instance=request.url.path, parameter=parameter)


def _on_error(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "the request failed here, not through you; the log of the service has the reason"
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, detail, instance=request.url.path)


def _on_away(request: Request, error: Exception) -> Response:
    """The records or the journal are away for a while: nobody's fault here, and no stack for the log."""
    logger.warning("%s %s cannot be answered now: %s", request.method, request.url.path, error)
    detail = "the database is away or busy: ask again in a few seconds; the log of the service has the reason"
    headers = {"Retry-After": "5"}
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, instance=request.url.path, headers=headers)


def install(app: FastAPI) -> None:
    """Make every error of the app a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(RetryLater, _on_away)
    app.add_exception_handler(Exception, _on_error)
