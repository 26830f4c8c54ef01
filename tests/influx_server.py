"""An HTTP server on the loopback that answers as InfluxDB's write endpoint does, and keeps what it took.

It reads lines by the documented grammar (`tests.line_grammar`) and keeps points as InfluxDB does: of equal measurement,
tags and time the fields are joined, the later ones win.
"""

import contextlib
import json
import socket
import struct
import sys
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import ClassVar, Self
from urllib.parse import parse_qs, urlsplit

from tests.line_grammar import FieldValue, lines_of, parse_line

Answer = tuple[int, str]
TAKEN: Answer = (204, "")
RESET: Answer = (-1, "")
"""The connection is reset instead of an answer; the lines are forgotten."""
SILENT: Answer = (-2, "")
"""The lines are taken, and no answer comes while the server lives."""
FORGETS: Answer = (-3, "")
"""It answers that the lines were taken, and forgets them."""

Point = tuple[str, tuple[tuple[str, str], ...], int]


class InfluxServer:
    """`answer` decides on each body; a refused body is kept nowhere but in `bodies`."""

    def __init__(self) -> None:
        self.answer: Callable[[list[str]], Answer] = lambda _: TAKEN
        self.cut_after: int | None = None  # bytes of a body: then the connection is reset
        self.headers: dict[str, str] = {}  # sent with each answer that is no 204
        self.bodies: list[list[str]] = []
        self.sizes: list[int] = []
        self.queries: list[dict[str, list[str]]] = []
        self.tokens: list[str | None] = []
        self.encodings: list[str | None] = []
        self.taken: list[str] = []
        self.cuts = 0
        # What else is asked than to write: method, address, token and body; a code, and what is told as JSON.
        self.elsewhere: Callable[[str, str, str | None, bytes], tuple[int, object]] | None = None
        self._done = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version: ClassVar[str] = "HTTP/1.1"

            def do_POST(self) -> None:
                if urlsplit(self.path).path == "/api/v2/write":
                    server._take(self)
                else:
                    server._tell(self)

            def do_GET(self) -> None:
                server._tell(self)

            def do_PATCH(self) -> None:
                server._tell(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

            def setup(self) -> None:
                super().setup()
                server._connections.append(self.connection)

        self._handler = Handler
        self._connections: list[socket.socket] = []
        self._listen(0)

    def _listen(self, port: int) -> None:
        self._http = _QuietServer(("127.0.0.1", port), self._handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def kill(self) -> None:
        """Every connection breaks and nobody listens; what was taken stays."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(5)
        for connection in self._connections:
            with contextlib.suppress(OSError):  # the other side may have gone
                connection.shutdown(socket.SHUT_RDWR)
        self._connections.clear()

    def start_again(self) -> None:
        """Listen at the same place as before the kill."""
        self._listen(self._http.server_address[1])
        self._thread.start()

    def points(self) -> dict[Point, dict[str, FieldValue]]:
        """What a reader of the database finds."""
        found: dict[Point, dict[str, FieldValue]] = {}
        for line in list(self.taken):
            point = parse_line(line)
            found.setdefault((point.measurement, tuple(sorted(point.tags.items())), point.time_ns), {}).update(
                point.fields
            )
        return found

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        url = urlsplit(request.path)
        length = int(request.headers["Content-Length"])
        self.queries.append(parse_qs(url.query))
        self.tokens.append(request.headers["Authorization"])
        self.encodings.append(request.headers["Content-Encoding"])
        if self.cut_after is not None:
            request.rfile.read(min(self.cut_after, length))
            self.cuts += 1
            _reset(request)
            return
        raw = request.rfile.read(length)
        if len(raw) < length:  # killed meanwhile
            request.close_connection = True
            return
        text = (zlib.decompress(raw, 31) if request.headers["Content-Encoding"] == "gzip" else raw).decode()
        lines = lines_of(text)
        self.bodies.append(lines)
        self.sizes.append(len(text.encode()))
        code, message = self.answer(lines)
        if code == RESET[0]:
            _reset(request)
            return
        if code in (204, SILENT[0]):
            self.taken += lines
        if code == SILENT[0]:
            self._done.wait(30)
            return
        self._reply(request, 204 if code == FORGETS[0] else code, message)

    def _tell(self, request: BaseHTTPRequestHandler) -> None:
        assert self.elsewhere is not None, f"nobody answers {request.command} {request.path}"
        asked = request.rfile.read(int(request.headers["Content-Length"] or 0))
        code, told = self.elsewhere(request.command, request.path, request.headers["Authorization"], asked)
        body = b"" if told is None else json.dumps(told).encode()
        request.send_response(code)
        request.send_header("Content-Type", "application/json")
        if code != 204:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _reply(self, request: BaseHTTPRequestHandler, code: int, message: str) -> None:
        body = json.dumps({"code": "invalid", "message": message}).encode() if message else b""
        request.send_response(code)
        request.send_header("Content-Type", "application/json")
        if code != 204:
            request.send_header("Content-Length", str(len(body)))
            for name, value in self.headers.items():
                request.send_header(name, value)
        request.end_headers()
        request.wfile.write(body)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self.kill()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went is no fault here; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _reset(request: BaseHTTPRequestHandler) -> None:
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.close_connection = True
    request.connection.close()
