"""A TCP proxy that a test can cut, blackhole and heal: the network's bad days, on loopback."""

import asyncio
from contextlib import suppress
from typing import Self


class Proxy:
    """Forwards one free port to a target. While cut, connections are refused or reset; while blackholed, bytes vanish."""

    def __init__(self, target_host: str, target_port: int) -> None:
        self.target = (target_host, target_port)
        self.port = 0
        self.accepted = 0
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._refusing = False
        self._flowing = asyncio.Event()
        self._flowing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, for_s: float) -> None:
        """Reset every connection, refuse new ones for a while."""
        self._refusing = True
        self._abort()
        await asyncio.sleep(for_s)
        self._refusing = False

    async def blackhole(self, for_s: float) -> None:
        """Keep the connections and lose what they carry; those that lived through it stay dead, as behind a firewall."""
        self._flowing.clear()
        await asyncio.sleep(for_s)
        self._flowing.set()

    def _abort(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refusing:
            writer.transport.abort()
            return
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        upstream: asyncio.StreamWriter | None = None
        try:
            answers, upstream = await asyncio.open_connection(*self.target)
            self._writers.add(upstream)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward(reader, upstream))
                both.create_task(self._forward(answers, writer))
        except* (OSError, EOFError):
            pass
        finally:
            for one in (writer, upstream):
                if one is not None:
                    self._writers.discard(one)
                    one.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = False
        while chunk := await reader.read(65536):
            if not self._flowing.is_set():
                lost = True
            if lost:
                continue  # a stream with a hole in it is never whole again
            with suppress(ConnectionError):
                writer.write(chunk)
                await writer.drain()
        raise EOFError
