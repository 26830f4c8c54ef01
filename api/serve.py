"""Serves the application with uvicorn, and stops without waiting for listeners."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import FastAPI

from api.connection import Connection
from api.context import Context

STOP_WITHIN_S = 3
KEEP_ALIVE_S = 75
"""A connection without a request: longer than a proxy keeps one to us, else it may send into a closing one."""


class _Server(uvicorn.Server):
    """A server that leaves signals to the one who runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield


async def serve(
    app: FastAPI,
    host: str,
    port: int,
    *,
    sockets: Sequence[socket.socket] | None = None,
    stop: asyncio.Event | None = None,
    started: asyncio.Event | None = None,
    tls: ssl.SSLContext | None = None,
) -> None:
    """Serve until `stop` is set or the task is cancelled; sets `started` once the port is open; by HTTPS with `tls`.

    With `sockets` (bound) host and port are not used. OSError if the address cannot be had.
    """
    # uvicorn would leave the process when the port is taken.
    listening = [_bound(host, port)] if sockets is None else list(sockets)
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_WITHIN_S,
        timeout_keep_alive=KEEP_ALIVE_S,
        ssl_context_factory=None if tls is None else lambda _config, _usual: tls,
    )
    server = _Server(config)
    context: Context = app.state.context
    context.connections = server.server_state.connections
    watching = asyncio.create_task(_watch(app, server, stop, started))
    try:
        await server.serve(listening)
    finally:
        watching.cancel()


def _bound(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    return socket.create_server(address[:2], family=family, backlog=256)


async def _watch(app: FastAPI, server: _Server, stop: asyncio.Event | None, started: asyncio.Event | None) -> None:
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by this flag alone
        await asyncio.sleep(0.01)
    if started is not None:
        started.set()
    if stop is None:
        return
    await stop.wait()
    context: Context = app.state.context
    # Streams never end by themselves; the server would wait for them.
    context.deps.feed.close()
    server.should_exit = True
