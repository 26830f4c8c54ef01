"""What surrounds every request: whose name the browser called, and what the answer allows it to do."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Context
from api.problems import Problem, problem_response

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


def host_name(host: str) -> str:
    """The name in a Host header, without the port: `[::1]:8087` → `[::1]`."""
    name = host.strip().lower()
    if name.startswith("["):
        return name.partition("]")[0] + "]"
    return name.partition(":")[0]


def _too_large(length: int) -> Problem:
    detail = f"a body of {length:,} bytes is more than {LARGEST_BODY:,}"
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail, parameter="body")


class Guard:
    """Turn away foreign Host headers (DNS rebinding), add the security headers, count the answers."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = int(message["status"])
                counts = self._context.requests
                counts[status] = counts.get(status, 0) + 1
                present = {name.lower() for name, _ in message["headers"]}
                extra = [header for header in SECURITY_HEADERS if header[0] not in present]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        taken = 0

        async def guarded_receive() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > LARGEST_BODY:  # a body that did not tell its length
                raise _too_large(taken)
            return message

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, guarded_send)
            return
        await self._app(scope, guarded_receive, guarded_send)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        allowed = self._context.deps.allowed_hosts
        if allowed is not None and host_name(host) not in allowed:
            detail = f"this service does not answer to the name {host_name(host)!r}; http.listen says to which it does"
            return problem_response(HTTPStatus.MISDIRECTED_REQUEST, detail, instance=scope["path"], parameter="Host")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > LARGEST_BODY:
            problem = _too_large(int(length))
            return problem_response(problem.status, problem.detail, instance=scope["path"], parameter="body")
        return None
