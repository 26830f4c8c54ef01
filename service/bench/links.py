"""The collectors' links to model servers: what is below their session layer, without sockets."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from collector.opcua.inbox import Inbox
from collector.opcua.link import LinkLost, Opening, ServiceRefused
from collector.opcua.wire import Answer, read_publish, read_republish
from service.bench.wires import Network, Wire
from simulators.model.opcua import BadService, ModelOpcUaServer, Session
from simulators.model.opcua_services import answer

Response = TypeVar("Response")


class OpcUaPost:
    """A model server on the loop: it is woken when its next timer is due."""

    def __init__(self, server: ModelOpcUaServer, network: Network, now_ns: Callable[[], int]) -> None:
        self.server = server
        self.network = network
        self._now_ns = now_ns
        self._timer: asyncio.TimerHandle | None = None
        self._due_ns = 0
        server.hang_up = network.hang_up

    def settle(self) -> None:
        """Something has happened to the server: look again when it is due."""
        due_ns = self.server.due_ns()
        if self._timer is not None:
            if due_ns == self._due_ns:
                return
            self._timer.cancel()
        self._due_ns = due_ns
        after_s = (due_ns - self._now_ns()) / 1e9
        self._timer = self.network.loop.call_later(max(0.0, after_s), self._run)

    def _run(self) -> None:
        self._timer = None
        self.server.run()
        self.settle()


class ModelOpcUaLink:
    """`collector.opcua.link.Link` to a model server. `step_s` limits every request, as in life."""

    def __init__(self, post: OpcUaPost, now_ns: Callable[[], int], step_s: float, session_s: float) -> None:
        self._post = post
        self._now_ns = now_ns
        self._step_s = step_s
        self._session_s = session_s
        self._session: int | None = None
        self._wire: Wire | None = None
        self._inbox = Inbox()
        self._asked: set[asyncio.Future[object]] = set()
        self.in_flight = 0

    async def open(self) -> Opening:
        """Connect; go on with the session of before if the server still has it."""
        await self.drop()
        network, server = self._post.network, self._post.server
        if network.is_blocked:
            await asyncio.sleep(self._step_s)
            raise LinkLost(f"connect: no answer within {self._step_s:g} s")
        await asyncio.sleep(network.delay_s())
        if network.is_cut or not server.is_up:
            raise LinkLost("connect: connection refused")
        self._inbox.open()
        self.in_flight = 0
        wire = self._wire = network.connect(self._broken)
        if self._session is not None:
            try:
                await self._call(lambda: self._activate(wire, self._session or 0), "ActivateSession")
            except ServiceRefused:
                self._session = None
            else:
                return Opening.REUSED
        session = await self._call(lambda: server.create_session(round(self._session_s * 1e9)), "CreateSession")
        await self._call(lambda: self._activate(wire, session.number), "ActivateSession")
        self._session = session.number
        return Opening.NEW

    def _activate(self, wire: Wire, number: int) -> Session:
        def send(body: bytes) -> None:
            wire.to_client(lambda: self._arrived(wire, body))

        wire.at_server_lost = lambda: self._post.server.unplugged(number, send)
        return self._post.server.activate(number, send)

    async def ask(self, request: object, response_type: type[Response]) -> Response:
        """Send a request and return its response, a good one; ServiceRefused or LinkLost otherwise."""
        response = response_type()
        name = type(request).__name__.removesuffix("Request")
        await self._call(lambda: answer(self._post.server, self._session or 0, request, response), name)
        return response

    async def republish(self, subscription: int, sequence: int) -> Answer:
        """Ask for a message that the server may still keep."""
        body = await self._call(
            lambda: self._post.server.republish(self._session or 0, subscription, sequence), "Republish"
        )
        return read_republish(body, subscription)

    async def _call(self, call: Callable[[], Response], what: str) -> Response:
        """Do something at the server, and hear what came of it, within the time of a step."""
        wire = self._wire
        if self._inbox.lost or wire is None:
            raise LinkLost(self._inbox.lost)
        future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def settle(result: Response | None, error: BadService | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)  # type: ignore[arg-type] # what the call returned
            else:
                future.set_exception(ServiceRefused(error.status, what))

        def serve() -> None:
            if not self._post.server.is_up:
                return
            try:
                result = call()
            except BadService as error:
                refusal = error
                wire.to_client(lambda: settle(None, refusal))
            else:
                wire.to_client(lambda: settle(result, None))
            self._post.settle()

        wire.to_server(serve)
        self._asked.add(future)  # type: ignore[arg-type] # any future
        try:
            async with asyncio.timeout(self._step_s):
                return await future
        except TimeoutError as error:
            raise LinkLost(f"{what}: no answer within {self._step_s:g} s") from error
        finally:
            self._asked.discard(future)

    def publish(self, acknowledgements: list[tuple[int, int]], count: int) -> None:
        """Send some Publish requests at once, the first with what is durable; answers arrive in `arrivals`."""
        wire, session = self._wire, self._session
        if self._inbox.lost or wire is None or session is None:
            return

        def serve() -> None:
            if self._post.server.is_up:
                self._post.server.publish(session, acknowledgements, count)
                self._post.settle()

        wire.to_server(serve)
        self.in_flight += count

    async def arrivals(self, within_s: float) -> list[tuple[int, Answer]]:
        """What came for Publish requests, and when; empty after the time or a `wake`; LinkLost."""
        return await self._inbox.fetch(within_s)

    def wake(self) -> None:
        """Let `arrivals` return at once."""
        self._inbox.wake()

    async def drop(self) -> None:
        """Cut the connection; the session stays on the server for the next `open`."""
        self._inbox.lose("disconnected")
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    async def leave(self, *, delete_subscriptions: bool) -> None:
        """Close the session in good order and disconnect; a server that does not answer is left alone."""
        session = self._session
        if session is not None and not self._inbox.lost:
            server = self._post.server
            try:
                await self._call(
                    lambda: server.close(session, delete_subscriptions=delete_subscriptions), "CloseSession"
                )
            except (LinkLost, ServiceRefused):
                self._inbox.lose("left")
        await self.drop()

    def vanish(self) -> None:
        """The power is cut: the server does not hear of it, and nothing is heard any more."""
        self._inbox.lost = "the power is cut"
        if self._wire is not None:
            self._wire.vanish()
            self._wire = None

    def _arrived(self, wire: Wire, body: bytes) -> None:
        if wire is not self._wire:
            return
        self.in_flight -= 1
        self._inbox.put(self._now_ns(), read_publish(body))

    def _broken(self) -> None:
        """The other end has closed the connection."""
        self._inbox.lose("connection lost: closed by the other end")
        for future in list(self._asked):
            if not future.done():
                future.set_exception(LinkLost(self._inbox.lost))
        self.wake()
