"""An HTTP server on the loopback that answers as InfluxDB's write endpoint does, and keeps what it took."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, str]
TAKEN: Answer = (204, "")


class InfluxServer:
    """`answer` decides on each body; a refused body is kept nowhere but in `bodies`."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], Answer] = lambda _: TAKEN
        self.bodies: list[list[str]] = []
        self.queries: list[dict[str, list[str]]] = []
        self.tokens: list[str | None] = []
        self.taken: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_POST(self) -> None:
                server._take(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        assert url.path == "/api/v2/write"
        lines = request.rfile.read(int(request.headers["Content-Length"])).decode().split("\n")
        self.bodies.append(lines)
        self.queries.append(parse_qs(url.query))
        self.tokens.append(request.headers["Authorization"])
        code, message = self.answer(lines)
        body = json.dumps({"code": "invalid", "message": message}).encode() if message else b""
        if code == 204:
            self.taken += lines
        request.send_response(code)
        request.send_header("Content-Type", "application/json")
        if code != 204:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
