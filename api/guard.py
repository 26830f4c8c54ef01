"""What surrounds every request: whose name the browser called, and what the answer allows it to do."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Context
from api.front import host_name, is_address
from api.problems import Problem, problem_response
from api.seen import placed

logger = logging.getLogger(__name__)

# Only our own scripts and styles: nothing inline, nothing from elsewhere, no frame around us.
_POLICY = (
    "default-src 'none'; "
    "script-src 'self'; "
    "style-src 'self'; "
    "img-src 'self' data:; "
    "connect-src 'self'; "
    "worker-src 'self'; "
    "manifest-src 'self'; "
    "base-uri 'none'; "
    "form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)

LARGEST_BODY = 64 * 1024
TAKE_IN_WITHIN_S = 5.0
LINES_A_MINUTE = 60
"""Refusals that are logged one by one; more of them in a minute are counted."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ASKING = "/influx/"
"""Reads by POST: Grafana's server sends what its user's browser sent it."""

_ENDS_IT = frozenset({HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""Refusals of the body itself: what is left of it is not waited for."""

_NOTED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST})


def _too_large(length: int) -> Problem:
    detail = f"a body of {length:,} bytes is more than {LARGEST_BODY:,}"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, parameter="body")


class Notes:
    """Logs who was refused what, a bounded number of lines a minute."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._since_s, self._lines = now_s(), 0

    def refused(self, scope: Scope, status: int) -> None:
        """Note one refusal; what a client sent stands in the log as ASCII without control characters."""
        if self._now_s() - self._since_s >= 60:
            if self._lines > LINES_A_MINUTE:
                logger.warning("%d more requests were refused in that minute", self._lines - LINES_A_MINUTE)
            self._since_s, self._lines = self._now_s(), 0
        self._lines += 1
        if self._lines <= LINES_A_MINUTE:
            client = (scope.get("client") or ("nobody", 0))[0]
            logger.warning("%s %a from %s was refused with %d", scope["method"], scope["path"][:200], client, status)


class _Body:
    """The body of a request as it comes in, up to a limit."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._taken, self._is_whole = receive, 0, False

    async def receive(self) -> Message:
        """The next part; Problem 413 for a body that did not tell its length and is too long."""
        message = await self._next()
        if self._taken > LARGEST_BODY:
            raise _too_large(self._taken)
        return message

    async def take_in(self) -> None:
        """Read what is still on its way: who is refused before could lose the answer to a connection that is reset."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKE_IN_WITHIN_S):
                while not self._is_whole and self._taken <= LARGEST_BODY:
                    await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        self._taken += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        return message


class Guard:
    """Turn away foreign Host headers (DNS rebinding) and foreign pages, add the security headers, count the answers."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context, self._notes = app, context, Notes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        deps = self._context.deps
        refusal: Response | None = None
        try:
            scope = placed(scope, deps.front)
            refusal = self._refusal(scope)
        except Problem as problem:
            refusal = _told(problem, scope)

        body = _Body(receive)

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = self._answered(scope, message)
                if message["status"] >= HTTPStatus.BAD_REQUEST and message["status"] not in _ENDS_IT:
                    await body.take_in()
            await send(message)

        if refusal is not None:
            await refusal(scope, receive, guarded_send)
            return
        await self._app(scope, body.receive, guarded_send)

    def _answered(self, scope: Scope, message: Message) -> Message:
        """The beginning of an answer, counted, with what the browser has to know."""
        status = int(message["status"])
        counts = self._context.requests
        counts[status] = counts.get(status, 0) + 1
        if status in _NOTED:
            self._notes.refused(scope, status)
        headers = [(name, _path_alone(value) if name == b"location" else value) for name, value in message["headers"]]
        present = {name.lower() for name, _ in headers}
        extra = [header for header in SECURITY_HEADERS if header[0] not in present]
        hsts_s = self._context.deps.front.hsts_s
        if hsts_s and scope["scheme"] == "https":
            extra.append((b"strict-transport-security", f"max-age={hsts_s}".encode()))
        return {**message, "headers": [*headers, *extra]}

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer instead of what was asked; Problem says why it is refused."""
        seen = scope["seen"]
        headers = dict(scope["headers"])
        deps = self._context.deps
        name = host_name(seen.host)
        allowed = deps.allowed_hosts
        if allowed is not None and name not in allowed and not (deps.front.by_address and is_address(name)):
            detail = (
                f"this service does not answer to the name {name!r}; http.listen and http.names say to which it does"
            )
            raise Problem(HTTPStatus.MISDIRECTED_REQUEST, detail, parameter="Host")
        if b"transfer-encoding" in headers and b"content-length" in headers:
            detail = "a body has one length: Transfer-Encoding and Content-Length are both there"
            connection = {"Connection": "close"}  # nobody knows where the next request begins
            raise Problem(HTTPStatus.BAD_REQUEST, detail, parameter="Content-Length", headers=connection)
        if scope["method"] not in _SAFE and not scope["path"].startswith(seen.prefix + _ASKING):
            _check_origin(headers, seen.host)
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_BODY:
            raise _too_large(int(length))
        if scope["path"] == seen.prefix != "":
            return RedirectResponse(f"{seen.prefix}/", HTTPStatus.PERMANENT_REDIRECT)
        return None


def _check_origin(headers: dict[bytes, bytes], host: str) -> None:
    """Problem 403 for a write that a page from elsewhere sent: by what the browser says of it, else by its origin.

    Browsers tell Sec-Fetch-Site by HTTPS and on the loopback, and no proxy changes it; who tells neither is no browser.
    """
    site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
    origin = headers.get(b"origin", b"").decode("latin-1")
    if site in ("same-origin", "none") or (not site and not origin):
        return
    if not site and origin.partition("://")[2].lower() == host.lower():
        return
    detail = (
        f"a page of {origin or 'another site'!r} may not write here, where the name is {host!r}; "
        "a proxy has to pass the name on: `Host`, or X-Forwarded-Host from one that http.proxies names"
    )
    raise Problem(HTTPStatus.FORBIDDEN, detail, parameter="Origin")


def _path_alone(location: bytes) -> bytes:
    """Where to go on, without a host: whoever asked knows by which name, and a proxy may not have told us."""
    there = urlsplit(location.decode("latin-1"))
    return there._replace(scheme="", netloc="").geturl().encode("latin-1")


def _told(problem: Problem, scope: Scope) -> Response:
    return problem_response(
        problem.status,
        problem.detail,
        instance=scope["path"],
        parameter=problem.parameter,
        headers=problem.headers,
    )
